#!/bin/bash
# Every figure beside its floor, in one run on one machine, with the bar that
# it should hold.
#
#	tests/bench/bench.sh STAGE TOOLS	(make bench gives both)
#
# The floor of a request is a server that accepts, reads, writes the same
# bytes and closes; of a launch, bubblewrap with the same namespaces and
# /bin/true; of what a session prints, cat of the same bytes to a file on the
# same file system, then fsync.
#
# The gateway's floor is the same client outside, straight to the same server;
# a configuration gives every session a way out and limits, also those whose
# launches are measured.
#
# The million events are a history that tests/bench/fixture wrote through the
# store's library before the start; all other figures are of what the suite
# did itself in this run.
#
# A compiler is run inside a session and outside in turns; both say how long
# it took them, and the pair whose ratio is in the middle is printed.
#
# The exit status is about what must be right (bytes, counts, answers), not
# about speed.  Sizes: BENCH_N requests, BENCH_LOAD_MS, BENCH_EVENTS,
# BENCH_LAUNCHES, BENCH_PAUSE_MS between two of them, BENCH_MIB, BENCH_LIVE
# sessions, BENCH_IDLE connections, BENCH_FILES of a workspace, BENCH_COMPILES
# pairs, BENCH_TLS_MIB.
set -u
export LC_ALL=C
STAGE=${1:?stage} TOOLS=${2:?tools}
N=${BENCH_N:-2000}
LOAD_MS=${BENCH_LOAD_MS:-2000}
EVENTS=${BENCH_EVENTS:-1000000}
LAUNCHES=${BENCH_LAUNCHES:-50}
PAUSE_MS=${BENCH_PAUSE_MS:-50}
MIB=${BENCH_MIB:-256}
LIVE=${BENCH_LIVE:-500}
IDLE=${BENCH_IDLE:-10000}
FILES=${BENCH_FILES:-100000}
COMPILES=${BENCH_COMPILES:-7}
TLS_MIB=${BENCH_TLS_MIB:-512}
TLS=$(cd "$(dirname "$0")" && pwd)/tls.py
LONG_ID=00000000-0000-4000-8000-000000000001
W=$(mktemp -d /tmp/coven-bench.XXXXXX) || exit 1
PIDS=()
MONITOR=
FLOOR=
FAILED=0

