#!/bin/bash
# How long archives and folders are kept: by number, size and age; what a
# step that failed does, and that nothing is removed while it is brought over.
. "$(dirname "$0")/../lib.sh"
world user
as_owner mkdir -p "$PROJECT"
as_owner mkdir -p -m 700 "$COVEN_HOME"

policy() {
	owner_file "$COVEN_HOME/coven.toml" "[archive]
policy = \"always\"
$1"
	as_owner chmod 600 "$COVEN_HOME/coven.toml"
}

# leaves COMMAND: a session whose folder is left behind; its id in $ID.
leaves() {
	ctl exec --isolated --project "$PROJECT" -- sh -c "$1" \
	    </dev/null >"$W/out" 2>&1
	ID=$(ctl sessions --ids --limit 1)
}

archives() { find "$COVEN_HOME/archives" -name '*.tar.zst' 2>/dev/null; }
packed() { test "$(archives | wc -l)" = "$1"; }
has() { test -e "$COVEN_HOME/archives/$1.tar.zst"; }
gone() { ! has "$1"; }
folder() { test -d "$COVEN_HOME/work/$1"; }
no_folder() { ! folder "$1"; }
health() { http GET /api/v1/health && jget "$W/body" "archives.$1"; }
health_is() { test "$(health "$1")" = "$2"; }

# The record, an hour or a month ago.
store() {
	as_owner "$PYTHON" -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute(sys.argv[2])
db.commit()' "$COVEN_HOME/store/coven.db" "$1"
}

policy 'keep_count = 2'
need_monitor
declare -A of
for name in a b c; do
	leaves "echo $name >$name"
	wait_for "$LIVENESS" has "$ID" || note "no archive of $name"
	of[$name]=$ID
done
t "of three archives two are kept" wait_for "$LIVENESS" packed 2
t "the oldest goes" gone "${of[a]}"
t "the newest stays" has "${of[c]}"
t "health counts them" wait_for "$LIVENESS" health_is count 2
t "their bytes" test "$(health bytes)" -gt 100
is "and the folders that are left" "$(health workspaces)" 3
is "no step has failed" "$(health lastFailureAt)" null
ctl doctor >"$W/out"
t "doctor says so" grep -q "ok .*archives .*2 archives, .*3 folders" "$W/out"
ctl discard --yes "${of[c]}" >"$W/out" 2>&1
t "one that is discarded counts no more" \
    wait_for "$LIVENESS" health_is workspaces 2
monitor_stop

store "UPDATE archives SET created_ns = created_ns - 2 * 86400000000000
    WHERE session = '${of[c]}'"
store "UPDATE workspaces SET left_ns = left_ns - 2 * 86400000000000
    WHERE session = '${of[a]}'"
policy 'keep_days = 1
work_days = 1
total_mib = 1'
need_monitor
t "one that is older than its days goes" wait_for "$LIVENESS" gone "${of[c]}"
t "and a folder that is" wait_for "$LIVENESS" no_folder "${of[a]}"
t "a younger archive stays" has "${of[b]}"
t "a younger folder as well" folder "${of[b]}"
leaves 'head -c 700000 /dev/urandom >x'
wait_for "$LIVENESS" has "$ID"
large=$ID
leaves 'head -c 700000 /dev/urandom >x'
t "the newest of two large ones is kept" wait_for "$LIVENESS" has "$ID"
t "what is beyond the bytes goes" wait_for "$LIVENESS" gone "$large"
t "and so does what is older" wait_for "$LIVENESS" gone "${of[b]}"

# --- a step that fails -------------------------------------------------------

as_owner chmod 500 "$COVEN_HOME/archives"
leaves 'echo failed >x'
t "an archive that cannot be written is counted" \
    wait_for "$LIVENESS" health_is failing 1
t "with the time" test "$(health lastFailureAt)" != null
ctl audit tail --match workspace.fail >"$W/out"
t "the audit says why" grep -q "$ID.*archive: failed: .*denied" "$W/out"
ctl doctor >"$W/out"
t "doctor warns" grep -q "warn .*archives .*failed .* ago; 1 are" "$W/out"
t "the folder is there" folder "$ID"
as_owner chmod 700 "$COVEN_HOME/archives"
t "it is tried again" wait_for "$LIVENESS" has "$ID"
t "then nothing is failing" wait_for "$LIVENESS" health_is failing 0

# --- while it is brought over ------------------------------------------------

leaves 'i=0; while [ $i -lt 2000 ]; do echo x >f$i; i=$((i + 1)); done'
wait_for "$LIVENESS" has "$ID"
held() { HELD=$(role_pid applier) && kill -STOP "$HELD"; }
ctl apply "$ID" >"$W/applied" 2>&1 &
APPLY=$!
t "an apply is under way" wait_for "$LIVENESS" held
http DELETE "/api/v1/sessions/$ID"
is "its session is deleted" "$STATUS" 200
t "the removal waits" sh -c "sleep 0.5; test -d '$COVEN_HOME/work/$ID'"
is "no remover runs" "$(roles remover)" ""
kill -CONT "$HELD"
wait "$APPLY"
is "all of it is brought over" \
    "$(find "$PROJECT" -name 'f*' | wc -l)" 2000
t "then the folder goes" wait_for "$LIVENESS" no_folder "$ID"
monitor_stop
rm -rf "$COVEN_HOME/archives" "$COVEN_HOME/work" "$COVEN_HOME/coven.toml"
left_nothing "nothing else is left"
tap_done
