#!/bin/bash
# kill -9 of each role and of the monitor at random moments while sessions
# print numbered lines.  Whatever was killed: nothing that a client had read
# is lost or doubled, no session stays "running" without a process, the suite
# answers again within its deadline, and at the end nothing is left.
# CRASH_ROUNDS: how many moments for each (20 in the long run).
. "$(dirname "$0")/../lib.sh"
world user
ROUNDS=${CRASH_ROUNDS:-4}
RANDOM=${CRASH_SEED:-$$}
note "seed ${CRASH_SEED:-$$}, $ROUNDS moments a role"
need_monitor

COUNTER='i=0; while [ $i -lt 100000 ]; do echo "line $i"; i=$((i + 1))
[ $((i % 50)) -ne 0 ] || sleep 0.01; done'

some_output() {
	output "$1" "$W/so-far" && [ -s "$W/so-far" ]
}

# The kernel, not the record, says whether a session has a process.
no_ghost() {
	http GET /api/v1/sessions && [ "$STATUS" = 200 ] || return 1
	local running

	running=$(grep -o '"status":"running"' "$W/body" | wc -l)
	[ "$running" -eq "$(roles init | wc -l)" ]
}

moment() {
	local role=$1 round=$2 name="$1 killed, moment $2" pid start took

	if ! launch sh -c "$COUNTER"; then
		tap_not_ok "$name: a session starts" "$W/reply" \
		    "$W/monitor.log"
		return
	fi
	session=$ID
	wait_for "$LIVENESS" some_output "$session"
	sleep "0.$(printf '%03d' $((RANDOM % 300)))"
	output "$session" "$W/read"
	if [ "$role" = monitor ]; then
		monitor_kill
		wait_for "$LIVENESS" no_roles
		start=$(now_ms)
		monitor_start
	else
		pid=$(role_pid "$role")
		t "$name: was there to be killed" kill -KILL "${pid:-0x}"
		start=$(now_ms)
		wait_for "$LIVENESS" process_gone "${pid:-none}"
	fi
	t "$name: the suite answers" wait_for "$LIVENESS" healthy
	took=$(($(now_ms) - start))
	note "after $took ms"
	t "$name: within 2 s" test "$took" -lt 2000
	# apid and stored may die under a session; it goes on.
	case $role in
	apid | stored)
		t "$name: the session goes on" wait_for "$LIVENESS" \
		    longer_than "$session" "$(stat -c %s "$W/read")"
		http POST "/api/v1/sessions/$session/kill" '{}'
		;;
	esac
	t "$name: the session has ended" wait_for "$LIVENESS" ended "$session"
	t "$name: the record can be read" output "$session" "$W/recorded"
	t "$name: what was read is kept" cmp -n "$(stat -c %s "$W/read")" \
	    "$W/read" "$W/recorded"
	t "$name: no line lost or doubled" numbered "$W/recorded"
	t "$name: no session without a process" wait_for 5 no_ghost
}

longer_than() {
	output "$1" "$W/so-far" && [ "$(stat -c %s "$W/so-far")" -gt "$2" ]
}

round=1
while [ "$round" -le "$ROUNDS" ]; do
	for role in apid stored runner init monitor; do
		moment "$role" "$round"
	done
	round=$((round + 1))
done
monitor_stop
left_nothing "nothing is left"
tap_done
