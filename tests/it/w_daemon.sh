#!/bin/bash
# What the existing daemon is known to get wrong (doc/WEAKNESSES.md), in its
# face and its processes: each row is provoked, and does not happen here.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../wire.sh"
HERE=$(dirname "$0")
TREE=$(cd "$HERE/../.." && pwd)
MARK="coven-w-$$-"
world user
MONITOR_ENV=(W_SECRET_TOKEN=of-the-daemon)
mkdir -p "$OWNER_HOME/bin"
cp "$TREE/tests/fake_harness" "$OWNER_HOME/bin/claude"
chmod 755 "$OWNER_HOME/bin/claude"
OWNER_ENV+=("PATH=$OWNER_HOME/bin:$SUITE/bin:/usr/bin:/bin")
owner_file "$OWNER_HOME/secret" "the owner's alone"
give_owner "$OWNER_HOME/bin" "$OWNER_HOME/bin/claude"
world_snapshot

gone() {
	! pgrep -f "$1" >/dev/null
}

there() {
	[ "$(pgrep -cf "$1")" -ge "$2" ]
}

# said ID WORD: the session has printed it.
said() {
	output "$1" "$W/said" && grep -q "$2" "$W/said"
}

printed() {
	ended "$ID" && output "$ID" "$W/said"
}

# runs CMD ...: to its end; what it printed is in $W/said.
runs() {
	launch "$@" && wait_for "$LIVENESS" printed
}

answers() {
	http GET /api/v1/sessions && [ "$STATUS" = 200 ]
}

# --- W2: a home that others can write is refused, not repaired ---------------

mkdir "$COVEN_HOME"
give_owner "$COVEN_HOME"
chmod 770 "$COVEN_HOME"
monitor_spawn
monitor_wait 5
is "w2_open_home_is_refused_and_left_as_it_is" \
    "$MONITOR_STATUS $(stat -c %a "$COVEN_HOME")" "78 770"
rm -rf "$COVEN_HOME"

need_monitor

# --- W1: who may call --------------------------------------------------------

cp "$TOOLS/probe" "$PROJECT/probe"
if runs "$PROJECT/probe" connect-unix "$SOCK"; then
	t "w1_a_session_cannot_call" grep -qx 'result 0' "$W/said"
else
	tap_not_ok "w1_a_session_cannot_call" "$W/reply"
fi
if [ "$(id -u)" -eq 0 ]; then
	# Modes alone do not let another user in.
	chmod 711 "$OWNER_HOME" "$COVEN_HOME" && chmod 666 "$SOCK"
	get /api/v1/sessions >"$W/request"
	setpriv --reuid 54321 --regid 54321 --clear-groups \
	    "$TOOLS/rawhttp" -h "$SOCK" <"$W/request" >"$W/stranger" 2>&1
	t "w1_another_user_is_refused_whatever_the_modes" \
	    grep -q '"code":"forbidden"' "$W/stranger"
	chmod 600 "$SOCK" && chmod 700 "$COVEN_HOME" && chmod 755 "$OWNER_HOME"
else
	tap_skip "w1_another_user_is_refused_whatever_the_modes" "needs root"
fi

# --- W3: the sandbox ----------------------------------------------------------

if runs sh -c 'cat "$1" || echo refused' sh "$OWNER_HOME/secret"; then
	is "w3_a_session_is_in_a_sandbox" "$(tail -n 1 "$W/said")" refused
else
	tap_not_ok "w3_a_session_is_in_a_sandbox" "$W/reply"
fi

# --- W4, W7: what killed means --------------------------------------------------

