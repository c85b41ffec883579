# Shell functions for the integration tests.  Bash; sourced, not run.
#
# A script begins with
#	. "$(dirname "$0")/../lib.sh"
#	world user		# or root, system, package: see below
# and ends with tap_done.  It drives the staged suite in $SUITE, which
# tests/it/run copies to where no payload can write, and prints TAP.
#
# Three owners and a fourth way, named modes:
#	user	an ordinary user starts everything; root is nowhere
#	root	root is the owner
#	system	a root monitor serves an ordinary owner (--owner UID)
#	package	the same where the package's users exist
#
# Nothing here sleeps for luck: wait_for looks again until a deadline.
# shellcheck shell=bash

set -u
shopt -s lastpipe		# "... | raw" sets variables of this shell
export LC_ALL=C
PYTHON=/usr/bin/python3
TEST_UID=12345
TAP_N=0
TAP_FAILED=0
LIVENESS=20			# seconds until something counts as dead
: "${SUITE:?tests/it/run sets it: the staged suite}"
TOOLS=$SUITE/tests
SCRIPT=$(basename "${0%.sh}")

# Everything the suite starts must stay a descendant of ours, so that what
# remains can be named: begin again under the guard.  As root, in a mount
# namespace where mounts spread, which is what systemd makes of a machine: a
# sandbox that did not keep its own to itself would be found out.
if [ -z "${COVEN_GUARD-}" ]; then
	set -- "$TOOLS/leftovers" guard bash "$0" "$@"
	if [ "$(id -u)" -eq 0 ]; then
		set -- unshare --mount --propagation private sh -c \
		    'mount --make-rshared / && exec "$@"' sh "$@"
	fi
	exec "$@"
fi

# --- TAP -----------------------------------------------------------------

tap_ok() {
	TAP_N=$((TAP_N + 1))
	printf 'ok %d - %s\n' "$TAP_N" "$1"
}

# tap_not_ok NAME [FILE ...]: the files say why.
tap_not_ok() {
	local name=$1 file

	TAP_N=$((TAP_N + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	printf 'not ok %d - %s\n' "$TAP_N" "$name"
	shift
	for file; do
		[ -s "$file" ] && tail -n 30 "$file" | tr '\000' '.' |
		    cut -c 1-1000 |
		    awk '{ print "#   " $0 }'
	done
	return 0
}

tap_skip() {
	TAP_N=$((TAP_N + 1))
	printf 'ok %d - %s # SKIP %s\n' "$TAP_N" "$1" "$2"
}

note() {
	printf '# %s\n' "$*"
}

# t NAME CMD ...: the command decides.
t() {
	local name=$1

	shift
	if "$@" >"$W/t.out" 2>&1; then
		tap_ok "$name"
	else
		note "$*"
		tap_not_ok "$name" "$W/t.out"
	fi
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		tap_ok "$1"
	else
		printf 'got:    %s\nwanted: %s\n' "$2" "$3" >"$W/t.out"
		tap_not_ok "$1" "$W/t.out"
	fi
}

tap_done() {
	printf '1..%d\n' "$TAP_N"
	world_end
	[ "$TAP_FAILED" -eq 0 ]
	exit
}

skip_all() {
	tap_skip "$SCRIPT" "$1"
	printf '1..%d\n' "$TAP_N"
	world_end
	exit 0
}

# --- waiting ---------------------------------------------------------------

# wait_for SECONDS CMD ...: until the command succeeds; 1 at the deadline.
wait_for() {
	local end=$((SECONDS + $1 + 1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.03
	done
}

process_gone() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

process_alive() {
	! process_gone "$1"
}

# ticks PID: processor time, its own and that of the children it has waited for.
ticks() {
	sed 's/.*) //' "/proc/$1/stat" |
	    awk '{ print $12 + $13 + $14 + $15 }'
}

now_ms() {
	local t=${EPOCHREALTIME/./}

	printf '%s\n' "${t%???}"
}

# --- a world: an owner, a home, a project -------------------------------------

# world MODE: sets W (a folder of its own), OWNER_HOME, COVEN_HOME, PROJECT
# (in the owner's home, as projects are), SOCK, and who runs what.
world() {
	MODE=$1
	W=$(mktemp -d /tmp/coven-it.XXXXXX) || exit 1
	trap world_abort EXIT
	OWNER_HOME=$W/h
	COVEN_HOME=$OWNER_HOME/.coven
	PROJECT=$OWNER_HOME/project
	SOCK=$COVEN_HOME/coven.sock
	MONITOR_PID=
	MONITOR_OPTS=()
	mkdir -p "$PROJECT"
	chmod 755 "$W"
	MONITOR_ENV=()
	[ -z "${IT_REPLIES-}" ] || [ -e "$IT_REPLIES/$SCRIPT" ] || {
		: >"$IT_REPLIES/$SCRIPT" && chmod 666 "$IT_REPLIES/$SCRIPT"
	}
	world_owner
	[ "$OWNER" = "$(id -u)" ] || chown -R "$OWNER:$OWNER" "$W"
	OWNER_ENV=(env -i "PATH=$SUITE/bin:/usr/local/bin:/usr/bin:/bin"
	    "HOME=$OWNER_HOME" "COVEN_HOME=$COVEN_HOME" "LC_ALL=C.UTF-8"
	    "USER=owner" "TERM=dumb")
	world_snapshot
}

# script FILE: a program of this folder where the owner can read it; the tree
# may lie where only its builder gets to.
script() {
	cp "${BASH_SOURCE[0]%/*}/it/$1" "$W/$1" && chmod 644 "$W/$1"
	printf '%s\n' "$W/$1"
}

# What counts as there before.  Again after a test has put files in the home.
world_snapshot() {
	"$TOOLS/leftovers" snapshot "$W.before" --under "$COVEN_HOME" \
	    --tree "$COVEN_GUARD"
}

world_owner() {
	local me

	me=$(id -u)
	OWNER=$me
	OWNER_PRIV=()
	MONITOR_PRIV=()
	case $MODE in
	user)
		[ "$me" -ne 0 ] && return
		OWNER=$TEST_UID
		OWNER_PRIV=(setpriv --reuid "$OWNER" --regid "$OWNER"
		    --clear-groups)
		MONITOR_PRIV=("${OWNER_PRIV[@]}")
		;;
	root)
		[ "$me" -eq 0 ] || skip_all "needs root"
		;;
	system | package)
		[ "$me" -eq 0 ] || skip_all "needs root"
		[ "$MODE" = system ] || package_users
		OWNER=$TEST_UID
		OWNER_PRIV=(setpriv --reuid "$OWNER" --regid "$OWNER"
		    --clear-groups)
		MONITOR_OPTS=(--owner "$OWNER")
		;;
	*)
		echo "no such mode: $MODE" >&2
		exit 2
		;;
	esac
}

