#!/bin/bash
# The monitor tells whoever started it how far it is, as sd_notify(3) has it:
# to a socket by path or in the abstract; and nobody inherits that socket.
. "$(dirname "$0")/../lib.sh"
world user

# listen NAME: what comes there, a datagram a line, into $W/said.
listen() {
	: >"$W/said"
	chmod 666 "$W/said"
	# Not by a function, so that the id is the program's own.
	${OWNER_PRIV[@]+"${OWNER_PRIV[@]}"} "${OWNER_ENV[@]}" "$PYTHON" -c '
import socket, sys
name = sys.argv[1]
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind("\0" + name[1:] if name[0] == "@" else name)
print("listening", flush=True)
while True:
    print(sock.recv(4096).decode().replace("\n", ";"), flush=True)
' "$1" >"$W/said" 2>&1 &
	LISTENER=$!
	wait_for "$LIVENESS" grep -q listening "$W/said"
}

said() {
	wait_for "$LIVENESS" grep -qE "$1" "$W/said"
}

# A name that no other run has, and short enough.
for name in "$OWNER_HOME/notify.sock" "@coven-notify-$$"; do
	listen "$name"
	MONITOR_ENV=("NOTIFY_SOCKET=$name" "WATCHDOG_USEC=3000000")
	need_monitor
	t "${name%%[a-z]*}: it is ready, and who it is" said \
	    "^READY=1;MAINPID=$MONITOR_PID;STATUS=serves $SOCK\$"
	t "what it starts on the way" said '^STATUS=starts coven-stored'
	t "and then" said '^STATUS=starts coven-apid'
	t "READY comes when a client is answered, not before" test \
	    "$(grep -c READY=1 "$W/said")" = 1
	t "it is alive" said '^WATCHDOG=1$'
	ctl exec --project "$PROJECT" -- env >"$W/env" 2>&1 </dev/null
	t "a payload is not told" test "$(grep -c NOTIFY "$W/env")" = 0
	monitor_stop
	t "it stops" said '^STOPPING=1;STATUS=stops: SIGTERM$'
	kill "$LISTENER"
	wait "$LISTENER" 2>/dev/null
	rm -f "$OWNER_HOME/notify.sock"
done

# Without a watchdog asked for, or one meant for another process.
listen "@coven-notify-$$"
MONITOR_ENV=("NOTIFY_SOCKET=@coven-notify-$$" "WATCHDOG_USEC=3000000"
    WATCHDOG_PID=1)
need_monitor
sleep 1.5
is "nobody else's watchdog is fed" "$(grep -c WATCHDOG "$W/said")" 0
# Nobody listens any more: it goes on.
kill "$LISTENER"
wait "$LISTENER" 2>/dev/null
t "it serves without a listener" launch true
monitor_stop
is "and stops" "$MONITOR_STATUS" 0
for bad in "relative" "@" "/$(printf '%0120d' 0)"; do
	MONITOR_ENV=("NOTIFY_SOCKET=$bad")
	need_monitor
	monitor_stop
	is "NOTIFY_SOCKET=${bad:0:10} is passed over" "$MONITOR_STATUS" 0
done

# On a terminal start shows the same.
: >"$W/terminal"
give_owner "$W/terminal"
as_owner "$PYTHON" "$(script terminal.py)" "$W/terminal" 24x80 \
    'expect:the daemon starts coven-stored' \
    'expect:the daemon starts coven-apid' 'expect:running (pid' end -- \
    "$SUITE/bin/covenctl" start >"$W/driver" 2>&1
is "start shows how far it is" "$(tail -n 1 "$W/driver")" \
    "status 0 modes kept"
ctl start >"$W/out" 2>&1
is "and nothing of it where there is no terminal" "$(grep -c $'\033' "$W/out")" 0
ctl stop >/dev/null 2>&1
left_nothing "nothing is left"
tap_done
