#!/bin/bash
# The wall clock is set back by an hour while sessions live.  It is told and on
# record; order is by numbers, so nothing is lost, doubled or out of place;
# deadlines are on another clock; and a start in the past finds all of it.
# In a test build the clock of every role is an hour back from a given second.
. "$(dirname "$0")/../lib.sh"
SUITE=${SUITE_FAILPOINTS:-$SUITE}
if ! "$SUITE/sbin/coven-monitor" --failpoint none --version >/dev/null 2>&1
then
	W=$(mktemp -d /tmp/coven-it.XXXXXX) MONITOR_PID=
	skip_all "not a test build (--enable-failpoints)"
fi
world user

printed() {
	output "$1" "$W/so-far" && [ "$(stat -c %s "$W/so-far")" -gt "$2" ]
}

said() {
	grep -q "$1" "$W/monitor.log"
}

# pages: the id of every session, one a page, by cursor.
pages() {
	local cursor=''

	for _ in 1 2 3 4 5 6 7 8 9; do
		http GET "/api/v1/sessions?limit=1$cursor" || return 1
		jget "$W/body" sessions.0.id || return 0
		cursor=$(jget "$W/body" next_cursor)
		[ "${cursor:-null}" != null ] || return 0
		cursor="&cursor=$cursor"
	done
}

# The numbers of its events rise, and no time is in the future.
in_order() {
	http GET "/api/v1/events?sessionId=$1&limit=1000" &&
	    "$PYTHON" -c '
import json, sys
seqs = [e["seq"] for e in json.load(open(sys.argv[1]))["events"]]
sys.exit(seqs != sorted(set(seqs)))' "$W/body"
}

COUNTER='i=0; while :; do echo "line $i"; i=$((i + 1)); sleep 0.01; done'
uptime_s() {
	cut -d . -f 1 /proc/uptime
}

# All that has to be there before the clock is set back, so many seconds from
# now; 1 when the machine took longer.
begin() {
	local at=$(($(uptime_s) + $1))

	need_monitor --failpoint "clock.back:$at"
	launch sh -c "$COUNTER" || tap_not_ok "a session starts" "$W/reply"
	first=$ID
	LAUNCH_MORE=',"stdin":true' launch cat
	second=$ID
	http POST "/api/v1/sessions/$second/input" '{"data":"before\n"}'
	PRINTS=no
	! wait_for "$LIVENESS" printed "$first" 100 || PRINTS=yes
	output "$first" "$W/read"
	[ "$(uptime_s)" -lt "$at" ]
}

delay=3
until begin "$delay" || [ "$delay" -gt 100 ]; do
	note "$delay seconds were not enough"
	monitor_stop
	rm -rf "$COVEN_HOME"
	: >"$W/monitor.log"
	delay=$((4 * delay))
done
is "it prints" "$PRINTS" yes
t "that the clock was set back is told" wait_for "$((delay + LIVENESS))" \
    said 'the clock: it was set back by 3600 s'
launch true
third=$ID
is "a session starts in the past" "$STATUS" 201
t "and ends" wait_for "$LIVENESS" status_is "$third" completed
t "what went on goes on" wait_for "$LIVENESS" printed "$first" \
    "$(($(stat -c %s "$W/read") + 100))"
http POST "/api/v1/sessions/$second/input" '{"data":"after\n"}'
is "input is taken" "$STATUS" 202
echoed() {
	output "$second" "$W/echo" &&
	    [ "$(tr '\n' ' ' <"$W/echo")" = "before after " ]
}
t "in its order" wait_for "$LIVENESS" echoed
http POST "/api/v1/sessions/$second/kill" '{}'
is "a kill is answered" "$STATUS" 202
t "its events are in order" in_order "$second"
is "pages have every session once" "$(pages | sort | tr '\n' ' ')" \
    "$(printf '%s\n' "$first" "$second" "$third" | sort | tr '\n' ' ')"
output "$first" "$W/read"
monitor_stop
is "it stops" "$MONITOR_STATUS" 0

need_monitor --failpoint clock.back:1
t "a start in the past: nothing runs" ended "$first"
output "$first" "$W/recorded"
t "what was read is kept" cmp -n "$(stat -c %s "$W/read")" "$W/read" \
    "$W/recorded"
t "no line lost or doubled" numbered "$W/recorded"
is "pages have every session once, still" \
    "$(pages | sort | tr '\n' ' ')" \
    "$(printf '%s\n' "$first" "$second" "$third" | sort | tr '\n' ' ')"
is "it is on record" "$(ctl audit tail --match 'clock.*' --limit 9 |
    sed 's/.*back by/back by/')" "back by 3600 s"
t "the audit holds" ctl audit verify
launch true
t "sessions run" wait_for "$LIVENESS" ended "$ID"
monitor_stop
left_nothing "nothing is left"
tap_done
