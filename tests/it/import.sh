#!/bin/bash
# A COVEN_HOME that an earlier daemon used: its sessions are listed, its files
# are never written, and nothing about them stops a start.
. "$(dirname "$0")/../lib.sh"
OLD=$(dirname "$0")/old_store.py

# begin MODE [WHAT [NUMBER]]: a home with such a database in it.
begin() {
	world "$1"
	mkdir -m 700 "$COVEN_HOME"
	printf '[retention]\nlog_days = 36500\n' >"$COVEN_HOME/coven.toml"
	chmod 600 "$COVEN_HOME/coven.toml"
	shift
	[ $# -eq 0 ] || "$PYTHON" "$OLD" "$COVEN_HOME/coven.sqlite3" "$@"
	chown -R "$OWNER:$OWNER" "$COVEN_HOME"
	world_snapshot
	state >"$W/was"
}

# The old files: names, times, sizes, bytes.
state() {
	local file

	for file in "$COVEN_HOME"/coven.sqlite3*; do
		stat -c '%n %s %Y %Z %a %i' "$file"
		[ ! -f "$file" ] || sha256sum "$file"
	done
}

untouched() {
	state | diff "$W/was" -
}

# ids: those that are listed, archived ones too, newest first.
ids() {
	http GET '/api/v1/sessions?includeArchived=true&limit=1000' &&
	    jget "$W/body" sessions | grep -o '"id": "[^"]*"' |
	    cut -d '"' -f 4 | xargs
}

ids_are() {
	[ "$(ids)" = "$1" ]
}

# session ID MEMBER
session() {
	http GET "/api/v1/sessions/$1" && jget "$W/body" "$2"
}

logged() {
	grep -q "$1" "$W/monitor.log"
}

done_with() {
	monitor_stop
	is "$1: it stops" "$MONITOR_STATUS" 0
	left_nothing "$1: nothing is left"
	world_end
}

ALL="unborn lost shot broken talk done outside running"

# --- what it had is there, in every mode -------------------------------------------

taken_over() {
	begin "$1" small
	need_monitor
	is "$1: its sessions are there before the first request" \
	    "$(ids)" "$ALL"
	t "$1: its files are untouched" untouched
	t "$1: the copy is gone" [ ! -e "$COVEN_HOME/store/old.sqlite3" ]
}

for mode in root system; do
	[ "$(id -u)" -eq 0 ] || break
	taken_over "$mode"
	done_with "$mode"
done
taken_over user

is "what ran was orphaned" "$(session running status)" orphaned
is "but not what runs elsewhere" \
    "$(session outside status) $(session outside external)" "running true"
is "labels are kept" "$(session outside labels.0)" a:1
is "and where its transcript lies" "$(session outside transcript_path)" \
    /t/x.jsonl
is "what was archived still is" "$(session "done" archived_at)" \
    2026-03-01T00:00:00.000000000Z
is "a conversation" "$(session talk status) $(session talk conversation_id)" \
    "idle conv-1"
is "an exit code" "$(session broken exit_code)" 3
is "or none" "$(session shot exit_code)" null
is "what never started has failed" "$(session unborn status)" failed
is "times are kept" "$(session talk created_at)" \
    2026-02-04T10:00:00.000000003Z

http GET /api/v1/events?sessionId=done
is "events keep their numbers" "$(jget "$W/body" events |
    grep -o '"seq": [0-9]*' | cut -d ' ' -f 2 | xargs)" "12 21 22 40"
is "their ids" "$(jget "$W/body" events.0.id)" \
    00000000-0000-4000-8000-00000000000c
is "their kinds, whatever they are" "$(jget "$W/body" events.1.kind)" cast
is "their bytes" "$(jget "$W/body" events.0.payload_json)" \
    '{"data": "first zebra line\r\n"}'
is "but for secrets" "$(jget "$W/body" events.2.payload_json |
    grep -c BYNOBODY)" 0
is "and their times" "$(jget "$W/body" events.0.created_at)" \
    2026-02-13T10:00:00.000000012Z
http GET '/api/v1/events?sessionId=done&afterSeq=21&limit=1'
is "a client's cursor goes on" "$(jget "$W/body" events.0.seq)" 22
http GET '/api/v1/events?sessionId=done&afterEventId=00000000-0000-4000-8000-000000000016'
is "by an id as well" "$(jget "$W/body" events.0.seq)" 40
http GET /api/v1/sessions/done/log
is "the log shows them" "$(jget "$W/body" 0.message)" "$(
    printf 'first zebra line\r\n')"
http GET '/api/v1/stats'
is "none of them is live" "$(jget "$W/body" 'sessions.#')" 0
t "what runs elsewhere can end" http POST /api/v1/sessions/outside/complete \
    '{"exitCode":0}'