# world_alone: after world, a container without namespaces, and an owner who
# does without them.  Its home has a coven.toml.
world_alone() {
	MONITOR_PRIV=("$PYTHON" "$(script container.py)" no-userns "$OWNER")
	[ -d "$COVEN_HOME" ] || install -d -m 700 -o "$OWNER" -g "$OWNER" \
	    "$COVEN_HOME"
	owner_file "$COVEN_HOME/coven.toml" '[sandbox]
minimum = "landlock"'
	world_snapshot
}

# package_users [BUT]: the accounts of sysusers.d and the owner's, without
# BUT, for this test's mount namespace alone.
package_users() {
	local file name id=70001

	for file in passwd group; do
		! mountpoint -q "/etc/$file" || umount "/etc/$file"
		sed '/^coven-/d' "/etc/$file" >"$W/$file"
		chmod 644 "$W/$file"
	done
	echo "owner:x:$TEST_UID:$TEST_UID::$OWNER_HOME:/bin/sh" >>"$W/passwd"
	awk '$1 == "u" { print $2 }' \
	    "${BASH_SOURCE[0]%/*}/../packaging/sysusers.d/coven.conf" |
	    while read -r name; do
		[ "$name" = "${1-}" ] && continue
		echo "$name:x:$id:$id::/:/usr/sbin/nologin" >>"$W/passwd"
		echo "$name:x:$id:" >>"$W/group"
		id=$((id + 1))
	done
	for file in passwd group; do
		mount --bind "$W/$file" "/etc/$file" ||
		    skip_all "accounts cannot be made for a test"
	done
}

world_end() {
	trap - EXIT
	[ -z "${MONITOR_PID-}" ] || monitor_kill
	[ -n "${W-}" ] || return 0
	if [ "${MODE-}" = package ]; then
		umount /etc/passwd /etc/group
	fi
	[ -n "${KEEP_WORLD-}" ] && note "kept $W" && return
	rm -rf "$W" "$W.before"
}

world_abort() {
	local status=$?

	printf 'Bail out! %s ended early\n' "$SCRIPT"
	[ -z "${W-}" ] || world_end
	exit $((status ? status : 1))
}

as_owner() {
	${OWNER_PRIV[@]+"${OWNER_PRIV[@]}"} "${OWNER_ENV[@]}" "$@"
}

give_owner() {
	[ "$OWNER" = "$(id -u)" ] || chown "$OWNER:$OWNER" "$@"
}

# owner_file PATH TEXT: a file of the owner's.
owner_file() {
	printf '%s\n' "$2" >"$1" && chmod 600 "$1" && give_owner "$1"
}

