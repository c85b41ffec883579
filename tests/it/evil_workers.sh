#!/bin/bash
# The workers on one folder have evil twins as well (tests/evil/): whatever
# one says or does, the monitor and stored live, what was not packed is not
# gone, and when the good program is back the steps are taken after all.
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/twins.sh
. "$(dirname "$0")/../twins.sh"
twins_stage archiver remover applier

lived() { test "$(($(lives "$1") - FIRST))" -ge "$2"; }
folders() { find "$COVEN_HOME/work" -mindepth 1 -maxdepth 1 | wc -l; }
left() { test "$(folders)" = "$1"; }
listed() { ctl archives list --ids 2>/dev/null | wc -l; }
all_listed() { test "$(listed)" = "$1"; }

leaves() {
	ctl exec --isolated --project "$PROJECT" -- \
	    sh -c 'echo word >new; echo more >other; exit 3' </dev/null \
	    >"$W/out" 2>&1
	ID=$(ctl sessions --ids --limit 1)
}

check() {
	if process_gone "$MONITOR_PID"; then
		tap_not_ok "$1: the monitor lives" "$W/monitor.log"
		return
	fi
	tap_ok "$1: the monitor lives"
	t "$1: the suite answers" wait_for "$LIVENESS" healthy
	is "$1: nobody else dies" "$(grep -E \
	    'child (apid|stored)\[[0-9]+\]: (exited|killed)' \
	    "$W/monitor.log")" ""
	t "$1: nothing is undefined" sh -c \
	    "! grep -E 'runtime error|Sanitizer|RETURNED' '$W/monitor.log'"
}

# What it says is in an archive is in it, or the folder is there.
true_archives() {
	local id size

	for id in $(ctl archives list --ids); do
		size=$(ctl archives show "$id" | sed -n 's/^packed *//p')
		[ "$(stat -c %s "$COVEN_HOME/archives/$id.tar.zst")" = \
		    "$size" ] || return 1
	done
}

archiver() {
	FIRST=$(lives archiver)
	evil_are archiver
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		leaves
	done
	t "evil archiver: it came to life" wait_for 30 lived archiver 15
	check "evil archiver"
	is "evil archiver: no folder is gone" "$(folders)" 15
	evil_are
	t "evil archiver: an archive has the size that is on record" \
	    true_archives
	leaves
	t "evil archiver: then the good one packs" wait_for 30 test -s \
	    "$COVEN_HOME/archives/$ID.tar.zst"
	t "evil archiver: no half of one is left" wait_for 30 no_part
}
no_part() { ! ls "$COVEN_HOME"/archives/*.part 2>/dev/null; }

remover() {
	local id

	FIRST=$(lives remover)
	evil_are remover
	for id in $(ctl sessions --ids); do
		ctl sacrifice --yes "$id" >/dev/null 2>&1
	done
	t "evil remover: it came to life" wait_for 30 lived remover 16
	check "evil remover"
	is "evil remover: what is not empty is not gone" "$(folders)" 16
	evil_are
	t "evil remover: then the good one removes" wait_for 60 left 0
}

applier() {
	local n

	leaves
	FIRST=$(lives applier)
	evil_are applier
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		case $((n % 3)) in
		0) ctl apply "$ID" ;;
		1) ctl diff --patch "$ID" ;;
		2) ctl diff "$ID" ;;
		esac </dev/null >"$W/out" 2>&1 &
		wait_for 3 lived applier "$n"
		applier=$(role_pid applier) && sleep 0.1 &&
		    kill -KILL "$applier" 2>/dev/null
		wait $!
	done
	# One that is not quite gone keeps the next request away.
	t "evil applier: it came to life" lived applier 8
	check "evil applier"
	evil_are
	ctl apply "$ID" >"$W/out" 2>&1
	is "evil applier: then the good one brings it over" \
	    "$(cat "$PROJECT/new")" word
}

world user
as_owner mkdir -p "$PROJECT"
as_owner mkdir -p -m 700 "$COVEN_HOME"
owner_file "$COVEN_HOME/coven.toml" '[archive]
policy = "always"
max_mib = 16'
as_owner chmod 600 "$COVEN_HOME/coven.toml"
evil_are
need_monitor
archiver
remover
applier
monitor_stop
is "and it stops" "$MONITOR_STATUS" 0
rm -rf "$EVIL" "$COVEN_HOME"/{archives,work,coven.toml}
left_nothing "nothing is left"
tap_done
