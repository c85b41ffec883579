#!/bin/bash
# covenctl selftest tries the doors in a real session on this host: all are
# shut, every role of the suite is confined, nothing is left; the same attempts
# succeed outside; and it says so when one is open or when it did not get to the
# end.
. "$(dirname "$0")/../lib.sh"
world user

# doors RESULT: how many have it.
doors() {
	"$PYTHON" -c '
import json, sys
report = json.load(open(sys.argv[1], encoding="utf-8"))
print(sum(door["result"] == sys.argv[2] for door in report["doors"]))' \
	    "$W/report" "$1"
}

# named RESULT: which have it.
named() {
	"$PYTHON" -c '
import json, sys
report = json.load(open(sys.argv[1], encoding="utf-8"))
print(*sorted(door["name"] for door in report["doors"]
              if door["result"] == sys.argv[2]))' "$W/report" "$1"
}

# Every family, what stands open outside where it was tried there, and roles.
families() {
	"$PYTHON" -c '
import collections, json, sys
report = json.load(open(sys.argv[1], encoding="utf-8"))
doors = report["doors"]
families = collections.Counter(door["family"] for door in doors)
print(", ".join(sorted(families)))
print("fewest:", min(families.values()), "controls:",
      sum(door["outside"] == "open" for door in doors), "under bwrap:",
      dict(collections.Counter(door.get("bwrap") for door in doors)))
print("open:", [door["name"] for door in doors if door["result"] == "open"],
      "shut outside:", [door["name"] for door in doors
                        if door["outside"] == "blocked"])
print("roles:", " ".join(sorted({role["name"].split()[0]
                                for role in report["roles"]
                                if role["confined"]})))
' "$W/report"
}

REPORTS=()
KEPT=$(mktemp -d /tmp/coven-reports.XXXXXX)
for mode in user root system landlock; do
	case $mode in
	root | system) world_end; world "$mode" ;;
	landlock) world_end; world user; world_alone ;;
	esac
	need_monitor
	ctl --json selftest --compare >"$W/report" 2>"$W/err"
	status=$?
	is "$mode: it says what is in force" "$(jget "$W/report" sandbox)" \
	    "$(if [ "$mode" = landlock ]; then echo landlock
	    else echo namespaces; fi)"
	if [ "$mode" = landlock ]; then
		is "$mode: what is open is known, and no success" \
		    "$status $(jget "$W/report" ok) $(named open)" \
		    "1 false bounding fifo git-hook pidfd stat-beside"
		note "untried: $(named untried)"
	else
		is "$mode: every door is shut" "$status $(
		    jget "$W/report" ok) $(doors open) $(
		    doors untried)" "0 true 0 0"
	fi
	[ ! -s "$W/err" ] || sed 's/^/# /' "$W/err"
	t "$mode: more than 300 of them" test "$(doors blocked)" -gt 300
	families >"$W/families"
	is "$mode: of eight families" "$(head -n 1 "$W/families")" \
	    "files, kernel interfaces, leftovers, namespaces and mounts, network, processes, resources, terminals and descriptors"
	note "$(sed -n 2,3p "$W/families" | paste -sd' ')"
	is "$mode: what must succeed outside does" \
	    "$(jget "$W/report" unproven)" 0
	[ "$mode" != root ] || t "$mode: that is most of them" test "$(
	    sed -n 's/.*controls: \([0-9]*\).*/\1/p' "$W/families")" -gt 200
	is "$mode: every role is confined" "$(sed -n 4p "$W/families")" \
	    "roles: coven-apid coven-init coven-monitor coven-runner coven-stored"
	is "$mode: nothing of it is left" \
	    "$(find /tmp /dev/shm -maxdepth 1 -name 'coven-selftest*' \
	    -user "$OWNER" -newer "$W/report" | wc -l)" 0
	monitor_stop
	# Folders of each session's own, in one that stays.
	[ "$mode" != landlock ] || rmdir "$COVEN_HOME/work"
	left_nothing "$mode: nor of its sessions"
	cp "$W/report" "$KEPT/$mode"
	REPORTS+=("$mode=$KEPT/$mode")
	[ "$(id -u)" -eq 0 ] || break
done

# The table in the documentation is what was just found.
HERE=$(dirname "$0")
"$SUITE/libexec/coven/coven-probe" list >"$KEPT/list"
[ "${COVEN_GOLDEN-}" != update ] || "$PYTHON" "$HERE/../escape/table.py" \
    write "$HERE/../../doc/ESCAPE.md" "$KEPT/list" "${REPORTS[@]}"
t "the table in doc/ESCAPE.md is true" "$PYTHON" "$HERE/../escape/table.py" \
    check "$HERE/../../doc/ESCAPE.md" "$KEPT/list" "${REPORTS[@]}"
rm -rf "$KEPT"

# What it says of a door that stands open, of a probe that does not finish,
# and of none.  A suite of our own, with another probe.
world_end
world user
cp -R "$SUITE" "$W/suite"
SUITE=$W/suite
chmod -R go+rX "$SUITE"
need_monitor
pretend() {
	printf '#!/bin/sh\n[ "$1" = doors ] || exit 0\n%s\n' "$1" \
	    >"$SUITE/libexec/coven/coven-probe"
	chmod 755 "$SUITE/libexec/coven/coven-probe"
	ctl selftest >"$W/out" 2>"$W/err"
	RC=$?
}
pretend 'printf "files\tdoor\topen\t\tpretend\nend\t1\n"'
is "an open door is exit status 1" "$RC" 1
t "and OPEN in the table" grep -qE '^files +door +OPEN' "$W/out"
pretend 'printf "files\tdoor\tblocked\tEPERM\tpretend\n"'
is "a probe that does not finish is no success" "$RC" 1
t "and is told" grep -q "before every door was tried" "$W/err"
pretend 'printf "files\tdoor\tblocked\t\033[2Jx\tpretend\033[2J\nend\t1\n"'
t "what it says does not drive a terminal" test \
    "$(grep -c $'\033' "$W/out")" = 0
rm "$SUITE/libexec/coven/coven-probe"
ctl selftest >"$W/out" 2>"$W/err"
is "without a probe it says so" "$?" 1
t "by name" grep -q "coven-probe: it is not installed" "$W/err"
monitor_stop
tap_done
