#!/bin/bash
# kill -9 of each role and of the monitor, at any moment, under a load of
# fifty sessions that print and take input.  No event that a client was shown
# is lost or changed, no acknowledged input is, sessions that nobody killed
# come to their own end with whole output, and nothing is left running.
# COVEN_LONG: twenty moments for each instead of two.
. "$(dirname "$0")/../lib.sh"
world user
ROUNDS=2 SESSIONS=${LOAD_SESSIONS:-50}
[ -z "${COVEN_LONG-}" ] || ROUNDS=20
RANDOM=${CRASH_SEED:-$$}
note "seed ${CRASH_SEED:-$$}, $ROUNDS moments a role, $SESSIONS sessions"
# Fewer than fifty sessions need; shells give more, and sessions are more.
ulimit -Sn 256
need_monitor
load_begin "$SESSIONS" 0 print,print,print,read

# The suite answers again and every session does, or another in its place.
goes_on() {
	t "$1: the suite answers" wait_for "$LIVENESS" healthy
	t "$1: and $SESSIONS sessions" load_goes_on
}

# Any of them: which one is the moment's.
some_role() {
	roles "$1" | shuf -n 1 --random-source=<(yes "$RANDOM")
}

moment() {
	local role=$1 name="$1 killed, moment $2" pid

	sleep "0.$(printf '%03d' $((RANDOM % 300)))"
	if [ "$role" = monitor ]; then
		monitor_kill
		t "$name: no role is left" wait_for "$LIVENESS" no_roles
		load_victim "all@$EPOCHREALTIME"
		need_monitor
	else
		pid=$(some_role "$role")
		case $role in
		runner | init) load_victim "$(session_of "$pid")" ;;
		esac
		t "$name: was there to be killed" kill -KILL "${pid:-0x}"
		wait_for "$LIVENESS" process_gone "${pid:-none}"
	fi
	goes_on "$name"
}

# session_of PID: it says so in a list of processes.
session_of() {
	tr '\000' '\n' <"/proc/$1/cmdline" |
	    grep -m 1 -xE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
}

goes_on "at first"
round=1
while [ "$round" -le "$ROUNDS" ]; do
	for role in apid stored runner init; do
		moment "$role" "$round"
	done
	[ $((round % 2)) -eq 0 ] || moment monitor "$round"
	round=$((round + 1))
done
load_end "nothing that was acknowledged is lost, and all else is whole"
is "nothing is left running" "$(roles init; roles runner)" ""
monitor_stop
is "the suite stops" "$MONITOR_STATUS" 0
left_nothing "nothing is left"
tap_done
