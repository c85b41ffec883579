#!/bin/bash
# For each role its evil twin (tests/evil/): the same place, the same
# descriptors, and everything said and done in every order.  The monitor
# never dies; a liar ends alone, and sessions of others go on with their
# output intact; nothing runs that is not on record; and when the good program
# is back everything works and nothing is left.
#
# The suite is staged once more with all the twins in place; evil.conf says
# which of them are evil.  EVIL_ROUNDS: how often each; EVIL_SEED repeats.
. "$(dirname "$0")/../lib.sh"
ROUNDS=${EVIL_ROUNDS:-1}
# shellcheck source=tests/twins.sh
. "$(dirname "$0")/../twins.sh"
twins_stage apid confread gateway init resolver runner stored

# --- the session that must not notice -------------------------------------

keep_start() {
	launch sh -c 'i=0; while :; do echo "line $i"; i=$((i + 1))
	    sleep 0.05; done' && KEEP=$ID &&
	    wait_for "$LIVENESS" longer_than 0
}

longer_than() {
	output "$KEEP" "$W/kept" && [ "$(stat -c %s "$W/kept")" -gt "$1" ]
}

check_keep() {
	output "$KEEP" "$W/kept"
	t "$1: another session goes on" wait_for "$LIVENESS" longer_than \
	    "$(stat -c %s "$W/kept")"
	t "$1: and its output is whole" numbered "$W/kept"
}

# --- what must hold whoever was evil --------------------------------------

# quiet NAME ROLE ...: these did not die, whatever they heard.
quiet() {
	local name=$1 bad='' role

	shift
	for role; do
		bad=$bad$(grep -E "child $role\[[0-9]+\]: (exited|killed)" \
		    "$W/monitor.log")
	done
	is "$name: nobody else dies ($*)" "$bad" ""
	t "$name: nothing is undefined" no_report
}

no_report() {
	! grep -E "runtime error|Sanitizer|RETURNED" "$W/monitor.log"
}

monitor_lives() {
	if process_gone "$MONITOR_PID"; then
		tap_not_ok "$1: the monitor lives" "$W/monitor.log"
		monitor_kill
		return 1
	fi
	tap_ok "$1: the monitor lives"
}

# Everything works with the good program, and ends.
check_good() {
	t "$1: answers again" wait_for "$LIVENESS" healthy
	check_keep "$1"
	if wait_for "$LIVENESS" launch echo works; then
		t "$1: a new session runs" \
		    wait_for "$LIVENESS" status_is "$ID" completed
	else
		tap_not_ok "$1: a new session runs" "$W/reply" \
		    "$W/monitor.log"
	fi
}

in_time() {
	! grep "not everything ended" "$W/monitor.log"
}

# Whatever stored says, the file holds heads and nothing else, and the key
# that its owner was shown first.
heads_are_lines() {
	! grep -vE '^coven-audit-1 [0-9a-f]{32} [1-9][0-9]* [0-9a-f]{64} '\
'[0-9T:.Z-]{30} [0-9a-f]{128}$' "$COVEN_HOME/audit.heads"
}

same_key() {
	[ -s "$W/audit.pub" ] || return 0
	cmp "$W/audit.pub" "$COVEN_HOME/keys/audit.pub"
}

check_end() {
	t "$1: the heads of the audit are heads" heads_are_lines
	t "$1: the public key is the first one's" same_key
	monitor_lives "$1" || return
	monitor_stop
	is "$1: and stops" "$MONITOR_STATUS" 0
	t "$1: in time" in_time
	left_nothing "$1: nothing is left"
}

begin() {
	cat "$W/monitor.log" >>"$W/all.log" 2>/dev/null
	: >"$W/monitor.log"
	rm -rf "$COVEN_HOME" "$PROJECT/ran"
	mkdir -m 777 "$PROJECT/ran"
	give_owner "$PROJECT/ran"
	evil_are
	[ -z "${CONF-}" ] || {
		mkdir -m 700 "$COVEN_HOME" && give_owner "$COVEN_HOME" &&
		    owner_file "$COVEN_HOME/coven.toml" "$CONF"
	}
	world_snapshot
	need_monitor
	cp "$COVEN_HOME/keys/audit.pub" "$W/audit.pub" 2>/dev/null
	keep_start || tap_not_ok "a session starts ($MODE)" "$W/reply"
}

# --- roles that a session has ---------------------------------------------

# apart FOLDER CMD ...: a client beside others, with files of its own.
apart() {
	local W=$1

	shift
	mkdir -p "$W"
	"$@"
	echo "$STATUS" >"$W/status"
}