# killed NAME: the whole tree is gone when it says so.
killed() {
	local name=$1 mark=$MARK$1

	shift
	if ! launch sh -c 'trap "" HUP TERM INT
	    (setsid sh -c "trap \"\" HUP TERM; while :; do sleep 1000; done" \
	    "$0" &)
	    while :; do sleep 1000; done' "$mark"; then
		tap_not_ok "$name" "$W/reply"
		return
	fi
	wait_for "$LIVENESS" there "$mark" 2
	http POST "/api/v1/sessions/$ID/kill"
	t "$name" gone "$mark"
	is "$name: accepted" "$STATUS" 202
	is "$name: its row" "$(session_status "$ID")" killed
}
LAUNCH_MORE=
killed w4_killed_means_that_nothing_is_left
LAUNCH_MORE=',"tty":true'
killed w7_a_terminal_session_is_killed_whole
mark=${MARK}orphan
if launch sh -c 'trap "" HUP TERM; while :; do sleep 1000; done' "$mark"; then
	wait_for "$LIVENESS" there "$mark" 1
	monitor_kill
	t "w7_a_crash_leaves_no_terminal_session_running" \
	    wait_for "$LIVENESS" gone "$mark"
	need_monitor
	is "w7_and_its_row_says_so" "$(session_status "$ID")" orphaned
else
	tap_not_ok "w7_a_crash_leaves_no_terminal_session_running" "$W/reply"
fi
LAUNCH_MORE=

# --- W5: raw artifacts -----------------------------------------------------------

secret=sk-ant-$(printf 'w5Secret%.0s' 1 2 3 4 5)
owner_file "$PROJECT/secret.txt" "$secret"
if runs cat secret.txt; then
	t "w5_the_session_saw_it" grep -qF REDACTED "$W/said"
	t "w5_nothing_raw_is_kept" \
	    test "$(grep -rlF "$secret" "$COVEN_HOME" | wc -l)" = 0
	t "w5_so_no_key_for_it_lies_there" \
	    test ! -e "$COVEN_HOME/keys/session-artifacts.key"
else
	tap_not_ok "w5_nothing_raw_is_kept" "$W/reply"
fi
rm -f "$PROJECT/secret.txt"

# --- W12: a role that crashes ------------------------------------------------------

inode=$(stat -c %i "$SOCK")
cp "$COVEN_HOME/daemon.json" "$W/daemon.json"
for role in apid stored; do
	pid=$(role_pid "$role")
	kill -SEGV "$pid"
	wait_for "$LIVENESS" process_gone "$pid"
	http GET /health
	is "w12_health_is_answered_after_${role}_crashed" "$STATUS" 200
	t "w12_and_so_is_the_rest_after_${role}" \
	    wait_for "$LIVENESS" answers
	is "w12_the_socket_is_the_same_after_${role}" \
	    "$(stat -c %i "$SOCK")" "$inode"
	t "w12_daemon_json_too_after_${role}" \
	    cmp "$W/daemon.json" "$COVEN_HOME/daemon.json"
done

# --- W13: sessions that do not read -------------------------------------------------

if LAUNCH_MORE=',"tty":true' launch sleep 1000; then
	deaf=$ID
	{
		printf '{"data":"'
		head -c 60000 /dev/zero | tr '\0' x
		printf '"}'
	} >"$W/input"
	{
		printf 'POST /api/v1/sessions/%s/input HTTP/1.1\r\n' "$deaf"
		printf 'Content-Length: %s\r\n\r\n' "$(stat -c %s "$W/input")"
		cat "$W/input"
	} >"$W/request"
	${OWNER_PRIV[@]+"${OWNER_PRIV[@]}"} "$TOOLS/rawhttp" -n 100 -t 60000 \
	    "$SOCK" <"$W/request" >"$W/held" 2>&1 &
	holder=$!
	wait_for "$LIVENESS" grep -q '^held 100' "$W/held"
	t "w13_a_hundred_inputs_that_nobody_reads_block_nobody" answers
	http POST "/api/v1/sessions/$deaf/kill"
	is "w13_and_their_session_is_killed" "$STATUS" 202
	kill "$holder"
	wait "$holder"
else
	tap_not_ok "w13_a_hundred_inputs_that_nobody_reads_block_nobody" \
	    "$W/reply"
fi

# --- W14: heads ---------------------------------------------------------------------

rss() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(role_pid apid)/status"
}
before=$(rss)
{
	printf 'GET /health HTTP/1.1\r\n'
	head -c 40000000 /dev/zero | tr '\0' a
} | vector "w14_a_head_has_a_size" 400 '"code":"invalid_request"'
t "w14_and_takes_no_memory" test "$(rss)" -lt "$((before + 8192))"
{
	printf 'GET /health HTTP/1.1\r\n'
	for n in $(seq 101); do
		printf 'X-%s: y\r\n' "$n"
	done
	printf '\r\n'
} | vector "w14_and_a_count_of_lines" 400 '"code":"invalid_request"'
printf '\001\002\003\r\n\r\n' |
	vector "w14_what_is_malformed_is_answered" 400 \
	    '"code":"invalid_request"'