finish() {
	[ ${#PIDS[@]} -eq 0 ] || kill "${PIDS[@]}" 2>/dev/null
	wait
	rm -rf "$W"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The copy is where a payload cannot write; the home on the same file system
# as the plain file of the comparison.
cp -R "$STAGE" "$W/suite"
mkdir -m 700 "$W/home" "$W/home/store" && mkdir "$W/project"
export COVEN_HOME=$W/home HOME=$W
SOCK=$COVEN_HOME/coven.sock
client=$TOOLS/bench/client
: >"$W/figures"

# --- figures ---------------------------------------------------------------

figure() {
	sed -n "s/^$1 //p" "$W/figures" | tail -n 1
}

say() {
	printf '%s %s\n' "$1" "$2" >>"$W/figures"
}

wrong() {
	echo "bench: $*" >&2
	FAILED=1
}

# measure PREFIX CMD ...: what the command prints, with a prefix.
measure() {
	local prefix=$1

	shift
	if "$@" >"$W/one" 2>"$W/err"; then
		sed "s/^/$prefix/" "$W/one" >>"$W/figures"
		return 0
	fi
	wrong "$*: $(tail -n 1 "$W/err")"
}

# middle OURS FLOOR: of three rounds, whose figures have the prefixes r1_, r2_
# and r3_, the one with the middle ratio is taken, whole.
middle() {
	local round

	round=$(for round in 1 2 3; do
		echo "$(figure "r${round}_$1") $(figure "r${round}_$2") $round"
	done | awk 'NF == 3 { print $1 / $2, $3 }' | sort -n |
	    sed -n '2s/.* //p')
	sed -n "s/^r${round:-1}_//p" "$W/figures" >"$W/round"
	sed -i '/^r[123]_/d' "$W/figures"
	cat "$W/round" >>"$W/figures"
}

# row NAME OURS UNIT FLOOR WHAT [OP BAR]: OP is <= or >=, BAR a ratio to the
# floor, or with WHAT "-" an absolute figure.
row() {
	awk -v name="$1" -v ours="$2" -v unit="$3" -v floor="$4" -v what="$5" \
	    -v op="${6-}" -v bar="${7-}" 'BEGIN {
		if (ours == "") {
			printf "%-34s %10s\n", name, "no figure"
			exit
		}
		got = floor != "" ? ours / floor : ours
		ratio = floor != "" ? sprintf("%.2f", got) : ""
		held = ""
		if (op == "<=") held = got <= bar + 0 ? "held" : "NOT HELD"
		if (op == ">=") held = got >= bar + 0 ? "held" : "NOT HELD"
		if (op != "")
			bar = op " " bar (floor != "" ? "" : " " unit)
		printf "%-34s %10s %-5s %10s %-20s %6s %-12s %s\n", name, ours,
		    unit, floor, what, ratio, bar, held
	}'
}

wait_first_byte() {
	local word=

	read -r -t 20 -N 1 word <"$1"
	[ -n "$word" ]
}

# raw TARGET FILE: the whole reply, as the floor will send it.
raw() {
	printf 'GET %s HTTP/1.1\r\nHost: coven\r\n\r\n' "$1" |
	    "$TOOLS/it/rawhttp" -h "$SOCK" >"$2"
}

floor_start() {
	rm -f "$W/floor-ready" "$W/floor.sock"
	mkfifo "$W/floor-ready"
	# A session of its own, as every role has: where the scheduler shares
	# the machine by sessions, a floor beside 64 clients in theirs would
	# be given more of it than any service.
	setsid "$TOOLS/bench/floor" "$W/floor.sock" "$1" >"$W/floor-ready" &
	FLOOR=$!
	PIDS+=("$FLOOR")
	wait_first_byte "$W/floor-ready" || exit 1
}

floor_stop() {
	kill "$FLOOR"
	wait "$FLOOR" 2>/dev/null
}

# Proportional memory of the monitor and the roles, which are its children;
# payloads are their grandchildren.  In KiB; only root sees it.
pss_kib() {
	local status

	for status in /proc/[0-9]*/status; do
		awk -v m="$MONITOR" '/^Pid:/ { pid = $2 }
		    /^PPid:/ && ($2 == m || pid == m) { print pid }' \
		    "$status" 2>/dev/null
	done | while read -r pid; do
		cat "/proc/$pid/smaps_rollup" 2>/dev/null
	done | awk '/^Pss:/ { sum += $2 } END { if (sum) print sum }'
}

# --- a server by TLS, and the rules that let sessions get there -------------

tls_start() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
	    -addext subjectAltName=DNS:localhost -keyout "$W/key.pem" \
	    -out "$W/cert.pem" 2>/dev/null || return
	mkfifo "$W/tls-ready"
	python3 "$TLS" serve "$W/cert.pem" "$W/key.pem" >"$W/tls-ready" &
	PIDS+=($!)
	read -r -t 20 TLS_PORT <"$W/tls-ready"
	cp "$TLS" "$W/cert.pem" "$W/project/"
}

TLS_PORT=443
tls_start || wrong "no server by TLS"
cat >"$W/home/coven.toml" <<EOS
[network]
connections_per_s = 10000
[network.harness.exec]
allow = ["localhost:$TLS_PORT"]
addresses = ["127.0.0.1:$TLS_PORT"]
[limits]
memory_mib = 4096
processes = 2048
cpu_s = 3600
wall_s = 7200
file_mib = 8192
output_mib = 4096
EOS
chmod 600 "$W/home/coven.toml"

# --- the suite ---------------------------------------------------------------

"$TOOLS/bench/fixture" "$W/home/store" 200 "$LONG_ID" "$EVENTS" ||
    wrong "no history"
mkfifo "$W/ready"
"$W/suite/sbin/coven-monitor" --home "$COVEN_HOME" --ready-fd 9 \
    9>"$W/ready" 2>"$W/monitor.log" </dev/null &
MONITOR=$!
PIDS+=("$MONITOR")
wait_first_byte "$W/ready" || {
	tail "$W/monitor.log" >&2
	exit 1
}

# --- requests ------------------------------------------------------------------

raw /api/v1/health "$W/health"
# With the spares, of which there are two, and which are not made at once.
for _ in $(seq 100); do
	[ "$(pgrep -c -P "$MONITOR" coven-init)" -lt 2 ] || break
	sleep 0.05
done
say pss_idle "$(pss_kib)"
floor_start "$W/health"
measure floor_ "$client" oneshot "$W/floor.sock" "$N"
measure '' "$client" oneshot "$SOCK" "$N"
measure floor_ "$client" load "$W/floor.sock" 64 "$LOAD_MS"
measure '' "$client" load "$SOCK" 64 "$LOAD_MS"
floor_stop

# page NAME TARGET: against the floor with the same bytes.
page() {
	local r

	raw "$2" "$W/page"
	floor_start "$W/page"
	for r in r1_ r2_ r3_; do
		measure "${r}floor_$1_" "$client" get "$W/floor.sock" "$2" \
		    $((N / 4))
		measure "$r$1_" "$client" get "$SOCK" "$2" $((N / 4))
	done
	middle "$1_get_p50_us" "floor_$1_get_p50_us"
	floor_stop
}

page sessions "/api/v1/sessions?limit=100"
measure '' "$client" inputs "$SOCK" "$W/project" 1000
page events "/api/v1/events?sessionId=$(figure inputs_id)&limit=1000"
measure '' "$client" pages "$SOCK" "$LONG_ID" "$EVENTS"

# --- commits ------------------------------------------------------------------------

# Each is acknowledged when it is on the disk; the floor does so for one.
measure '' "$client" syncs "$W/home/synced" "$LOAD_MS"
rm -f "$W/home/synced"
measure lone_ "$client" commits "$SOCK" 1 "$LOAD_MS"
measure many_ "$client" commits "$SOCK" 64 "$LOAD_MS"

# --- launches --------------------------------------------------------------------

# launches PREFIX: ours and both floors.  With BENCH_PAUSE_MS as people launch,
# one and a while later another; without, one after another as fast as it goes,
# which leaves no idle moment to make the next one's processes in.
launches() {
	measure "$1" "$client" launch "$SOCK" "$W/project" "$LAUNCHES"
	measure "$1bare_" "$client" spawn "$LAUNCHES" /bin/true
	command -v bwrap >/dev/null || return 0
	measure "$1bwrap_" "$client" spawn "$LAUNCHES" bwrap --unshare-user \
	    --unshare-pid --unshare-net --unshare-ipc --unshare-uts \
	    --unshare-cgroup --die-with-parent --ro-bind /usr /usr \
	    --symlink usr/bin /bin --symlink usr/lib /lib \
	    --symlink usr/lib64 /lib64 --ro-bind /etc /etc --dev /dev \
	    --proc /proc --tmpfs /tmp --bind "$W/project" "$W/project" \
	    --chdir "$W/project" -- /bin/true
}

export BENCH_PAUSE_MS=$PAUSE_MS
for r in r1_ r2_ r3_; do
	launches "$r"
done
middle launch_201_p50_us bwrap_spawn_p50_us
unset BENCH_PAUSE_MS
launches busy_

# --- through the gateway -----------------------------------------------------

# By turns, so that both see the same machine; the first round is to warm up.
through() {
	local what=(python3 tls.py measure cert.pem "$TLS_PORT" "$TLS_MIB" "$N")
	local r

	for r in r0_ r1_ r2_ r3_; do
		measure "${r}direct_" env -C "$W/project" "${what[@]}"
		measure "${r}gateway_" "$W/suite/bin/covenctl" exec \
		    --project "$W/project" -- "${what[@]}" 3128
		sed -i '/^r0_/d' "$W/figures"
	done
	middle gateway_mb_s direct_mb_s
}
through

# --- what a session prints -----------------------------------------------------

head -c $((MIB * 786432)) /dev/urandom | base64 -w 76 |
    head -c $((MIB * 1048576)) >"$W/project/data"
# That these bytes reach the disk is not what is measured.
sync -f "$W/project/data"
for r in r1_ r2_ r3_; do
	measure "$r" "$client" copy "$W/project/data" "$W/home/copied"
	rm -f "$W/home/copied"
	measure "$r" "$client" stream "$SOCK" "$W/project" "$W/project/data"
	[ "$(figure "${r}stream_equal")" = 1 ] ||
	    wrong "stored bytes differ from printed"
done
middle stream_s copy_s
rm -f "$W/project/data"

# --- one compiler, one large file ------------------------------------------------

# Some seconds of work, few files: what is paid for is the system call.
large_source() {
	awk 'BEGIN {
		for (i = 0; i < 800; i++)
			printf "int f%d(int a, const int *b) { int s = 0; " \
			    "for (int i = 0; i < a; i++) s += b[i] * %d + " \
			    "(s ^ (b[(i + %d) %% 16] >> 3)); return s; }\n",
			    i, i, i
	}' >"$W/project/large.c"
	cat >"$W/project/compile" <<-'EOS'
		#!/bin/bash
		TIMEFORMAT=%R
		{ time gcc -O2 -c -o "$1" large.c; } 2>&1
	EOS
	chmod 755 "$W/project/compile"
}

