#!/bin/bash
# Sockets and FIFOs that existed before a launch, where a walk of the project
# alone does not find them: in what a harness is shown, under a folder that
# another session moves meanwhile, and mounted over a plain file.
. "$(dirname "$0")/../lib.sh"
world user

SERVERS=()
# serve PATH: a listener of the owner's on a socket file.
serve() {
	${OWNER_PRIV[@]+"${OWNER_PRIV[@]}"} "${OWNER_ENV[@]}" \
	    "$TOOLS/probe" listen-unix "$1" </dev/null >>"$W/serve.log" 2>&1 &
	SERVERS+=("$!")
	wait_for "$LIVENESS" test -S "$1"
}

# A stand-in for an agent, in a package of its own, with a socket beside it.
PACKAGE=$OWNER_HOME/tools/agent
as_owner mkdir -p "$PACKAGE/bin" "$PACKAGE/run" "$OWNER_HOME/shown/deep" \
    "$OWNER_HOME/.local/share/claude/run"
cat >"$PACKAGE/bin/claude" <<'X'
#!/bin/sh
exec sh "$PWD/attack.sh"
X
chmod 755 "$PACKAGE/bin/claude"
serve "$PACKAGE/run/s"
serve "$OWNER_HOME/shown/deep/s"
serve "$OWNER_HOME/.local/share/claude/run/s"
as_owner mkfifo "$OWNER_HOME/shown/pipe"
exec 6<>"$OWNER_HOME/shown/pipe"
as_owner mkdir -m 700 -p "$COVEN_HOME"
owner_file "$COVEN_HOME/coven.toml" "[harness.claude]
read_only = [\"$OWNER_HOME/shown\"]"
cp "$TOOLS/probe" "$PROJECT/probe"
cat >"$PROJECT/attack.sh" <<X
test -e "$PACKAGE/bin/claude" && test -d "$OWNER_HOME/shown" &&
    test -d "$OWNER_HOME/.local/share/claude" && echo shown
"$PROJECT/probe" connect-unix "$PACKAGE/run/s" "$OWNER_HOME/shown/deep/s" \
    "$OWNER_HOME/.local/share/claude/run/s"
"$PROJECT/probe" write-fifo "$OWNER_HOME/shown/pipe"
X
MONITOR_ENV=("PATH=$PACKAGE/bin:/usr/bin:/bin")
world_snapshot

# Only root can mount for the test; the payload is the owner all the same.
MOUNTED=
if [ "$(id -u)" -eq 0 ]; then
	MOUNTED=$PROJECT/mounted
	owner_file "$MOUNTED" "a plain file"
	mkdir "$W/away" && give_owner "$W/away"
	serve "$W/away/s"
	# shellcheck disable=SC2016 # the new shell's
	MONITOR_PRIV=(unshare -m sh -c 'mount --bind "$0" "$1" && shift &&
	    exec "$@"' "$W/away/s" "$MOUNTED" "${MONITOR_PRIV[@]}")
fi
need_monitor

http POST /api/v1/sessions "$(printf \
    '{"harness":"claude","projectRoot":"%s","prompt":"try"}' "$PROJECT")"
is "an agent starts" "$STATUS" 201
ID=$(jget "$W/body" id)
wait_for "$LIVENESS" ended "$ID"
output "$ID" "$W/out"
t "it is shown its folders" grep -q '^shown' "$W/out"
t "every attempt was made" test "$(grep -c '^result' "$W/out")" -eq 2
if grep -q '^OPEN' "$W/out"; then
	tap_not_ok "sockets in what a harness is shown are masked" "$W/out"
else
	tap_ok "sockets in what a harness is shown are masked"
fi

if [ -n "$MOUNTED" ]; then
	ctl exec --project "$PROJECT" -- ./probe connect-unix "$MOUNTED" \
	    </dev/null >"$W/out" 2>&1
	t "a socket that is mounted over a file is masked" \
	    grep -qx 'result 0' "$W/out"
else
	tap_skip "a socket that is mounted over a file is masked" "needs root"
fi

# One session moves the folder of a socket to and fro while others start.
as_owner mkdir -p "$PROJECT/a/sub" "$PROJECT/z"
(cd "$PROJECT" && as_owner mkdir -p many/{1..300})
serve "$PROJECT/a/sub/s"
owner_file "$PROJECT/move.py" 'import os
while True:
    for old, new in (("a/sub", "z/sub"), ("z/sub", "a/sub")):
        try: os.rename(old, new)
        except OSError: pass'
owner_file "$PROJECT/try.py" 'import socket
for path in ("a/sub/s", "z/sub/s") * 200:
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        print("OPEN", path)
        break
    except OSError: pass
print("tried")'
launch "$PYTHON" move.py
MOVER=$ID
for ((i = 0; i < 20; i++)); do
	ctl exec --project "$PROJECT" -- "$PYTHON" try.py </dev/null
done >"$W/out" 2>&1
http POST "/api/v1/sessions/$MOVER/kill" '{}'
is "every launch worked" "$(grep -c '^tried' "$W/out")" 20
if grep -q '^OPEN' "$W/out"; then
	tap_not_ok "a folder that moves hides no socket" "$W/out"
else
	tap_ok "a folder that moves hides no socket"
fi

kill "${SERVERS[@]}" 2>/dev/null
wait "${SERVERS[@]}" 2>/dev/null
exec 6>&-
monitor_stop
rm -rf "$COVEN_HOME/state"		# kept for the next session, on purpose
left_nothing "nothing is left"
tap_done