printf 'POST /actions HTTP/1.1\r\nContent-Length: x\r\n\r\n' |
	vector "w14_and_so_is_a_length_that_is_none" 400 \
	    '"code":"invalid_request"'
t "w14_its_deadline_is_total_and_is_that_of_stalled_clients" \
    test -e "$HERE/stalled_clients.sh"

# --- W15: polling, threads, processes ------------------------------------------------

switches() {
	sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$1/status"
}
threads() {
	sed -n 's/^Threads:[^0-9]*//p' "/proc/$1/status"
}
apid=$(role_pid apid)
stored=$(role_pid stored)
# A loop that polls every 25 ms wakes forty times a second.
wakes=999
for _ in 1 2 3 4 5; do
	before=$(switches "$apid")
	sleep 1
	wakes=$(($(switches "$apid") - before))
	[ "$wakes" -gt 4 ] || break
done
note "apid woke $wakes times in a second without requests"
t "w15_nobody_polls" test "$wakes" -le 4
http GET /health
opens=$(jget "$W/body" eventWriter.connectionOpens)
for _ in 1 2 3 4 5 6 7 8 9 10; do
	answers
done
is "w15_w25_one_thread_each" "$(threads "$apid") $(threads "$stored")" "1 1"
http GET /health
is "w15_no_connection_to_the_store_a_request" \
    "$(jget "$W/body" eventWriter.connectionOpens)" "$opens"
as_owner git init -q "$PROJECT" 2>/dev/null || mkdir -p "$PROJECT/.git"
printf '#!/bin/sh\n: >%s/git-ran\n' "$W" >"$OWNER_HOME/bin/git"
chmod 755 "$OWNER_HOME/bin/git"
give_owner "$OWNER_HOME/bin/git"
chmod 777 "$W"
runs true
chmod 755 "$W"
t "w15_a_launch_in_a_repository_starts_no_git" test ! -e "$W/git-ran"
rm -rf "$PROJECT/.git" "$OWNER_HOME/bin/git"

# --- W19: what a client that polls without a limit gets ------------------------------

POLLS=$(script polls.py)
if launch "$PYTHON" -c 'import os
for n in range(400000):
    os.write(1, b"%d\n" % n)
os.write(1, b"x" * 400000)'; then
	if as_owner "$PYTHON" "$POLLS" "$SOCK" "$ID" >"$W/polls" 2>&1
	then
		read -r total most longest <"$W/polls"
		note "$total events, at most $most a poll, the longest" \
		    "payload $longest bytes"
		t "w19_no_poll_brings_more_than_500_events" \
		    test "$most" -le 500
		t "w19_no_payload_exceeds_64000_bytes" \
		    test "$longest" -le 64000
	else
		tap_not_ok "w19_no_poll_brings_more_than_500_events" "$W/polls"
	fi
	output "$ID" "$W/said"
	is "w19_and_nothing_is_lost" "$(wc -c <"$W/said")" \
	    "$(($(seq 0 399999 | wc -c) + 400000))"
else
	tap_not_ok "w19_no_poll_brings_more_than_500_events" "$W/reply"
fi

# --- W22: daemon.json ------------------------------------------------------------------

# Whenever it is there it is whole, and nobody else's to read.
"$PYTHON" - "$COVEN_HOME/daemon.json" "$W/enough" >"$W/watched" 2>&1 <<'EOS' &
import json, os, stat, sys
reads = 0
while not os.path.exists(sys.argv[2]):
    try:
        with open(sys.argv[1], encoding="utf-8") as f:
            mode = stat.S_IMODE(os.fstat(f.fileno()).st_mode)
            text = f.read()
    except FileNotFoundError:
        continue
    if mode != 0o600 or set(json.loads(text)) != {"pid", "startedAt", "socket"}:
        sys.exit(f"mode {mode:o}: {text!r}")
    reads += 1
