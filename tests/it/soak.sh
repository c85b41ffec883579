#!/bin/bash
# Twenty-four sessions at once of every transport (pipes, stream-JSON,
# terminals), which begin, take input and end, some of them by a kill, for
# SOAK_SECONDS (600; 8 in the plain run).  Nothing of them is left: no role
# has more descriptors or more memory at the end than in the middle, and under
# the sanitizers what a role has not freed when it ends is the same as after
# one session of each kind.  Run by name, best on a build with sanitizers.
. "$(dirname "$0")/../lib.sh"
world user
SOAK=${SOAK_SECONDS:-600}
KINDS=print,read,stream,terminal
TREE=$(cd "$(dirname "$0")/../.." && pwd)
as_owner mkdir "$OWNER_HOME/bin"
for name in claude codex; do
	cp "$TREE/tests/fake_harness" "$OWNER_HOME/bin/$name"
	chmod 755 "$OWNER_HOME/bin/$name"
done
# shellcheck disable=SC2016 # for the payload's shell
printf '#!/bin/sh\nwhile read -r x; do echo "got $x"; done\necho end\n' \
    >"$PROJECT/payload"
chmod 755 "$PROJECT/payload"
# Freed memory is not kept back for long: growth is to be seen as such.
MONITOR_ENV=("PATH=$OWNER_HOME/bin:/usr/bin:/bin"
    ASAN_OPTIONS=quarantine_size_mb=1)

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

# weigh NAME: all of them, when no session is there and both spares are.
weigh() {
	local role

	wait_for "$LIVENESS" spares_are_there
	for role in monitor apid stored; do
		weight "$role" >"$W/$1.$role"
	done
}

spares_are_there() {
	[ "$(spares init | wc -l)" -ge 2 ] &&
	    [ "$(spares runner | wc -l)" -ge 2 ] &&
	    [ -z "$(roles init; roles runner)" ]
}

# unfreed ROLE: the bytes that it had at the end; nothing in other builds.
unfreed() {
	sed -n "s/^.*$1\[[0-9]*\]: .*sanitizer: \([0-9]*\) bytes.*/\1/p" \
	    "$W/monitor.log" | sort -n | tail -n 1
}

# What one session of each kind leaves: buffers that are used again, rules.
need_monitor
load_begin 4 2 "$KINDS"
t "one of each goes on" load_goes_on
load_end "one of each"
monitor_stop
is "the suite ends well" "$MONITOR_STATUS" 0
for role in apid stored runner; do
	unfreed "$role" >"$W/first.$role"
done
: >"$W/monitor.log"

need_monitor
for half in middle end; do
	load_begin 24 4 "$KINDS"
	sleep "$((SOAK / 2))"
	t "they go on, to the $half" load_goes_on
	load_end "what was said is on record, $half"
	weigh "$half"
done
for role in monitor apid stored; do
	read -r fds kb <"$W/middle.$role"
	read -r fds2 kb2 <"$W/end.$role"
	note "$role: $fds then $fds2 descriptors, $kb then $kb2 kB"
	t "$role holds no more descriptors" test "$fds2" -le "$fds"
	t "$role has not grown" test "$kb2" -le "$((kb + 8192))"
done
monitor_stop
# The monitor's status is the leak checker's word on it.
is "the suite ends well, after all of them" "$MONITOR_STATUS" 0
[ "$MONITOR_STATUS" -eq 0 ] || tail -n 40 "$W/monitor.log" | sed 's/^/#   /'
for role in apid stored runner; do
	first=$(cat "$W/first.$role") last=$(unfreed "$role")
	if [ -z "$first" ]; then
		tap_skip "$role frees what it took" "no sanitizers in it"
		continue
	fi
	note "$role: $first then $last bytes were not freed"
	t "$role frees what it took" test "$last" -le "$((first + 1024))"
done
t "the sanitizers have nothing to say" test -z "$(grep -E \
    'ERROR: |runtime error: ' "$W/monitor.log")"
left_nothing "nothing is left"
tap_done
