#!/bin/bash
# A container that refuses namespaces, and an owner who says that Landlock will
# do: sessions run without namespaces, are kept to their files, have no
# network, and leave nothing, however they end; who says nothing is refused.
# Needs root to be the container's runtime.
. "$(dirname "$0")/../lib.sh"
world user
[ "$(id -u)" -eq 0 ] || skip_all "needs root to make a container"

# run CMD ...: in a session, from the project.
run() {
	(cd "$PROJECT" && ctl exec -- "$@") >"$W/out" 2>&1
}

# says NAME WORDS CMD ...: the session prints these.
says() {
	local name=$1 words=$2

	shift 2
	run "$@"
	if grep -qF -- "$words" "$W/out"; then
		tap_ok "$name"
	else
		tap_not_ok "$name" "$W/out"
	fi
}

# gone NAME: no process of this name is left.
gone() {
	! pgrep -u "$OWNER" -f "$1" >/dev/null
}

no_work() {
	[ -z "$(ls -A "$COVEN_HOME/work" 2>/dev/null)" ]
}

launch() {
	http POST /api/v1/sessions "$(printf \
	    '{"harness":"exec","projectRoot":"%s","argv":[%s]}' "$PROJECT" "$1")"
}

mark=coven-alone-$$
world_alone
echo beside >"$OWNER_HOME/beside"
give_owner "$OWNER_HOME/beside"
chmod 600 "$OWNER_HOME/beside"
need_monitor
launch '"true"'
is "a launch says what it runs in" "$STATUS $(jget "$W/body" sandbox)" \
    "201 landlock"
http GET /api/v1/health
is "and so does the daemon" "$(jget "$W/body" capabilities.sandboxMode)" \
    landlock
ctl doctor >"$W/doctor" 2>&1
t "and doctor" grep -q "mode landlock is in force" "$W/doctor"

says "it runs as the owner" "uid=$OWNER " id
says "it writes in its project" written \
    sh -c 'echo written >file; cat file'
is "where it stays" "$(cat "$PROJECT/file")" written
says "and in folders of its own" "own own" sh -c \
    'echo own >"$TMPDIR/f"; echo own >~/f; echo $(cat "$TMPDIR/f" ~/f)'
t "which are gone after it" wait_for "$LIVENESS" no_work
says "not beside the project" "Permission denied" cat "$OWNER_HOME/beside"
says "nor in /tmp" "Permission denied" sh -c "echo x >/tmp/$mark"
says "there is no /proc" "Permission denied" ls /proc
says "and no socket" "PermissionError" \
    "$PYTHON" -c 'import socket; socket.socket(socket.AF_UNIX)'
says "nor a datagram that could name one" "PermissionError" "$PYTHON" -c \
    'import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)'
says "pairs are there" paired "$PYTHON" -c \
    'import socket; socket.socketpair(); print("paired")'
says "the owner's processes get no signal" "not permitted" \
    sh -c "kill -0 $MONITOR_PID"
says "its own do" "ended by 143" \
    bash -c 'sleep 60 & kill $!; wait $!; echo "ended by $?"'
says "nor is their priority changed" "PermissionError" "$PYTHON" -c \
    "import os; os.setpriority(os.PRIO_PROCESS, $MONITOR_PID, 10)"
says "a mode is changed through a descriptor" 0o640 "$PYTHON" -c \
    'import os; f = open("file"); os.fchmod(f.fileno(), 0o640)
print(oct(os.fstat(f.fileno()).st_mode & 0o777))'
says "and not by a path" PermissionError "$PYTHON" -c \
    "import os; os.chmod('$OWNER_HOME/beside', 0o644)"
is "the mode is what it was" "$(stat -c %a "$OWNER_HOME/beside")" 600
(cd "$PROJECT" && ctl exec --tty -- tty) >"$W/out" 2>&1
t "it has a terminal" grep -q /dev/pts/ "$W/out"

# However it ends, what it started ends with it.
run bash -c "(exec -a $mark-1 sleep 600 >/dev/null 2>&1 &)
    setsid bash -c 'exec -a $mark-1 sleep 600' >/dev/null 2>&1 & sleep 0.3"
t "what it left behind has ended with it" gone "$mark-1"
launch "\"bash\",\"-c\",\"setsid bash -c 'exec -a $mark-2 sleep 600' & exec \
-a $mark-2 sleep 600\""
id=$(jget "$W/body" id)
t "a session runs" wait_for "$LIVENESS" pgrep -u "$OWNER" -f "$mark-2"
ctl kill "$id" >"$W/out" 2>&1
t "a killed one leaves no process" gone "$mark-2"
launch "\"bash\",\"-c\",\"setsid bash -c 'exec -a $mark-3 sleep 600' & exec \
-a $mark-3 sleep 600\""
t "another runs" wait_for "$LIVENESS" pgrep -u "$OWNER" -f "$mark-3"
kill -KILL "$(role_pid init)"
t "its init killed, nothing of it is left" \
    wait_for "$LIVENESS" gone "$mark-3"
launch "\"bash\",\"-c\",\"setsid bash -c 'exec -a $mark-4 sleep 600' & exec \
-a $mark-4 sleep 600\""
t "one more runs" wait_for "$LIVENESS" pgrep -u "$OWNER" -f "$mark-4"
monitor_kill
t "the monitor killed, nothing of it is left" \
    wait_for "$LIVENESS" gone "$mark-4"
launched() {
	need_monitor
	launch "\"bash\",\"-c\",\"setsid bash -c 'exec -a $mark-5 sleep 600' & \
exec -a $mark-5 sleep 600\""
	wait_for "$LIVENESS" pgrep -u "$OWNER" -f "$mark-5"
}
t "a last one runs" launched
kill -STOP "$MONITOR_PID"
ctl panic >"$W/out" 2>&1
t "panic ends it while the monitor hangs" wait_for "$LIVENESS" gone "$mark-5"
kill -CONT "$MONITOR_PID"
monitor_stop
need_monitor
t "and its folders go with the next" wait_for "$LIVENESS" no_work

# What needs namespaces says so.
http POST /api/v1/sessions "$(printf '{"harness":"exec","isolated":true,%s,%s}' \
    "\"projectRoot\":\"$PROJECT\"" '"argv":["touch","ran"]')"
t "an isolated session is refused" grep -q "needs an overlay" "$W/body"
monitor_stop
rmdir "$COVEN_HOME/work"
left_nothing "nothing is left"

# In a container that covers parts of /proc; it has a pid namespace of its own,
# so the client lives in there as well.
world_end
world user
world_alone
cd "$PROJECT" || exit 1
"$PYTHON" "$W/container.py" masked-proc "$OWNER" "${OWNER_ENV[@]}" sh -c \
    'covenctl start; covenctl exec -- touch ran; covenctl exec -- ls /proc
    covenctl stop' >"$W/said" 2>&1
cd / || exit 1
t "a masked /proc: a session runs without" test -e "$PROJECT/ran"
t "and without the one that is there" grep -q "Permission denied" "$W/said"

# Whom it is not for.
for owner in root system; do
	world_end
	world "$owner"
	world_alone
	MONITOR_PRIV=("$PYTHON" "$W/container.py" no-userns 0)
	need_monitor
	launch '"touch","ran"'
	if [ "$owner" = root ]; then
		t "root's files are no payload's" \
		    grep -q "never host uid 0" "$W/body"
	else
		t "root without a pids controller is refused" \
		    grep -q "no pids controller" "$W/body"
	fi
	t "nothing has run" test ! -e "$PROJECT/ran" -a "$STATUS" -ge 400
	monitor_stop
done
tap_done
