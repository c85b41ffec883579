#!/bin/bash
# A role dies at each step with what a session left: packing it, removing it,
# removing its archive.  After a new start the steps go on: nothing is lost,
# nothing is done before what explains it is on record, nothing is left.
. "$(dirname "$0")/../lib.sh"
SUITE=${SUITE_FAILPOINTS:-$SUITE}
W=$(mktemp -d /tmp/coven-it.XXXXXX) MONITOR_PID=
"$SUITE/sbin/coven-monitor" --list-failpoints 2>/dev/null |
    cut -f 1 | grep '\.work-' >"$W/names"
"$SUITE/sbin/coven-monitor" --failpoint none --version >/dev/null 2>&1 ||
    skip_all "not a test build (--enable-failpoints)"
NAMES=$(cat "$W/names")
rm -rf "$W"

# Each order, each answer: of the archive, of the folder, of the archive's end.
counts() {
	case $1 in
	stored.work-before-order | stored.work-before-taken)
		echo 1 2 ${COVEN_LONG:+3}
		;;
	stored.work-retention) echo 2 ;;	# the first is at the start
	*.work-entry) echo 3 ;;
	*) echo 1 ;;
	esac
}

folder() { test -d "$COVEN_HOME/work/$ID"; }
no_folder() { ! folder; }
has() { test -e "$COVEN_HOME/archives/$ID.tar.zst"; }
listed() { test "$(ctl archives list --ids 2>/dev/null)" = "$ID"; }
unlisted() { test -z "$(ctl archives list --ids 2>&1)"; }
empty() { test -z "$(ls "$COVEN_HOME/archives")"; }

# The monitor may die under any step: then the next start takes it once more.
alive() { [ -n "$MONITOR_PID" ] && ! process_gone "$MONITOR_PID"; }
again() {
	alive && return
	[ -z "$MONITOR_PID" ] || monitor_wait 5
	wait_for "$LIVENESS" no_roles
	ordered
	monitor_start || tap_not_ok "$point: starts again" "$W/monitor.log"
}

either() { ! alive || "$@"; }

# settles NAME CONDITION...: within its time, started again where it died.
settles() {
	local name=$1

	shift
	wait_for "$LIVENESS" either "$@"
	again
	t "$point: $name" wait_for "$LIVENESS" "$@"
}

# What is on record is in order, and nothing has gone before its record.
ordered() {
	as_owner "$PYTHON" -c 'import os, sqlite3, sys
home, id = sys.argv[1:]
db = sqlite3.connect(home + "/store/coven.db")
verbs = [v for (v,) in db.execute("SELECT verb FROM audit WHERE session = ?"
                                  " ORDER BY n", (id,))]
wanted = ["launch", "end", "workspace.keep", "workspace.archive",
          "session.delete", "workspace.remove", "archive.delete",
          "archive.forget"]
at = [wanted.index(v) for v in verbs if v in wanted]
assert at == sorted(at), verbs
work = home + "/work/" + id
files = sum(len(f) for _, _, f in os.walk(work + "/upper"))
if files < 4:
    assert "session.delete" in verbs and "end" in verbs, verbs
    assert "archive.delete" in verbs or \
        os.path.exists(home + "/archives/" + id + ".tar.zst"), verbs
' "$COVEN_HOME" "$ID" >"$W/order" 2>&1 ||
	    {
		tap_not_ok "$point: failure states persist before archived \
workspaces are cleaned up" "$W/order"
		return
	    }
	tap_ok "$point: failure states persist before archived workspaces are \
cleaned up"
}

# shellcheck disable=SC2016 # the session's shell
leaves() {
	ctl exec --isolated --project "$PROJECT" -- sh -c 'mkdir -p d/e
	    for f in a d/b d/e/c d/e/f; do echo $f >$f; done; exit 3' \
	    </dev/null >"$W/out" 2>&1
	ID=$(find "$COVEN_HOME/work" -mindepth 1 -maxdepth 1 -printf '%f\n')
}

# Until it is done: what asks may meet a daemon that dies.
insist() {
	wait_for "$LIVENESS" once_more "$@"
}
once_more() {
	again
	http "$@" && { [ "$STATUS" = 200 ] || [ "$STATUS" = 404 ]; }
}

try() {
	point="$1 ($MODE)"
	rm -rf "$COVEN_HOME" "$W/x"
	as_owner mkdir -p -m 700 "$COVEN_HOME"
	owner_file "$COVEN_HOME/coven.toml" '[archive]
policy = "always"'
	as_owner chmod 600 "$COVEN_HOME/coven.toml"
	: >"$W/monitor.log"
	monitor_start --failpoint "$1" >"$W/start" ||
	    tap_not_ok "$point: starts" "$W/monitor.log"
	leaves
	settles "it is packed" listed
	t "$point: one archive, nothing half done" \
	    test "$(ls "$COVEN_HOME/archives")" = "$ID.tar.zst"
	t "$point: its folder is there" folder
	ctl archives extract "$ID" "$W/x" >"$W/out" 2>&1
	is "$point: all of it is in the archive" \
	    "$(cat "$W"/x/{a,d/b,d/e/c,d/e/f} 2>&1 | paste -sd' ')" \
	    "a d/b d/e/c d/e/f"
	insist DELETE "/api/v1/sessions/$ID"
	settles "the folder goes" no_folder
	t "$point: and not the archive" has
	insist DELETE "/api/v1/archives/$ID"
	settles "the archive goes" empty
	settles "and its row" unlisted
	t "$point: was reached" grep -q "failpoint ${1%:*}\$" "$W/monitor.log"
	monitor_stop
	ordered
	is "$point: no folder is left" "$(ls "$COVEN_HOME/work")" ""
	rm -rf "$COVEN_HOME"/{archives,work,coven.toml}
	left_nothing "$point: nothing is left"
}

modes="user"
[ "$(id -u)" -ne 0 ] || [ -z "${COVEN_LONG-}" ] || modes="user root"
for mode in $modes; do
	world "$mode"
	as_owner mkdir -p "$PROJECT"
	as_owner chmod 755 "$W"
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