is "as it does" "$(session outside status)" completed

launch sh -c 'echo new'
t "a new session runs" wait_for "$LIVENESS" ended "$ID"
http GET "/api/v1/events?sessionId=$ID"
t "its events have larger numbers" [ "$(jget "$W/body" events.0.seq)" -gt 41 ]
zebra() {
	http GET '/api/v1/sessions?query=zebra&includeArchived=true' &&
	    [ "$(jget "$W/body" sessions.0.id)" = "done" ]
}
t "what was printed then is found" wait_for "$LIVENESS" zebra
t "one can be deleted" http DELETE /api/v1/sessions/talk
monitor_stop
need_monitor
is "a second start takes nothing over again" \
    "$(ids)" "$ID unborn lost shot broken done outside running"
t "and still writes nothing there" untouched
monitor_stop
is "it was recorded once" "$("$PYTHON" -c '
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute(
        "SELECT detail FROM audit WHERE verb = \"store.import\""):
    print(row[0])' "$COVEN_HOME/store/coven.db")" \
    "8 sessions, 6 events; 3 rows left out"
left_nothing "user: nothing is left"
world_end

# --- what is odd stops nothing --------------------------------------------------------

# odd WHAT PATTERN: it starts with none of them, and says why.
odd() {
	need_monitor
	is "$1: it starts, with no sessions" "$(ids)" ""
	t "$1: it says so" wait_for "$LIVENESS" logged "$2"
	t "$1: its files are untouched" untouched
	launch true && wait_for "$LIVENESS" ended "$ID"
	is "$1: it works" "$(session "$ID" status)" completed
	is "$1: and nothing half taken over" "$(ids)" "$ID"
	done_with "$1"
}

begin user damaged
odd "a damaged file" 'coven.sqlite3.*malformed'
begin user foreign
odd "another program's" 'coven.sqlite3.*no sessions'
begin user view
odd "a view for a table" 'coven.sqlite3.*no sessions'
begin user small
head -c 20000 /dev/urandom >"$COVEN_HOME/coven.sqlite3"
state >"$W/was"
odd "noise" 'coven.sqlite3.*not a database'
begin user small
mv "$COVEN_HOME/coven.sqlite3" "$COVEN_HOME/elsewhere"
ln -s elsewhere "$COVEN_HOME/coven.sqlite3"
world_snapshot
state >"$W/was"
odd "a link" 'coven.sqlite3: it is a link'
begin user small
rm "$COVEN_HOME/coven.sqlite3"
mkfifo "$COVEN_HOME/coven.sqlite3"
give_owner "$COVEN_HOME/coven.sqlite3"
world_snapshot
state >"$W/was"
odd "a FIFO" 'coven.sqlite3: it is no file'

begin user empty
need_monitor
is "an empty one is nothing" "$(ids)" ""
t "and that is final" logged 'import: 0 sessions'
done_with "an empty one"
begin user older
need_monitor
is "one of an older daemon has fewer columns" "$(ids)" ancient
is "and other times" "$(session ancient created_at) $(session ancient \
    updated_at)" "2024-12-31T22:00:00.000000000Z 2025-01-01T00:00:00.500000000Z"
done_with "an older one"

# --- a large one appears as a whole -----------------------------------------------------

begin user big 48
need_monitor
t "a large one does not hold the start up" healthy
partly() {
	[ -z "$(ids)" ] || ids_are "talk done" || ids_are "done talk"
}
t "it is there as a whole or not at all" partly
kill -KILL "$(role_pid stored)" 2>/dev/null
t "though stored dies over it" wait_for "$LIVENESS" healthy
t "in the end it is there" wait_for 60 ids_are "done talk"
output talk "$W/talk"
is "with every event" "$(grep -o 'line [0-9]*' "$W/talk" | wc -l)" 600
t "its files are untouched" untouched
done_with "a large one"

# --- a daemon that serves this home -------------------------------------------------------

begin user small
"${OWNER_PRIV[@]}" "$PYTHON" -c '
import fcntl, os, sys, time
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(f, fcntl.LOCK_EX)
open(sys.argv[2], "w").close()
time.sleep(60)' "$COVEN_HOME/daemon-serve.lock" "$OWNER_HOME/locked" &
HOLDER=$!
wait_for "$LIVENESS" [ -e "$OWNER_HOME/locked" ]
monitor_spawn
monitor_wait "$LIVENESS"
is "while the earlier daemon serves, ours does not start" \
    "$MONITOR_STATUS" 75
t "and touches nothing" untouched
t "not even a folder of its own" [ ! -e "$COVEN_HOME/store" ]
kill "$HOLDER"
wait "$HOLDER" 2>/dev/null
need_monitor
is "when it has gone, ours does" "$(ids)" "$ALL"
monitor_stop
tap_done