compiles() {
	local i inside outside

	command -v gcc >/dev/null || return
	large_source
	for ((i = 0; i < COMPILES; i++)); do
		outside=$(cd "$W/project" && ./compile outside.o)
		inside=$("$W/suite/bin/covenctl" exec --project "$W/project" \
		    -- ./compile inside.o </dev/null 2>"$W/err" |
		    tr -d '\r')
		[ -z "$inside" ] || echo "$inside $outside"
	done | awk '{ print $1 / $2, $1, $2 }' | sort -n >"$W/pairs"
	cmp -s "$W/project/inside.o" "$W/project/outside.o" ||
	    wrong "the compiler made something else inside"
	awk '{ line[NR] = $0 } END {
		split(line[int((NR + 1) / 2)], pair)
		print "compile_inside_s", pair[2]
		print "compile_outside_s", pair[3]
	}' "$W/pairs" >>"$W/figures"
	rm -f "$W/project"/{large.c,compile,inside.o,outside.o}
}
compiles

# --- many ------------------------------------------------------------------------

measure '' "$client" stalled "$SOCK" 200 "$N"
measure '' "$client" idle "$SOCK" "$IDLE" "$N"

live() {
	local word

	coproc LIVE_CLIENT {
		exec "$client" live "$SOCK" "$W/project" "$LIVE" 2>"$W/err"
	}
	# Its end closes these descriptors, also in mid-read.
	while read -r -u "${LIVE_CLIENT[0]}" word; do
		echo "$word" >>"$W/figures"
		case $word in
		live_half* | live_all* | live_answered*)
			say "pss_${word%% *}" "$(pss_kib)"
			echo >&"${LIVE_CLIENT[1]}"
			;;
		esac
	done 2>/dev/null
	[ "$(figure live_answered)" = "$LIVE" ] ||
	    wrong "not all sessions answer: $(tail -n 1 "$W/err")"
}
say pss_before "$(pss_kib)"
live

