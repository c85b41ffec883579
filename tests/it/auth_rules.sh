#!/bin/bash
# Who may call, rule by rule (R1 to R23; those of one process alone are in
# tests/unit/test_auth.c and test_token.c).  An ordinary user's daemon in
# token mode, asked by its owner, by strangers and by nobody in particular.
. "$(dirname "$0")/../lib.sh"
STRANGER=23456
world user
TOKEN_FILE=$COVEN_HOME/session-token
AUTH=$(script auth.py)

py() {
	as_owner "$PYTHON" "$AUTH" "$@"
}

as_stranger() {
	setpriv --reuid "$STRANGER" --regid "$STRANGER" --clear-groups "$@"
}

need_root() {
	[ "$(id -u)" -eq 0 ] && return
	tap_skip "$1" "needs root, to be somebody else"
	return 1
}

fresh() {
	rm -rf "$COVEN_HOME"
	mkdir -m 700 "$COVEN_HOME"
	owner_file "$COVEN_HOME/coven.toml" '[auth]
mode = "token"'
	give_owner "$COVEN_HOME"
	: >"$W/monitor.log"
}

begin() {
	fresh
	need_monitor "$@"
}

token() {
	head -c 72 "$TOKEN_FILE"
}

# request TARGET [TOKEN ...]: the bytes, with a field for each token.
request() {
	printf 'GET %s HTTP/1.1\r\nHost: coven\r\n' "$1"
	shift
	[ $# -eq 0 ] || printf 'Authorization: Bearer %s\r\n' "$@"
	printf '\r\n'
}

# asks_for HARNESS TOKEN: a launch of it, sent raw.
asks_for() {
	local body="{\"projectRoot\":\"$PROJECT\",\"harness\":\"$1\",\"prompt\":\"x\"}"

	printf 'POST /api/v1/sessions HTTP/1.1\r\nHost: coven\r\n'
	printf 'Authorization: Bearer %s\r\n' "$2"
	printf 'Content-Type: application/json\r\n'
	printf 'Content-Length: %s\r\n\r\n%s' "${#body}" "$body"
}

# audited VERB: how many such records there are.
audited() {
	http GET '/api/v1/audit?limit=1000' || return 1
	grep -o "\"verb\":\"$1\"" "$W/body" | wc -l
}

audited_is() {
	[ "$(audited "$1")" = "$2" ]
}

rss() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(role_pid apid)/status"
}

there() {
	[ -e "$1" ]
}

# other_token TOKEN: as long, and never the same.
other_token() {
	case $1 in
	*0) echo "${1%?}1" ;;
	*) echo "${1%?}0" ;;
	esac
}

# --- while things wait: R2, R5, R18 -------------------------------------------

begin
first=$(token)
request /health wrong | head -c 30 |
    as_owner "$TOOLS/rawhttp" -r 1 -t 60000 "$SOCK" >"$W/r2" 2>&1 &
trickler=$!
r2=$(now_ms)

# R1
raw -t 300 </dev/null
is "R1 before a token nothing leaves the server" \
    "$RAW_STATUS:$(stat -c %s "$W/reply")" "1:0"

# R4
{
	for _ in $(seq 50); do
		request /health wrong
	done
	request /health "$first"
} | raw
is "R4 the first failure ends the connection: one answer" \
    "$STATUS:$(grep -c '^HTTP' "$W/reply")" "401:1"
t "R4 and one record of it" wait_for "$LIVENESS" audited_is auth.fail 1

# R22: what was wrong is on record, the first few times.
ctl pair --scope list --expires 1s short >"$W/short" 2>"$W/t.out"
sleep 1.1
request /health "$(cat "$W/short")" | raw
cp "$W/reply" "$W/ended"
http GET '/api/v1/audit?limit=1000'
t "R22 the record says which it was" grep -q 'whose time is over' "$W/body"

# R21
request /health "$first" "$first" | raw
is "R21 a token twice is refused" "$STATUS" 401

