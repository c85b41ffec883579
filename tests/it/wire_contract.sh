#!/bin/bash
# The contract's wire examples, sent byte for byte: the bytes of existing
# clients, then every request and reply of its table, then what must be
# refused.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../wire.sh"
world user
need_monitor

HEALTH='"ok":true.*"apiVersion":"coven\.daemon\.v1"'

# A1 to A5: existing clients.
printf '%s\r\n' 'GET /api/v1/health HTTP/1.1' 'Host: coven' \
    'Content-Type: application/json' 'Content-Length: 0' '' |
	vector "A1 health, half-closed" 200 "$HEALTH" -h
printf '%s\r\n' 'GET /api/v1/familiars HTTP/1.0' 'Host: localhost' \
    'Accept: application/json' '' |
	vector "A3 HTTP/1.0, no half-close, no length" 200 '^\[\]$'
printf 'GET /health HTTP/1.1\n\n' |
	vector "bare LF, no Host" 200 "$HEALTH"
printf 'GET /health\n\n' |
	vector "no version at all" 200 "$HEALTH"
printf 'GET /health HTTP/1.1\r\nHost: coven\r\nConnection: keep-alive\r\n\r\n' |
	vector "keep-alive is answered and closed" 200 "$HEALTH"
raw -h </dev/null
is "A5 a connection with no bytes is closed without a word" \
    "$RAW_STATUS:$(stat -c %s "$W/reply")" "0:0"

# A6: request and reply.
get /api/v1/api-version | vector "A6 api-version" 200 \
    '^\{"apiVersion":"v1","supportedApiVersions":\["v1"\]\}$'
get /api/v2/health | vector "A6 unknown version" 404 \
    '"code":"invalid_request".*"apiVersion":"v2".*"supportedApiVersions":\["v1"\]'
for target in /nope /api/v1 /api/v1/ /api/ /health/; do
	get "$target" | vector "A6 $target is not found" 404 \
	    '"code":"not_found"'
done
printf 'PUT /api/v1/health HTTP/1.1\r\nHost: coven\r\n\r\n' |
	vector "A6 wrong method is not found" 404 '"code":"not_found"'
get /api/v1/sessions | vector "A6 sessions of a fresh home" 200 '^\[\]$'
get '/api/v1/sessions?limit=5' | vector "A6 a page of them" 200 \
    '^\{"sessions":\[\],"next_cursor":null\}$'
for query in limit=0 limit=1001 limit=x includeArchived=1 cursor=!; do
	get "/api/v1/sessions?$query" | vector "A6 sessions?$query" 400 \
	    '"code":"invalid_request"'
done
get /api/v1/sessions/absent | vector "A6 an absent session" 404 \
    '"code":"session_not_found".*"sessionId":"absent"'
get /api/v1/events | vector "A6 events without a session" 400 \
    '"code":"invalid_request"'
get '/api/v1/events?sessionId=absent' | vector "events of an absent one" 404 \
    '"code":"session_not_found"'
post /api/v1/sessions '{' | vector "A6 a broken body" 400 \
    '"code":"invalid_request","message":"failed to parse request body'
post /api/v1/sessions '{}' | vector "no projectRoot" 400 \
    '"code":"invalid_request"'
post /api/v1/actions '{"action":"nope"}' | vector "A6 unknown action" 400 \
    '^\{.*"status":"rejected"'
is "A6 an unknown action has no error member" \
    "$(grep -c '"error"' "$W/body")" 0
post /api/v1/actions '{"action":"coven.capabilities.refresh"}' |
	vector "a known action" 200 '"status":"completed"'
get /api/v1/capabilities | vector "capabilities" 200 '"id":"coven\.sessions"'
get /health | vector "unprefixed health" 200 "$HEALTH"

EXTERNAL='{"id":"ext:1","projectRoot":"/p","harness":"coven-code"}'
post /api/v1/sessions/external "$EXTERNAL" |
	vector "A6 external, first" 201 '"id":"ext:1".*"external":true'
post /api/v1/sessions/external "$EXTERNAL" |
	vector "A6 external, again" 200 '"id":"ext:1".*"external":true'
get '/api/v1/events?sessionId=ext:1' | vector "A6 no events" 200 \
    '^\{"events":\[\],"nextCursor":null,"hasMore":false\}$'
get '/api/v1/events?sessionId=ext:1&limit=0' | vector "A6 limit clamps" 200 \
    '"events":\[\]'
post '/api/v1/sessions/ext:1/kill' '' |
	vector "an external session is not killable" 422 \
	    '"code":"external_session_not_killable"'
post '/api/v1/sessions/ext:1/complete' '{"exitCode":0}' |
	vector "external completes" 200 '"status":"completed"'
post '/api/v1/sessions/ext:1/input' '{' |
	vector "A6 input to an ended one, before its body is parsed" 409 \
	    '"code":"session_not_live"'