per_session() {
	[ -z "$(figure "$1")" ] || awk -v a="$(figure "$1")" \
	    -v b="$(figure "$2")" -v n="$3" \
	    'BEGIN { printf "%.2f", (b - a) / 1024 / n }'
}

# --- workspaces: packed, and removed -----------------------------------------

# make_tree DIR: folders of 500 files, of half a kilobyte to four.
make_tree() {
	python3 - "$1" "$FILES" /bin/bash <<'PY'
import os, sys
top, n, text = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], 'rb').read()
for i in range(n):
    folder = f'{top}/d{i // 500}'
    if i % 500 == 0:
        os.makedirs(folder)
    at = i * 937 % (len(text) - 4096)
    with open(f'{folder}/f{i}', 'wb') as f:
        f.write(text[at:at + 512 + i * 7 % 3584])
PY
}

# quickest NAME CMD ...: seconds, if they are fewer than NAME's so far.
quickest() {
	local name=$1 start end

	shift
	start=$(date +%s%N)
	"$@" >"$W/one" 2>&1 || wrong "$*: $(tail -n 1 "$W/one")"
	end=$(date +%s%N)
	awk -v a="$start" -v b="$end" -v old="$(figure "$name")" 'BEGIN {
		s = (b - a) / 1e9
		printf "%.3f", old != "" && old < s ? old : s }' >"$W/quickest"
	say "$name" "$(cat "$W/quickest")"
}

