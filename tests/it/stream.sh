#!/bin/bash
# Streams: two hundred subscribers of one session are each sent every event,
# in order, as it is committed; they outlive stored and end with the session;
# one that does not read holds up nobody; and they are refused before they
# begin, as any request is.
. "$(dirname "$0")/../lib.sh"
world user
need_monitor
SSE=$(script sse.py)
script calls.py >/dev/null
LAUNCH_MORE=',"stdin":true'

# follow NAME STREAMS INPUTS [PAUSE]: of a session that reads its input.
follow() {
	local name=$1

	shift
	if ! launch sh -c 'cat >/dev/null'; then
		tap_not_ok "$name" "$W/reply"
		return
	fi
	if as_owner "$PYTHON" "$SSE" "$SOCK" "$ID" "$@" >"$W/sse.out" 2>&1
	then
		note "$(cat "$W/sse.out")"
		tap_ok "$name"
	else
		tap_not_ok "$name" "$W/sse.out" "$W/monitor.log"
	fi
}

http GET /api/v1/health
is "it is announced" "$(jget "$W/body" capabilities.sessionStream)" true
follow "stream_200_subscribers_1000_events" 200 1000

# Halfway through, stored is killed.  Nothing is asked of the suite until it
# serves again, as a client would see from a 503.
serves() {
	http GET "/api/v1/sessions/$1" && [ "$STATUS" = 200 ]
}

# kill_stored SESSION: when the client waits; then let it go on.
kill_stored() {
	local old

	wait_for "$LIVENESS" test -e "$W/pause/here" || return
	old=$(role_pid stored)
	kill -KILL "$old"
	wait_for "$LIVENESS" process_gone "$old"
	wait_for "$LIVENESS" serves "$1"
	rm -f "$W/pause/here"
}

mkdir -m 777 "$W/pause"
if launch sh -c 'cat >/dev/null'; then
	kill_stored "$ID" &
	t "stream_goes_on_after_stored_died" as_owner "$PYTHON" "$SSE" \
	    "$SOCK" "$ID" 5 40 "$W/pause/here"
	wait "$!"
else
	tap_not_ok "stream_goes_on_after_stored_died" "$W/reply"
fi

# One that never reads, of a session that prints more than a socket holds.
LAUNCH_MORE=
if launch sh -c 'head -c 8000000 /dev/zero | tr "\0" x'; then
	printf 'GET /api/v1/sessions/%s/stream HTTP/1.1\r\nHost: coven\r\n\r\n' \
	    "$ID" >"$W/request"
	mkfifo "$W/never"
	${OWNER_PRIV[@]+"${OWNER_PRIV[@]}"} "$TOOLS/rawhttp" -n 3 -t 60000 \
	    "$SOCK" <"$W/request" >"$W/held" 2>&1 &
	holder=$!
	t "the session ends although nobody reads" wait_for "$LIVENESS" \
	    status_is "$ID" completed
	raw -h <"$W/request"
	t "stream_slow_reader_holds_up_nobody" test \
	    "$(grep -c '^event: end' "$W/body")" = 1
	is "and the other has all of it" "$(sed -n \
	    's/^data: .*"payload_json":"{\\"data\\":\\"\(x*\)\\"}".*/\1/p' \
	    "$W/body" | tr -d '\n' | wc -c)" 8000000
	kill "$holder"
	wait "$holder"
else
	tap_not_ok "stream_slow_reader_holds_up_nobody" "$W/reply"
fi

# The deadlines, which are long: a line that says that the stream lives, and
# the end of one that nobody takes.
beats() {
	[ "$(grep -c '^:' "$W/silent")" -ge 2 ]
}
printed=$ID
if [ -n "${COVEN_LONG-}" ]; then
	t "stream_unread_is_dropped_after_30_s" awk \
	    -v s="$(as_owner "$PYTHON" "$SSE" "$SOCK" "$ID" unread 2>&1)" \
	    'BEGIN { print s; exit !(s ~ /^[0-9]+$/ && s >= 29) }'
	t "others are served meanwhile, and after it" healthy
	LAUNCH_MORE=',"stdin":true' launch cat
	printf 'GET /api/v1/sessions/%s/stream HTTP/1.1\r\nHost: coven\r\n\r\n' \
	    "$ID" | as_owner "$TOOLS/rawhttp" -t 300000 "$SOCK" \
	    >"$W/silent" 2>&1 &
	silent=$!
	t "stream_silent_says_that_it_lives" wait_for 200 beats
	is "and nothing else" "$(sed '1,/^\r*$/d' "$W/silent" | sort -u |
	    tr '\n' ' ')" " : "
	http POST "/api/v1/sessions/$ID/kill" '{}'
	t "and ends with its session" wait_for "$LIVENESS" \
	    process_gone "$silent"
else
	tap_skip "stream_unread_is_dropped_after_30_s" "only with --long"
	tap_skip "stream_silent_says_that_it_lives" "only with --long"
fi
ID=$printed

http GET /api/v1/sessions/absent/stream
is "of a session that is not there: 404" \
    "$STATUS:$(jget "$W/body" error.code)" 404:session_not_found
http GET "/api/v1/sessions/$ID/stream?afterSeq=x"
is "from a cursor that is none: 400" \
    "$STATUS:$(jget "$W/body" error.code)" 400:invalid_request
last=$(sed -n 's/^id: //p' "$W/reply" | tail -n 1)
printf 'GET /api/v1/sessions/%s/stream?afterSeq=0 HTTP/1.1\r\nLast-Event-ID: 999999999\r\n\r\n' \
    "$ID" | raw
is "Last-Event-ID is the later word" "$(tr -d '\n' <"$W/body")" \
    'event: enddata: {"status":"completed"}'

# The suite stops while somebody listens.
http POST /api/v1/sessions/external \
    '{"id":"ext","projectRoot":"/p","harness":"coven-code"}'
printf 'GET /sessions/ext/stream HTTP/1.1\r\n\r\n' |
    as_owner "$TOOLS/rawhttp" -t 60000 "$SOCK" >"$W/ext" 2>&1 &
listener=$!
t "a stream is open" wait_for "$LIVENESS" grep -q event-stream "$W/ext"
start=$(now_ms)
monitor_stop
note "the stop took $(($(now_ms) - start)) ms"
is "the monitor ends with 0" "$MONITOR_STATUS" 0
t "stream_ends_with_the_daemon" wait_for "$LIVENESS" process_gone "$listener"
left_nothing "nothing is left"
tap_done
