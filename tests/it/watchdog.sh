#!/bin/bash
# The monitor looks after what clients reach: an apid that hangs is replaced
# on the same listener, and a listener that was shut down, which nothing can
# undo, is made anew as a new instance.
. "$(dirname "$0")/../lib.sh"

[ "$(id -u)" -eq 0 ] || skip_all "shutting a listener down needs root"
world user
need_monitor

apid_is_another() {
	local pid

	pid=$(role_pid apid) && [ "$pid" != "$1" ]
}

instance_is_another() {
	healthy && [ "$(jget "$W/body" daemon.startedAt)" != "$1" ]
}

# pidfd_getfd(2) takes every socket of apid; the one that listens is shut.
# 77: a container's filter refuses that call.
shut_listener() {
	"$PYTHON" - "$1" <<-'EOS'
	import ctypes, errno, os, socket, sys
	libc = ctypes.CDLL(None, use_errno=True)
	pid = int(sys.argv[1])
	pidfd = os.pidfd_open(pid)
	errors = set()
	for name in os.listdir(f"/proc/{pid}/fd"):
	    fd = libc.syscall(438, pidfd, int(name), 0)
	    if fd < 0:
	        errors.add(ctypes.get_errno())
	        continue
	    try:
	        s = socket.socket(fileno=fd)
	        if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
	            s.shutdown(socket.SHUT_RDWR)
	            sys.exit(0)
	    except OSError:
	        pass
	sys.exit(77 if errors == {errno.EPERM} else 1)
	EOS
}

healthy
first=$(jget "$W/body" daemon.startedAt)
inode=$(stat -c '%d:%i' "$SOCK")
rm "$SOCK" && owner_file "$SOCK" "not a socket"
same_inode() {
	[ "$(stat -c '%d:%i' "$SOCK" 2>/dev/null)" = "$inode" ]
}
t "a replaced socket is put back, the same inode" \
    wait_for "$LIVENESS" same_inode

apid=$(role_pid apid)
kill -STOP "$apid"
t "an apid that hangs is replaced" wait_for 60 apid_is_another "$apid"
t "clients are answered again" wait_for "$LIVENESS" healthy
is "by the same instance" "$(jget "$W/body" daemon.startedAt)" "$first"

shut_listener "$(role_pid apid)"
case $? in
0) t "a listener shut from outside: a new instance is made" \
    wait_for 60 instance_is_another "$first" ;;
77) tap_skip "a listener shut from outside: a new instance is made" \
    "pidfd_getfd is refused here" ;;
*) tap_not_ok "the listener is shut down from outside" ;;
esac
is "daemon.json names it" \
    "$(jget "$COVEN_HOME/daemon.json" startedAt)" \
    "$(jget "$W/body" daemon.startedAt)"
ctl exec --project "$PROJECT" -- echo works >"$W/out" 2>&1
is "sessions run" "$(cat "$W/out")" "works"
monitor_stop
left_nothing "nothing is left"
tap_done