print(reads, "reads")
EOS
watcher=$!
for _ in 1 2 3 4 5; do
	monitor_stop
	need_monitor
done
: >"$W/enough"
if wait "$watcher"; then
	note "$(cat "$W/watched")"
	tap_ok "w22_daemon_json_is_never_seen_torn_or_open"
else
	tap_not_ok "w22_daemon_json_is_never_seen_torn_or_open" "$W/watched"
fi

# --- W23: between the check and the use ---------------------------------------------------

mkdir -p "$PROJECT/inside"
give_owner "$PROJECT/inside"
"$PYTHON" - "$PROJECT" "$W/enough-swaps" <<'EOS' &
import os, sys
os.chdir(sys.argv[1])
while not os.path.exists(sys.argv[2]):
    for target in ("inside", "/etc"):
        os.symlink(target, "new")
        os.rename("new", "swapped")
EOS
swapper=$!
LAUNCH_MORE=',"cwd":"swapped"'
outside=0 inside=0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	runs pwd -P || continue
	case $(cat "$W/said") in
	"$(realpath "$PROJECT")"*) inside=$((inside + 1)) ;;
	*) outside=$((outside + 1)) ;;
	esac
done
: >"$W/enough-swaps"
wait "$swapper"
LAUNCH_MORE=
note "$inside of 20 launches ran; the others were refused"
is "w23_a_folder_that_is_exchanged_leads_nowhere_else" "$outside" 0
runs env
t "w23_no_variable_of_the_daemon_reaches_a_session" \
    test "$(grep -c W_SECRET "$W/said")" = 0
owner_file "$OWNER_HOME/.claude.json" '{"mine":1}'
before=$(md5sum <"$OWNER_HOME/.claude.json")
http POST /api/v1/sessions \
    "{\"harness\":\"claude\",\"projectRoot\":\"$PROJECT\",\"prompt\":\"p\"}"
ID=$(jget "$W/body" id)
is "w23_a_harness_of_the_owner_runs" "$STATUS" 201
t "w23_to_its_end" wait_for "$LIVENESS" ended "$ID"
is "w23_the_owners_claude_json_is_not_edited" \
    "$(md5sum <"$OWNER_HOME/.claude.json")" "$before"

# --- W25: work that grows with the square --------------------------------------------------

# spent MIB: processor time of the suite while a session prints so much.
spent() {
	local before

	before=$(($(ticks "$MONITOR_PID") + $(ticks "$(role_pid stored)")))
	launch sh -c 'head -c "$1" /dev/zero | tr "\0" "\n"' sh "$1" &&
	    wait_for 120 ended "$ID"
	wait_for "$LIVENESS" test -z "$(roles runner)"
	echo $(($(ticks "$MONITOR_PID") + $(ticks "$(role_pid stored)") - before))
}
small=$(spent 4000000)
large=$(spent 32000000)
note "processor time for 4 MB: $small ticks, for 32 MB: $large"
# Eight times the output: 8 if linear, 64 if quadratic.
t "w25_output_costs_in_proportion" test "$large" -le "$((24 * (small + 2)))"
monitor_stop

# --- W24: the terminal that started it ----------------------------------------------------

# covenctl start at a terminal that then goes away.
as_owner "$PYTHON" - "$SUITE/bin/covenctl" >"$W/pty" 2>&1 <<'EOS'
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "start"])
try:
    while os.read(terminal, 4096):
        pass
except OSError:
    pass
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
EOS
is "w24_it_starts_at_a_terminal" "$?" 0
t "w24_it_outlives_the_terminal" healthy
daemon=$(jget "$W/body" daemon.pid)
is "w24_it_has_a_session_of_its_own" \
    "$(sed 's/.*) //' "/proc/$daemon/stat" | cut -d' ' -f4)" "$daemon"
kill -HUP "$daemon"
went_on() {
	grep -q SIGHUP "$COVEN_HOME/daemon.log"
}
t "w24_it_hears_SIGHUP" wait_for "$LIVENESS" went_on
t "w24_and_goes_on" healthy
ctl stop >"$W/out" 2>&1
is "w24_until_it_is_told_to_stop" "$?" 0
left_nothing "nothing is left"
tap_done
