#!/bin/bash
# Each named failpoint of a test build: the role dies exactly there during
# two sessions' lives.  The suite answers again within 2 s; after a new start
# nothing that was acknowledged is lost or doubled, no session is "running",
# and nothing is left.  A name that is never reached fails.
. "$(dirname "$0")/../lib.sh"
SUITE=${SUITE_FAILPOINTS:-$SUITE}
W=$(mktemp -d /tmp/coven-it.XXXXXX) MONITOR_PID=
"$SUITE/sbin/coven-monitor" --list-failpoints 2>/dev/null |
    cut -f 1 | grep -v '\.work-' >"$W/names"	# archive_points.sh's
"$SUITE/sbin/coven-monitor" --failpoint none --version >/dev/null 2>&1 ||
    skip_all "not a test build (--enable-failpoints)"
NAMES=$(cat "$W/names")
rm -rf "$W"

# How often a place is passed before it is fatal, where the first time is not
# the only one that matters.
counts() {
	case $MODE:$1 in
	user:stored.*-commit) echo 1 2 3 4 6 ;;
	user:apid.before-reply) echo 1 3 9 ;;
	user:runner.before-event) echo 1 2 ;;
	*) echo 1 ;;
	esac
}

# --- two sessions and one that runs elsewhere --------------------------------

# Every step may fail, since something dies on the way; none may hang.  What
# was acknowledged goes to $ACKED, a line each: WHAT ID.
life() {
	http POST /api/v1/sessions/external \
	    "{\"id\":\"ext\",\"projectRoot\":\"$PROJECT\",\"harness\":\"x\"}"
	case $STATUS in 20?) echo "there ext" >>"$ACKED" ;; esac
	if LAUNCH_MORE=',"stdin":true' launch sh -c "$TALKS"; then
		echo "there $ID" >>"$ACKED"
		session=$ID
		talk
	fi
	if launch sleep 1000; then
		echo "there $ID" >>"$ACKED"
		http POST "/api/v1/sessions/$ID/kill" '{}'
		[ "$STATUS" != 202 ] || echo "killed $ID" >>"$ACKED"
	fi
	http POST /api/v1/sessions/ext/complete '{"exitCode":0}'
	[ "$STATUS" != 200 ] || echo "completed ext" >>"$ACKED"
}

TALKS='i=0; while [ $i -lt 20 ]; do echo "line $i"; i=$((i + 1)); done
read x; echo "$x"; echo "line 21"'

talk() {
	local end

	wait_for 3 some_output "$session"
	cp "$W/so-far" "$W/read" 2>/dev/null
	http POST "/api/v1/sessions/$session/input" '{"data":"line 20\n"}'
	[ "$STATUS" != 202 ] || echo "input $session" >>"$ACKED"
	if wait_for 3 ended "$session"; then
		end=$(session_status "$session")
		[ -z "$end" ] || echo "$end $session" >>"$ACKED"
	fi
	output "$session" "$W/so-far" && cp "$W/so-far" "$W/read"
}

some_output() {
	output "$1" "$W/so-far" && [ -s "$W/so-far" ]
}

# --- what must hold ----------------------------------------------------------

# The external one is whoever runs it's to end.
running() {
	http GET /api/v1/sessions && [ "$STATUS" = 200 ] || return 1
	sed 's/{/\n/g' "$W/body" | grep -v '"external":true' |
	    grep -c '"status":"\(running\|created\)"'
}

nothing_running() {
	[ "$(running)" = 0 ]
}

# The kernel, not the record, says whether a session has a process.
no_ghost() {
	[ "$(running)" = "$(roles init | wc -l)" ]
}

# events ID KIND: how many are on record.
events() {
	http GET "/api/v1/events?sessionId=$1&limit=1000" || return 1
	grep -o "\"kind\":\"$2\"" "$W/body" | wc -l
}

check_acked() {
	local what id

	while read -r what id; do
		case $what in
		there)
			http GET "/api/v1/sessions/$id"
			is "$point: an acknowledged session is on record" \
			    "$STATUS" 200
			;;
		input)
			is "$point: an acknowledged input is there once" \
			    "$(events "$id" input)" 1
			;;
		killed)
			is "$point: an acknowledged kill is there once" \
			    "$(events "$id" kill) $(session_status "$id")" \
			    "1 killed"
			;;
		orphaned) ;;
		*)
			is "$point: an end that was seen stays" \
			    "$(session_status "$id")" "$what"
			[ "$id" = ext ] ||
			    is "$point: with one exit event" \
			    "$(events "$id" exit)" 1
			;;
		esac
	done <"$ACKED"
}

check_output() {
	[ -n "$session" ] || return 0
	t "$point: the record can be read" output "$session" "$W/recorded"
	t "$point: what was read is kept" cmp -n "$(stat -c %s "$W/read")" \
	    "$W/read" "$W/recorded"
	t "$point: no line lost or doubled" numbered "$W/recorded"
}

# starts POINT: again, without the failpoint.
starts() {
	local start took

	start=$(now_ms)
	if ! monitor_start; then
		tap_not_ok "$1: starts again" "$W/monitor.log"
		return 1
	fi
	took=$(($(now_ms) - start))
	t "$1: starts again within 2 s ($took ms)" test "$took" -lt 2000
}

died() {
	grep -q "failpoint ${1%:*}\$" "$W/monitor.log"
}

# A role's death is the suite's own to mend.
check_mended() {
	local start took

	start=$(now_ms)
	t "$point: answers again" wait_for "$LIVENESS" healthy
	took=$(($(now_ms) - start))
	t "$point: within 2 s ($took ms)" test "$took" -lt 2000
	t "$point: no session without a process" wait_for 5 no_ghost
	if process_gone "$MONITOR_PID"; then
		tap_not_ok "$point: the monitor lives" "$W/monitor.log"
		monitor_kill
		return
	fi
	monitor_stop
	is "$point: and stops" "$MONITOR_STATUS" 0
}

try() {
	local armed=$1

	point="$armed ($MODE)"
	rm -rf "$COVEN_HOME"
	: >"$W/monitor.log"
	: >"$W/read"
	: >"$ACKED"
	session=
	# It may be hit while starting: then this start fails or recovers.
	if monitor_start --failpoint "$armed" >"$W/start"; then
		life
	fi
	t "$point: was reached" died "$armed"
	if [ "${armed%%.*}" = monitor ]; then
		[ -z "$MONITOR_PID" ] || monitor_wait 5
		wait_for "$LIVENESS" no_roles
	elif [ -n "$MONITOR_PID" ]; then
		check_mended
	fi
	starts "$point" || return
	t "$point: no session is running" wait_for 5 nothing_running
	check_acked
	check_output
	monitor_stop
	left_nothing "$point: nothing is left"
}

modes="user"
[ "$(id -u)" -ne 0 ] || modes="user root"
for mode in $modes; do
	world "$mode"
	ACKED=$W/acked
	for name in $NAMES; do
		for count in $(counts "$name"); do
			if [ "$count" = 1 ]; then
				try "$name"
			else
				try "$name:$count"
			fi
		done
	done
	world_end
done
W=$(mktemp -d /tmp/coven-it.XXXXXX)
tap_done