# R22
{ request /health | raw; cp "$W/reply" "$W/missing"; }
request /health "$(other_token "$first")" | raw
t "R22 a bad token is refused like none" cmp "$W/missing" "$W/reply"
request '/health?token='"$first" | raw
t "R22 nor is it looked for elsewhere" cmp "$W/missing" "$W/reply"
t "R22 one whose time is over, too" cmp "$W/missing" "$W/ended"
printf 'no request at all\r\n\r\n' | raw
t "R22 and what is no request" cmp "$W/missing" "$W/reply"
if need_root "R22 a stranger is refused like all others"; then
	chmod 777 "$COVEN_HOME" "$SOCK"
	request /health "$first" | as_stranger "$TOOLS/rawhttp" "$SOCK" \
	    >"$W/reply" 2>"$W/raw.err"
	chmod 700 "$COVEN_HOME"
	chmod 600 "$SOCK"
	t "R22 a stranger is refused like all others" \
	    cmp "$W/missing" "$W/reply"
fi

# R5: a stream is for whoever showed a token that may read.
touch "$W/hold"
py hold "$SOCK" 20 "$W/held" >"$W/r5" &
holder=$!
ctl pair --scope list lister >"$W/lister" 2>"$W/t.out"
ctl pair --scope read reader >"$W/reader" 2>"$W/t.out"
chmod 600 "$W/lister" "$W/reader"
give_owner "$W/lister" "$W/reader"
LAUNCH_MORE=',"stdin":true' launch sh -c \
    'echo at the start; while read -r x; do echo "heard $x"; done'
ctl pair --scope launch:codex launcher >"$W/launcher" 2>"$W/t.out"
for harness in claude exec; do
	asks_for $harness "$(cat "$W/launcher")" | raw
	is "a token for one harness launches no $harness" "$STATUS" 403
done
# Whether codex is installed here is another matter.
asks_for codex "$(cat "$W/launcher")" | raw
t "it launches the one that it names, if anything" grep -qvx '40[13]' \
    <<<"$STATUS"
for who in lister reader; do
	py stream "$SOCK" "$W/$who" "$ID" "$W/$who.out" &
	eval "${who}_pid=$!"
done
py stream "$SOCK" "$TOKEN_FILE" "$ID" "$W/owner.out" &
owner_pid=$!
for who in owner reader; do
	t "R5 $who follows the session" wait_for "$LIVENESS" grep -q \
	    'at the start' "$W/$who.out"
done
http POST "/api/v1/sessions/$ID/input" '{"data":"word\n"}'
for who in owner reader; do
	t "R5 $who hears what is new" wait_for "$LIVENESS" grep -q \
	    'heard word' "$W/$who.out"
done
# shellcheck disable=SC2154 # by eval
wait "$lister_pid"
t "R5 one that may not read gets none of it" grep -q '^HTTP/1.1 403' \
    "$W/lister.out"
is "R5 not a word" "$(grep -c 'at the start' "$W/lister.out")" 0
rm -f "$W/held"
wait "$holder"
is "R5 nor do those that said nothing" "$(cut -d ' ' -f 1 "$W/r5")" 0
ctl pair revoke reader >"$W/t.out" 2>&1
# shellcheck disable=SC2154
t "R5 a revoked token's stream ends" wait_for "$LIVENESS" \
    process_gone "$reader_pid"
http POST "/api/v1/sessions/$ID/input" '{"data":"again\n"}'
t "R5 the owner's goes on" wait_for "$LIVENESS" grep -q 'heard again' \
    "$W/owner.out"
is "R5 and the revoked one hears nothing more" \
    "$(grep -c 'heard again' "$W/reader.out")" 0

