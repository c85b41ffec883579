#!/bin/bash
# Kill ends the whole tree and says so only when it has: payloads that ignore
# TERM, detach twice, hold the terminal, fork without end.
. "$(dirname "$0")/../lib.sh"
world user
need_monitor

# A marker in each argument vector; found from outside, where all are seen.
MARK="coven-kill-$$-"

tree_gone() {
	! pgrep -f "$1" >/dev/null
}

tree_size() {
	pgrep -cf "$1" || :
}

has() {
	[ "$(tree_size "$1")" -ge "$2" ]
}

# killed NAME COUNT CMD...: launch, wait until COUNT processes with the
# marker run, kill, and look at once.
killed() {
	local name=$1 count=$2 mark="$MARK$RANDOM$RANDOM" start

	shift 2
	if ! launch sh -c "$1" "$mark"; then
		tap_not_ok "$name: starts" "$W/reply"
		return
	fi
	t "$name: runs" wait_for "$LIVENESS" has "$mark" "$count"
	start=$(now_ms)
	http POST "/api/v1/sessions/$ID/kill" '{}'
	is "$name: kill is accepted" "$STATUS" 202
	t "$name: the tree is gone when it says so" tree_gone "$mark"
	note "$name: took $(($(now_ms) - start)) ms"
	is "$name: status" "$(session_status "$ID")" killed
	is "$name: a kill event, then the exit event" \
	    "$(every_page | tr '\n' ' ')" \
	    '"kind":"kill" "kind":"exit" '
	is "$name: no role of it is left" "$(roles init; roles runner)" ""
}

# The kinds that tell of the end, from every page: a flood fills many.
every_page() {
	local after=0

	while http GET "/api/v1/events?sessionId=$ID&limit=1000&afterSeq=$after"
	do
		grep -oE '"kind":"(kill|exit)"' "$W/body"
		grep -q '"hasMore":true' "$W/body" || break
		after=$(jget "$W/body" nextCursor.afterSeq)
	done
}

{
killed "plain sleep" 1 'sleep 1000; :'
killed "ignores TERM, HUP, INT" 1 \
    'trap "" TERM HUP INT; while :; do sleep 1000; done'
killed "detaches twice" 2 \
    '(setsid sh -c "(trap \"\" TERM; while :; do sleep 1000; done) & :" \
    "$0" & ); sleep 1000; :'
killed "holds its output" 2 \
    'trap "" TERM; sh -c "while :; do sleep 1000; done" "$0" & wait; wait'
killed "stops itself" 1 'kill -STOP $$; :'
killed "floods" 1 'while :; do echo 0123456789012345678901234567890; done'
killed "forks on" 5 'f() { sleep 1; sh -c "sleep 3; :" "$0" & f; }
    for i in 1 2 3 4; do sh -c "sleep 1000; :" "$0" & done; f'
}

# A terminal held open by what the payload left behind.
if command -v script >/dev/null; then
	mark="$MARK-tty"
	as_owner script -qec "$SUITE/bin/covenctl exec --project $PROJECT -- \
sh -c 'trap \"\" HUP TERM; (setsid sh -c \"sleep 1000; :\" $mark &) ; \
sleep 1000; :' $mark" /dev/null </dev/null >"$W/tty" 2>&1 &
	client=$!
	t "terminal: runs" wait_for "$LIVENESS" has "sh -c sleep 1000; : $mark" 1
	http GET /api/v1/sessions
	ID=$(jget "$W/body" 0.id)
	http POST "/api/v1/sessions/$ID/kill" '{}'
	is "terminal: kill is accepted" "$STATUS" 202
	is "terminal: no role of it is left" "$(roles init; roles runner)" ""
	t "terminal: the client ends" wait_for "$LIVENESS" \
	    process_gone "$client"
else
	tap_skip "terminal" "no script(1)"
fi

# The payload's own end takes what it left behind with it.
mark="$MARK-rest"
if launch sh -c "(setsid sh -c 'trap \"\" TERM; sleep 1000; :' $mark &); :"; then
	t "the end of the first process ends the rest" \
	    wait_for "$LIVENESS" tree_gone "$mark"
	t "and the session" wait_for "$LIVENESS" ended "$ID"
else
	tap_not_ok "the end of the first process" "$W/reply"
fi

monitor_stop
left_nothing "nothing is left"
tap_done