ctl() {
	as_owner "$SUITE/bin/covenctl" "$@"
}

# --- the monitor ------------------------------------------------------------

# monitor_spawn [OPTION ...]: start it; MONITOR_PID; do not wait.
monitor_spawn() {
	${MONITOR_PRIV[@]+"${MONITOR_PRIV[@]}"} "${OWNER_ENV[@]}" \
	    ${MONITOR_ENV[@]+"${MONITOR_ENV[@]}"} \
	    "$SUITE/sbin/coven-monitor" --home "$COVEN_HOME" \
	    ${MONITOR_OPTS[@]+"${MONITOR_OPTS[@]}"} "$@" \
	    </dev/null >>"$W/monitor.log" 2>&1 9>"${READY:-/dev/null}" &
	MONITOR_PID=$!
}

# monitor_start [OPTION ...]: start it and wait until it says that it serves
# and a client is answered.  1 and the log as a comment otherwise.
monitor_start() {
	local READY=$W/ready word=

	rm -f "$READY"
	mkfifo "$READY"
	# Opened for writing in the new process: opening a FIFO waits.
	monitor_spawn --ready-fd 9 "$@"
	read -r -t "$LIVENESS" -N 1 word <"$READY"
	rm -f "$READY"
	if [ -n "$word" ] && wait_for "$LIVENESS" healthy; then
		return 0
	fi
	note "the monitor did not start:"
	tail -n 15 "$W/monitor.log" | sed 's/^/#   /'
	monitor_kill
	return 1
}

# Or give the whole script up: nothing after this makes sense without it.
need_monitor() {
	if ! monitor_start "$@"; then
		tap_not_ok "$SCRIPT: the suite starts ($MODE)" "$W/monitor.log"
		tap_done
	fi
}

healthy() {
	http GET /api/v1/health && [ "$STATUS" = 200 ]
}

# monitor_stop: SIGTERM is a clean stop.  Sets MONITOR_STATUS.
monitor_stop() {
	kill -TERM "$MONITOR_PID" 2>/dev/null
	monitor_wait "$LIVENESS"
}

monitor_wait() {
	if ! wait_for "$1" process_gone "$MONITOR_PID"; then
		note "the monitor did not end within $1 s"
		monitor_kill
		return 1
	fi
	wait "$MONITOR_PID" 2>/dev/null
	MONITOR_STATUS=$?
	MONITOR_PID=
}

monitor_kill() {
	kill -KILL "$MONITOR_PID" 2>/dev/null
	wait "$MONITOR_PID" 2>/dev/null
	MONITOR_STATUS=$?
	MONITOR_PID=
}

# roles NAME: the pids of coven-NAME that descend from this test.  The name of
# a process is cut at 15 bytes by the kernel, which none of ours reaches.
# Spares are no session's: they say so in their arguments, and are told apart.
roles() {
	local pid

	for pid in $("$TOOLS/leftovers" tree "$COVEN_GUARD" "coven-$1"); do
		is_spare "$pid" || printf '%s\n' "$pid"
	done
}

is_spare() {
	tr '\000' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -q '^spare  *$'
}

# spares NAME: the pids of those that wait for a session.
spares() {
	local pid

	for pid in $("$TOOLS/leftovers" tree "$COVEN_GUARD" "coven-$1"); do
		! is_spare "$pid" || printf '%s\n' "$pid"
	done
}

# role_pid NAME: the first of them; fails when there is none.
role_pid() {
	local pid

	pid=$(roles "$1" | head -n 1)
	[ -n "$pid" ] && printf '%s\n' "$pid"
}

# --- clients -------------------------------------------------------------------

# http METHOD TARGET [BODY]: sets STATUS; the body is in $W/body.  It sends
# the home's session token where there is one, or what HTTP_TOKEN holds.
http() {
	local body=${3-} token=${HTTP_TOKEN-} auth=''

	if [ -z "${HTTP_TOKEN+set}" ] && [ -f "$COVEN_HOME/session-token" ]; then
		token=$(<"$COVEN_HOME/session-token")
	fi
	[ -z "$token" ] || printf -v auth 'Authorization: Bearer %s\r\n' \
	    "$token"
	printf '%s %s HTTP/1.1\r\nHost: coven\r\nContent-Type: %s\r\n%s%d\r\n%s\r\n%s' \
	    "$1" "$2" application/json "Content-Length: " "${#body}" \
	    "$auth" "$body" | raw -h
}

