#!/bin/bash
# The habits of existing clients, replayed byte by byte (contract, section 6):
# what each sends, and what it demands of the reply.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../wire.sh"
world user
need_monitor
EXEC="{\"harness\":\"exec\",\"projectRoot\":\"$PROJECT\",\"argv\":[\"cat\"],\"stdin\":true}"

# within MS CMD ...: it ends by then.
within() {
	local start ms=$1

	shift
	start=$(now_ms)
	"$@" || return
	[ "$(($(now_ms) - start))" -le "$ms" ]
}

# --- coven-client: Content-Length always, half-closes, reads strictly ---------

client() {
	printf '%s %s HTTP/1.1\r\nHost: coven\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
	    "$1" "$2" "${#3}" "$3"
}
as_owner "$TOOLS/rawhttp" -h "$SOCK" </dev/null >"$W/peer" 2>&1
is "coven-client: a look at the peer costs nothing" \
    "$?:$(stat -c %s "$W/peer")" "0:0"
client GET /api/v1/health '' |
	vector "coven-client: health" 200 '^\{"ok":true,.*"structuredErrors":true' -h
client POST /api/v1/sessions "$EXEC" >"$W/request"
vector "coven-client: a launch" 201 '"status":"running"' -h <"$W/request"
id=$(jget "$W/body" id)
client GET '/api/v1/sessions?limit=100' '' |
	vector "coven-client: a page of sessions" 200 '"next_cursor":null\}$' -h
client GET "/api/v1/sessions?limit=1&includeArchived=true" '' |
	vector "coven-client: with archived ones" 200 '^\{"sessions":\[\{' -h
client GET "/api/v1/sessions/$id" '' |
	vector "coven-client: one session" 200 "\"id\":\"$id\"" -h
client POST "/api/v1/sessions/$id/input" '{"data":"x\n"}' |
	vector "coven-client: input" 202 '^\{"accepted":true,"ok":true\}$' -h
client GET "/api/v1/events?sessionId=$id&afterSeq=0&limit=100" '' |
	vector "coven-client: events" 200 '"nextCursor":\{"afterSeq":[0-9]+\}' -h
client GET "/api/v1/sessions/absent" '' |
	vector "coven-client: an error has code and message" 404 \
	    '^\{"error":\{"code":"[^"]+","message":"[^"]+"' -h
client POST "/api/v1/sessions/$id/kill" '{}' |
	vector "coven-client: kill" 202 '"accepted":true' -h
t "coven-client: nothing of it is an error in the log" \
    test "$(grep -c '<3>' "$W/monitor.log")" = 0

# The whole life of its connection fits into its five seconds.
client GET /api/v1/health '' >"$W/request"
t "coven-client: well within its deadline" within 5000 raw -h <"$W/request"

# --- coven: unversioned, reads to the end without a deadline ----------------------

http POST /api/v1/sessions "$EXEC"
id=$(jget "$W/body" id)
client POST "/sessions/$id/input" '{"data":"hello\n"}' |
	vector "coven: input" 202 '"ok":true' -h
is "coven: and the connection ends" "$RAW_STATUS" 0
client POST "/sessions/$id/kill" '{}' | vector "coven: kill" 202 '"ok":true' -h
is "coven: and the connection ends" "$RAW_STATUS" 0
client POST "/sessions/$id/kill" '{}' |
	vector "coven: kill of one that has ended" 409 '"session_not_live"' -h

# --- coven-code: HTTP/1.0, no length, no half-close --------------------------------

old() {
	printf 'GET %s HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n' \
	    "$1"
}
old /api/v1/familiars >"$W/request"
t "coven-code: a sign of life within 2 s" within 2000 raw <"$W/request"
is "coven-code: the second word is the status" \
    "$(head -n 1 "$W/reply" | cut -d' ' -f2)" 200
is "coven-code: behind the empty line is JSON alone" "$(cat "$W/body")" '[]'
BODY='{"id":"cc-1","projectRoot":"/p","harness":"coven-code","title":"t","labels":["a","b"],"transcriptPath":"/t.jsonl"}'
printf 'POST /api/v1/sessions/external HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
    "${#BODY}" "$BODY" | vector "coven-code: it registers itself" 201 \
    '"id":"cc-1".*"labels":\["a","b"\].*"external":true,"transcript_path":"/t.jsonl"'
old /api/v1/sessions | vector "coven-code: sessions, as a bare array" 200 \
    '^\[\{.*\}\]$'
old '/api/v1/sessions/cc-1' | vector "coven-code: one of them" 200 '"id":"cc-1"'
printf 'POST /api/v1/sessions/cc-1/complete HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"exitCode":0}' |
	vector "coven-code: it says that it ends" 200 '"status":"completed"'
printf 'POST /api/v1/sessions/cc-1/input HTTP/1.0\r\nContent-Length: 13\r\n\r\n{"input":"x"}' |
	vector "coven-code: what it sends to one that has ended" 409 \
	    '"session_not_live"'

# --- OpenClaw: Node's http, Connection: close ------------------------------------------

