#!/bin/bash
# Every figure beside its floor or a peer, in one run on one machine.
#
#	tests/bench/bench.sh STAGE TOOLS	(make bench gives both)
#
# health        beside a server that only accepts, reads, writes and closes
# launch        beside bubblewrap with the same namespaces, and a bare fork
#               and exec, each of /bin/true
# a 64 MiB      beside the same bytes written to a file with fsync; what is
# session       stored must equal what was printed, or the bench fails
# stalled       health with 200 clients stalled in mid-request
set -u
export LC_ALL=C
STAGE=${1:?stage} TOOLS=${2:?tools}
N=${BENCH_N:-2000}
LAUNCHES=${BENCH_LAUNCHES:-50}
MIB=${BENCH_MIB:-64}
W=$(mktemp -d /tmp/coven-bench.XXXXXX) || exit 1
PIDS=()
FAILED=0

finish() {
	[ ${#PIDS[@]} -eq 0 ] || kill "${PIDS[@]}" 2>/dev/null
	wait
	rm -rf "$W"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The copy is where a payload cannot write; the home on the same file system
# as the plain file of the last comparison.
cp -R "$STAGE" "$W/suite"
mkdir -m 700 "$W/home" && mkdir "$W/project"
export COVEN_HOME=$W/home HOME=$W
SOCK=$COVEN_HOME/coven.sock
client=$TOOLS/bench/client

figure() {
	sed -n "s/^$1 //p" "$W/figures" | tail -n 1
}

measure() {
	local prefix=$1

	shift
	if "$@" >"$W/one" 2>"$W/err"; then
		sed "s/^/$prefix/" "$W/one" >>"$W/figures"
		return 0
	fi
	echo "bench: $*: $(tail -n 1 "$W/err")" >&2
	FAILED=1
}

# row NAME FIGURE UNIT PEER PEERNAME [higher]
row() {
	local ratio=-

	[ -n "$2" ] || { printf '%-28s %12s\n' "$1" "no figure"; return; }
	[ -z "$4" ] || ratio=$(awk -v a="$2" -v b="$4" \
	    'BEGIN { printf "%.2f", a / b }')
	printf '%-28s %10s %-5s %10s %-22s %8s\n' "$1" "$2" "$3" "${4:--}" \
	    "$5" "$ratio"
}

wait_first_byte() {
	local word=

	read -r -t 20 -N 1 word <"$1"
	[ -n "$word" ]
}

mkfifo "$W/ready"
"$W/suite/sbin/coven-monitor" --home "$COVEN_HOME" --ready-fd 9 \
    9>"$W/ready" 2>"$W/monitor.log" </dev/null &
PIDS+=($!)
wait_first_byte "$W/ready" || {
	tail "$W/monitor.log" >&2
	exit 1
}
# The floor answers the same bytes that the suite does.
printf 'GET /api/v1/health HTTP/1.1\r\nHost: coven\r\n\r\n' |
    "$TOOLS/it/rawhttp" -h "$SOCK" >"$W/health"
mkfifo "$W/floor-ready"
"$TOOLS/bench/floor" "$W/floor.sock" "$W/health" >"$W/floor-ready" &
PIDS+=($!)
wait_first_byte "$W/floor-ready" || exit 1

measure floor_ "$client" oneshot "$W/floor.sock" "$N"
measure '' "$client" oneshot "$SOCK" "$N"
measure '' "$client" launch "$SOCK" "$W/project" "$LAUNCHES"
measure bare_ "$client" spawn "$LAUNCHES" /bin/true
if command -v bwrap >/dev/null; then
	measure bwrap_ "$client" spawn "$LAUNCHES" bwrap --unshare-user \
	    --unshare-pid --unshare-net --unshare-ipc --unshare-uts \
	    --unshare-cgroup --die-with-parent --ro-bind /usr /usr \
	    --symlink usr/bin /bin --symlink usr/lib /lib \
	    --symlink usr/lib64 /lib64 --ro-bind /etc /etc --dev /dev \
	    --proc /proc --tmpfs /tmp --bind "$W/project" "$W/project" \
	    --chdir "$W/project" -- /bin/true
fi
head -c $((MIB * 786432)) /dev/urandom | base64 -w 76 |
    head -c $((MIB * 1048576)) >"$W/project/data"
measure '' "$client" copy "$W/project/data" "$W/home/copied"
rm -f "$W/home/copied"
measure '' "$client" stream "$SOCK" "$W/project" "$W/project/data"
measure '' "$client" stalled "$SOCK" 200 "$N"

printf '%-28s %10s %-5s %10s %-22s %8s\n' figure ours unit floor/peer '' ratio
row "one-shot health, median" "$(figure oneshot_p50_us)" us \
    "$(figure floor_oneshot_p50_us)" "accept, read, write"
row "one-shot health, p99" "$(figure oneshot_p99_us)" us \
    "$(figure floor_oneshot_p99_us)" "accept, read, write"
row "health, 200 stalled, median" "$(figure stalled_p50_us)" us \
    "$(figure oneshot_p50_us)" "without them"
row "health, 200 stalled, p99" "$(figure stalled_p99_us)" us \
    "$(figure oneshot_p99_us)" "without them"
row "launch to 201, median" "$(figure launch_201_p50_us)" us \
    "$(figure bwrap_spawn_p50_us)" "bubblewrap, to its end"
row "launch to exit, median" "$(figure launch_exit_p50_us)" us \
    "$(figure bwrap_spawn_p50_us)" "bubblewrap, to its end"
row "launch to exit, median" "$(figure launch_exit_p50_us)" us \
    "$(figure bare_spawn_p50_us)" "bare fork and exec"
row "$MIB MiB session, durable" "$(figure stream_mb_s)" MB/s \
    "$(figure copy_mb_s)" "to a file, fsync"
row "$MIB MiB, read back" "$(figure readback_mb_s)" MB/s "" ""
if [ "$(figure stream_equal)" = 1 ]; then
	echo "stored bytes equal printed bytes: $(figure stream_bytes), SHA-256"
else
	echo "stored bytes DIFFER from printed bytes"
	FAILED=1
fi
exit "$FAILED"
