#!/bin/bash
# covenctl attach is a terminal: what was printed, then what is; keys and sizes
# reach the session; what would make a terminal answer does not come through;
# a key leaves it; and whatever ends covenctl, the terminal is as it was.
. "$(dirname "$0")/../lib.sh"
world user
need_monitor
TERMINAL=$(script terminal.py)

# session CMD: on a terminal; sets ID.
session() {
	LAUNCH_MORE=',"tty":true,"rows":24,"cols":80,"stdin":true' \
	    launch sh -c "$1"
}

# terminal STEP ... -- ARG ...: covenctl on a terminal; says how it ended.
terminal() {
	local steps=()

	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	shift
	as_owner "$PYTHON" "$TERMINAL" "$W/terminal" 33x101 "${steps[@]}" -- \
	    "$SUITE/bin/covenctl" "$@" >"$W/driver" 2>&1
	ENDED=$(tail -n 1 "$W/driver")
}

# ends NAME WANTED: how it ended, and the terminal's modes.
ends() {
	is "$1" "$ENDED" "$2 modes kept"
	[ "$ENDED" = "$2 modes kept" ] || sed 's/^/# /' "$W/driver"
}

touch "$W/terminal" && give_owner "$W/terminal"
http GET /api/v1/health
resizes=$(jget "$W/body" capabilities.sessionResize)

# What was printed, then keys, sizes, and the key that leaves.
session 'stty -echo raw; printf "early\r\n"
    while :; do c=$(dd bs=1 count=1 2>/dev/null) || continue
    [ "$c" = q ] && exit 5; [ -n "$c" ] && printf "got-%s\r\n" "$c"; done'
LIVE=$ID
terminal expect:early raw:yes send:a expect:got-a send:b expect:got-b \
    'send:\x1d' end -- attach "$ID"
ends "the key that leaves" "status 0"
t "which says how to come back" grep -q "covenctl attach $ID" "$W/terminal"
is "and the session goes on" "$(session_status "$ID")" running
terminal expect:got-b 'send:\x1d' send:c expect:got 'send:~.' end -- \
    attach --detach-key '~,.' "$ID"
ends "other keys, and ctrl-] is one to send" "status 0"
if [ "$resizes" = true ]; then
	session 'trap "stty size" WINCH; stty size
	    while :; do sleep 1000 & wait; done'
	terminal 'expect:24 80' 'expect:33 101' size:44x120 'expect:44 120' \
	    'send:\x1d' end -- attach "$ID"
	ends "the size is sent at the start and when it changes" "status 0"
	http POST "/api/v1/sessions/$ID/kill" '{}'
	ID=$LIVE
else
	tap_skip "the size is sent at the start and when it changes" \
	    "this build has no resize"
fi
terminal expect:got-b signal:TSTP raw:no signal:CONT raw:yes send:d \
    expect:got-d 'send:\x1d' end -- attach "$ID"
ends "stopped, the terminal is its owner's; going on, the session's" "status 0"

# Every way out.
for signal in INT:130 TERM:143 HUP:129 QUIT:131 SEGV:-11 ABRT:-6 USR1:-10; do
	terminal expect:early raw:yes "signal:${signal%:*}" end -- attach "$ID"
	ends "ended by SIG${signal%:*}" "status ${signal#*:}"
done
is "none of which ends the session" "$(session_status "$ID")" running
terminal expect:early send:q end -- attach "$ID"
ends "the session's own end is attach's" "status 5"
terminal expect:early end -- attach "$ID"
ends "one that has ended is shown" "status 5"
terminal end -- attach nonesuch
ends "one that is not there" "status 1"

# What a screen was changed to is put back, by a crash too.
session 'printf "\033[?1049h\033[?25l\033[?1000h\033[31mfull"; sleep 1000'
terminal expect:full 'send:\x1d' end -- attach "$ID"
ends "a full screen is left" "status 0"
t "and put back" grep -qF $'\033[?1000l\033[?1049l' "$W/terminal"
t "with its cursor" grep -qF $'\033[?25h' "$W/terminal"
terminal expect:full signal:SEGV end -- attach "$ID"
ends "a crash in a full screen" "status -11"
t "puts it back as well" grep -qF $'\033[?1049l' "$W/terminal"
http POST "/api/v1/sessions/$ID/kill" '{}'

# Sequences that make a terminal answer or act.
session 'stty -echo; printf "a\033[6nb\033[cc\033]52;c;aGk=\007d\033P+q544e\033\\\\e"
    printf "\033[18tf\005g\033]0;title\007h\302\2336n\033[31mred\033[0mDONE"
    sleep 1000'
terminal expect:DONE 'send:\x1d' end -- attach "$ID"
ends "a hostile session" "status 0"
t "what is listed comes through, the rest does not" grep -qF \
    $'abcdefg\033]0;title\ah6n\033[31mred\033[0mDONE' "$W/terminal"
http POST "/api/v1/sessions/$ID/kill" '{}'

# A session without a terminal: lines.
LAUNCH_MORE=',"stdin":true' launch sh -c 'echo ready; read -r x; echo "had $x"
    exit 7'
if [ "$resizes" = true ]; then
	terminal 'expect:has no terminal' expect:ready raw:no 'send:word\n' \
	    end -- attach "$ID"
	ends "one without a terminal is sent lines" "status 7"
	t "which it had" grep -q "had word" "$W/terminal"
fi

# The daemon goes away under it.
session 'echo here; sleep 1000'
: >"$W/terminal"
terminal expect:here raw:yes "file:$W/killed" end -- attach "$ID" &
driver=$!
wait_for "$LIVENESS" grep -qs here "$W/terminal"
roles apid >/dev/null
monitor_kill
touch "$W/killed"
wait "$driver"
ENDED=$(tail -n 1 "$W/driver")
is "the daemon's death leaves the terminal as it was" "${ENDED##*modes }" kept
t "and is told" grep -qE "nobody listens|closed the connection|no daemon" \
    "$W/terminal"
tap_done
