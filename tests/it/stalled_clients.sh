#!/bin/bash
# A client that stalls costs nobody else anything: with 200 of them in the
# middle of a request and one that trickles a byte a second, health is
# answered at once, a session runs, and each of them is closed when its total
# deadline is over.
. "$(dirname "$0")/../lib.sh"
world user
mkdir -m 700 "$COVEN_HOME"
owner_file "$COVEN_HOME/coven.toml" '[server]
request_ms = 6000'
give_owner "$COVEN_HOME"
world_snapshot
need_monitor

held() {
	grep -q '^held 200' "$W/held"
}

printf 'POST /api/v1/sessions HTTP/1.1\r\nHost: coven\r\nContent-Le' |
	as_owner "$TOOLS/rawhttp" -n 200 -t 12000 "$SOCK" >"$W/held" &
holder=$!
printf 'GET /health HTTP/1.1\r\nHost: coven\r\nX: %0100d\r\n\r\n' 0 |
	as_owner "$TOOLS/rawhttp" -r 1 -t 30000 "$SOCK" >"$W/trickled" &
trickler=$!
t "200 clients stall" wait_for "$LIVENESS" held

# The figure is in the bench; here a limit that no loaded machine misses.
slowest=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	start=$(now_ms)
	http GET /api/v1/health
	took=$(($(now_ms) - start))
	[ "$STATUS" = 200 ] || slowest=99999
	[ "$took" -gt "$slowest" ] && slowest=$took
done
note "the slowest of ten health requests, client included: $slowest ms"
t "health is answered meanwhile" test "$slowest" -lt 2000
if launch true; then
	t "a session runs meanwhile" wait_for "$LIVENESS" \
	    status_is "$ID" completed
else
	tap_not_ok "a session runs meanwhile" "$W/reply"
fi

wait "$holder"
is "every stalled client was closed at its deadline" \
    "$(tail -n 1 "$W/held")" "closed 200"
t "so was the one that trickles" wait_for "$LIVENESS" process_gone "$trickler"
t "the log does not grow with them" test "$(wc -l <"$W/monitor.log")" -lt 60
monitor_stop
left_nothing "nothing is left"
tap_done
