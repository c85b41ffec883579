#!/bin/bash
# covenctl watch shows live sessions with what they use: drawn in place on a
# terminal, which is as it was afterwards, and as lines or JSON elsewhere.
. "$(dirname "$0")/../lib.sh"
world user
need_monitor
TERMINAL=$(script terminal.py)

terminal() {
	local steps=()

	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	shift
	as_owner "$PYTHON" "$TERMINAL" "$W/terminal" 20x140 "${steps[@]}" -- \
	    "$SUITE/bin/covenctl" "$@" >"$W/driver" 2>&1
	ENDED=$(tail -n 1 "$W/driver")
}

ends() {
	is "$1" "$ENDED" "$2 modes kept"
	[ "$ENDED" = "$2 modes kept" ] || sed 's/^/# /' "$W/driver"
}

touch "$W/terminal" && give_owner "$W/terminal"
ctl watch --once >"$W/out" 2>"$W/err"
is "nothing lives: nothing is printed" "$?:$(wc -c <"$W/out")" 0:0
terminal 'expect:0 live sessions' send:q end -- watch
ends "and a head on a terminal" "status 0"

LAUNCH_MORE=',"title":"busy\u001b[2Jone"' \
    launch sh -c 'while :; do echo 0123456789; done'
busy=$ID
LAUNCH_MORE=',"title":"idle"' launch sleep 1000
idle=$ID
launch true
t "a third one ends" wait_for "$LIVENESS" ended "$ID"
measured() {
	ctl --json watch --once >"$W/out" 2>"$W/err" &&
	    [ "$(jget "$W/out" sessions.#)" = 2 ] &&
	    "$PYTHON" -c '
import json, sys
rows = {row["id"]: row for row in json.load(open(sys.argv[1]))["sessions"]}
busy, idle = rows[sys.argv[2]], rows[sys.argv[3]]
sys.exit(not (busy["output_bytes_per_s"] > 1000 and busy["cpu_percent"] > 0
         and busy["memory_bytes"] > 0 and busy["processes"] > 0
         and idle["output_bytes_per_s"] == 0 and idle["age_ms"] > 0))' \
	    "$W/out" "$busy" "$idle"
}
t "the live ones, measured" wait_for "$LIVENESS" measured
ctl watch --once >"$W/out" 2>"$W/err"
is "as lines, one a session" "$(wc -l <"$W/out")" 2
t "a title drives no terminal" test "$(grep -c $'\033' "$W/out")" = 0

terminal 'expect:2 live sessions' 'expect:\x1b[H2 live sessions' size:24x90 \
    'expect:\x1b[H2 live sessions' send:q end -- watch --interval 1
ends "on a terminal it is drawn again in place" "status 0"
t "with the one and the other" grep -q "$busy.*\$" "$W/terminal"
t "whose title drives nothing there either" test \
    "$(grep -c 'busy\\x' "$W/terminal"):$(grep -c $'busy\033' \
    "$W/terminal")" != 0:0 -a "$(grep -c $'busy\033' "$W/terminal")" = 0
t "and the screen from before is back" grep -qF $'\033[?25h\033[?1049l' \
    "$W/terminal"
terminal 'expect:2 live' raw:yes 'send:\x03' end -- watch
ends "an interrupt key quits as well" "status 0"
for signal in TERM:143 HUP:129 SEGV:-11; do
	terminal 'expect:2 live' "signal:${signal%:*}" end -- watch
	ends "ended by SIG${signal%:*}" "status ${signal#*:}"
	t "the screen from before is back" grep -qF $'\033[?1049l' \
	    "$W/terminal"
done
terminal 'expect:2 live' signal:TSTP raw:no signal:CONT raw:yes \
    'expect:2 live' send:q end -- watch --interval 1
ends "stopped and going on" "status 0"

# The daemon is started again under it, then goes.
: >"$W/terminal"
terminal 'expect:2 live' "file:$W/again" 'expect:0 live' "file:$W/gone" end \
    -- watch --interval 1 &
driver=$!
wait_for "$LIVENESS" grep -qs "2 live" "$W/terminal"
monitor_stop
need_monitor
touch "$W/again"
wait_for "$LIVENESS" grep -qs "0 live" "$W/terminal"
monitor_stop
touch "$W/gone"
wait "$driver"
ENDED=$(tail -n 1 "$W/driver")
is "without a daemon it ends, and leaves the terminal as it was" "$ENDED" \
    "status 69 modes kept"
tap_done
