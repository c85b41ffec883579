#!/bin/bash
# The store's rows of the contract's list of weaknesses, a named line each.
. "$(dirname "$0")/../lib.sh"
world user

# W16: a long session and a short one, from before the start.
SHORT=00000000-0000-4000-8000-000000000001
LONG=00000000-0000-4000-8000-000000000002
as_owner mkdir -m 700 "$COVEN_HOME" "$COVEN_HOME/store"
as_owner "$TOOLS/fixture" "$COVEN_HOME/store" 0 "$SHORT" 1000
as_owner "$TOOLS/fixture" "$COVEN_HOME/store" 0 "$LONG" 60000
world_snapshot
need_monitor

# spent SESSION AFTER: processor time of stored for sixty of its pages.
spent() {
	local stored n before

	stored=$(role_pid stored)
	before=$(ticks "$stored")
	for n in $(seq 60); do
		http GET "/api/v1/events?sessionId=$1&limit=990&afterSeq=$(($2 + n % 9))"
	done
	echo $(($(ticks "$stored") - before))
}

# its SESSION: the number of its first event.
its() {
	http GET "/api/v1/events?sessionId=$1&limit=1" &&
	    jget "$W/body" events.0.seq
}
first=$(its "$LONG")
short=$(spent "$SHORT" "$(its "$SHORT")")
begin=$(spent "$LONG" "$first") end=$(spent "$LONG" $((first + 59000)))
is "W16 the last page is there" "$(jget "$W/body" events.#)" 990
note "sixty pages of 1000 events: $short ticks, of 60000: $begin at the" \
    "beginning, $end at the end"
# A scan of all of it for a page, let alone for sixteen rows, is sixty times.
t "w16_a_page_costs_the_same_in_a_long_session" \
    test "$begin" -le "$((5 * (short + 4)))"
t "w16_and_at_its_end" test "$end" -le "$((5 * (short + 4)))"

# W10: input, and output at the same time.
LAUNCH_MORE=',"stdin":true'
# shellcheck disable=SC2016 # for the payload's shell
launch sh -c 'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i + 1))
	done; read -r x; read -r y; exit 3'
ID10=$ID
for n in 1 2 3 4 5 6 7 8; do
	http POST "/api/v1/sessions/$ID10/input" "{\"data\":\"$n\\n\"}"
done
wait_for "$LIVENESS" ended "$ID10"
output "$ID10" "$W/out"
t "W10 output beside input and exit is all there" numbered "$W/out"
is "W10 none is missing at the end" "$(tail -n 1 "$W/out")" "line 2999"
LAUNCH_MORE=

# W17: numbers go on when nothing is left.
http GET "/api/v1/events?sessionId=$ID10&limit=1000"
before=$(jget "$W/body" nextCursor.afterSeq)
http DELETE "/api/v1/sessions/$ID10"
is "W17 everything is deleted" "$STATUS" 200
monitor_stop
need_monitor
launch true
wait_for "$LIVENESS" ended "$ID"
http GET "/api/v1/events?sessionId=$ID"
t "W17 and the next number is larger" \
    [ "$(jget "$W/body" events.0.seq)" -gt "$before" ]

# W18: unpaged replies end where clients stop reading.
title=$(head -c 60000 /dev/zero | tr '\0' t)
for n in $(seq 120); do
	http POST /api/v1/sessions/external "{\"id\":\"x$n\",\"harness\":\"h\",
	    \"projectRoot\":\"/p\",\"title\":\"$title\"}"
done
http GET /api/v1/sessions
t "W18 a list of seven megabytes is cut below four" \
    [ "$(stat -c %s "$W/body")" -le 4194304 ]
t "W18 and is a list" [ "$(jget "$W/body" '#')" -gt 50 ]
launch sh -c 'i=0; while [ $i -lt 100000 ]; do echo "line $i"; i=$((i+1)); done'
wait_for 60 ended "$ID"
http GET "/api/v1/sessions/$ID/log"
t "W18 so is a log" [ "$(stat -c %s "$W/body")" -le 4194304 ]

# W20: a list writes nothing.
changes() {
	http GET /api/v1/health && jget "$W/body" eventWriter.transactions
}
indexed() {
	local before

	before=$(changes)
	sleep 1.5
	[ "$(changes)" = "$before" ]
}
wait_for 60 indexed
was=$(changes)
for n in 1 2 3; do
	http GET /api/v1/sessions
	http GET '/api/v1/sessions?limit=5'
done
is "W20 a list writes nothing" "$(changes)" "$was"

# W21: nothing of an input that was under way is left by a crash: what waits
# for a runner is in memory alone, and no table holds it.
LAUNCH_MORE=',"stdin":true'
launch cat
http POST "/api/v1/sessions/$ID/input" '{"data":"a\n"}'
kill -KILL "$(role_pid stored)"
wait_for "$LIVENESS" healthy
again() {
	http POST "/api/v1/sessions/$ID/input" '{"data":"b\n"}' &&
	    [ "$STATUS" = 202 ]
}
t "W21 after a crash a session takes input" wait_for "$LIVENESS" again
http POST "/api/v1/sessions/$ID/kill"
LAUNCH_MORE=

# W22: whoever looks sees all of daemon.json, or none, and never its bits.
monitor_stop
(
	while [ ! -e "$W/enough" ]; do
		stat -c %a "$COVEN_HOME/daemon.json" "$SOCK" 2>/dev/null
		tr -d "\n" <"$COVEN_HOME/daemon.json" 2>/dev/null |
		    grep -v '}$'
	done
) >"$W/seen" &
LOOKER=$!
for n in 1 2 3; do
	need_monitor
	monitor_stop
done
touch "$W/enough"
wait "$LOOKER"
is "W22 daemon.json and the socket are private and whole from the first" \
    "$(sort -u "$W/seen")" 600
left_nothing "nothing is left"
tap_done
