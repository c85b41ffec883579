#!/bin/bash
# The limits of a session where a cgroup keeps them: what its files say while
# it runs, and how it ends when it reaches one.  Needs root, to make a cgroup
# of its own to start the suite in, and a hierarchy with the controllers.
. "$(dirname "$0")/../lib.sh"

GROUPS_AT=$(awk '$9 == "cgroup2" || $8 == "cgroup2" { print $5; exit }' \
    /proc/self/mountinfo)
no_cgroups() {
	W=
	MONITOR_PID=
	skip_all "$1"
}
[ "$(id -u)" -eq 0 ] || no_cgroups "needs root, to make a cgroup"
[ -n "$GROUPS_AT" ] || no_cgroups "no cgroup v2 is mounted"
for word in memory pids; do
	grep -qw "$word" "$GROUPS_AT/cgroup.subtree_control" ||
	    no_cgroups "the hierarchy at $GROUPS_AT has no $word controller"
done

world "${LIMITS_MODE:-user}"
OWN=$GROUPS_AT/coven-test.$$
mkdir "$OWN" || exit 1
[ "$MODE" != user ] ||
    chown "$OWNER" "$OWN" "$OWN/cgroup.procs" "$OWN/cgroup.subtree_control"
# shellcheck disable=SC2016 # expanded by that shell
MONITOR_PRIV=(sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$OWN"
    ${MONITOR_PRIV[@]+"${MONITOR_PRIV[@]}"})

as_owner mkdir -m 700 "$COVEN_HOME"
configure() {
	# Kernels that have every controller may lack SO_PEERPIDFD.
	owner_file "$COVEN_HOME/coven.toml" "$(printf '%s\n' '[auth]' \
	    'mode = "token"' '[limits]' 'memory_mib = 192' \
	    'processes = 64' 'cpu_percent = 50' 'io_mib_s = 40')"
}
configure
cp "$(script hog.py)" "$PROJECT/hog.py"
give_owner "$PROJECT/hog.py"
world_snapshot
need_monitor

limit_of_row() {
	http GET "/api/v1/sessions/$1" && { jget "$W/body" limit || echo none; }
}

t "the log says that cgroups hold sessions" \
    grep -q 'held to their limits by cgroups' "$W/monitor.log"
t "the suite itself lives beside them" \
    grep -q '^0::.*-roles$' "/proc/$MONITOR_PID/cgroup"

LAUNCH_MORE=',"stdin":true'
if ! launch cat; then
	tap_not_ok "a session starts" "$W/body"
	tap_done
fi
LAUNCH_MORE=
WITNESS=$ID
CGROUP=$GROUPS_AT$(sed -n 's/^0:://p' "/proc/$(role_pid init)/cgroup")
says() {
	is "$1" "$(cat "$CGROUP/$1")" "$2"
}
says memory.max $((192 << 20))
says memory.oom.group 1
says pids.max 64
[ ! -e "$CGROUP/memory.swap.max" ] || says memory.swap.max 0
if [ -e "$CGROUP/cpu.max" ]; then
	says cpu.max "50000 100000"
else
	tap_skip cpu.max "no cpu controller"
fi
if [ -e "$CGROUP/io.max" ]; then
	t "io.max" grep -q "rbps=$((40 << 20)) wbps=$((40 << 20))" \
	    "$CGROUP/io.max"
else
	tap_skip io.max "no io controller"
fi

for hog in memory:memory many:memory shared:memory segments:memory \
    memfds:memory hidden:memory tmpfs:memory fork:processes; do
	what=${hog%:*}
	launch "$PYTHON" hog.py "$what" || tap_not_ok "$what starts" "$W/body"
	wait_for $((3 * LIVENESS)) ended "$ID"
	is "$what: how it ended" "$(session_status "$ID"):$(
	    limit_of_row "$ID")" "failed:${hog#*:}"
done
t "the suite answers" healthy
t "another session goes on" status_is "$WITNESS" running

launch "$PYTHON" hog.py cpu
wait_for "$LIVENESS" status_is "$ID" running
CGROUP=$GROUPS_AT$(for pid in $(roles init); do
	sed -n 's/^0:://p' "/proc/$pid/cgroup"
done | sort -V | tail -n 1)
throttled() {
	[ "$(sed -n 's/^nr_throttled //p' "$CGROUP/cpu.stat")" -gt 0 ]
}
if [ -e "$CGROUP/cpu.max" ]; then
	t "processor time is held back" wait_for "$LIVENESS" throttled
else
	tap_skip "processor time is held back" "no cpu controller"
fi
ctl kill "$ID" >/dev/null
ctl kill "$WITNESS" >/dev/null
t "the doctor says so" grep -q 'cgroup.*in force' <(ctl doctor)
monitor_stop
is "no cgroup is left" "$(find "$OWN" -mindepth 1 -type d)" ""

# A suite that was killed, and one that takes over from it.
need_monitor
launch sleep 600
monitor_kill
wait_for "$LIVENESS" no_roles
need_monitor
launch "$PYTHON" hog.py memory
wait_for $((3 * LIVENESS)) ended "$ID"
is "after a crash it is the same" "$(limit_of_row "$ID")" memory
monitor_stop
is "and no cgroup is left" "$(find "$OWN" -mindepth 1 -type d)" ""
t "nor anybody in it" rmdir "$OWN"
left_nothing "nothing is left behind"
tap_done