# R23: with a session, a stream and commands under way.
ctl exec --project "$PROJECT" -- sleep 2 >"$W/t.out" 2>&1 &
runs=$!
{ token; echo; cut -c 9-72 "$W/lister"; } >"$W/secrets"
found=$("$PYTHON" "$AUTH" scan "$W/secrets")
is "R23 no token is in any argument or variable" "$found" ""
wait "$runs"

# R18: a name that is removed comes back; who is connected stays.
rm -f "$SOCK"
t "R18 a removed socket is back" wait_for "$LIVENESS" there "$SOCK"
t "R18 and answers" wait_for "$LIVENESS" healthy
http POST "/api/v1/sessions/$ID/input" '{"data":"still\n"}'
t "R18 an old connection stayed up" wait_for "$LIVENESS" grep -q \
    'heard still' "$W/owner.out"

# R3, R19
before=$(rss)
printf 'GET /%015000d' 0 | od -An -v -tx1 | tr -d ' \n' >"$W/junk"
py hold "$SOCK" 1000 "$W/held" "$(cat "$W/junk")" >"$W/r3" &
holder=$!
t "R3 a thousand send half a head each" wait_for "$LIVENESS" there "$W/held"
t "R3 the owner is answered meanwhile" healthy
after=$(rss)
note "apid: $before KiB, then $after KiB"
t "R3 they cost less than 8 MiB together" test $((after - before)) -lt 8192
rm -f "$W/held"
wait "$holder"
{ printf 'GET /'; head -c 20000 /dev/zero | tr '\0' a; } | raw
is "R3 more than a head may have is refused at once" "$STATUS" 401
before=$(rss)
for length in 4294967295 999999999999999999; do
	printf 'POST /api/v1/sessions HTTP/1.1\r\nContent-Length: %s\r\n%s\r\n' \
	    "$length" "Authorization: Bearer $first
" | raw
	is "R19 a length of $length is refused" "$STATUS" 413
done
t "R19 and nothing was set aside for it" test $(($(rss) - before)) -lt 1024

# R6
if need_root "R6 idle strangers keep nobody out"; then
	chmod 777 "$COVEN_HOME" "$SOCK"
	as_stranger "$PYTHON" "$AUTH" hold "$SOCK" 200 \
	    "/tmp/coven-r6.$$" >"$W/r6" 2>&1 &
	holder=$!
	wait_for "$LIVENESS" there "/tmp/coven-r6.$$"
	start=$(now_ms)
	t "R6 idle strangers keep nobody out" healthy
	note "with 200 of them: $(($(now_ms) - start)) ms, client included"
	rm -f "/tmp/coven-r6.$$"
	chmod 700 "$COVEN_HOME"
	chmod 600 "$SOCK"
	wait "$holder"
fi

# R20
canary=CANARY$RANDOM$RANDOM
for bytes in "GET /$canary HTTP/1.1\r\nHost: $canary\r\n\r\n" \
    "$canary $canary\r\n\r\n" \
    "GET / HTTP/1.1\r\n$canary: \001$canary\r\n\r\n" \
    "GET / HTTP/1.1\r\nAuthorization: Bearer $canary\r\n\r\n" \
    "GET / HTTP/1.1\r\nAuthorization: Bearer $first\r\nHost: $canary\r\n\r\n" \
    "POST /api/v1/sessions HTTP/1.1\r\nAuthorization: Bearer $first\r\nContent-Length: 30\r\n\r\n{\"bad\": \"$canary 1234567890123" \
    "POST /api/v1/pairings HTTP/1.1\r\nAuthorization: Bearer $first\r\nContent-Length: 37\r\n\r\n{\"name\":\"$canary\",\"scopes\":[\"$canary\"]}"; do
	# shellcheck disable=SC2059 # it holds escapes
	printf "$bytes" | raw -h
done
ctl stop >"$W/t.out" 2>&1
monitor_wait "$LIVENESS"
wait "$owner_pid"
is "R20 no byte of a caller's is in the log" \
    "$(grep -c "$canary" "$W/monitor.log")" 0