node() {
	local type=''

	[ -z "${3-}" ] || type='Content-Type: application/json'
	printf '%s %s HTTP/1.1\r\nHost: coven\r\nConnection: close\r\n' \
	    "$1" "$2"
	[ -z "$type" ] || printf '%s\r\n' "$type"
	[ "$1" = GET ] || printf 'Content-Length: %d\r\n' "${#3}"
	printf '\r\n%s' "${3-}"
}
node GET /api/v1/health | vector "OpenClaw: health" 200 \
    '"apiVersion":"coven\.daemon\.v1"'
node POST /api/v1/sessions "$EXEC" >"$W/request"
vector "OpenClaw: a launch" 201 '"status":"running"' <"$W/request"
id=$(jget "$W/body" id)
t "OpenClaw: the id is of its charset" \
    grep -qE '"id":"[A-Za-z0-9._:-]{1,128}"' "$W/body"
node POST "/api/v1/sessions/$id/input" '{"data":"a\n"}' |
	vector "OpenClaw: input" 202 '"accepted":true'
polled() {
	node GET "/api/v1/events?sessionId=$id" | raw && grep -q output "$W/body"
}
t "OpenClaw: it polls" wait_for "$LIVENESS" polled
event=$(jget "$W/body" events.0.id)
t "OpenClaw: an event's id is of its charset" \
    test "$(printf %s "$event" | grep -cE '^[A-Za-z0-9._:-]{1,256}$')" = 1
node GET "/api/v1/events?sessionId=$id&afterEventId=$event" |
	vector "OpenClaw: from the last event that it saw" 200 \
	    '^\{"events":\['
is "OpenClaw: which is not there again" "$(grep -c "$event" "$W/body")" 0
node GET "/api/v1/sessions/$id" | vector "OpenClaw: status" 200 \
    '"status":"(created|running|idle|completed|failed|killed|orphaned)"'
node POST "/api/v1/sessions/$id/kill" '' |
	vector "OpenClaw: kill without a body" 202 '"accepted":true'
is "OpenClaw: the home is what it demands" \
    "$(stat -c '%a %u' "$COVEN_HOME")" "700 $OWNER"
is "OpenClaw: the socket is what it demands" \
    "$(stat -c '%a %u' "$SOCK")" "600 $OWNER"

# --- the SDK: health alone -----------------------------------------------------------------

http GET /api/v1/health
t "SDK: health is of its shape" "$PYTHON" -c 'import json, sys
h = json.load(open(sys.argv[1]))
c = h["capabilities"]
assert h["ok"] is True and h["apiVersion"] == "coven.daemon.v1"
assert isinstance(h["covenVersion"], str)
assert isinstance(c["sessions"], bool) and isinstance(c["events"], bool)
assert isinstance(c["eventCursor"], str) and c["structuredErrors"] is True
' "$W/body"

# --- benchmarks: a keep-alive agent, which is closed every time -----------------------------

keep() {
	printf '%s %s HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n%s' \
	    "$1" "$2" "${#3}" "$3"
}
printf 'GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n' |
	vector "benchmarks: health" 200 '"eventWriter":\{'
for counter in queuedEvents queuedBytes capacityBytes droppedOutputEvents \
    droppedOutputBytes connectionOpens transactions committedEvents; do
	t "benchmarks: $counter counts" \
	    test "$(jget "$W/body" "eventWriter.$counter")" -ge 0
done
before=$(jget "$W/body" eventWriter.committedEvents)
keep POST /api/v1/sessions "$EXEC" >"$W/request"
vector "benchmarks: a launch" 201 '"status":"running"' <"$W/request"
id=$(jget "$W/body" id)
keep POST "/api/v1/sessions/$id/input" '{"data":"x\n"}' |
	vector "benchmarks: input" 202 '"ok":true'
keep POST "/api/v1/sessions/$id/kill" '{}' |
	vector "benchmarks: kill" 202 '"ok":true'
counted() {
	http GET /health &&
	    [ "$(jget "$W/body" eventWriter.committedEvents)" -gt "$before" ]
}
t "benchmarks: the counters have counted" wait_for "$LIVENESS" counted
t "benchmarks: daemon.json names the socket" \
    test -S "$(jget "$COVEN_HOME/daemon.json" socket)"

# --- the lifecycle client: health, then shutdown, then the end ---------------------------------

client GET /health '' | vector "lifecycle: health" 200 '^\{"ok":true' -h
daemon=$(jget "$W/body" daemon | tr -d ' ')
client POST /api/v1/internal/lifecycle/shutdown \
    "{\"apiVersion\":\"coven.daemon.v1\",\"daemon\":$daemon}" >"$W/request"
t "lifecycle: gone within its two seconds" within 2000 raw -h <"$W/request"
is "lifecycle: accepted, by name" "$STATUS:$(jget "$W/body" ok):$(
    jget "$W/body" daemon | tr -d ' ')" "202:true:$daemon"
t "lifecycle: the process is gone when the connection ends" \
    process_gone "$MONITOR_PID"
monitor_wait 5
left_nothing "nothing is left"
tap_done
