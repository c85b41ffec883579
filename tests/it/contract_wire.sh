#!/bin/bash
# The contract, row by row, for what is on the wire: each test is named after
# the section whose row it is.  Launches, privacy and records have scripts of
# their own; appendix A and what must be refused are in wire_contract.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../wire.sh"
world user
need_monitor

NOT_FOUND='^\{"error":\{"code":"not_found","message":"Route not found\."\}\}$'

# error CODE [MEMBER]: a pattern, for a body that says that.
error() {
	printf '"error":\{"code":"%s","message":"[^"].*%s' "$1" "${2-}"
}

# same_json NAME FILE FILE: as parsed.
same_json() {
	t "$1" "$PYTHON" -c 'import json, sys
a, b = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:])
sys.exit(a != b and f"{a}\n{b}")' "$2" "$3"
}

# --- 0: what clients find out about the process ---------------------------

http GET /health
cp "$W/body" "$W/health"
is "0.1 the listener's pid is the one health names" \
    "$(as_owner "$TOOLS/rawhttp" -p "$SOCK")" \
    "$(jget "$W/health" daemon.pid) $(stat -c %u "$SOCK")"
t "0.1 that process lives" process_alive "$(jget "$W/health" daemon.pid)"
is "0.2 the peer's uid is the socket's and the home's" \
    "$(stat -c %u "$SOCK" "$COVEN_HOME" | sort -u)" "$OWNER"
get /health | raw -t 5000
is "0.6 a client that waits for the end of the connection gets it" \
    "$RAW_STATUS:$STATUS" 0:200

# --- 1.3: files -------------------------------------------------------------

is "1.3 coven.sock is a socket, 0600" "$(stat -c '%F %a' "$SOCK")" \
    "socket 600"
is "1.3 daemon.json is a file, 0600" \
    "$(stat -c '%F %a' "$COVEN_HOME/daemon.json")" "regular file 600"
t "1.3 it is at most 16 KiB" \
    test "$(stat -c %s "$COVEN_HOME/daemon.json")" -le 16384
is "1.3 it ends with a line's end" \
    "$(tail -c 1 "$COVEN_HOME/daemon.json" | od -An -c | tr -d ' ')" '\n'
jget "$W/health" daemon >"$W/daemon"
same_json "1.3 it is health.daemon" "$COVEN_HOME/daemon.json" "$W/daemon"
for lock in daemon-serve.lock state.lock; do
	is "1.3 $lock is a file, 0600, with one name" \
	    "$(stat -c '%F %a %h' "$COVEN_HOME/$lock" | sed 's/ empty//')" \
	    "regular file 600 1"
done
t "1.3 daemon-serve.lock is held while it serves" \
    test "$(flock -n "$COVEN_HOME/daemon-serve.lock" true; echo $?)" = 1
t "1.3 state.lock is held shared" \
    flock -n -s "$COVEN_HOME/state.lock" true
t "1.3 a reset cannot have it" \
    test "$(flock -n "$COVEN_HOME/state.lock" true; echo $?)" = 1

# --- 1.5: the shutdown route ---------------------------------------------------

STOP=/api/v1/internal/lifecycle/shutdown
daemon=$(cat "$W/daemon")
while IFS='|' read -r name status pattern body; do
	post "$STOP" "$body" | vector "1.5 shutdown: $name" "$status" \
	    "$(error "$pattern")"