is "R20 nor in the record" \
    "$(grep -rlac "$canary" "$COVEN_HOME" | wc -l)" 0
t "R9 a stop takes the token along" test ! -e "$TOKEN_FILE"

# R2: it began before all of this.
wait "$trickler" 2>/dev/null
is "R2 bytes do not extend the deadline: closed without a word" \
    "$(stat -c %s "$W/r2")" 0
note "R2: it was over within $(($(now_ms) - r2)) ms"

# --- starts: R8, R9, R10, R11, R12, R14 -----------------------------------------

fresh
echo victim >"$W/victim"
chmod 644 "$W/victim"
give_owner "$W/victim"
for name in session-token session-token.new; do
	ln -s "$W/victim" "$COVEN_HOME/$name"
done
need_monitor
is "R8 where the token goes no link is followed" \
    "$(cat "$W/victim"):$(stat -c %a "$W/victim")" "victim:644"
is "R8 its file is 0600, the owner's, and no link" \
    "$(stat -c '%a %u %F %h' "$TOKEN_FILE")" "600 $OWNER regular file 1"
second=$(token)
monitor_stop

fresh
owner_file "$TOKEN_FILE" "$first"
chmod 644 "$TOKEN_FILE"
: >"$W/monitor.log"
(
	umask 0
	monitor_start >"$W/t.out" && echo "$MONITOR_PID" >"$W/pid"
	disown -a
)
MONITOR_PID=$(cat "$W/pid")
is "R8 a file that lay there, open to all, is replaced; no umask opens it" \
    "$(stat -c '%a %u' "$TOKEN_FILE")" "600 $OWNER"
HTTP_TOKEN=$first http GET /api/v1/health
is "R8 and what it held is worth nothing" "$STATUS" 401
HTTP_TOKEN=$second http GET /api/v1/health
is "R9 nor is the token of an earlier start" "$STATUS" 401

# R11
before=$(sha256sum <"$TOKEN_FILE")
pid=$MONITOR_PID
monitor_spawn
wait_for "$LIVENESS" process_gone "$MONITOR_PID"
wait "$MONITOR_PID"
is "R11 a second daemon exits 75" "$?" 75
MONITOR_PID=$pid
is "R11 and changes no token" "$(sha256sum <"$TOKEN_FILE")" "$before"
t "R11 the first one's is good" healthy

# R10
rounds=60
[ -z "${COVEN_LONG-}" ] || rounds=1000
touch "$W/reading"
py reader "$SOCK" "$TOKEN_FILE" \
    "$W/reading" >"$W/r10" &
reads=$!
failed=0
for _ in $(seq "$rounds"); do
	ctl token rotate >"$W/t.out" 2>&1 || failed=$((failed + 1))
done
rm -f "$W/reading"
wait "$reads"
read -r all short refused <"$W/r10"
note "R10: $rounds rotations, $all reads"
is "R10 every rotation is granted" "$failed" 0
is "R10 a reader never finds half a token" "$short" 0
is "R10 and is never refused" "$refused" 0
t "R10 it did read" test "${all:-0}" -gt "$rounds"
kill -TERM "$MONITOR_PID"
wait_for "$LIVENESS" process_gone "$MONITOR_PID"
MONITOR_PID=

# R12
fresh
owner_file "$TOKEN_FILE" "$first"
MONITOR_PRIV+=("$TOOLS/without" getrandom)
monitor_spawn
monitor_wait "$LIVENESS"
is "R12 no random bytes: exit status 71" "$MONITOR_STATUS" 71
is "R12 nothing was touched" "$(cat "$TOKEN_FILE")" "$first"
is "R12 nobody listens" "$(find "$COVEN_HOME" -type s | wc -l)" 0
unset "MONITOR_PRIV[-1]" "MONITOR_PRIV[-1]"

