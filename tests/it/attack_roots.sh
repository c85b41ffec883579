#!/bin/bash
# Another account of the machine, in each of the three owner modes.
. "$(dirname "$0")/../lib.sh"

OTHER_UID=23456

as_other() {
	setpriv --reuid "$OTHER_UID" --regid "$OTHER_UID" --clear-groups \
	    env -i PATH=/usr/bin:/bin "$@"
}

# What another account can open of the suite's processes: nothing.
other_opens() {
	local pid file

	for pid in "$MONITOR_PID" $(roles apid) $(roles stored) \
	    $(roles runner) $(roles init); do
		for file in mem environ maps auxv io stack syscall; do
			as_other cat "/proc/$pid/$file" >/dev/null 2>&1 &&
			    echo "$pid/$file"
		done
		for file in fd root/. cwd/. map_files task/"$pid"/fd; do
			as_other ls "/proc/$pid/$file" >/dev/null 2>&1 &&
			    echo "$pid/$file"
		done
		as_other kill -0 "$pid" 2>/dev/null && echo "$pid: a signal"
	done
}

other_account() {
	local reply

	launch sleep 1000
	wait_for "$LIVENESS" status_is "$ID" running
	is "another account opens nothing of the processes ($MODE)" \
	    "$(other_opens)" ""
	t "nor lists the home ($MODE)" other_is_refused ls "$COVEN_HOME"
	t "nor the claimed ids ($MODE)" other_is_refused ls /run/coven/.
	t "nor connects ($MODE)" other_is_refused "$TOOLS/rawhttp" -h "$SOCK"
	# Even where the modes are wide open, it is not the owner.
	chmod 711 "$OWNER_HOME"
	chmod 711 "$COVEN_HOME"
	chmod 666 "$SOCK"
	reply=$(printf 'GET /api/v1/health HTTP/1.1\r\nHost: coven\r\n\r\n' |
	    as_other "$TOOLS/rawhttp" -h "$SOCK" 2>/dev/null | head -n 1)
	case $reply in
	'' | *" 403 "*) tap_ok "nor is it answered by an open socket ($MODE)" ;;
	*) note "$reply" && tap_not_ok "an open socket answers it ($MODE)" ;;
	esac
	chmod 600 "$SOCK"
	chmod 700 "$COVEN_HOME"
	chmod 755 "$OWNER_HOME"
	http POST "/api/v1/sessions/$ID/kill" '{}'
}

other_is_refused() {
	! as_other "$@" </dev/null
}

one_mode() {
	world "$1"
	need_monitor
	if [ "$(id -u)" -eq 0 ]; then
		other_account
	else
		tap_skip "another account ($MODE)" "needs root"
	fi
	monitor_stop
	world_end
}

one_mode user
if [ "$(id -u)" -eq 0 ]; then
	one_mode system
	one_mode root
fi
W=$(mktemp -d /tmp/coven-it.XXXXXX)
tap_done
