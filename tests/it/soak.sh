#!/bin/bash
# Many short sessions, many clients, for SOAK_SECONDS (300): afterwards no
# role has more descriptors or much more memory than after the first minute,
# and nothing is left.  Run by name or by ./run-tests --long.
. "$(dirname "$0")/../lib.sh"
world user
SOAK=${SOAK_SECONDS:-300}
need_monitor

# "descriptors kB" of a role; root reads any, others only what they may.
weight() {
	local pid

	if [ "$1" = monitor ]; then
		pid=$MONITOR_PID
	else
		pid=$(role_pid "$1")
	fi
	printf '%s %s\n' "$(find "/proc/$pid/fd" -mindepth 1 2>/dev/null |
	    wc -l)" "$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")"
}

# In a process of its own, with a folder of its own for replies.
one_session() {
	local W=$W/$1

	mkdir -p "$W"
	launch sh -c "seq 1 2000; exit $1" && wait_for "$LIVENESS" ended "$ID"
}

burst() {
	local jobs=() n

	for n in 1 2 3 4; do
		one_session "$n" >/dev/null 2>&1 &
		jobs+=($!)
	done
	wait "${jobs[@]}"
	if launch sleep 1000; then
		http POST "/api/v1/sessions/$ID/kill" '{}'
		[ "$STATUS" = 202 ] || LOST=$((LOST + 1))
	else
		LOST=$((LOST + 1))
	fi
}

no_sessions_running() {
	http GET /api/v1/sessions && ! grep -q '"status":"running"' "$W/body"
}

LOST=0 ROUNDS=0
end=$((SECONDS + SOAK)) warm=$((SECONDS + SOAK / 5))
while [ "$SECONDS" -lt "$end" ]; do
	burst
	ROUNDS=$((ROUNDS + 1))
	if [ "$warm" -ne 0 ] && [ "$SECONDS" -ge "$warm" ]; then
		for role in monitor apid stored; do
			weight "$role" >"$W/warm.$role"
		done
		warm=0
	fi
done
note "$ROUNDS rounds of 5 sessions"
is "every launch and kill was answered" "$LOST" 0
for role in monitor apid stored; do
	read -r fds kb <"$W/warm.$role"
	read -r fds2 kb2 < <(weight "$role")
	note "$role: $fds then $fds2 descriptors, $kb then $kb2 kB"
	t "$role holds no more descriptors" test "$fds2" -le "$((fds + 2))"
	t "$role has not grown" test "$kb2" -le "$((kb + kb / 2 + 4096))"
done
t "no session is running" wait_for 5 no_sessions_running
monitor_stop
left_nothing "nothing is left"
tap_done
