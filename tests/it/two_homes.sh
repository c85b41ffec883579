#!/bin/bash
# Two suites on two homes know nothing of each other: own sessions, own ends;
# one's sandbox cannot reach the other's socket.
. "$(dirname "$0")/../lib.sh"
world user
need_monitor
first_home=$COVEN_HOME first_sock=$SOCK first_pid=$MONITOR_PID

COVEN_HOME=$OWNER_HOME/.coven2
SOCK=$COVEN_HOME/coven.sock
OWNER_ENV+=("COVEN_HOME=$COVEN_HOME")
need_monitor
second_pid=$MONITOR_PID

use() {
	case $1 in
	first) COVEN_HOME=$first_home SOCK=$first_sock ;;
	second)
		COVEN_HOME=$OWNER_HOME/.coven2
		SOCK=$COVEN_HOME/coven.sock
		;;
	esac
}

use first
launch sleep 1000
one=$ID
use second
http GET /api/v1/sessions
is "the second knows no session of the first" "$(cat "$W/body")" "[]"
http POST "/api/v1/sessions/$one/kill" '{}'
is "and cannot kill it" "$STATUS" 404

cp "$TOOLS/probe" "$PROJECT/probe"
as_owner "$SUITE/bin/covenctl" exec --project "$PROJECT" -- \
    "$PROJECT/probe" connect-unix "$first_sock" "$SOCK" >"$W/out" 2>&1 \
    </dev/null
is "a sandbox of the second reaches neither socket" "$?" 0

MONITOR_PID=$second_pid
monitor_stop
use first
MONITOR_PID=$first_pid
t "the first goes on when the second stops" healthy
is "its session too" "$(session_status "$one")" running
monitor_stop
"$TOOLS/leftovers" compare "$W.before" --under "$first_home" \
    --under "$OWNER_HOME/.coven2" --tree "$COVEN_GUARD" --wait 5000 \
    >"$W/left"
is "nothing is left of either" "$(cat "$W/left")" ""
tap_done
