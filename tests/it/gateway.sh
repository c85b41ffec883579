#!/bin/bash
# A session reaches what its rules name, through its gateway alone; everything
# else is refused and on record; and nothing of it outlives the session.
. "$(dirname "$0")/../lib.sh"
world user
MITM=$(script gateway_peer.py) CLIENT=$(script gateway_client.py)
command -v openssl >/dev/null || skip_all "there is no openssl"

# --- a stand-in for the Internet, on the host's loopback -------------------

certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
	    -addext subjectAltName=DNS:localhost -keyout "$W/key.pem" \
	    -out "$W/cert.pem" 2>/dev/null
	chmod 644 "$W/key.pem" "$W/cert.pem"
	cp "$W/cert.pem" "$CLIENT" "$PROJECT/"
}

certificate
"$PYTHON" "$MITM" "$W/cert.pem" "$W/key.pem" >"$W/ports" 2>"$W/peer.log" &
PEER=$!
wait_for "$LIVENESS" test -s "$W/ports" || {
	tap_not_ok "the stand-in serves" "$W/peer.log"
	tap_done
}
read -r TLS PLAIN SIX <"$W/ports"
mkdir -m 700 "$COVEN_HOME" && give_owner "$COVEN_HOME"
owner_file "$COVEN_HOME/coven.toml" "[network]
connections_per_s = 1000
[network.harness.exec]
allow = [\"localhost:$TLS\", \"localhost:$SIX\", \"http://localhost:$PLAIN\", \"*.test.invalid:443\"]
deny = [\"denied.test.invalid\"]
addresses = [\"127.0.0.1:$TLS\", \"127.0.0.1:$PLAIN\", \"[::1]:$SIX\"]
"
# Names that lead where none may.
SPECIAL="127.0.0.1 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 100.64.0.1
169.254.169.254 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1
168.63.129.16 224.0.0.1 255.255.255.255 ::1 :: ::ffff:127.0.0.1
64:ff9b::7f00:1 2002:7f00:1::1 2001::1 2001:db8::1 fe80::1 fc00::1
fd00:ec2::254 ff02::1"
HOSTS=
if [ "$(id -u)" -eq 0 ]; then
	n=0
	{
		printf '127.0.0.1 localhost\n::1 localhost\n'
		for address in $SPECIAL $(hostname -I); do
			n=$((n + 1))
			echo "$address n$n.test.invalid"
		done
	} >"$W/hosts"
	chmod 644 "$W/hosts"
	mount --bind "$W/hosts" /etc/hosts && HOSTS=$n
fi
world_snapshot
need_monitor

# inside ARGS ...: what the client in the sandbox prints.
inside() {
	ctl exec --project "$PROJECT" -- "$PYTHON" gateway_client.py "$@" \
	    2>"$W/err" </dev/null
}

nothing_listens_for() {
	! ss -Hltnp 2>/dev/null | grep -E 'coven-(gateway|resolver|monitor)'
}

audited() {
	ctl audit tail --limit 200 2>/dev/null | grep -E "$1"
}

# --- what is allowed --------------------------------------------------------

is "TLS to an allowed host" "$(inside tls localhost "$TLS" localhost)" \
    "hello /x"
is "plain HTTP where a rule says so" \
    "$(inside plain "http://localhost:$PLAIN/p")" "200 hello /p"
is "a body goes along" "$(inside post "http://localhost:$PLAIN/p")" \
    "200 got 5000"
is "a megabyte each way, and half a connection" \
    "$(inside echo localhost "$TLS")" "1048576 end"
is "a greeting byte by byte" "$(inside bytewise localhost "$TLS")" greeted
is "a long greeting in several records" \
    "$(inside hello padded localhost "$TLS")" greeted
if [ "$SIX" -ne 0 ]; then
	is "over IPv6" "$(inside tls localhost "$SIX" localhost)" "hello /x"
else
	tap_skip "over IPv6" "there is none"
fi
t "the audit names the rule" wait_for "$LIVENESS" audited \
    "net.allow.*localhost:$TLS.*network.harness.exec.allow"

# --- what is not -------------------------------------------------------------

while read -r name want args; do
	# shellcheck disable=SC2086	# words
	is "refused: ${name//_/ }" "$(inside $args)" "$want"
done <<END
a_host_without_a_rule 403 tls other.example 443 other.example
a_denied_host 403 tls denied.test.invalid 443 denied.test.invalid
another_port 403 tls localhost 22 localhost
a_literal_without_a_rule 403 tls 192.0.2.1 443 x
metadata 403 tls 169.254.169.254 80 x
a_literal_of_loopback 403 tls 127.0.0.2 443 x
IPv6_loopback 403 tls [::1] 443 x
a_mapped_address 403 tls [::ffff:127.0.0.1] $TLS x
an_odd_number 400 tls 2130706433 $TLS x
plain_HTTP_to_a_TLS_host 403 plain http://localhost:$TLS/
CONNECT_to_a_plain_host 403 tls localhost $PLAIN localhost
a_path_of_its_own 421 plain /git/x
another_name_in_the_greeting alert tls localhost $TLS other.example
no_name_in_the_greeting alert tls localhost $TLS -
something_else_than_TLS alert raw localhost $TLS
two_names_in_the_greeting alert hello doubled localhost $TLS
a_hidden_name alert hello hidden localhost $TLS
a_greeting_above_16_KiB alert hello large localhost $TLS
END
if [ -n "$HOSTS" ]; then
	# shellcheck disable=SC2046	# words
	is "refused: special addresses by a name, and this machine's own" \
	    "$(inside each $(seq -f 'n%g.test.invalid' "$HOSTS"))" none
else
	tap_skip "refused: special addresses by a name" "needs root"
fi
# shellcheck disable=SC2046	# words
is "refused: each of them literally" "$(inside each $(
    tr ' ' '\n' <<<"$SPECIAL" | sed 's/.*:.*/[&]/'))" none
t "a refusal is on record with its reason" wait_for "$LIVENESS" audited \
    'net.deny.*it greets a host'
is "nothing of it went upstream" \
    "$(grep -c 'never' "$W/peer.log" || :)" 0

# --- where it runs, and its end ----------------------------------------------

launch sh -c "exec $PYTHON gateway_client.py hold localhost $TLS" ||
    tap_not_ok "launch"
KEPT=$ID
t "the gateway runs" wait_for "$LIVENESS" role_pid gateway
t "and its resolver" wait_for "$LIVENESS" role_pid resolver
t "nothing of ours listens on the host" nothing_listens_for
GW=$(role_pid gateway)
holds() {
	output "$KEPT" "$W/kept" && grep -q "$1" "$W/kept"
}
t "a transfer is under way" wait_for "$LIVENESS" holds moving
kill -9 "$GW"
t "killed in the middle, the client sees its end" \
    wait_for "$LIVENESS" holds broken
t "and connects again, through another" wait_for "$LIVENESS" holds again
http POST "/api/v1/sessions/$KEPT/kill" '{}'
gone() {
	! role_pid gateway >/dev/null && ! role_pid resolver >/dev/null
}
t "with its session both are gone" wait_for "$LIVENESS" gone

# --- names -----------------------------------------------------------------

# In a network of its own, with a name server that says what it is asked and
# knows nothing, and a search list that comes first.
apart() {
	owner_file "$W/resolv" 'nameserver 127.0.0.1
search corp.invalid
options ndots:5 attempts:1'
	chmod 644 "$W/resolv"
	owner_file "$W/dns.py" 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
while True:
    q, who = s.recvfrom(512)
    labels, i = [], 12
    while q[i]:
        labels.append(q[i + 1:i + 1 + q[i]].decode())
        i += 1 + q[i]
    print(".".join(labels), flush=True)
    if labels[0] == "here" and q[i + 1:i + 3] == b"\0\1":
        s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:i + 5] +
            b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x08\x09\x0a\x0b", who)
    else:
        s.sendto(q[:2] + b"\x81\x83" + q[4:6] + bytes(6) + q[12:i + 5], who)'
	owner_file "$W/apart" 'ip link set lo up && ip addr add 8.9.10.11/32 dev lo || exit 1
mount --bind "$1/resolv" /etc/resolv.conf || exit 1
"$2" "$1/dns.py" >"$1/dns" & echo "$!" >"$1/dns.pid"
shift 2; exec "$@"'
}

