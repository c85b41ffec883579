#!/bin/bash
# Our own roles have an empty root (stored: its folder), namespaces of their
# own, no capability and a filter, whoever owns the suite.  Needs root to look.
. "$(dirname "$0")/../lib.sh"
world user
[ "$(id -u)" -eq 0 ] || skip_all "needs root to look into other processes"

# elsewhere PID NAME ...: none of these namespaces is ours.
elsewhere() {
	local pid=$1 name

	shift
	for name; do
		[ "$(readlink "/proc/$pid/ns/$name")" != \
		    "$(readlink "/proc/self/ns/$name")" ] || return 1
	done
}

confined() {
	local pid

	pid=$(role_pid "$1") || return 1
	grep -E '^(Cap(Prm|Eff|Amb)|NoNew|Seccomp:)' "/proc/$pid/status"
	[ "$(grep -cE '^Cap(Inh|Prm|Eff|Amb):.0+$' "/proc/$pid/status")" = 4 ] &&
	    grep -q '^Seccomp:.2$' "/proc/$pid/status" &&
	    elsewhere "$pid" mnt net ipc uts cgroup &&
	    [ "$(ls -A "/proc/$pid/root/")" = "$2" ]
}

for mode in user root system; do
	[ "$mode" = user ] || { world_end && world "$mode"; }
	need_monitor
	launch sleep 1000
	t "$mode: apid has nothing" confined apid ""
	t "$mode: stored has its folder" confined stored store
	t "$mode: a runner has nothing" confined runner ""
	http POST "/api/v1/sessions/$ID/kill" '{}'
	monitor_stop
done
tap_done