# A live session.
LAUNCH_MORE=',"stdin":true'
if launch cat; then
	live=$ID
	post "/api/v1/sessions/$live/input" '{"data":"x\n"}' |
		vector "A6 input" 202 '"accepted":true'
	post "/api/v1/sessions/$live/archive" '' |
		vector "a live one is not archived" 409 '"code":"session_live"'
	printf 'DELETE /sessions/%s HTTP/1.1\r\nHost: coven\r\n\r\n' \
	    "$live" | vector "nor deleted" 409 '"code":"session_live"'
	post "/api/v1/sessions/$live/resize" '{"rows":24,"cols":80}' |
		vector "a session of pipes has no size" 422 \
		    '"code":"session_no_terminal"'
	post "/api/v1/sessions/$live/resize" '{"rows":24,"cols":1001}' |
		vector "no terminal is that wide" 400 '"code":"invalid_request"'
	post "/api/v1/sessions/$live/input" '{"data":1}' |
		vector "input that is no string" 400 '"code":"invalid_request"'
	printf 'POST /sessions/%s/kill HTTP/1.1\r\nHost: coven\r\n\r\n' \
	    "$live" | vector "A6 kill with no body" 202 '"accepted":true' -h
	post "/sessions/$live/kill" '{}' | vector "A6 the same again" 409 \
	    '"code":"session_not_live"'
	post "/api/v1/sessions/$live/resize" '{"rows":24,"cols":80}' |
		vector "what has ended has no size" 409 \
		    '"code":"session_not_live"'
	get "/api/v1/sessions/$live" | vector "it reads as killed" 200 \
	    '"status":"killed"'
	# A7: payload_json is text.
	get "/api/v1/events?sessionId=$live" | vector "A7 events" 200 \
	    '"kind":"input","payload_json":"\{\\"data\\":\\"x\\\\n\\"\}"'
	get "/api/v1/sessions/$live/log" | vector "the log" 200 '^\[\{"ts":'
	post "/api/v1/sessions/$live/archive" '' |
		vector "archived, its status kept" 200 \
		    '"status":"killed".*"archived_at":"20'
	get '/api/v1/sessions?includeArchived=false' |
		vector "what is archived is not listed" 200 '"sessions":\['
	is "unless asked for" "$(grep -c "$live" "$W/body")" 0
	post "/api/v1/sessions/$live/summon" '' |
		vector "summoned" 200 '"archived_at":null'
	printf 'DELETE /api/v1/sessions/%s HTTP/1.1\r\nHost: coven\r\n\r\n' \
	    "$live" | vector "deleted" 200 "^\{\"ok\":true,\"deleted\":true,\"id\":\"$live\"\}\$"
	get "/api/v1/events?sessionId=$live" |
		vector "and so are its events" 404 '"code":"session_not_found"'
else
	tap_not_ok "A6 a live session" "$W/reply"
fi

# The shutdown route never answers 404.
post /api/v1/internal/lifecycle/shutdown '' |
	vector "shutdown without identity" 400 '"code":"invalid_request"'
post /api/v1/internal/lifecycle/shutdown \
    '{"apiVersion":"coven.daemon.v1","daemon":{"pid":1,"startedAt":"x","socket":"y"}}' |
	vector "shutdown of somebody else" 409 \
	    '"code":"daemon_identity_mismatch"'

# What must be refused.
printf 'POST /api/v1/sessions HTTP/1.1\r\nHost: coven\r\nContent-Length: 4194305\r\n\r\n' |
	vector "A6 over 4 MiB" 413 \
	    '"code":"payload_too_large".*"ok":false|"ok":false.*"payload_too_large"'
{
	printf 'POST /api/v1/sessions HTTP/1.1\r\nHost: coven\r\n'
	printf 'Content-Length: 4194305\r\n\r\n'
	head -c 4194305 /dev/zero
} | vector "over 4 MiB, sent in full: the reply survives" 413 \
    '"code":"payload_too_large"'
{
	printf 'GET /health HTTP/1.1\r\nX: '
	head -c 70000 /dev/zero | tr '\0' a
	printf '\r\n\r\n'
} | vector "a head over 64 KiB" 400 '"code":"invalid_request"'
while IFS='|' read -r name head; do
	# shellcheck disable=SC2059 # the table holds escapes
	printf "$head" | vector "refused: $name" 400 '"code":"invalid_request"'
done <<'TABLE'
no colon|GET /health HTTP/1.1\r\nHost: coven\r\nnonsense\r\n\r\n
two lengths|POST /actions HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}
two differing lengths|POST /actions HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}
length is no number|POST /actions HTTP/1.1\r\nContent-Length: x\r\n\r\n{}
negative length|POST /actions HTTP/1.1\r\nContent-Length: -1\r\n\r\n{}
chunked|POST /actions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n
chunked and length|POST /actions HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}
space before the colon|GET /health HTTP/1.1\r\nHost : coven\r\n\r\n
folded header|GET /health HTTP/1.1\r\nHost: coven\r\n folded\r\n\r\n
NUL in the head|GET /health HTTP/1.1\r\nHost: co\000ven\r\n\r\n
NUL in a body|POST /api/v1/sessions HTTP/1.1\r\nContent-Length: 3\r\n\r\n{\000}
duplicate key|POST /api/v1/sessions HTTP/1.1\r\nContent-Length: 13\r\n\r\n{"a":1,"a":2}
NaN|POST /api/v1/sessions HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"a":NaN}
TABLE
printf 'POST /api/v1/sessions HTTP/1.1\r\nContent-Length: 5\r\n\r\n{}' |
	vector "refused: short body" 400 '"code":"invalid_request"' -h
printf 'GET /health HTTP/1.1\r\nHost: coven\r\nOrigin: http://localhost\r\n\r\n' |
	vector "a browser" 403 '"code":"forbidden"'
get /api/v1/sessions |
	vector "and it still answers" 200 '^\['

monitor_stop
is "the monitor ends with 0" "$MONITOR_STATUS" 0
left_nothing "nothing is left"
tap_done
