#!/bin/bash
# Whoever exchanges names while the suite looks at them never wins: links for
# the project and its folders, the project for another, the client's socket,
# a harness's program.  5 s each, 60 s in a long run.
. "$(dirname "$0")/../lib.sh"

RACE_S=5
[ -z "${COVEN_LONG-}" ] || RACE_S=60

racer() {
	as_owner "$PYTHON" "$RACER" "$@"
}

# launches NAME BODY A B [A B ...]: sessions of BODY are asked for while the
# pairs are exchanged.  One that ends with status 9 has won; with 0 it ran
# where it should, and some do.  Others failed, as they may.
launches() {
	local name=$1 body=$2 exchanger

	shift 2
	racer exchange "$RACE_S" "$@" >"$W/turns" 2>&1 &
	exchanger=$!
	racer launch "$RACE_S" "$SOCK" "$body" >"$W/sums" 2>&1
	wait "$exchanger"
	note "$name: $(paste -sd' ' "$W/turns") $(cat "$W/sums")"
	is "$name: nobody wins ($MODE)" "$("$PYTHON" -c '
import json, sys
sums = json.load(open(sys.argv[1], encoding="utf-8"))
print({end: sums[end] for end in sums
       if end in ("exit 9", "refused 0", "never ended")})' "$W/sums" 2>&1)" \
	    "{}"
	t "$name: and some are let in ($MODE)" grep -q 'exit 0"' "$W/sums"
	t "$name: the names took turns ($MODE)" grep -qE 'turns [0-9]{3}' \
	    "$W/turns"
}

# Folders that hold no marker: to be in one is to have won.
links() {
	local place n=0

	as_owner mkdir -p "$PROJECT/sub" "$W/h/not"
	owner_file "$PROJECT/marker" x
	owner_file "$PROJECT/sub/marker" x
	for place in "$COVEN_HOME" "$OWNER_HOME/not"; do
		n=$((n + 1))
		as_owner ln -s "$place" "$OWNER_HOME/link$n"
	done
	# By both names: of the folder that it is in, and of the project, which
	# is what the project is called at that moment.
	launches "a link for the project and its folder" "$(printf \
	    '{"harness":"exec","projectRoot":"%s","cwd":"sub","argv":%s}' \
	    "$PROJECT" "$(jlist sh -c 'test -e marker || exit 9
	    test -z "$PWD" || test -e "${PWD%/sub}/marker" || exit 9')")" \
	    "$PROJECT" "$OWNER_HOME/link1" "$PROJECT/sub" "$OWNER_HOME/link2"
}

# Another folder in the project's place is a project as well, and may be the
# one that was asked for; half of each never is, nor what a folder that left
# it lies in now.
folders() {
	local place

	for place in one two out; do
		as_owner mkdir -p "$OWNER_HOME/$place/sub"
		owner_file "$OWNER_HOME/$place/$place" x
		owner_file "$OWNER_HOME/$place/sub/$place" x
	done
	launches "another folder for the project" "$(printf \
	    '{"harness":"exec","projectRoot":"%s","cwd":"sub","argv":%s}' \
	    "$OWNER_HOME/one" "$(jlist sh -c 'ls . .. | sort -u | tr -d "\n" |
	    grep -qxE "[^a-z]*(onesub|subtwo)" || exit 9')")" \
	    "$OWNER_HOME/one" "$OWNER_HOME/two"
	launches "a folder that leaves the project" "$(printf \
	    '{"harness":"exec","projectRoot":"%s","cwd":"sub","argv":%s}' \
	    "$OWNER_HOME/one" "$(jlist sh -c 'test ! -e ../out || exit 9')")" \
	    "$OWNER_HOME/one/sub" "$OWNER_HOME/out/sub"
}

# A client says nothing to who is not the daemon; the socket is the same again.
sockets() {
	local impostor answers=0 inode

	inode=$(stat -c '%d:%i' "$SOCK")
	as_owner mkdir -p "$COVEN_HOME/race"
	racer impostor "$RACE_S" "$SOCK" "$COVEN_HOME/race" >"$W/turns" 2>&1 &
	impostor=$!
	while process_alive "$impostor"; do
		ctl --json status >"$W/status" 2>"$W/status.err" || continue
		answers=$((answers + 1))
		grep -q "$MONITOR_PID" "$W/status" || cp "$W/status" "$W/wrong"
	done
	note "another socket: $(paste -sd' ' "$W/turns"), $answers answers"
	is "another socket: no client says a word to it ($MODE)" \
	    "$(sed -n 's/^heard //p' "$W/turns")" 0
	t "another socket: the daemon answers meanwhile ($MODE)" \
	    test "$answers" -gt 0
	t "another socket: and only it ($MODE)" test ! -e "$W/wrong"
	t "another socket: the first is back ($MODE)" \
	    wait_for "$LIVENESS" socket_is "$inode"
	rm -rf "${COVEN_HOME:?}/race"
}

socket_is() {
	[ "$(stat -c '%d:%i' "$SOCK" 2>/dev/null)" = "$1" ] && healthy
}

# A harness's package is exchanged for COVEN_HOME, for a link to it, and its
# program for a link to what no session may read.
programs() {
	local package=$OWNER_HOME/tools/agent

	as_owner mkdir -p "$package/bin" "$COVEN_HOME/bin"
	cat >"$package/bin/claude" <<-'EOS'
		#!/bin/sh
		here=$(dirname "$0")/..
		for secret in daemon.json store session-token; do
			[ ! -e "$here/$secret" ] || exit 9
		done
		! grep -q "no session read[s]" "$0" || exit 9
	EOS
	chmod 755 "$package/bin/claude"
	cp "$package/bin/claude" "$COVEN_HOME/bin/claude"
	owner_file "$COVEN_HOME/bin/secret" "no session reads this"
	give_owner -R "$package" "$COVEN_HOME/bin"
	as_owner ln -s "$COVEN_HOME" "$OWNER_HOME/tools/link"
	as_owner ln -s "$COVEN_HOME/bin/secret" "$OWNER_HOME/tools/secret"
	launches "another package" "$(printf \
	    '{"harness":"claude","projectRoot":"%s","prompt":"x","launchMode":"nonInteractive"}' \
	    "$PROJECT")" "$package" "$OWNER_HOME/tools/link"
	launches "another program" "$(printf \
	    '{"harness":"claude","projectRoot":"%s","prompt":"x","launchMode":"nonInteractive"}' \
	    "$PROJECT")" "$package/bin/claude" "$OWNER_HOME/tools/secret"
	rm -rf "${COVEN_HOME:?}/bin"
}

one_mode() {
	world "$1"
	RACER=$(script racer.py)
	MONITOR_ENV=("PATH=$OWNER_HOME/tools/agent/bin:/usr/bin:/bin")
	need_monitor
	links
	if [ "$1" = user ] || [ -n "${COVEN_LONG-}" ]; then
		folders
		sockets
		programs
	fi
	monitor_stop
	left_nothing "nothing is left ($MODE)"
	world_end
}

one_mode user
if [ "$(id -u)" -eq 0 ]; then
	one_mode system
	one_mode root
fi
W=$(mktemp -d /tmp/coven-it.XXXXXX)
tap_done