workspaces() {
	local worker=("$TOOLS/it/worker" "$W/suite/libexec/coven") i

	for i in 1 2 3; do
		make_tree "$W/tree"
		sync
		quickest tar_s tar --zstd -cf "$W/tar.zst" -C "$W/tree" .
		quickest pack_s "${worker[@]}" pack "$W/tree" "$W/pack.zst"
		if [ $((i % 2)) = 1 ]; then
			quickest remove_s "${worker[@]}" remove "$W/tree"
			rmdir "$W/tree"
		else
			quickest rm_s rm -rf "$W/tree"
		fi
		rm -f "$W/tar.zst" "$W/pack.zst"
	done
	make_tree "$W/tree"
	sync
	quickest rm_s rm -rf "$W/tree"
}
workspaces

# --- the table ---------------------------------------------------------------------

mib() {
	[ -z "$(figure "$1")" ] ||
	    awk -v k="$(figure "$1")" 'BEGIN { printf "%.1f", k / 1024 }'
}

added() {
	[ -z "$(figure "gateway_$1")" ] ||
	    awk -v a="$(figure "direct_$1")" -v b="$(figure "gateway_$1")" \
	    'BEGIN { printf "%.1f", b - a }'
}

answer="accept, read, write"
printf '%-34s %10s %-5s %10s %-20s %6s %-12s\n' figure ours '' floor '' \
    ratio bar
row "health, 1 client, p50" "$(figure oneshot_p50_us)" us \
    "$(figure floor_oneshot_p50_us)" "$answer" "<=" 1.5
row "health, 64 clients, a second" "$(figure load_per_s)" "" \
    "$(figure floor_load_per_s)" "$answer" ">=" 0.7
row "sessions?limit=100, p50" "$(figure sessions_get_p50_us)" us \
    "$(figure floor_sessions_get_p50_us)" \
    "$(figure sessions_get_bytes) bytes" "<=" 4
row "a page of 1000 events, p50" "$(figure events_get_p50_us)" us \
    "$(figure floor_events_get_p50_us)" \
    "$(figure events_get_bytes) bytes" "<=" 4
row "$EVENTS events: last pages" "$(figure pages_last_p50_us)" us \
    "$(figure pages_first_p50_us)" "first pages" "<=" 1.3
row "launch to 201, p50" "$(figure launch_201_p50_us)" us \
    "$(figure bwrap_spawn_p50_us)" "bubblewrap, true" "<=" 0.6
row "launch to the exit event, p50" "$(figure launch_exit_p50_us)" us \
    "$(figure bwrap_spawn_p50_us)" "bubblewrap, true" "<=" 1.0
