#!/bin/bash
# SIGTERM and the identity-checked route both stop the suite within 2 s, with
# sessions ended and on record, socket and daemon.json removed; the route's
# connection closes only when the monitor is gone.
. "$(dirname "$0")/../lib.sh"
world user

started_session() {
	need_monitor
	launch sh -c 'trap "" TERM; echo up; while :; do sleep 1000; done'
	session=$ID
	wait_for "$LIVENESS" prints_up "$session"
}

prints_up() {
	output "$1" "$W/so-far" && grep -q up "$W/so-far"
}

check_stopped() {
	t "$1: the socket is gone" test ! -e "$SOCK"
	t "$1: daemon.json is gone" test ! -e "$COVEN_HOME/daemon.json"
	is "$1: the monitor ends with 0" "$MONITOR_STATUS" 0
	left_nothing "$1: nothing is left"
	need_monitor
	t "$1: the session has ended on record" ended "$session"
	is "$1: with one exit event, the last" "$(http GET \
	    "/api/v1/events?sessionId=$session" &&
	    grep -oE '"kind":"[a-z_]*"' "$W/body" | tail -n 1; grep -c \
	    '"kind":"exit".*"kind":"exit"' "$W/body")" '"kind":"exit"
0'
	monitor_stop
}

started_session
start=$(now_ms)
monitor_stop
took=$(($(now_ms) - start))
note "SIGTERM: $took ms"
t "SIGTERM: within 2 s" test "$took" -lt 2000
check_stopped SIGTERM

started_session
http GET /health
body="{\"apiVersion\":\"coven.daemon.v1\",\"daemon\":$(jget "$W/body" daemon)}"
start=$(now_ms)
http POST /api/v1/internal/lifecycle/shutdown "$body"
took=$(($(now_ms) - start))
is "route: accepted" "$STATUS" 202
is "route: says who stops" "$(jget "$W/body" daemon.pid)" "$MONITOR_PID"
t "route: the connection closed with the monitor's own end" \
    process_gone "$MONITOR_PID"
note "route: $took ms"
t "route: within 2 s" test "$took" -lt 2000
monitor_wait 1
check_stopped route

# covenctl start, status, stop.
ctl start >"$W/out" 2>&1
is "covenctl start" "$?" 0
t "covenctl start: it answers" healthy
ctl status --json >"$W/status" 2>"$W/err"
is "covenctl status --json" "$?:$(jget "$W/status" status)" "0:running"
pid=$(jget "$W/status" pid)
is "status names the pid of health" "$(jget "$W/body" daemon.pid)" "$pid"
ctl restart >"$W/out" 2>&1
is "covenctl restart" "$?" 0
t "restart: the old one is gone" process_gone "$pid"
t "restart: it answers" healthy
ctl stop >"$W/out" 2>&1
is "covenctl stop" "$?" 0
t "covenctl stop: the socket is gone" test ! -e "$SOCK"
ctl status --json >"$W/status" 2>"$W/err"
is "status when stopped" "$?:$(jget "$W/status" status)" "0:stopped"
ctl sessions >"$W/out" 2>"$W/err"
t "a verb that needs it fails" test "$?" -ne 0
t "and says how to start it" grep -q 'covenctl start' "$W/err"
left_nothing "covenctl: nothing is left"
tap_done