end_evil() {
	local id

	for id in $(others); do
		apart "$W/k$id" http POST "/api/v1/sessions/$id/kill" '{}' &
	done
	wait_jobs
}

wait_jobs() {
	local pid

	for pid in $(jobs -p); do
		[ "$pid" = "$MONITOR_PID" ] || wait "$pid" 2>/dev/null
	done
}

# Ids that run here, beside the one to keep.
others() {
	http GET /api/v1/sessions && [ "$STATUS" = 200 ] || return 1
	sed 's/{/\n/g' "$W/body" | grep '"status":"\(running\|created\)"' |
	    grep -v '"external":true' | grep -o '"id":"[^"]*"' |
	    cut -d '"' -f 4 | grep -vx "$KEEP"
}

no_others() {
	others >"$W/others"
	[ "$STATUS" = 200 ] && [ ! -s "$W/others" ]
}

one_each() {
	[ "$(roles init | wc -l) $(roles runner | wc -l)" = "1 1" ]
}

# Those that wait for a session were made while the role was evil.
end_spares() {
	local pid

	for pid in $(spares init) $(spares runner); do
		kill -KILL "$pid"
		wait_for "$LIVENESS" process_gone "$pid"
	done
}

bounded_notes() {
	ctl audit tail --limit 1000 | grep 'net\.more.* decisions'
}

session_role() {
	local role=$1 name="evil $1 ($MODE)" before n

	begin
	before=$(lives "$role")
	evil_are "$role"
	for n in $(seq "$((20 * ROUNDS))"); do
		# Some of them make a launch wait for its deadline.
		apart "$W/p$n" launch bash -c "${PAYLOAD-sleep 100}" &
		[ $((n % 5)) -ne 0 ] || sleep 0.2
	done
	check_keep "$name"
	t "$name: the suite answers meanwhile" healthy
	wait_jobs
	monitor_lives "$name" || return
	note "$(($(lives "$role") - before)) lives;" \
	    "$(cat "$W"/p*/status | sort | uniq -c | tr '\n' ' ')"
	t "$name: it came to life" test "$(($(lives "$role") - before))" -ge \
	    "$((20 * ROUNDS))"
	end_evil
	t "$name: every one of its sessions can be ended" wait_for 15 no_others
	t "$name: with its processes" wait_for 15 one_each
	rm -rf "$W"/p* "$W"/k*
	[ "$role" != gateway ] ||
	    t "$name: what it says too often is a number on record" \
	    bounded_notes
	evil_are
	end_spares
	check_good "$name"
	quiet "$name" apid stored
	check_end "$name"
}

# Sessions that ask their gateway, again and again, for a name that leads
# nowhere, and for a port where whoever comes is written down: with the
# resolver that lies it leads there.
way_out() {
	local role=$1 pid port name="evil $1 ($MODE)" CONF PAYLOAD

	rm -f "$W/canary"
	"$PYTHON" -u -c '
import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])
while True:
    s.accept()
    print("somebody came")' >"$W/canary" &
	pid=$!
	disown "$pid"		# wait_jobs need not wait for it
	wait_for "$LIVENESS" test -s "$W/canary"
	port=$(head -n 1 "$W/canary")
	CONF="[network.harness.exec]
allow = [\"lied.test.invalid:$port\"]"
	PAYLOAD="while :; do
		if exec 3<>/dev/tcp/127.0.0.1/3128; then
			printf '%s\r\n\r\n' 'CONNECT lied.test.invalid:$port HTTP/1.1' >&3
			timeout 1 head -c 20 <&3
		fi
		sleep 0.1
	done 2>/dev/null"
	session_role "$role"
	is "$name: nobody was led to where no rule leads" \
	    "$(sed 1d "$W/canary")" ""
	kill "$pid"
}

# --- roles that the suite has ---------------------------------------------

# Deaths come with a growing pause, so only so many in one life of the
# monitor.  One that stays is ended.
suite_role() {
	local role=$1 name="evil $1, part $2 ($MODE)" first pid last='' since=0

	begin
	evil_are "$role"
	first=$(lives "$role")
	kill -KILL "$(role_pid "$role")"
	end=$((SECONDS + 20))
	while [ $(($(lives "$role") - first)) -lt 8 ] &&
	    [ "$SECONDS" -lt "$end" ]; do
		[ "$role" = apid ] || clients
		sleep 0.3
		pid=$(role_pid "$role")
		[ "$pid" = "$last" ] || since=$(now_ms)
		last=$pid
		if [ -n "$pid" ] && [ $(($(now_ms) - since)) -gt 1200 ]; then
			kill -KILL "$pid"
		fi
	done
	monitor_lives "$name" || return
	note "$(($(lives "$role") - first)) lives"
	t "$name: it came to life" test "$(($(lives "$role") - first))" -ge 5
	evil_are
	pid=$(role_pid "$role") && kill -KILL "$pid"
	check_good "$name"
	case $role in
	apid) quiet "$name" stored init ;;
	stored) quiet_apid "$name" ;;
	esac
	t "$name: what it launched can be ended" wait_for 15 end_others
	check_end "$name"
	check_ran "$name" "$role"
}

