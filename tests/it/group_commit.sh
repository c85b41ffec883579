#!/bin/bash
# What is acknowledged is on the disk.  A lone writer waits for one sync; a
# thousand that ask meanwhile share a few.
. "$(dirname "$0")/../lib.sh"
world user
script calls.py >"$W/t.out"
TOGETHER=$(script together.py)
need_monitor
STORED=$(role_pid stored)

transactions() {
	http GET /api/v1/health && jget "$W/body" eventWriter.transactions
}

# Words are indexed a moment later, in commits of their own.
settled() {
	local before

	before=$(transactions)
	sleep 1.2
	[ "$(transactions)" = "$before" ]
}

# The system calls of stored that wait for the disk, one a line.
syncs_begin() {
	: >"$W/syncs"
	strace -p "$STORED" -qq -y -e trace=fsync,fdatasync,msync \
	    -o "$W/syncs" 2>"$W/strace.err" &
	TRACER=$!
	wait_for "$LIVENESS" traced
}

traced() {
	grep -q '^TracerPid:.[1-9]' "/proc/$STORED/status"
}

syncs_end() {
	kill "$TRACER"
	wait "$TRACER" 2>/dev/null
	grep -cE '^(fsync|fdatasync|msync)' "$W/syncs"
}

# together COUNT PREFIX: stored stands still until apid has all requests.
together() {
	kill -STOP "$STORED"
	rm -f "$W/mark/taken"
	as_owner "$PYTHON" "$TOGETHER" "$SOCK" "$1" "$2" "$W/mark/taken" \
	    >"$W/together" 2>&1 &
	wait_for "$LIVENESS" test -e "$W/mark/taken" ||
	    note "apid has not taken all requests"
	kill -CONT "$STORED"
	wait "$!"
}

as_owner mkdir "$W/mark"
wait_for "$LIVENESS" settled
before=$(transactions)
together 1000 many
is "a thousand are acknowledged" "$(cat "$W/together")" 1000
wait_for "$LIVENESS" settled
after=$(transactions)
note "a thousand writers: $((after - before)) transactions"
t "a_thousand_writers_share_commits" test "$((after - before))" -le 50
for n in 1 2 3 4 5 6 7 8 9 10; do
	http POST /api/v1/sessions/external \
	    "{\"id\":\"lone-$n\",\"projectRoot\":\"/p\",\"harness\":\"coven-code\"}"
done
wait_for "$LIVENESS" settled
note "ten, one after another: $(($(transactions) - after)) transactions"
t "a_lone_writer_has_a_commit_of_its_own" \
    test "$(($(transactions) - after))" -ge 10

if [ "$(id -u)" -eq 0 ] && command -v strace >"$W/t.out"; then
	t "a trace begins" syncs_begin
	http POST /api/v1/sessions/external \
	    '{"id":"one","projectRoot":"/p","harness":"coven-code"}'
	is "a_lone_writer_waits_for_one_sync" "$(syncs_end)" 1
	syncs_begin
	together 1000 again
	syncs=$(syncs_end)
	is "a thousand more are acknowledged" "$(cat "$W/together")" 1000
	note "a thousand writers: $syncs syncs"
	t "a_thousand_writers_share_syncs" test "$syncs" -le 50
	syncs_begin
	launch sh -c 'head -c 1000000 /dev/zero | tr "\\0" x'
	wait_for "$LIVENESS" status_is "$ID" completed
	syncs_end >"$W/t.out"
	is "bulk_is_on_disk_before_the_row_that_names_it" "$(sed -n \
	    's/.*\(segment\|-wal\)[.0-9]*>.*/\1/p' "$W/syncs" | uniq |
	    grep -A 1 segment | head -n 2 | paste -sd' ')" "segment -wal"
else
	tap_skip "syncs are counted" "needs root and strace"
fi
monitor_stop
left_nothing "nothing is left"
tap_done
