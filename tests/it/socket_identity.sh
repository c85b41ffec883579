#!/bin/bash
# What clients take for the daemon's identity is one thing and stays the same:
# the process behind SO_PEERCRED, health.daemon, daemon.json, the socket's
# inode, also after the role that serves it was killed.
. "$(dirname "$0")/../lib.sh"

identity() {
	local peer pid apid inode

	need_monitor
	healthy
	cp "$W/body" "$W/health"
	peer=$(as_owner "$TOOLS/rawhttp" -p "$SOCK")
	pid=$(jget "$W/health" daemon.pid)
	inode=$(stat -c '%d:%i' "$SOCK")
	is "health names the monitor's pid ($MODE)" "$pid" "$MONITOR_PID"
	is "SO_PEERCRED is the monitor and the owner ($MODE)" \
	    "$peer" "$MONITOR_PID $OWNER"
	is "daemon.json is health.daemon ($MODE)" \
	    "$(canonical "$COVEN_HOME/daemon.json" "")" \
	    "$(canonical "$W/health" daemon)"
	is "health.daemon.socket is the canonical path ($MODE)" \
	    "$(jget "$W/health" daemon.socket)" "$(realpath "$SOCK")"
	t "startedAt has nine digits and Z ($MODE)" grep -qE \
	    '"startedAt":"[0-9-]{10}T[0-9:]{8}\.[0-9]{9}Z"' "$W/health"

	apid=$(role_pid apid)
	t "apid is a process of its own ($MODE)" test -n "$apid"
	kill -KILL "$apid"
	t "apid was killed ($MODE)" wait_for "$LIVENESS" process_gone "$apid"
	# No client is refused meanwhile: it waits in the backlog.
	http GET /api/v1/health
	is "the next client is answered ($MODE)" "$STATUS" 200
	is "the identity is the same ($MODE)" \
	    "$(canonical "$W/body" daemon)" "$(canonical "$W/health" daemon)"
	is "SO_PEERCRED is the same ($MODE)" \
	    "$(as_owner "$TOOLS/rawhttp" -p "$SOCK")" "$peer"
	is "the inode is the same ($MODE)" "$(stat -c '%d:%i' "$SOCK")" "$inode"

	# A path that was removed or replaced comes back as the same inode.
	rm "$SOCK"
	t "a removed socket is put back ($MODE)" \
	    wait_for "$LIVENESS" same_inode "$inode"
	monitor_stop
}

same_inode() {
	[ "$(stat -c '%d:%i' "$SOCK" 2>/dev/null)" = "$1" ]
}

# Members sorted, so that two spellings of one value compare equal.
canonical() {
	jget "$1" "$2" | "$PYTHON" -c 'import json, sys
print(json.dumps(json.load(sys.stdin), sort_keys=True))'
}

modes="user"
[ "$(id -u)" -eq 0 ] && modes="user root system"
for mode in $modes; do
	world "$mode"
	identity
	left_nothing "nothing is left ($mode)"
	world_end
done
W=$(mktemp -d /tmp/coven-it.XXXXXX)
MONITOR_PID=
tap_done
