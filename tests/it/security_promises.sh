#!/bin/bash
# Every promise of doc/SECURITY.md, and every row of doc/WEAKNESSES.md, names a
# test, that test exists, and where this run came past it, it passed.  A name in
# backquotes in the last column of the promise table is a script of tests/it, a
# unit test, the name of one line of TAP, or `script: words` for the lines of
# a script that hold these words.
. "$(dirname "$0")/../lib.sh"
W=$(mktemp -d /tmp/coven-it.XXXXXX)
MONITOR_PID=
TREE=$(cd "$(dirname "$0")/../.." && pwd)

exists() {
	case $1 in
	*': '*)
		grep -qF -e "${1#*: }" "$TREE/tests/it/${1%%: *}.sh"
		return
		;;
	esac
	[ -e "$TREE/tests/it/$1.sh" ] || [ -e "$TREE/tests/unit/$1.c" ] ||
	    [ -e "$TREE/tests/$1" ] ||
	    grep -rqw -e "$1" -e "row ${1#sandbox_cannot_}" \
	    "$TREE/tests/sandbox_rows.sh" "$TREE/tests/it"
}

# Skipped is not passed: the line says so, and the reader decides.
failed_in_this_run() {
	case $1 in
	*': '*)
		grep -E "^not ok ${1%%: *} " "${IT_RESULTS:-/dev/null}" |
		    grep -qF -e "${1#*: }"
		return
		;;
	esac
	grep -E '^not ok' "${IT_RESULTS:-/dev/null}" |
	    grep -qE "(^| )$1[a-z0-9_]*( |:|\$)"
}

# The promise table is the one whose last heading is "test".
awk -F'|' '
	/^\|/ && $(NF - 1) ~ /^ *test *$/ { table = 1; next }
	/^\|[-| ]*\|$/ { next }
	!/^\|/ { table = 0 }
	table { print $2 "|" $(NF - 1) }' "$TREE/doc/SECURITY.md" \
    "$TREE/doc/WEAKNESSES.md" >"$W/promises"

t "there are promises" test "$(wc -l <"$W/promises")" -gt 20
while IFS='|' read -r promise tests; do
	promise=$(printf '%s' "$promise" | sed 's/^ *//; s/ *$//')
	names=$(printf '%s\n' "$tests" | grep -o '`[^`]*`' | tr -d '`')
	if [ -z "$names" ]; then
		tap_not_ok "no test for: $promise"
		continue
	fi
	while read -r name; do
		if ! exists "$name"; then
			tap_not_ok "$name does not exist: $promise"
		elif failed_in_this_run "$name"; then
			tap_not_ok "$name failed: $promise"
		else
			tap_ok "$name: $promise"
		fi
	done <<<"$names"
done <"$W/promises"
tap_done
