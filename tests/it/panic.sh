#!/bin/bash
# covenctl panic ends every session of a home without the daemon: also while
# the monitor is stopped, by the sessions' cgroup where the monitor was given
# one, and leaves other homes alone.
. "$(dirname "$0")/../lib.sh"
world user
MARK="coven-panic-$$-"

running() {
	[ "$(pgrep -cf "$1")" -ge "$2" ]
}

tree_gone() {
	! pgrep -f "$1" >/dev/null
}

# A delegated cgroup for the monitor; fails where there can be none.
delegated() {
	local tree

	tree=$(awk '$(NF-2) == "cgroup2" || / - cgroup2 / { print $5; exit }' \
	    /proc/self/mountinfo)
	[ -n "$tree" ] && [ "$(id -u)" -eq 0 ] || return 1
	CGROUP=$tree/it-$$-$MODE
	mkdir "$CGROUP" 2>/dev/null || return 1
	[ -e "$CGROUP/cgroup.kill" ] || { rmdir "$CGROUP" && return 1; }
	[ "$MODE" = root ] || [ "$MODE" = system ] ||
	    chown "$OWNER" "$CGROUP" "$CGROUP/cgroup.procs"
	MONITOR_PRIV=(sh -c "echo \$\$ >'$CGROUP/cgroup.procs' && exec \"\$@\""
	    sh ${MONITOR_PRIV[@]+"${MONITOR_PRIV[@]}"})
}

sessions_folder() {
	find "$CGROUP" -mindepth 1 -maxdepth 1 -type d -name 'coven-*'
}

# Three that ignore what they can, one of them with a tree.
start_three() {
	launch sh -c 'trap "" TERM HUP INT; while :; do sleep 1000; done' \
	    "$1" && ONE=$ID &&
	    launch sh -c '(setsid sh -c "sleep 1000; :" "$0" &); sleep 1000; :' \
	    "$1" && launch sh -c 'sleep 1000; :' "$1" &&
	    wait_for "$LIVENESS" running "$1" 4
}

# What a suite has that was given nothing: a cgroup of its own all the same
# where this machine's is root's to change, as in a container.
by_now() {
	local tree name

	tree=$(awk '$(NF-2) == "cgroup2" || / - cgroup2 / { print $5; exit }' \
	    /proc/self/mountinfo)
	name=$(printf 'coven-%x-%x' "$(stat -c %d "$COVEN_HOME")" \
	    "$(stat -c %i "$COVEN_HOME")")
	if [ -n "$tree" ] &&
	    [ -n "$(find "$tree" -type d -name "$name" -print -quit)" ]; then
		echo cgroup
	else
		echo init
	fi
}

# panics NAME BY: with the monitor stopped, then going on.
panics() {
	local name=$1 by=$2 mark="$MARK$RANDOM" status

	t "$name: sessions run" start_three "$mark"
	[ "$by" != nothing ] || by=$(by_now)
	kill -STOP "$MONITOR_PID"
	ctl --json panic >"$W/out" 2>"$W/err"
	status=$?
	t "$name: every tree is gone when it says so" tree_gone "$mark"
	is "$name: it says so" "$status $(jget "$W/out" ok)" "0 true"
	is "$name: by $by" "$(jget "$W/out" by)" "$by"
	t "$name: three at least" test "$(jget "$W/out" killed)" -ge 3
	[ ! -s "$W/err" ] || note "$(cat "$W/err")"
	kill -CONT "$MONITOR_PID"
	t "$name: the daemon records it" wait_for "$LIVENESS" ended "$ONE"
	t "$name: and serves on" healthy
}

for mode in user root system; do
	[ "$mode" = user ] || { world_end; world "$mode"; }
	need_monitor
	panics "$mode, no cgroup given" nothing
	monitor_stop
	ctl panic >"$W/out" 2>&1
	is "$mode: without a daemon there is nothing to do" \
	    "$? $(cat "$W/out")" "0 0 sessions killed"
	left_nothing "$mode: nothing is left"
	if ! delegated; then
		tap_skip "$mode, delegated" "no cgroup of version 2 to give away"
		[ "$(id -u)" -eq 0 ] || break
		continue
	fi
	need_monitor
	panics "$mode, delegated" cgroup
	t "$mode: a session has a cgroup" launch sleep 1000
	t "$mode: of its own" test \
	    "$(find "$(sessions_folder)" -name 's*' -type d | wc -l)" -ge 1
	# A monitor that dies leaves its folder to the next one.
	monitor_kill
	t "$mode: its sessions die with a killed monitor" wait_for "$LIVENESS" \
	    no_roles
	t "$mode: which the check for leftovers sees" test -n "$(
	    "$TOOLS/leftovers" compare "$W.before" --under "$COVEN_HOME" \
	    --tree "$COVEN_GUARD" | grep cgroup)"
	need_monitor
	monitor_stop
	is "$mode: the next one clears it away" "$(sessions_folder)" ""
	left_nothing "$mode: nothing is left"
	rmdir "$CGROUP"
done
tap_done
