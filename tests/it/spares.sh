#!/bin/bash
# Spares: two processes that wait for a session.  A launch is served by them,
# each serves one, they count as none, and whatever happens to them, launches
# go on and nothing is left.
. "$(dirname "$0")/../lib.sh"

spares_are() {
	[ "$(spares init | wc -l) $(spares runner | wc -l)" = "$1 $1" ]
}

# is_titled PID ID: what it says of itself in a list of processes.
is_titled() {
	tr '\000' '\n' <"/proc/$1/cmdline" | grep -qx "$2"
}

# works NAME: a launch does, to its end.
works() {
	if launch echo works; then
		t "$1" wait_for "$LIVENESS" status_is "$ID" completed
	else
		tap_not_ok "$1" "$W/reply" "$W/monitor.log"
	fi
}

configure() {
	as_owner mkdir -p -m 700 "$COVEN_HOME"
	owner_file "$COVEN_HOME/coven.toml" "$1"
}

one_serves() {
	local before init runner

	t "two wait ($MODE)" wait_for "$LIVENESS" spares_are 2
	is "and none is a session's ($MODE)" "$(roles init; roles runner)" ""
	before=" $(spares init | tr '\n' ' ')$(spares runner | tr '\n' ' ')"
	launch sleep 100 || tap_not_ok "a launch ($MODE)" "$W/reply"
	init=$(role_pid init) runner=$(role_pid runner)
	t "the session's init is one of them ($MODE)" \
	    test "${before#* "$init" }" != "$before"
	t "so is its runner ($MODE)" \
	    test "${before#* "$runner" }" != "$before"
	t "they say whose they are ($MODE)" is_titled "$init" "$ID"
	t "both of them ($MODE)" is_titled "$runner" "$ID"
	t "two wait again ($MODE)" wait_for "$LIVENESS" spares_are 2
	http POST "/api/v1/sessions/$ID/kill" '{}'
	is "it ends ($MODE)" "$STATUS" 202
	t "it served one session ($MODE)" wait_for "$LIVENESS" \
	    process_gone "$init"
	t "and the runner ($MODE)" wait_for "$LIVENESS" process_gone "$runner"
}

# Nobody has noticed yet when the launch comes.
killed_before() {
	local role=$1 pid n bad=0

	for n in 1 2 3 4 5; do
		wait_for "$LIVENESS" spares_are 2 || bad=$((bad + 1))
		for pid in $(spares "$role"); do
			kill -KILL "$pid"
		done
		launch echo works &&
		    wait_for "$LIVENESS" status_is "$ID" completed ||
		    bad=$((bad + 1))
	done
	is "launches go on when every spare $role is killed ($MODE)" "$bad" 0
}

# From the moment they are born, whichever they are, beside launches.
killed_while_made() {
	local end=$((SECONDS + 2)) pid bad=0

	while [ "$SECONDS" -lt "$end" ]; do
		for pid in $(spares init) $(spares runner); do
			kill -KILL "$pid" 2>/dev/null
		done
		launch echo works || bad=$((bad + 1))
	done
	is "launches go on when none lives to be one ($MODE)" "$bad" 0
	t "then two wait again ($MODE)" wait_for "$LIVENESS" spares_are 2
	works "and serve ($MODE)"
}

# The mounts of this test are the monitor's, too.
host_changes() {
	local shown=/etc/debian_version

	if [ "$(id -u)" -ne 0 ] || [ ! -f "$shown" ]; then
		tap_skip "what the host shows anew is shown" \
		    "needs root and $shown"
		return
	fi
	echo "other words" >"$W/other"
	chmod 644 "$W/other"
	wait_for "$LIVENESS" spares_are 2
	mount --bind "$W/other" "$shown"
	launch cat "$shown"
	wait_for "$LIVENESS" status_is "$ID" completed
	output "$ID" "$W/out"
	is "what the host shows anew is shown ($MODE)" "$(cat "$W/out")" \
	    "other words"
	wait_for "$LIVENESS" spares_are 2
	umount "$shown"
	launch cat "$shown"
	wait_for "$LIVENESS" status_is "$ID" completed
	output "$ID" "$W/out"
	t "and no longer than it is ($MODE)" cmp "$W/out" "$shown"
}

# A project above what every sandbox has: the tree cannot be used.
project_around() {
	local around=$W/around

	mkdir -p "$around/home"
	touch "$around/home/theirs"
	give_owner "$around" "$around/home"
	configure "[roots]
allow = [\"$around\"]"
	OWNER_ENV+=("HOME=$around/home")
	need_monitor
	wait_for "$LIVENESS" spares_are 2
	PROJECT=$around launch sh -c 'echo here >mark && ls -A home'
	wait_for "$LIVENESS" ended "$ID"
	output "$ID" "$W/out"
	is "the home lies over a project that contains it ($MODE)" \
	    "$(session_status "$ID") $(cat "$W/out")" "completed "
	t "which is the project ($MODE)" grep -q here "$around/mark"
	monitor_stop
	OWNER_ENV+=("HOME=$OWNER_HOME")
}

serve_all() {
	configure '[session]
max_live = 1'
	world_snapshot
	need_monitor
	one_serves
	killed_before init
	killed_before runner
	killed_while_made
	host_changes
	monitor_stop
	left_nothing "a stop leaves none ($MODE)"
	configure '[session]
prepared = 0'
	need_monitor
	works "none are made where none are wanted: a launch works ($MODE)"
	is "and there are none ($MODE)" "$(spares init; spares runner)" ""
	monitor_stop
	[ "$MODE" != user ] || project_around
	left_nothing "nothing is left ($MODE)"
}

modes="user"
[ "$(id -u)" -eq 0 ] && modes="user root system"
for mode in $modes; do
	world "$mode"
	serve_all
	world_end
done
W=$(mktemp -d /tmp/coven-it.XXXXXX) MONITOR_PID=
tap_done
