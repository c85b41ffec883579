#!/bin/bash
# kill -9 of the monitor in the middle of a session: every process of the
# suite and of the payload dies with it; at the next start the session is
# orphaned with its output on record, and nothing of the old run is left.
. "$(dirname "$0")/../lib.sh"

recovers() {
	local mark="coven-recovery-$$-$MODE"

	need_monitor
	if ! launch sh -c 'i=0; while :; do echo "line $i"; i=$((i + 1))
	    sleep 0.02; done' "$mark"; then
		tap_not_ok "a session starts ($MODE)" "$W/reply"
		return
	fi
	session=$ID
	t "it prints ($MODE)" wait_for "$LIVENESS" printed "$session" 20
	output "$session" "$W/acknowledged"
	monitor_kill
	t "the payload dies with the monitor ($MODE)" \
	    wait_for "$LIVENESS" nobody "$mark"
	t "so does every role ($MODE)" wait_for "$LIVENESS" no_roles

	start=$(now_ms)
	need_monitor
	took=$(($(now_ms) - start))
	note "answers $took ms after the start ($MODE)"
	t "it answers within 2 s ($MODE)" test "$took" -lt 2000
	is "the session is orphaned ($MODE)" \
	    "$(session_status "$session")" orphaned
	output "$session" "$W/recorded"
	t "what clients had read is still there ($MODE)" cmp \
	    -n "$(stat -c %s "$W/acknowledged")" "$W/acknowledged" \
	    "$W/recorded"
	t "lines are whole, once each, in order ($MODE)" numbered "$W/recorded"
	if launch true; then
		t "a new session runs ($MODE)" \
		    wait_for "$LIVENESS" status_is "$ID" completed
	else
		tap_not_ok "a new session runs ($MODE)" "$W/reply"
	fi
	monitor_stop
	left_nothing "nothing is left ($MODE)"
}

printed() {
	output "$1" "$W/so-far" && [ "$(wc -l <"$W/so-far")" -ge "$2" ]
}

nobody() {
	! pgrep -f "$1" >/dev/null
}

modes="user"
[ "$(id -u)" -eq 0 ] && modes="user root system"
for mode in $modes; do
	world "$mode"
	recovers
	world_end
done
W=$(mktemp -d /tmp/coven-it.XXXXXX)
tap_done
