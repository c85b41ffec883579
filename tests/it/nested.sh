#!/bin/bash
# A policy grants a harness namespaces for sandboxes of its own: unshare and
# bwrap work in its sessions and in no other, and nothing of the host is nearer
# for it.
. "$(dirname "$0")/../lib.sh"

# inside NAME STATUS CMD ...: in a session.
inside() {
	local name=$1 want=$2 got

	shift 2
	(cd "$PROJECT" && ctl exec -- "$@") >"$W/out" 2>&1
	got=$?
	if [ "$got" -eq "$want" ]; then
		tap_ok "$MODE: $name"
	else
		note "status $got, wanted $want"
		tap_not_ok "$MODE: $name" "$W/out"
	fi
}

bwrap=(bwrap --unshare-user --unshare-net --unshare-pid --ro-bind / /
    --dev-bind /dev /dev --bind . /tmp --chdir /tmp)
try='import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def no(r, what):
    if r == 0:
        sys.exit(what + " worked")
def call(nr, *args):
    return libc.syscall(nr, *args)
RDONLY_REMOUNT = 32 | 4096
os.system("touch .probe")
if libc.unshare(0x10000000 | 0x00020000) != 0:
    sys.exit("no namespace to try it in")
for path in (b"/proc/sys", b"/etc/passwd", b"/"):
    no(libc.umount2(path, 2), "uncover " + path.decode())
for path in (b"/usr", b"/", b"/etc", b"/proc/sys"):
    no(libc.mount(None, path, None, RDONLY_REMOUNT, None),
       "make writable " + path.decode())
no(libc.mount(b"proc", b"/tmp", b"proc", 0, None), "another proc")
no(libc.unshare(0x80), "a time namespace")
no(libc.chroot(b"/usr"), "chroot")
no(call(428, -100, b"/", 1), "open_tree")
no(call(430, b"tmpfs", 0), "fsopen")
no(call(308, 0, 0), "setns")
no(call(250, 0, 0), "keyctl") if call(250, 0, 0) == 0 else None
try:
    os.chmod(".probe", 0o4755)
    sys.exit("a set-id bit worked")
except PermissionError:
    pass
import socket
for family in (40, 38, 17):
    try:
        socket.socket(family, socket.SOCK_RAW)
        sys.exit("family %d worked" % family)
    except OSError:
        pass
print("all refused")'

for mode in user root system; do
	[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
	[ -z "${W-}" ] || world_end
	world "$mode"
	need_monitor
	inside "without a policy no user namespace" 1 unshare -Ur true
	monitor_stop
	owner_file "$COVEN_HOME/coven.toml" '[sandbox]
nested = ["exec"]'
	world_snapshot
	need_monitor
	inside "with one, a user namespace" 0 unshare -Ur true
	inside "and mounts in it" 0 unshare -Urm mount -t tmpfs none /tmp
	if command -v bwrap >/dev/null; then
		inside "bwrap works" 0 "${bwrap[@]}" \
		    sh -c 'echo made >made && ! touch /usr/x 2>/dev/null'
		is "$mode: what it writes is the project's" \
		    "$(cat "$PROJECT/made")" made
	fi
	inside "what is covered, locked or refused stays so" 0 \
	    "$PYTHON" -c "$try"
	echo beside >"$OWNER_HOME/beside"
	give_owner "$OWNER_HOME/beside"
	inside "the host is no nearer" 1 unshare -Urm cat "$OWNER_HOME/beside"
	inside "nor are its processes" 1 unshare -Ur kill -0 "$MONITOR_PID"
	inside "limits count below as well" 0 unshare -Ur sh -c \
	    'ulimit -n 100000000 2>/dev/null && exit 1; exit 0'
	monitor_stop
	left_nothing "$mode: nothing is left"
done

# Only for whom it was granted.
world_end
world user
mkdir -p "$COVEN_HOME"
chmod 700 "$COVEN_HOME"
give_owner "$COVEN_HOME"
owner_file "$COVEN_HOME/coven.toml" '[sandbox]
nested = ["codex"]'
world_snapshot
need_monitor
inside "another harness has none" 1 unshare -Ur true
ctl selftest >"$W/out" 2>&1
is "and its doors are shut" "$?" 0
monitor_stop
left_nothing "nothing is left"
tap_done