row "$MIB MiB printed, durable" "$(figure stream_s)" s \
    "$(figure copy_s)" "cat to a file, fsync" "<=" 3
row "$TLS_MIB MiB by TLS, through the gateway" "$(figure gateway_mb_s)" MB/s \
    "$(figure direct_mb_s)" "straight" ">=" 0.6
row "  there and back, added, p50" "$(added trip_p50_us)" us "" \
    "$(figure direct_trip_p50_us) straight" "<=" 300
row "one compiler, one large file" "$(figure compile_inside_s)" s \
    "$(figure compile_outside_s)" "outside" "<=" 1.03
row "$LIVE live sessions, each" \
    "$(per_session pss_before pss_live_all "$LIVE")" MiB "" "PSS" "<=" 2
row "  the first half, each" \
    "$(per_session pss_before pss_live_half $((LIVE / 2)))" MiB "" "PSS"
row "  the second half, each" \
    "$(per_session pss_live_half pss_live_all $((LIVE - LIVE / 2)))" MiB "" \
    "PSS"
row "  when all have answered, each" \
    "$(per_session pss_before pss_live_answered "$LIVE")" MiB "" "PSS"
row "the idle suite" "$(mib pss_idle)" MiB "" "PSS" "<=" 12
row "health, $IDLE idle, p99" "$(figure idle_p99_us)" us "" \
    "$(figure idle_open) still open" "<=" 20000
row "$FILES files packed" "$(figure pack_s)" s "$(figure tar_s)" \
    "tar --zstd" "<=" 1.3
row "$FILES files removed" "$(figure remove_s)" s "$(figure rm_s)" \
    "rm -rf" "<=" 1.5
echo
row "health, 1 client, p99" "$(figure oneshot_p99_us)" us \
    "$(figure floor_oneshot_p99_us)" "$answer"
row "health, 200 stalled, p50" "$(figure stalled_p50_us)" us \
    "$(figure oneshot_p50_us)" "without them"
row "health, $IDLE idle, p50" "$(figure idle_p50_us)" us \
    "$(figure oneshot_p50_us)" "without them"
row "commits, 1 writer, a second" "$(figure lone_commits_per_s)" "" \
    "$(figure syncs_per_s)" "write, fsync"
row "commits, 64 writers, a second" "$(figure many_commits_per_s)" "" \
    "$(figure syncs_per_s)" "write, fsync"
row "connecting by TLS, added, p50" "$(added connect_p50_us)" us "" \
    "$(figure direct_connect_p50_us) straight"
row "all $EVENTS events" "$(figure pages_s)" s "" ""
row "launch to the exit event, p50" "$(figure launch_exit_p50_us)" us \
    "$(figure bare_spawn_p50_us)" "bare fork and exec"
row "launches without a pause, 201, p50" "$(figure busy_launch_201_p50_us)" \
    us "$(figure busy_bwrap_spawn_p50_us)" "bubblewrap, true"
row "  to the exit event, p50" "$(figure busy_launch_exit_p50_us)" us \
    "$(figure busy_bwrap_spawn_p50_us)" "bubblewrap, true"
row "$MIB MiB printed" "$(figure stream_mb_s)" MB/s \
    "$(figure copy_mb_s)" "cat to a file, fsync"
row "$MIB MiB read back" "$(figure readback_mb_s)" MB/s "" ""
row "input to its echo, $LIVE live, p50" "$(figure live_answer_p50_us)" us "" ""
echo
[ "$(figure stream_equal)" = 1 ] &&
    echo "stored bytes equal printed bytes: $(figure stream_bytes), SHA-256"
[ "$(figure pages_events)" = "$EVENTS" ] &&
    echo "events read in pages: $(figure pages_events), in order, none missing"
[ "$(figure live_answered)" = "$LIVE" ] &&
    echo "live sessions that answered input: $(figure live_answered)"
exit "$FAILED"
