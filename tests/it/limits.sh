#!/bin/bash
# A payload that takes too much is ended, or refused more, and the record says
# by which limit; meanwhile the suite answers and another session goes on.
# Without a cgroup: what rlimits, sizes and the init's watchdog hold it to.
. "$(dirname "$0")/../lib.sh"
world "${LIMITS_MODE:-user}"

owner_file "$COVEN_HOME.toml" "$(printf '%s\n' '[limits]' \
    'memory_mib = 192' \
    'processes = 64' 'open_files = 128' 'file_mib = 8' 'output_mib = 2' \
    'cpu_s = 1' '[sandbox]' 'tmp_mib = 64' '[harness.other.limits]' \
    'memory_mib = 1')"
as_owner mkdir -m 700 "$COVEN_HOME"
mv "$COVEN_HOME.toml" "$COVEN_HOME/coven.toml"
cp "$(script hog.py)" "$PROJECT/hog.py"
give_owner "$PROJECT/hog.py"
world_snapshot
need_monitor

# exit_event ID: the payload of its exit event.
exit_event() {
	http GET "/api/v1/events?sessionId=$1&limit=1000" &&
	    "$PYTHON" -c 'import json, sys
for e in json.load(open(sys.argv[1]))["events"]:
    if e["kind"] == "exit":
        print(e["payload_json"])' "$W/body"
}

limit_of_event() {
	exit_event "$1" | "$PYTHON" -c 'import json, sys
print(json.load(sys.stdin).get("limit", "none"))'
}

limit_of_row() {
	http GET "/api/v1/sessions/$1" && { jget "$W/body" limit || echo none; }
}

LAUNCH_MORE=',"stdin":true'
launch sh -c 'while read -r line; do echo "heard $line"; done' ||
    tap_not_ok "a witness starts" "$W/body"
WITNESS=$ID
LAUNCH_MORE=

# The other session answers what it has not been asked before.
SAID=0
witness_answers() {
	SAID=$((SAID + 1))
	http POST "/api/v1/sessions/$WITNESS/input" \
	    "{\"data\":\"word-$SAID\\n\"}" && [ "$STATUS" = 202 ] || return 1
	wait_for "$LIVENESS" heard "word-$SAID"
}

heard() {
	http GET "/api/v1/events?sessionId=$WITNESS&limit=1000" &&
	    grep -q "heard $1" "$W/body"
}

# All at once: each is ended by its own, and the others' hunger is not its.
HOGS="memory:memory many:memory tables:memory shared:memory segments:memory memfds:memory
    tmpfs:memory fork:processes threads:processes cpu:cpu cpus:cpu
    big:file_size output:output"
declare -A HOG
for hog in $HOGS; do
	what=${hog%:*}
	if launch "$PYTHON" hog.py "$what"; then
		HOG[$what]=$ID
	else
		tap_not_ok "$what: it starts" "$W/body"
	fi
done
t "the suite answers meanwhile" healthy
t "another session goes on" witness_answers
for hog in $HOGS; do
	what=${hog%:*}
	id=${HOG[$what]}
	wait_for "$((3 * LIVENESS))" ended "$id"
	is "$what: the row says how it ended" "$(session_status "$id"):$(
	    limit_of_row "$id")" "failed:${hog#*:}"
	is "$what: so does the event" "$(limit_of_event "$id")" "${hog#*:}"
done
t "the suite answers afterwards" healthy
t "another session has gone on" witness_answers
rm -f "$PROJECT/big"
LAST=${HOG[output]}

output "$LAST" "$W/printed"
t "what it printed up to then is kept" \
    test "$(stat -c %s "$W/printed")" -ge $((2 << 20))
t "and little more" test "$(stat -c %s "$W/printed")" -le $((5 << 20))
t "covenctl says why" grep -q 'output limit' \
    <(ctl attach "$LAST" 2>&1 >/dev/null)
t "the audit says why" grep -q 'limit output' \
    <(ctl audit tail)

run() {
	ctl exec --project "$PROJECT" -- "$@" >"$W/out" 2>"$W/err" </dev/null
	RC=$?
}

run "$PYTHON" hog.py files
t "files: the error says so, and the session goes on" \
    grep -qx '1[0-2][0-9] 24' "$W/out"
is "files: it ended as it wished" "$RC" 0
run "$PYTHON" hog.py stubborn
is "a big file: what does not die of it is told" "$(cat "$W/out")" \
    "27 $((8 << 20))"
rm -f "$PROJECT/big"
run "$PYTHON" hog.py again
is "no limit is raised from inside" "$(cat "$W/out")" "done"
run sh -c 'exit 4'
is "an ordinary failure names no limit" "$RC" 4
# One private file system alone is full before the session has too much.
run sh -c 'for i in 1 2 3 4 5 6 7 8 9; do
    head -c 8388608 /dev/zero >/tmp/$i || echo full; done; stat -fc "%f free" /tmp'
is "a full /tmp says so" "$(tr '\n' ' ' <"$W/out")" "full 0 free "
run sh -c 'mkdir /tmp/d; cd /tmp/d; seq 9000 | xargs touch 2>/dev/null ||
    stat -fc "%d free" .'
is "so does one of files without number" "$(cat "$W/out")" "0 free"

http POST "/api/v1/sessions" "$(printf '{"harness":"exec","projectRoot":"%s",%s' \
    "$PROJECT" '"argv":["sh","-c","ulimit -Hn"],"limits":{"open_files":4096},"limit":"x"}')"
ID=$(jget "$W/body" id)
wait_for "$LIVENESS" ended "$ID"
output "$ID" "$W/printed"
is "a launch that asks for more gets no more" "$(cat "$W/printed")" 128

t "the witness has lived through it all" witness_answers
http POST "/api/v1/sessions/$WITNESS/kill" '{}'
is "and is killed, by nobody's limit" "$(limit_of_row "$WITNESS")" none
monitor_stop
t "no process of any of them is left" no_roles

# --- the clock on the wall ---
owner_file "$COVEN_HOME/coven.toml" "$(printf '%s\n' '[limits]' 'wall_s = 1')"
need_monitor
launch "$PYTHON" hog.py deaf
t "deaf: it ends" wait_for "$LIVENESS" ended "$ID"
is "deaf: the event says why" "$(limit_of_event "$ID")" wall_clock
is "deaf: the row says why" "$(limit_of_row "$ID")" wall_clock
monitor_stop
left_nothing "nothing is left behind"
tap_done
