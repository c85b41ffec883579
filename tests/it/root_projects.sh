#!/bin/bash
# sandbox.root_projects = "overlay": sessions in a project of root's write to an
# overlay, whatever a launch asks for; what apply brings over is root's, without
# set-id bits, and no payload is root.  In another's project nothing changes.
. "$(dirname "$0")/../lib.sh"
world root

run() {
	(cd "$PROJECT" && ctl exec -- "$@") >"$W/out" 2>&1
}

owner_file "$COVEN_HOME/coven.toml" '[sandbox]
root_projects = "overlay"' 2>/dev/null || {
	mkdir -m 700 "$COVEN_HOME"
	owner_file "$COVEN_HOME/coven.toml" '[sandbox]
root_projects = "overlay"'
}
printf 'tool\n' >"$PROJECT/tool"
printf 'old\n' >"$PROJECT/text"
chmod 4755 "$PROJECT/tool"
world_snapshot
need_monitor
# shellcheck disable=SC2016 # in the session
run bash -c 'mv tool moved; echo new >text; echo made >made
    python3 -c "import time; time.sleep(0.2)"; cat text made'
is "a session sees what it wrote" "$(cat "$W/out")" "new
made"
is "and the project is as it was" "$(cd "$PROJECT" && echo *) $(
    cat "$PROJECT/text") $(stat -c %a "$PROJECT/tool")" \
    "text tool old 4755"
http GET /api/v1/sessions
id=$(jget "$W/body" items.0.id || jget "$W/body" sessions.0.id ||
    jget "$W/body" 0.id)
ctl apply "$id" >"$W/out" 2>&1
t "it is brought over" cmp <(echo new) "$PROJECT/text"
is "without a set-id bit, and as root's" \
    "$(stat -c '%a %u' "$PROJECT/moved")" "755 0"
is "what was removed is gone" "$(cd "$PROJECT" && echo *)" "made moved text"
(cd "$PROJECT" && ctl exec -- sleep 30) >/dev/null 2>&1 &
t "a session runs" wait_for "$LIVENESS" pgrep -f '^sleep 30$'
is "and is not root on the host" \
    "$(($(stat -c %u "/proc/$(pgrep -f '^sleep 30$' | head -n 1)") != 0))" 1
monitor_stop
wait
rm -rf "$COVEN_HOME/work"
left_nothing "nothing is left"
tap_done
