#!/bin/bash
# What the record can be asked and told: sizes, archive, deletion, search,
# statistics, retention.
. "$(dirname "$0")/../lib.sh"
world user
need_monitor

# answers STATUS METHOD PATH [BODY]
answers() {
	local want=$1

	shift
	http "$@" && [ "$STATUS" = "$want" ]
}

# has ID TEXT: its output has it.
has() {
	output "$1" "$W/out" && grep -q -- "$2" "$W/out"
}

# --- a terminal's size -----------------------------------------------------

LAUNCH_MORE=',"tty":true,"rows":10,"cols":20'
# shellcheck disable=SC2016 # for the payload's shell
t "a session with a terminal" launch sh -c '
	trap "echo now \$(stty size)" WINCH
	echo first $(stty size)
	while :; do sleep 0.05; done'
TTY=$ID
LAUNCH_MORE=
t "its terminal has the size of its launch" \
    wait_for "$LIVENESS" has "$TTY" 'first 10 20'
t "a new size is taken" answers 202 POST "/api/v1/sessions/$TTY/resize" \
    '{"rows":33,"cols":777}'
t "the payload is told and sees it" \
    wait_for "$LIVENESS" has "$TTY" 'now 33 777'

# --- archive and delete ------------------------------------------------------

t "a live session is not deleted" answers 409 DELETE "/api/v1/sessions/$TTY"
t "it is killed" answers 202 POST "/api/v1/sessions/$TTY/kill"
t "and then deleted, whatever of it is still ending" answers 200 DELETE \
    "/api/v1/sessions/$TTY"
t "it is not there any more" answers 404 GET "/api/v1/sessions/$TTY"
is "nor in a list" "$(http GET '/api/v1/sessions?includeArchived=true'
    grep -c "$TTY" "$W/body")" 0

monitor_stop
is "the monitor ends with 0" "$MONITOR_STATUS" 0
left_nothing "nothing is left"
tap_done
