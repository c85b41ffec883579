#!/bin/bash
# Kernels before 6.5 name a caller by its number alone: in peer mode clients
# still launch and kill, and who is gone, has the number from another, or lives
# in a session does not.  Here the socket option is made to look absent.
. "$(dirname "$0")/../lib.sh"
world user

# by_number: a monitor, and so an apid, that has no such option.
by_number() {
	MONITOR_PRIV=("$TOOLS/without" peerpidfd
	    ${MONITOR_PRIV[@]+"${MONITOR_PRIV[@]}"})
	PEER=$(script peer.py)
	need_monitor
}

peer() {
	"$PYTHON" "$PEER" "$SOCK" "$OWNER" "$PROJECT" "$1" 2>&1
}

# A process of the owner's in the pid namespace of a session, and for the rest
# where the socket is.
from_inside() {
	launch sleep 1000
	printf '%s\r\n' "POST /sessions/none/kill HTTP/1.1" "Host: coven" \
	    "Content-Length: 0" "" | nsenter \
	    --pid="/proc/$(role_pid init)/ns/pid" \
	    ${OWNER_PRIV[@]+"${OWNER_PRIV[@]}"} "$TOOLS/rawhttp" -h "$SOCK" \
	    >"$W/reply" 2>"$W/t.out"
	grep -q '403 Forbidden' "$W/reply" &&
	    grep -q 'inside a session' "$W/reply"
}

by_number
t "a client launches and kills" eval \
    'launch sleep 1000 && http POST "/api/v1/sessions/$ID/kill" "{}" &&
    [ "$STATUS" = 202 ]'
t "so does covenctl" ctl exec --project "$PROJECT" -- true
is "a caller that waits is let in" "$(peer stays)" 201
is "one that is gone is not" "$(peer goes)" 403
t "doctor says what is weaker" eval \
    'as_owner "$TOOLS/without" peerpidfd "$SUITE/bin/covenctl" doctor |
    grep -F "by its number"'
if [ "$(id -u)" -eq 0 ]; then
	is "nor one that has its number" "$(peer reused)" 403
	monitor_stop
	for mode in user system; do
		world_end && world "$mode"
		by_number
		t "$mode: nor one that lives in a session" from_inside
		monitor_stop
	done
else
	tap_skip "nor one that has its number" "needs root"
	monitor_stop
fi
left_nothing "nothing is left"
tap_done