# raw [OPTION ...]: the bytes of standard input, exactly.  As http.  What was
# said is kept for tests/openapi.py.
raw() {
	as_owner "$TOOLS/rawhttp" ${IT_REPLIES:+-w "$IT_REPLIES/$SCRIPT"} \
	    "$@" "$SOCK" >"$W/reply" 2>"$W/raw.err"
	RAW_STATUS=$?
	STATUS=$(sed -n '1s/^HTTP\/1\.1 \([0-9]*\).*/\1/p;1q' "$W/reply")
	sed '1,/^\r*$/d' "$W/reply" >"$W/body"
	return "$RAW_STATUS"
}

# jget FILE NAME[.NAME ...]: a member of a JSON value, an index for a list,
# "#" for its length.  Strings come bare, the rest as JSON; absent is an error.
jget() {
	"$PYTHON" -c '
import json, sys
value = json.load(open(sys.argv[1], encoding="utf-8"))
for part in sys.argv[2].split("."):
    if part == "#":
        value = len(value)
    elif part:
        value = value[int(part) if isinstance(value, list) else part]
print(value if isinstance(value, str) else json.dumps(value))' "$1" "$2" \
	    2>/dev/null
}

# jlist WORD ...: a JSON list of strings.
jlist() {
	"$PYTHON" -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@"
}

# launch CMD ...: an exec session over HTTP; sets ID, or fails.  LAUNCH_MORE
# holds further members, such as ',"stdin":true' (else its input is empty).
launch() {
	http POST /api/v1/sessions "$(printf \
	    '{"harness":"exec","projectRoot":"%s","argv":%s%s}' \
	    "$PROJECT" "$(jlist "$@")" "${LAUNCH_MORE-}")"
	[ "$STATUS" = 201 ] || return 1
	ID=$(jget "$W/body" id)
}

session_status() {
	http GET "/api/v1/sessions/$1" && jget "$W/body" status
}

status_is() {
	[ "$(session_status "$1")" = "$2" ]
}

ended() {
	case $(session_status "$1") in
	"" | created | running) return 1 ;;
	*) return 0 ;;
	esac
}

# output ID FILE: what the session printed, put together from its events.
output() {
	"$PYTHON" "$(dirname "${BASH_SOURCE[0]}")/it/output.py" "$W/page" \
	    "$2" start
	while :; do
		http GET "/api/v1/events?sessionId=$1&limit=1000&afterSeq=$(
		    cat "$W/page")" || return 1
		[ "$STATUS" = 200 ] || return 1
		"$PYTHON" "$(dirname "${BASH_SOURCE[0]}")/it/output.py" \
		    "$W/page" "$2" "$W/body" || break
	done
}

# numbered FILE: each complete line is "line N", N from 0, none missing, none
# twice.
numbered() {
	"$PYTHON" -c '
import sys
lines = open(sys.argv[1], "rb").read().split(b"\n")[:-1]
for number, line in enumerate(lines):
    if line != b"line %d" % number:
        sys.exit("line %d reads %r" % (number, line[:60]))
print(len(lines), "lines")' "$1"
}

no_roles() {
	[ -z "$(roles apid; roles stored; roles runner; roles init
	    spares runner; spares init)" ]
}

# --- a load of sessions (it/load.py) ---------------------------------------------

# load_begin COUNT LIFE KINDS: in the background, as the owner.
load_begin() {
	LOAD=$W/load
	rm -rf "$LOAD"
	as_owner mkdir "$LOAD"
	script calls.py >"$W/t.out"
	as_owner "$PYTHON" "$(script load.py)" "$SOCK" "$PROJECT" "$LOAD" \
	    "$@" >"$W/load.out" 2>&1 &
	LOAD_PID=$!
}

# load_victim WORD: a session that is ended by somebody else; "all@TIME".
load_victim() {
	printf '%s\n' "$1" >>"$LOAD/victims"
}

load_rounds() {
	cat "$LOAD/rounds" 2>/dev/null || echo 0
}

load_passed() {
	[ "$(load_rounds)" -ge "$1" ] || process_gone "$LOAD_PID"
}

# load_goes_on: all sessions are there, and have been answered for since.  A
# round may have begun before; the next one has not.
load_goes_on() {
	wait_for "$((3 * LIVENESS))" load_passed "$(($(load_rounds) + 2))" &&
	    process_alive "$LOAD_PID"
}

# load_end NAME: everything ends, and its record is looked through.
load_end() {
	as_owner touch "$LOAD/stop"
	if wait "$LOAD_PID"; then
		note "$(cat "$W/load.out")"
		tap_ok "$1"
	else
		tap_not_ok "$1" "$W/load.out" "$W/monitor.log"
	fi
}

# --- leftovers ------------------------------------------------------------------

# left_nothing NAME: compared with before the world's first start.
left_nothing() {
	t "$1" "$TOOLS/leftovers" compare "$W.before" --under "$COVEN_HOME" \
	    --tree "$COVEN_GUARD" --wait 5000
}
