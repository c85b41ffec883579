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

# --- searching -----------------------------------------------------------------

# finds QUERY ID ...: exactly these, newest first, and nothing is pending.
finds() {
	local query=$1

	shift
	http GET "/api/v1/sessions?query=$query&includeArchived=true" &&
	    [ "$(jget "$W/body" search.complete)" = true ] &&
	    [ "$(jget "$W/body" sessions | grep -o '"id": "[^"]*"' |
	    cut -d '"' -f 4 | xargs)" = "$*" ]
}

launch sh -c 'echo the quick brown fox; printf "\033[1mjum\033[0mped"'
FOX=$ID
launch sh -c 'echo the lazy dog; printf "FUCHS gef\303\274ttert" >&2'
DOG=$ID
t "words of the output find a session" wait_for "$LIVENESS" finds fox "$FOX"
t "all of them must be there" finds quick%20fox "$FOX"
t "in any order, in any case" finds LAZY%20the "$DOG"
t "one that is not there finds nothing" finds fox%20dog
t "escape sequences do not hide one" finds jumped "$FOX"
t "nor does the other stream" finds fuchs%20gefuttert "$DOG"
t "titles are found" finds 0mped "$FOX"
for query in '"' '*' '%22OR%22' 'NEAR(' 'fox%22' "x'--" '%F0%9F%90%88'; do
	http GET "/api/v1/sessions?query=$query"
	case $STATUS in
	200 | 400) tap_ok "whatever is typed is words: $query" ;;
	*) tap_not_ok "whatever is typed is words: $query" "$W/reply" ;;
	esac
done
t "a status filters" answers 200 GET '/api/v1/sessions?status=live&limit=9'
is "what runs is live" "$(jget "$W/body" sessions.0.id):$(
    jget "$W/body" 'sessions.#')" "$TTY:1"
t "a harness filters" answers 200 GET '/api/v1/sessions?harness=codex'
is "none was codex" "$(jget "$W/body" 'sessions.#')" 0
t "a status that is none is refused" answers 400 GET \
    '/api/v1/sessions?status=active'

# --- statistics ------------------------------------------------------------------

# stat_of ID MEMBER
stat_of() {
	http GET /api/v1/stats && "$PYTHON" -c '
import json, sys
for row in json.load(open(sys.argv[1]))["sessions"]:
    if row["sessionId"] == sys.argv[2]:
        print(json.dumps(row[sys.argv[3]]))' "$W/body" "$1" "$2"
}

# at_least ID MEMBER NUMBER
at_least() {
	local got

	got=$(stat_of "$1" "$2")
	[ -n "$got" ] && [ "$got" -ge "$3" ]
}

# A shell that computes, and two that wait below another.
# shellcheck disable=SC2016 # for the payload's shell
launch sh -c 'sh -c "sleep 100 & sleep 100 & wait" &
	i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; echo x; wait'
BUSY=$ID
t "what a session computes is counted" \
    wait_for "$LIVENESS" at_least "$BUSY" cpuUs 50000
t "its processes are" wait_for "$LIVENESS" at_least "$BUSY" processes 4
t "and no more than there are" [ "$(stat_of "$BUSY" processes)" -le 4 ]
t "its memory is" at_least "$BUSY" memoryBytes 100000
t "what it printed is" wait_for "$LIVENESS" at_least "$BUSY" outputBytes 5
t "and its age" wait_for "$LIVENESS" at_least "$BUSY" ageMs 100
is "what has ended is not there" "$(stat_of "$DOG" ageMs)" ""
http POST "/api/v1/sessions/$BUSY/kill"

# --- what health says of it -----------------------------------------------------

stored_bytes() {
	http GET /api/v1/health &&
	    [ "$(jget "$W/body" storage.databaseBytes)" -gt 0 ] &&
	    [ "$(jget "$W/body" storage.walBytes)" -ge 4096 ] &&
	    [ "$(jget "$W/body" storage.freeDiskBytes)" -gt 0 ] &&
	    [ "$(jget "$W/body" eventWriter.committedEvents)" -gt 0 ]
}

t "health says how large the store is" wait_for "$LIVENESS" stored_bytes
is "and since when it goes back" "$(jget "$W/body" \
    storage.oldestRetainedEventAt | cut -c 1-4)" "$(date -u +%Y)"

# --- archive and delete ------------------------------------------------------

t "a live session is not deleted" answers 409 DELETE "/api/v1/sessions/$TTY"
t "it is killed" answers 202 POST "/api/v1/sessions/$TTY/kill"
t "and then deleted, whatever of it is still ending" answers 200 DELETE \
    "/api/v1/sessions/$TTY"
t "it is not there any more" answers 404 GET "/api/v1/sessions/$TTY"
is "nor in a list" "$(http GET '/api/v1/sessions?includeArchived=true'
    grep -c "$TTY" "$W/body")" 0

t "the others end" wait_for "$LIVENESS" ended "$DOG"
t "one is deleted" answers 200 DELETE "/api/v1/sessions/$FOX"
t "and its words with it" wait_for "$LIVENESS" finds fox
monitor_kill
wait_for "$LIVENESS" no_roles
need_monitor
t "a restart finds what was printed before" \
    wait_for "$LIVENESS" finds lazy "$DOG"

monitor_stop
is "the monitor ends with 0" "$MONITOR_STATUS" 0
left_nothing "nothing is left"
tap_done