asked() {
	grep -qx "$1" "$W/dns"
}

if [ "$(id -u)" -eq 0 ] && command -v ip >/dev/null; then
	monitor_stop
	apart
	as_before=("${MONITOR_PRIV[@]}")
	MONITOR_PRIV=(unshare --mount --net bash "$W/apart" "$W" "$PYTHON"
	    "${MONITOR_PRIV[@]}")
	need_monitor
	inside tls a.test.invalid 443 a.test.invalid >"$W/out"
	t "a name is asked for" asked a.test.invalid
	is "as it was judged, and not with a search list" \
	    "$(sort -u "$W/dns")" a.test.invalid
	is "one that leads to a public address of this machine is refused" \
	    "$(inside tls here.test.invalid 443 here.test.invalid)" 403
	t "and that is why" wait_for "$LIVENESS" audited \
	    'here.test.invalid.*an address of this machine'
	kill "$(cat "$W/dns.pid")"
	MONITOR_PRIV=("${as_before[@]}")
else
	tap_skip "a name is asked for as it was judged" "needs root and ip"
fi

# --- budgets -------------------------------------------------------------------

# budget LINE ...: as before, but for these.
budget() {
	monitor_stop
	owner_file "$COVEN_HOME/coven.toml" "[network]
$(printf '%s\n' "$@")
[network.harness.exec]
allow = [\"localhost:$TLS\"]
addresses = [\"127.0.0.1:$TLS\"]"
	need_monitor
}

budget "max_connections = 3" "max_mib = 1"
is "so many at once, and no more" "$(inside many 5 localhost "$TLS")" \
    "200 200 200 end end"
is "so many bytes, and then none" "$(inside spend localhost "$TLS")" \
    "broken end"
budget "connections_per_s = 1"
t "so many a second" grep -q "200 .*end" <(inside many 9 localhost "$TLS")
for rule in max_connections max_mib connections_per_s; do
	t "network.$rule is on record" wait_for "$LIVENESS" audited \
	    "net.deny.*network.$rule"
done

# --- a session without rules --------------------------------------------------

monitor_stop
owner_file "$COVEN_HOME/coven.toml" "[network]
max_mib = 1
[network.harness.exec]
allow = [\"localhost:$TLS\"]
addresses = [\"127.0.0.1:$TLS\"]
"
need_monitor
inside echo localhost "$TLS" >"$W/out"
t "more than a session's bytes do not go through" \
    sh -c '! grep -q "1048576 end" "$1"' sh "$W/out"
t "and the audit says why" wait_for "$LIVENESS" audited 'bytes are used up'
monitor_stop
owner_file "$COVEN_HOME/coven.toml" ""
need_monitor
is "without a rule there is no way out" "$(inside tls localhost "$TLS" x)" \
    "no gateway"
is "and no variable names one" \
    "$(ctl exec --project "$PROJECT" -- sh -c 'echo "${HTTPS_PROXY-none}"')" \
    none
monitor_stop
kill "$PEER"
tap_done