done <<TABLE
no body|400|invalid_request|
an empty object|400|invalid_request|{}
not JSON|400|invalid_request|{
not an object|400|invalid_request|[]
a member more|400|invalid_request|{"apiVersion":"coven.daemon.v1","daemon":$daemon,"x":1}
no daemon|409|daemon_identity_mismatch|{"apiVersion":"coven.daemon.v1"}
another apiVersion|409|daemon_identity_mismatch|{"apiVersion":"coven.daemon.v2","daemon":$daemon}
another pid|409|daemon_identity_mismatch|{"apiVersion":"coven.daemon.v1","daemon":${daemon/\"pid\": /\"pid\": 1}}
another start|409|daemon_identity_mismatch|{"apiVersion":"coven.daemon.v1","daemon":${daemon/Z\"/1Z\"}}
TABLE
{
	printf 'POST %s HTTP/1.1\r\nHost: coven\r\n' "$STOP"
	printf 'Content-Length: 16385\r\n\r\n'
	head -c 16385 /dev/zero | tr '\0' ' '
} | vector "1.5 shutdown: over 16 KiB" 413 "$(error payload_too_large)"
post "${STOP#/api/v1}" "{}" |
	vector "1.5 the route has no alias" 404 "$NOT_FOUND"
post "$STOP?x=y" "{}" | vector "1.5 nor a query" 404 "$NOT_FOUND"
get "$STOP" | vector "1.5 nor another method" 404 "$NOT_FOUND"
t "1.5 none of it stopped the daemon" process_alive "$MONITOR_PID"

# --- 2.1: bytes -------------------------------------------------------------------

for version in HTTP/1.0 HTTP/1.1 HTTP/2.0 HTTP/9.9 x; do
	printf 'GET /health %s\r\nHost: coven\r\n\r\n' "$version" |
		vector "2.1 version $version is ignored" 200 '^\{"ok":true,'
done
printf 'POST /actions HTTP/1.1\r\nHOST: coven\r\ncOnTeNt-LeNgTh: 2\r\n\r\n{}' |
	vector "2.1 header names in any case" 400 '"action":"","status"'
printf 'POST /actions HTTP/1.1\r\nHost: coven\r\n\r\n{"action":"nope"}' |
	vector "2.1 no length is no body" 400 '"action":"","status"'
{
	printf 'POST /actions HTTP/1.1\r\nHost: coven\r\n'
	printf 'Content-Length: 4194304\r\n\r\n'
	head -c 4194304 /dev/zero | tr '\0' ' '
} | vector "2.1 a body of 4 MiB is taken" 400 '"status":"rejected"'
printf 'POST /api/v1/sessions HTTP/1.1\r\nContent-Length: 4194305\r\n\r\n' |
	vector "2.1 one byte more is not" 413 \
	    '^\{"ok":false,"error":\{"code":"payload_too_large"'
is_reason "2.1 413 has its reason" 413 "Payload Too Large"
get /health | vector "2.1 JSON is compact" 200 '^[^ ]*"covenVersion":"[^ ]*$'
is_reason "2.1 200 has its reason" 200 OK
get /nope | vector "2.1 and so have errors" 404 "$NOT_FOUND"
is_reason "2.1 404 has its reason" 404 "Not Found"
printf 'GET /health HTTP/1.1\r\nOrigin: null\r\n\r\n' |
	vector "2.1 what is refused before it has a route says ok as well" \
	    403 '^\{"ok":false,"error":\{"code":"forbidden"'
is_reason "2.1 403 has its reason" 403 Forbidden

# --- 2.2: routing and versions --------------------------------------------------

http POST /sessions/external \
    '{"id":"a/b","projectRoot":"/p","harness":"coven-code"}'
for target in /health /api-version /capabilities /familiars /sessions \
    '/sessions?limit=5' /sessions/a/b '/events?sessionId=a/b' \
    /sessions/a/b/events /sessions/a/b/log; do
	get "/api/v1$target" | raw
	cp "$W/body" "$W/prefixed"
	get "$target" | raw
	case $target in
	/health) sed -i 's/,"eventWriter":.*//' "$W/prefixed" "$W/body" ;;
	esac
	t "2.2 $target is the same under /api/v1" \
	    cmp "$W/prefixed" "$W/body"
done
for version in v2 v0 V1 v1x v; do
	get "/api/$version/health" | vector "2.2 /api/$version" 404 \
	    "$(error invalid_request "\"apiVersion\":\"$version\",\"supportedApiVersions\":\[\"v1\"\]")"
	is "2.2 /api/$version has its message" \
	    "$(jget "$W/body" error.message)" "Unsupported API version."
done
for target in / /api /api/ /api/v1 /api/v1/ /api/v1/api/v1/health \
    /health/ //health /sessions/external/ /Health; do
	get "$target" >"$W/request"
	case $target in
	/sessions/external/)
		vector "2.2 $target is a session's name" 404 \
		    "$(error session_not_found)" <"$W/request" ;;
	*)
		vector "2.2 $target" 404 "$NOT_FOUND" <"$W/request" ;;
	esac
done
for method in PUT PATCH HEAD OPTIONS DELETE CONNECT get Get FOO; do
	printf '%s /health HTTP/1.1\r\nHost: coven\r\n\r\n' "$method" |
		vector "2.2 $method is no method of /health" 404 "$NOT_FOUND"
done
while IFS='|' read -r query status pattern; do
	get "/api/v1/sessions?$query" | vector "2.2 query $query" "$status" \
	    "$pattern"
done <<'TABLE'
limit=5&limit=0|200|^\{"sessions"
limit=0&limit=5|400|"limit":"0"
limit=%35|400|"limit":"%35"
limit|200|^\[
limit=|400|"code":"invalid_request"
Limit=0|200|^\[
limit=+5|200|^\{"sessions"
limit=-1|400|"limit":"-1"
limit=5x|400|"limit":"5x"
x=1&limit=5|200|^\{"sessions"
includeArchived=true|200|^\{"sessions"
includeArchived=false|200|^\{"sessions"
includeArchived=True|400|"includeArchived":"True"
cursor=|400|"code":"invalid_request"
cursor=e30|400|"cursor":"e30"
TABLE
for body in '' ' ' '{}' ' {} '; do
	post /api/v1/sessions "$body" |
		vector "2.2 the body <$body> is an empty object" 400 \
		    '"message":"`projectRoot` is required'
done
for body in '{' '[1' '{"a":1,}' 'nonsense' '{} {}'; do
	post /api/v1/sessions "$body" |
		vector "2.2 the body <$body> is refused" 400 \
		    "$(error invalid_request)"
	t "2.2 with the message that clients know" grep -q \
	    '"message":"failed to parse request body' "$W/body"
done
get /api/v1/sessions/a/b |
	vector "2.2 an id may hold slashes" 200 '"id":"a/b"'
get '/api/v1/sessions/a%2Fb' |
	vector "0.7 an id is not decoded" 404 '"sessionId":"a%2Fb"'
http POST /sessions/external \
    '{"id":"a%2Fb","projectRoot":"/p","harness":"coven-code"}'
get '/api/v1/sessions/a%2Fb' |
	vector "0.7 and is found as it is" 200 '"id":"a%2Fb"'
get '/api/v1/events?sessionId=a%2Fb' |
	vector "0.7 nor is one of a query" 200 '^\{"events":\[\]'
get '/api/v1/sessions//events' |
	vector "2.2 an empty id is nobody's" 404 '"sessionId":""'
get '/api/v1/sessions/x/log/events' |
	vector "2.2 the suffix decides" 404 '"sessionId":"x/log"'

# --- 2.3: health and discovery -----------------------------------------------------

for flag in sessions events structuredErrors sessionLaunchPolicy; do
	is "2.3 $flag is there" \
	    "$(jget "$W/health" "capabilities.$flag")" true
done
for flag in travel scheduler hub executorDispatch sessionHandoff afs \
    afsMount afsCommit afsCommitDryRun; do
	is "2.3 $flag is not" "$(jget "$W/health" "capabilities.$flag")" false
done
is "2.3 the cursor is a number" \
    "$(jget "$W/health" capabilities.eventCursor)" sequence
for contract in executionBindingContracts requestAdoptionContracts; do
	is "2.7 $contract is empty" \
	    "$(jget "$W/health" "capabilities.$contract")" "[]"
done
is "2.3 apiVersion" "$(jget "$W/health" apiVersion)" coven.daemon.v1
t "2.3 covenVersion is a version" grep -qE \
    '"covenVersion":"[0-9]+\.[0-9]+\.[0-9]+' "$W/health"
t "2.3 health is below 64 KiB" \
    test "$(stat -c %s "$W/health")" -lt 65536
get '/health?x=y' | vector "2.3 a query changes nothing" 200 '^\{"ok":true'
get /capabilities | vector "2.3 capabilities of the control plane" 200 \
    '"id":"coven\.sessions".*"id":"coven\.control\.actions".*"actions":\["coven\.capabilities\.refresh"\]'

# --- 2.5: events ---------------------------------------------------------------------

LAUNCH_MORE=',"stdin":true'
if launch sh -c 'cat >/dev/null'; then
	live=$ID
else
	tap_not_ok "2.5 a live session" "$W/reply"
fi
for word in one two three; do
	http POST "/api/v1/sessions/$live/input" "{\"data\":\"$word\"}"
done
http GET "/api/v1/events?sessionId=$live"
cp "$W/body" "$W/all"
is "2.5 without a limit: all of them" "$(jget "$W/all" events.#)" 3
is "2.5 and no more is said to be there" "$(jget "$W/all" hasMore)" false
first=$(jget "$W/all" events.0.seq)
second=$(jget "$W/all" events.1.seq)
third=$(jget "$W/all" events.2.seq)
t "2.5 numbers rise" test "$first" -lt "$second" -a "$second" -lt "$third"
is "2.5 the cursor is the last one's" \
    "$(jget "$W/all" nextCursor.afterSeq)" "$third"
http GET "/api/v1/sessions/$live/events"
t "2.5 both routes say the same" cmp "$W/all" "$W/body"
ident=$(jget "$W/all" events.0.id)
# page NAME QUERY EVENTS HAS-MORE CURSOR
page() {
	http GET "/api/v1/sessions/$live/events?$2"
	is "2.5 $1" "$(jget "$W/body" events.#) $(jget "$W/body" hasMore) $(
	    jget "$W/body" nextCursor)" "$3 $4 $5"
}
page "afterSeq" "afterSeq=$first" 2 false "{\"afterSeq\": $third}"
page "afterSeq of the last: an empty page" "afterSeq=$third" 0 false null
page "a limit" "limit=2" 2 true "{\"afterSeq\": $second}"
page "a limit that is just enough" "limit=3" 3 false "{\"afterSeq\": $third}"
page "limit 0 is 1" "limit=0" 1 true "{\"afterSeq\": $first}"
page "limit -5 is 1" "limit=-5" 1 true "{\"afterSeq\": $first}"
page "limit 5000 is 1000" "limit=5000" 3 false "{\"afterSeq\": $third}"
page "afterEventId" "afterEventId=$ident" 2 false "{\"afterSeq\": $third}"
page "afterSeq is before it" "afterEventId=$ident&afterSeq=$second" 1 false \
    "{\"afterSeq\": $third}"
page "an unknown event is no cursor" "afterEventId=nobody" 3 false \
    "{\"afterSeq\": $third}"
page "a negative cursor is the beginning" "afterSeq=-7" 3 false \
    "{\"afterSeq\": $third}"
for query in afterSeq=x afterSeq= limit=1.5 limit=x \
    afterSeq=99999999999999999999; do
	get "/api/v1/sessions/$live/events?$query" |
		vector "2.5 $query" 400 "$(error invalid_request)"
done
for target in "/api/v1/events" "/api/v1/events?sessionId=" \
    "/api/v1/events?session=$live"; do
	get "$target" | vector "2.5 ${target#/api/v1} names no session" 400 \
	    "$(error invalid_request)"
done
for target in /events?sessionId=absent /sessions/absent/events \
    /sessions/absent/log /sessions/absent; do
	get "/api/v1$target" | vector "2.5 $target" 404 \
	    "$(error session_not_found '"details":\{"sessionId":"absent"\}')"
done

# More than a reply may hold.
LAUNCH_MORE=
if launch sh -c 'head -c 6000000 /dev/zero | tr "\0" x'; then
	t "2.5 a long session ends" wait_for "$LIVENESS" ended "$ID"
	get "/api/v1/sessions/$ID/events" |
		vector "2.5 without a limit it is everything or 413" 413 \
		    "$(error event_response_too_large '"details":\{.*"seq":[0-9]+')"
	get "/api/v1/sessions/$ID/events?limit=1000" |
		vector "2.5 with one the page is cut" 200 '"hasMore":true\}$'
	t "2.5 below the clients' 4 MiB" \
	    test "$(stat -c %s "$W/body")" -le 4194304
	get "/api/v1/sessions/$ID/log" |
		vector "2.4 the log is bounded as well" 200 '^\[\{"ts":'
	t "2.4 below 1 MiB or by its newest lines below 4 MiB" \
	    test "$(stat -c %s "$W/body")" -le 4194304
else
	tap_not_ok "2.5 a long session" "$W/reply"
fi

# The largest event that there can be, whose quotes are escaped twice, still
# fits into a page of its own.
{
	printf '{"data":"'
	head -c 1048000 /dev/zero | sed 's/\x00/\\"/g'
	printf '"}'
} >"$W/quotes"
LAUNCH_MORE=',"stdin":true'
if launch sh -c 'cat >/dev/null'; then
	{
		printf 'POST /api/v1/sessions/%s/input HTTP/1.1\r\n' "$ID"
		printf 'Content-Length: %s\r\n\r\n' "$(stat -c %s "$W/quotes")"
		cat "$W/quotes"
	} | vector "2.4 an input of a MiB" 202 '"accepted":true'
	http GET "/api/v1/sessions/$ID/events?limit=1"
	is "2.5 the largest event fits into a page" \
	    "$STATUS:$(jget "$W/body" events.#)" 200:1
	t "2.5 which clients take" \
	    test "$(stat -c %s "$W/body")" -le 4194304
	http POST "/api/v1/sessions/$ID/kill"
	get "/api/v1/sessions/$ID/stream" | raw
	is "a stream, whose pages are smaller, names it and goes on" \
	    "$(sed -n 's/^event: //p' "$W/body" | tr '\n' ' ')" \
	    "too_large kill exit end "
else
	tap_not_ok "2.5 the largest event fits into a page" "$W/reply"
fi

# The log: levels, and a preview.
long=$(printf 'y%.0s' $(seq 300))
http POST "/api/v1/sessions/$live/input" "{\"data\":\"$long\"}"
http POST "/api/v1/sessions/$live/kill"
http GET "/api/v1/sessions/$live/log"
is "2.4 an input is marked" "$(jget "$W/body" 0.message)" "> one"
is "2.4 its level" "$(jget "$W/body" 0.level)" info
is "2.4 a preview is 240 characters and dots" \
    "$(jget "$W/body" 3.message)" "> ${long:0:240}..."
is "2.4 another kind is named" "$(jget "$W/body" 4.message)" \
    'kill: {"status":"killed"}'

# --- 2.6: actions ----------------------------------------------------------------------

post /api/v1/actions \
    '{"action":"coven.capabilities.refresh","origin":"o","intentId":"i","args":{}}' |
	vector "2.6 refresh" 200 \
	    '^\{"ok":true,"accepted":true,"action":"coven.capabilities.refresh","status":"completed","event":\{"kind":"capabilities.refreshed","action":"coven.capabilities.refresh","origin":"o","intentId":"i","payload":\{"capabilities":[0-9]+\}\}\}$'
while IFS='|' read -r name action body; do
	post /api/v1/actions "$body" | vector "2.6 $name" 400 \
	    "^\{\"ok\":false,\"accepted\":false,\"action\":\"$action\",\"status\":\"rejected\",\"reason\":\"unknown action "
done <<'TABLE'
another action|nope|{"action":"nope"}
no action||{}
an action that is no string||{"action":1}
no body||
not JSON|\(unknown\)|{
TABLE

# --- 2.7: contracts that are not supported -----------------------------------------------

BINDING='"executionBinding":{"contract":"psyche.execution_binding.v1"}'
ADOPTION='"requestAdoption":{"contract":"psyche.request_adoption.v1"}'
EXEC="\"harness\":\"exec\",\"projectRoot\":\"$PROJECT\",\"argv\":[\"true\"]"
EXTERN='"id":"bound","projectRoot":"/p","harness":"coven-code"'
before=$(http GET /api/v1/sessions && jget "$W/body" '#')
while IFS='|' read -r name target code field body; do
	post "/api/v1$target" "$body" | vector "2.7 $name" 400 \
	    "$(error "$code" "\"details\":\{\"fields\":\[\"$field\"\]\}")"
done <<TABLE
a bound launch|/sessions|execution_binding_unsupported|executionBinding.contract|{$EXEC,$BINDING}
a binding that is none|/sessions|execution_binding_invalid|executionBinding|{$EXEC,"executionBinding":1}
a binding of null|/sessions|execution_binding_invalid|executionBinding|{$EXEC,"executionBinding":null}
an adopted launch|/sessions|request_adoption_invalid|executionBinding|{$EXEC,$ADOPTION}
a bound external session|/sessions/external|execution_binding_invalid|executionBinding|{$EXTERN,$BINDING}
an adopted external session|/sessions/external|request_adoption_invalid|requestAdoption|{$EXTERN,$ADOPTION}
TABLE
LAUNCH_MORE=',"stdin":true'
launch cat
post "/api/v1/sessions/$ID/input" "{\"data\":\"x\",$ADOPTION}" |
	vector "2.7 an adopted input" 400 \
	    "$(error request_adoption_invalid '"fields":\["executionBinding"\]')"
post "/api/v1/sessions/$ID/kill" "{$ADOPTION}" |
	vector "2.7 an adopted kill" 400 \
	    "$(error request_adoption_invalid '"fields":\["requestAdoption"\]')"
is "2.7 which did not kill" "$(session_status "$ID")" running
post "/api/v1/adopted-sessions" "{$EXEC,$BINDING,$ADOPTION}" |
	vector "2.7 adopted-sessions is no route" 404 "$NOT_FOUND"
post "/api/v1/sessions/$ID/adopted-input" "{\"data\":\"x\"}" |
	vector "2.7 nor is adopted-input" 404 "$NOT_FOUND"
http GET /api/v1/sessions
is "2.7 and nothing but the one session was made" \
    "$(jget "$W/body" '#')" "$((before + 1))"

# --- 2.8: every code of the core -----------------------------------------------------------

post "/api/v1/sessions/$ID/complete" '{}' |
	vector "2.8 not_external_session" 422 \
	    "$(error not_external_session '"sessionId"')"
is_reason "2.1 422 has its reason" 422 "Unprocessable Content"
post /api/v1/sessions/external \
    "{\"id\":\"$ID\",\"projectRoot\":\"/p\",\"harness\":\"x\"}" |
	vector "2.8 session_id_conflict" 409 \
	    "$(error session_id_conflict "\"sessionId\":\"$ID\"")"
is_reason "2.1 409 has its reason" 409 Conflict
post /api/v1/sessions/a/b/kill '' | vector \
    "2.8 external_session_not_killable" 422 \
    "$(error external_session_not_killable '"sessionId":"a/b"')"
for target in complete input kill signal archive summon; do
	post "/api/v1/sessions/absent/$target" '{"signal":"INT","data":"x"}' |
		vector "2.8 session_not_found: $target" 404 \
		    "$(error session_not_found '"sessionId":"absent"')"
done
post /api/v1/sessions/absent/resize '{"rows":1,"cols":1}' |
	vector "2.8 session_not_found: resize" 404 \
	    "$(error session_not_found '"sessionId":"absent"')"
printf 'DELETE /api/v1/sessions/absent HTTP/1.1\r\n\r\n' |
	vector "2.8 session_not_found: delete" 404 \
	    "$(error session_not_found '"sessionId":"absent"')"
for target in archive summon; do
	post "/api/v1/sessions/$ID/$target" '' |
		vector "2.8 session_live: $target" 409 \
		    "$(error session_live "\"sessionId\":\"$ID\"")"
done
post "/api/v1/sessions/$ID/signal" '{"signal":"KILL"}' |
	vector "2.8 invalid_request: a signal that is not listed" 400 \
	    "$(error invalid_request)"
post "/api/v1/sessions/$live/signal" '{"signal":"INT"}' |
	vector "2.8 session_not_live: signal" 409 "$(error session_not_live)"
{
	printf '{"data":"'
	head -c 2200000 /dev/zero | tr '\0' x
	printf '"}'
} >"$W/large"
{
	printf 'POST /api/v1/sessions/%s/input HTTP/1.1\r\n' "$ID"
	printf 'Content-Length: %s\r\n\r\n' "$(stat -c %s "$W/large")"
	cat "$W/large"
} | vector "2.8 input_too_large" 413 "$(error input_too_large "$ID")"
http POST "/api/v1/sessions/$ID/kill"
if launch sleep 1000; then
	head -c 700000 "$W/large" >"$W/half"
	printf '"}' >>"$W/half"
	for n in 1 2 3; do
		{
			printf 'POST /api/v1/sessions/%s/input HTTP/1.1\r\n' \
			    "$ID"
			printf 'Content-Length: %s\r\n\r\n' \
			    "$(stat -c %s "$W/half")"
			cat "$W/half"
		} | raw
		[ "$STATUS" != 202 ] && break
	done
	is "2.8 send_input_failed" "$STATUS:$(jget "$W/body" error.code):$(
	    jget "$W/body" error.details.retryable)" \
	    500:send_input_failed:true
	is_reason "2.1 500 has its reason" 500 "Internal Server Error"
	http POST "/api/v1/sessions/$ID/kill"
	post "/api/v1/sessions/$ID/kill" '{}' |
		vector "2.8 session_not_live: kill" 409 \
		    "$(error session_not_live "\"sessionId\":\"$ID\"")"
else
	tap_not_ok "2.8 send_input_failed" "$W/reply"
fi
LAUNCH_MORE=
if launch /nonexistent/program; then
	tap_not_ok "2.8 launch_failed" "$W/reply"
else
	is "2.8 launch_failed" "$STATUS:$(jget "$W/body" error.code)" \
	    500:launch_failed
	failed=$(jget "$W/body" error.details.sessionId)
	is "2.8 its row reads failed" "$(session_status "$failed")" failed
fi
post /api/v1/sessions "{\"harness\":\"codex\",\"projectRoot\":\"$PROJECT\",\"prompt\":\"p\",\"familiarId\":\"nobody\"}" |
	vector "2.8 unknown_familiar" 400 \
	    "$(error unknown_familiar '"familiarId":"nobody"')"
post /api/v1/sessions "{\"harness\":\"nope\",\"projectRoot\":\"$PROJECT\",\"prompt\":\"p\"}" |
	vector "2.8 invalid_request: a harness that is not configured" 400 \
	    "$(error invalid_request)"
t "4.6 it lists those that are" grep -q \
    'unsupported harness `nope`. Configured harnesses: ' "$W/body"

# A store that stops answering and then dies: what it was asked gets 503, and
# the next request is answered.
stored=$(role_pid stored)
kill -STOP "$stored"
get /api/v1/sessions >"$W/request"
as_owner "$TOOLS/rawhttp" ${IT_REPLIES:+-w "$IT_REPLIES/$SCRIPT"} -t 20000 \
    "$SOCK" <"$W/request" >"$W/late" 2>"$W/raw.err" &
asked=$!
http GET /health
is "2.3 health asks nobody" "$STATUS" 200
kill -KILL "$stored"
wait "$asked"
is "2.8 unavailable" "$(head -n 1 "$W/late" | tr -d '\r')" \
    "HTTP/1.1 503 Service Unavailable"
t "2.8 it has a code" grep -q '"code":"unavailable"' "$W/late"
answers() {
	http GET /api/v1/sessions && [ "$STATUS" = 200 ]
}
t "2.8 and is over soon" wait_for "$LIVENESS" answers

# --- 2.9: routes that this daemon does not have ---------------------------------------------

UUID=123e4567-e89b-42d3-a456-426614174000
while read -r method target; do
	printf '%s /api/v1%s HTTP/1.1\r\nHost: coven\r\n\r\n' "$method" \
	    "$target" | vector "2.9 $method $target" 404 "$NOT_FOUND"
done <<TABLE
PUT /familiars/x/icon
GET /familiars/x/ward
POST /familiars/x/edits
GET /familiars/x/audit
GET /threads/weaves
GET /threads/proposals
GET /threads/proposals/$UUID
POST /threads/proposals/$UUID/approve
POST /threads/proposals/$UUID/reject
GET /skills
GET /skills/eval-loop/x
POST /skills/eval-loop/x/run
DELETE /skills/eval-loop/x/run-lock
GET /capabilities/harnesses
GET /capabilities/codex
GET /capabilities/codex?refresh=1
GET /overview
GET /memory
GET /memory/overview
GET /memory/$UUID
GET /research
GET /coven-calls
GET /coven-calls/$UUID
GET /cast-codes
POST /cast
POST /sessions/a/b/handoffs
GET /sessions/a/b/handoffs
GET /sessions/a/b/handoffs?latest=true
POST /sessions/a/b/handoffs/$UUID/claim
POST /sessions/a/b/handoffs/$UUID/ack
POST /sessions/a/b/handoffs/$UUID/continuations
GET /sessions/a/b/artifacts/$UUID
GET /sessions/a/b/artifacts/$UUID?raw=1
POST /store/vacuum
POST /travel/profiles
POST /travel/deltas
GET /travel/state
POST /scheduler/decisions
POST /scheduler/redispatch
GET /scheduler/decisions/$UUID
GET /scheduler/loops/$UUID
GET /hub/status
GET /hub/nodes
POST /hub/nodes
GET /hub/nodes/n
GET /hub/nodes/n/health
POST /hub/nodes/n/poll
POST /hub/nodes/n/dispatch
GET /hub/jobs
POST /hub/jobs
GET /hub/jobs/j
POST /hub/jobs/j/assign
POST /hub/jobs/j/complete
GET /hub/dispatches/d
GET /hub/routing
GET /afs/sessions
POST /afs/sessions
POST /afs/sessions/s/join
GET /afs/sessions/s/diff
GET /afs/sessions/s/timeline
POST /afs/sessions/s/commit
POST /afs/sessions/s/discard
POST /afs/sessions/s/mount
POST /internal/mobile/pairings
GET /internal/mobile/pairings/$UUID
POST /adopted-sessions
POST /sessions/a/b/adopted-input
TABLE

# --- the end --------------------------------------------------------------------------------

# 1.5: what an incumbent's successor has written is not removed.
cp "$COVEN_HOME/daemon.json" "$W/mine"
sed 's/"pid": *[0-9]*/"pid": 1/' "$W/mine" >"$W/theirs"
cp "$W/theirs" "$COVEN_HOME/daemon.json"
monitor_stop
is "1.5 the monitor ends with 0" "$MONITOR_STATUS" 0
t "1.5 another's daemon.json is left where it is" \
    cmp "$W/theirs" "$COVEN_HOME/daemon.json"
rm -f "$COVEN_HOME/daemon.json"
left_nothing "nothing is left"
tap_done