# R13, R14
fresh
plain=("${OWNER_ENV[@]}")
MONITOR_ENV=("$PYTHON" "$AUTH" environment 500)
need_monitor
HTTP_TOKEN='' http GET /api/v1/health
is "R14 no variable opens it: 500 of them" "$STATUS" 401
t "R14 with the token it serves" healthy
monitor_stop
fresh
MONITOR_ENV=("COVEN_SOCKET=$W/elsewhere" "COVEN_TOKEN=$first"
    "COVEN_AUTH_MODE=peer" "COVEN_LISTEN=tcp://127.0.0.1:1")
need_monitor
HTTP_TOKEN='' http GET /api/v1/health
is "R13 a path in a variable is no pairing" "$STATUS" 401
HTTP_TOKEN=$first http GET /api/v1/health
is "R13 nor is a token in one" "$STATUS" 401
rm -f "$TOKEN_FILE"
HTTP_TOKEN='' http GET /api/v1/health
is "R13 nor is a file that is missing" "$STATUS" 401
monitor_stop
MONITOR_ENV=()
OWNER_ENV=("${plain[@]}")
for program in "$SUITE"/sbin/* "$SUITE"/bin/covenctl \
    "$SUITE"/libexec/coven/*; do
	strings "$program"
done | grep -iE 'no_?auth|auth.?(off|none|disable)|(skip|disable|ignore).?(auth|token)|bypass|insecure' |
    grep -vE '[Bb]ypass-?[Pp]ermissions|BYPASS_PERMISSIONS|^bypass$' \
    >"$W/switches"
t "R14 no program knows a word that would turn it off" \
    test ! -s "$W/switches"

# --- the client: R13, R16, R17 -----------------------------------------------------

fresh
rm -f "$W/listening"
touch "$W/t.out"

# rogue NAME CMD ...: who listens, how; then covenctl must say nothing to it.
rogue() {
	local name=$1 status

	rm -f "$SOCK"
	"$PYTHON" "$AUTH" listen "$SOCK" "$W/listening" >"$W/heard" &
	listener=$!
	wait_for "$LIVENESS" there "$W/listening"
	shift
	"$@"
	ctl sessions >"$W/t.out" 2>&1
	status=$?
	rm -f "$W/listening"
	wait "$listener"
	is "R16 $name: covenctl exits 76" "$status" 76
	is "R16 $name: nothing is sent" "$(cut -d ' ' -f 2 "$W/heard")" 0
}

if need_root "R16 the client checks the server"; then
	rogue "a listener of another user's" chown "$OWNER:$OWNER" "$SOCK"
	rogue "a socket of another user's" chown "$STRANGER" "$SOCK"
	rogue "a socket that is open to others" \
	    sh -c "chown $OWNER '$SOCK'; chmod 666 '$SOCK'"
	rogue "a link" sh -c "mv '$SOCK' '$W/s'; ln -s '$W/s' '$SOCK'"
	rm -f "$SOCK" "$W/s"
fi
chmod 755 "$COVEN_HOME"
ctl sessions >"$W/t.out" 2>&1
is "R16 a home that is open to others is refused" "$?" 78
chmod 700 "$COVEN_HOME"

# R13: a client that is to send a token, and has none, connects to nobody.
if need_root "R13 a client without its token"; then
	"$PYTHON" "$AUTH" listen "$SOCK" "$W/listening" >"$W/heard" &
	listener=$!
	wait_for "$LIVENESS" there "$W/listening"
	chown "$OWNER" "$SOCK"
	ctl --token-file "$W/none" sessions >"$W/t.out" 2>&1
	is "R13 a client without its token exits 77" "$?" 77
	owner_file "$W/open" "$first"
	chmod 644 "$W/open"
	ctl --token-file "$W/open" sessions >"$W/t.out" 2>&1
	is "R13 with one that others can read, too" "$?" 77
	rm -f "$W/listening"
	wait "$listener"
	is "R13 and connects to nobody" "$(cat "$W/heard")" "0 0"
	rm -f "$SOCK"
fi

# R17
touch "$W/stamp"
long=$OWNER_HOME/$(printf 'x%.0s' $(seq $((120 - ${#OWNER_HOME} - 12))))
mkdir -m 700 "$long"
give_owner "$long"
short=$COVEN_HOME
COVEN_HOME=$long
monitor_spawn
monitor_wait "$LIVENESS"
COVEN_HOME=$short
is "R17 a path of 120 bytes is an error: 78" "$MONITOR_STATUS" 78
is "R17 and no socket is made, there or in /tmp" "$(find "$long" \
    /tmp -maxdepth 1 -newer "$W/stamp" -name '*coven*' -type s)" ""
rm -rf "$long"

# R18: somebody holds the name, and does not answer.
py listen "$SOCK" "$W/listening" 64 >"$W/heard" 2>&1 &
listener=$!
wait_for "$LIVENESS" there "$W/listening"
start=$(now_ms)
monitor_spawn
monitor_wait "$LIVENESS"
is "R18 a holder that hangs: 75" "$MONITOR_STATUS" 75
note "R18: after $(($(now_ms) - start)) ms"
rm -f "$W/listening"
wait "$listener"

rm -f "$SOCK"
world_snapshot
left_nothing "nothing is left"
world_end

# --- the other two owners: root, and one whom a monitor of root serves ------------

as_root() {
	"${OWNER_ENV[@]}" "$@"
}

another_owner() {
	local old

	world "$1"
	TOKEN_FILE=$COVEN_HOME/session-token
	begin
	is "$MODE: the session token is its owner's alone" \
	    "$(stat -c %u:%a "$TOKEN_FILE")" "$OWNER:600"
	HTTP_TOKEN='' http GET /api/v1/health
	is "$MODE: without one nothing is answered" "$STATUS" 401
	request /health "$(token)" | raw
	is "$MODE: with it the owner is" "$STATUS" 200
	is "$MODE: covenctl sends it" "$(ctl exec --project "$PROJECT" -- \
	    echo inside </dev/null 2>&1)" inside
	old=$(token)
	t "$MODE: it is exchanged" ctl token rotate
	t "$MODE: for another" test "$old" != "$(token)"
	is "$MODE: which is the owner's alone, too" \
	    "$(stat -c %u:%a "$TOKEN_FILE")" "$OWNER:600"
	request /health "$(token)" | raw
	is "$MODE: and good" "$STATUS" 200
	t "$MODE: a token is paired" ctl pair --scope list lister
	ctl pair --scope list another >"$W/paired" 2>"$W/t.out"
	request /sessions "$(cat "$W/paired")" | raw
	is "$MODE: and lists" "$STATUS" 200
	request "/sessions/x/log" "$(cat "$W/paired")" | raw
	is "$MODE: and no more" "$STATUS" 403
	chmod 777 "$COVEN_HOME" "$SOCK"
	request /health "$(token)" | as_stranger "$TOOLS/rawhttp" "$SOCK" \
	    >"$W/reply" 2>"$W/raw.err"
	is "$MODE: a stranger's is not" "$(head -n 1 "$W/reply" |
	    cut -d ' ' -f 2)" 401
	if [ "$MODE" = system ]; then
		request /health "$(token)" | as_root "$TOOLS/rawhttp" "$SOCK" \
		    >"$W/reply" 2>"$W/raw.err"
		is "$MODE: nor root's" "$(head -n 1 "$W/reply" |
		    cut -d ' ' -f 2)" 401
	fi
	chmod 700 "$COVEN_HOME"
	chmod 600 "$SOCK"
	monitor_stop
	t "$MODE: with the suite the token goes" test ! -e "$TOKEN_FILE"
	world_snapshot
	left_nothing "$MODE: nothing is left"
	world_end
}
for mode in root system; do
	! need_root "token mode of another owner ($mode)" ||
	    another_owner "$mode"
done
tap_done