# Whatever stored says to them, or does not say, apid lives.
clients() {
	local target

	for target in sessions "sessions/$KEEP" "events?sessionId=$KEEP"; do
		printf 'GET /api/v1/%s HTTP/1.1\r\nHost: coven\r\n\r\n' \
		    "$target" | raw -h -t 100
	done
}

# stored may have apid ended; it may not make it die.
quiet_apid() {
	grep -vE "child apid\[[0-9]+\]: killed by signal 9" \
	    "$W/monitor.log" >"$W/log"
	mv "$W/log" "$W/monitor.log"
	quiet "$1" apid
}

end_others() {
	end_evil
	no_others
}

# Files in ran/ say what ran: nothing bad, and for apid nothing without a row.
check_ran() {
	is "$1: nothing ran that must not" \
	    "$(find "$PROJECT/ran" -name 'bad*')" ""
	ls "$PROJECT/ran" >>"$W/all-ran"
	[ "$2" = apid ] || return 0
	"$PYTHON" - "$COVEN_HOME"/store/*.db "$PROJECT/ran" >"$W/t.out" \
	    2>&1 <<-'EOF'
	import os, sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	db.text_factory = bytes
	rows = {title for (title,) in db.execute("select title from sessions")}
	ran = os.listdir(os.fsencode(sys.argv[2]))
	sys.exit(b" ".join(n for n in ran if n not in rows).decode())
	EOF
	is "$1: nothing ran without a row" "$(cat "$W/t.out")" ""
}

# --- the reader of the configuration --------------------------------------

confread() {
	local name start took n

	owner_file "$COVEN_HOME/coven.toml" '[log]
level = "info"'
	world_snapshot
	for n in $(seq "$((15 * ROUNDS))"); do
		: >"$W/monitor.log"
		evil_are confread
		start=$(now_ms)
		monitor_spawn
		wait_for 12 gone_or_healthy
		took=$(($(now_ms) - start))
		name="evil confread, life $n ($MODE)"
		if process_gone "$MONITOR_PID"; then
			monitor_wait 1
			# What it said is wrong, or it said nothing in time.
			t "$name: the start is refused ($MONITOR_STATUS)" \
			    expr "$MONITOR_STATUS" : '\(78\|69\)$'
		else
			t "$name: or it serves" healthy
			monitor_stop
			is "$name: and stops" "$MONITOR_STATUS" 0
		fi
		t "$name: within its deadline ($took ms)" test "$took" -lt 60000
		no_report >/dev/null ||
		    tap_not_ok "$name: nothing is undefined" "$W/monitor.log"
	done
	evil_are
	need_monitor
	keep_start
	check_good "evil confread ($MODE)"
	check_end "evil confread ($MODE)"
	rm "$COVEN_HOME/coven.toml"
}

gone_or_healthy() {
	process_gone "$MONITOR_PID" || healthy
}

# --- every role, for every owner ------------------------------------------

evil_roles() {
	local part parts

	session_role runner
	session_role init
	if [ "$MODE" = user ] || [ "$ROUNDS" -gt 1 ]; then
		way_out gateway
		way_out resolver
	fi
	[ "$MODE" = user ] && parts=$((2 * ROUNDS)) || parts=$ROUNDS
	for part in $(seq "$parts"); do
		suite_role apid "$part"
		suite_role stored "$part"
	done
	t "evil apid ($MODE): what it may start does run" \
	    grep -q "^good-apid" "$W/all-ran"
	t "evil stored ($MODE): what it may start does run" \
	    grep -q "^good-stored" "$W/all-ran"
	if [ "$MODE" = user ] || [ "$ROUNDS" -gt 1 ]; then
		confread
	fi
}

modes="user"
[ "$(id -u)" -ne 0 ] || modes="user root"
[ "$(id -u)" -ne 0 ] || [ "$ROUNDS" -eq 1 ] || modes="user root system"
for mode in $modes; do
	world "$mode"
	evil_roles
	world_end
done
rm -rf "$EVIL"
W=$(mktemp -d /tmp/coven-it.XXXXXX)
tap_done
