#!/bin/bash
# After any end, by any cause, nothing of a session is there: no process,
# mount, namespace, cgroup, descriptor, temporary file, object or workspace.
# First the checker itself, which must find each of these where it is planted.
. "$(dirname "$0")/../lib.sh"
world user

compare() {
	"$TOOLS/leftovers" compare "$W/plants" --under "$COVEN_HOME" \
	    --tree "$COVEN_GUARD" --common "$@" >"$W/left"
}

# found NAME KIND CMD ...: planted by the command, which may leave a process
# in PLANT; the checker then names a line of KIND.  PULL is run afterwards.
found() {
	local name=$1 kind=$2

	shift 2
	PLANT='' PULL=()
	"$TOOLS/leftovers" snapshot "$W/plants" --under "$COVEN_HOME" \
	    --tree "$COVEN_GUARD" --common
	if ! "$@" >"$W/plant" 2>&1; then
		tap_skip "the checker finds $name" \
		    "cannot be planted: $(tail -n 1 "$W/plant")"
	else
		compare
		t "the checker finds $name" grep -qP "^left\t$kind\t" "$W/left"
	fi
	[ ${#PULL[@]} -eq 0 ] || "${PULL[@]}" >/dev/null 2>&1
	[ -z "$PLANT" ] || kill -KILL "$PLANT" 2>/dev/null
	[ -z "$PLANT" ] || wait "$PLANT" 2>/dev/null
	t "and not once it is gone: $name" compare --wait 20000
}

process() {
	sleep 1000 &
	PLANT=$!
}

mount_point() {
	PULL=(umount "$W/mounted")
	mkdir -p "$W/mounted" && mount -t tmpfs none "$W/mounted"
}

namespace() {
	unshare --net sleep 1000 &
	PLANT=$!
	wait_for 5 grep -qx sleep "/proc/$PLANT/comm"
}

namespace_by_mount() {
	PULL=(umount "$W/held")
	: >"$W/held"
	unshare --uts="$W/held" true
}

namespace_by_descriptor() {
	"$PYTHON" -c 'import os, sys, time
pid = os.fork()
if pid == 0:
    os.execvp("unshare", ["unshare", "--uts", "sleep", "1000"])
held = os.readlink("/proc/self/ns/uts")
while os.readlink("/proc/%d/ns/uts" % pid) == held:
    time.sleep(0.01)
fd = os.open("/proc/%d/ns/uts" % pid, os.O_RDONLY)
os.kill(pid, 9)
os.wait()
open(sys.argv[1], "w").close()
time.sleep(1000)' "$W/holds" &
	PLANT=$!
	wait_for 10 test -e "$W/holds"
}

cgroup() {
	local top

	top=$(sed -n 's/^[^ ]* \([^ ]*\) cgroup2 .*/\1/p' /proc/mounts |
	    head -n 1)
	mkdir -p "$COVEN_HOME"
	top+=/coven-$(printf '%x-%x' "$(stat -c %d "$COVEN_HOME")" \
	    "$(stat -c %i "$COVEN_HOME")")
	PULL=(rmdir "$top")
	mkdir "$top"
}

socket_file() {
	PULL=(rm -f "$COVEN_HOME/planted.sock")
	mkdir -p "$COVEN_HOME"
	"$TOOLS/probe" listen-unix "$COVEN_HOME/planted.sock" >/dev/null &
	PLANT=$!
	wait_for 5 test -e "$COVEN_HOME/planted.sock"
}

workspace() {
	PULL=(rm -r "$COVEN_HOME/workspaces")
	mkdir -p "$COVEN_HOME/workspaces/planted"
}

temporary() {
	PULL=(rm -f "$1/planted-$$")
	: >"$1/planted-$$" && chown "$TEST_UID" "$1/planted-$$"
}

segment() {
	local key=$((0x46000000 + $$))

	PULL=(ipcrm -M "$key")
	"$PYTHON" -c 'import ctypes, sys
sys.exit(ctypes.CDLL(None).shmget(int(sys.argv[1]), 4096, 0o1600) < 0)' "$key"
}

found "a process" process process
found "a file of a workspace" file workspace
found "a socket" socket socket_file
found "a segment of shared memory" ipc segment
if [ "$(id -u)" -eq 0 ]; then
	found "a mount" mount mount_point
	found "a namespace" namespace namespace
	found "a namespace that a mount holds" mount namespace_by_mount
	found "a namespace that a descriptor holds" namespace \
	    namespace_by_descriptor
	found "a cgroup" cgroup cgroup
	found "a file in /tmp" file temporary /tmp
	found "a file in /dev/shm" file temporary /dev/shm
else
	tap_skip "what only root can plant" "needs root"
fi

# A descriptor too many in a process of the suite's, which goes on.
cp "$PYTHON" "$W/coven-stored" 2>/dev/null
"$W/coven-stored" -c 'import os, sys, time
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
kept = open("/dev/null")
open(sys.argv[1] + ".kept", "w").close()
time.sleep(1000)' "$W/keep" &
HOLDER=$!
wait_for 5 grep -qx coven-stored "/proc/$HOLDER/comm"
sleep 0.3
descriptor() {
	: >"$W/keep"
	wait_for 10 test -e "$W/keep.kept"
}
"$TOOLS/leftovers" snapshot "$W/plants" --under "$COVEN_HOME" \
    --tree "$COVEN_GUARD" --common
descriptor
compare
t "the checker finds a descriptor" grep -qP '^left\tdescriptor\t.*coven-stored' \
    "$W/left"
kill -KILL "$HOLDER"
wait "$HOLDER" 2>/dev/null

# --- every cause of an end --------------------------------------------------

# ends NAME CMD ...: a session in which a tree of processes with things of
# their own lives; the command ends it.  The suite goes on, and holds nothing.
ends() {
	local name=$1

	shift
	launch sh -c 'umask 0; echo x >/tmp/left; echo x >/dev/shm/left
	    mkfifo /tmp/fifo; (setsid sleep 1000 &); trap "" HUP
	    touch started; exec sleep 1000' || {
		tap_not_ok "$name: it starts ($MODE)" "$W/body"
		return
	}
	wait_for "$LIVENESS" status_is "$ID" running
	wait_for "$LIVENESS" test -e "$PROJECT/started"
	"$@" >"$W/end" 2>&1
	t "$name: it ends ($MODE)" wait_for "$LIVENESS" ended "$ID"
	rm -f "$PROJECT/started"
	t "$name: nothing is left ($MODE)" "$TOOLS/leftovers" compare \
	    "$W/serving" --under "$COVEN_HOME" --tree "$COVEN_GUARD" \
	    --serving --common --wait 20000
}

by_kill() {
	http POST "/api/v1/sessions/$ID/kill" '{}'
}

# Of those that have a session: spares are left alone.
by_death_of() {
	kill -KILL "$(role_pid "$1")"
}

payload_pid() {
	pgrep -P "$(role_pid init)" | head -n 1
}

by_payload() {
	kill "-$1" "$(payload_pid)"
}

every_cause() {
	need_monitor
	# The first session makes what stays: folders, journals, memory.
	launch true && wait_for "$LIVENESS" ended "$ID"
	http GET "/api/v1/events?sessionId=$ID"
	"$TOOLS/leftovers" snapshot "$W/serving" --under "$COVEN_HOME" \
	    --tree "$COVEN_GUARD" --serving --common
	ends "by a request" by_kill
	ends "by a signal" by_payload TERM
	ends "by SIGKILL of the payload" by_payload KILL
	ends "by the death of its runner" by_death_of runner
	ends "by the death of its init" by_death_of init
	monitor_stop
	left_nothing "nothing is left behind the suite ($MODE)"
}

world_end
world user
every_cause
if [ "$(id -u)" -eq 0 ]; then
	for mode in root system; do
		world_end
		world "$mode"
		every_cause
	done
fi
tap_done
