# The sandbox, one row a promise, for one owner mode.  Bash; sourced by the
# it/sandbox_*.sh scripts after lib.sh; SANDBOX_MODE is set, and where syscalls
# are to be refused from outside, SANDBOX_WITHOUT.
#
# Every row runs tests/it/probe inside a session.  Where the row says "open" it
# first runs the same attempt outside as the owner, where it must succeed:
# a refusal there would make the row worthless.  Bubblewrap's answer to the
# same attempt is printed beside it where it is installed; it decides nothing.
# shellcheck shell=bash

RIVAL=
[ -x /usr/bin/bwrap ] && RIVAL=/usr/bin/bwrap

inside() {
	CLIENT_SECRET=tell-nobody ctl_with_secret exec --project "$PROJECT" \
	    -- "$PROJECT/probe" "$@" </dev/null >"$W/inside" 2>&1 8<"$SECRET"
}

ctl_with_secret() {
	as_owner env CLIENT_SECRET=tell-nobody "$SUITE/bin/covenctl" "$@"
}

outside() {
	(cd "$PROJECT" && as_owner "$TOOLS/probe" "$@") </dev/null \
	    >"$W/outside" 2>&1
}

rival() {
	as_owner timeout 20 "$RIVAL" --unshare-all --die-with-parent \
	    --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp \
	    --bind "$PROJECT" "$PROJECT" --chdir "$PROJECT" \
	    -- "$PROJECT/probe" "$@" </dev/null >"$W/rival" 2>&1
}

refused() {
	grep -qx 'result 0' "$W/inside"
}

# row NAME open|- ATTEMPT ...
row() {
	local name="sandbox_cannot_$1 ($LABEL)" control=$2

	shift 2
	if [ "$control" = open ]; then
		outside "$@"
		if ! grep -qx 'result 1' "$W/outside"; then
			note "outside the sandbox it must succeed:"
			tap_not_ok "$name" "$W/outside"
			return
		fi
	fi
	inside "$@"
	verdict "$name" refused "$@"
}

# verdict NAME CMD ATTEMPT ...: the command decides.
verdict() {
	local name=$1 check=$2 said=

	shift 2
	if [ -n "$RIVAL" ]; then
		rival "$@"
		said=$(sed -n 's/^result 0$/refuses/p; s/^result 1$/is open/p' \
		    "$W/rival")
		note "bubblewrap with every namespace ${said:-did not run it}"
	fi
	if "$check"; then
		tap_ok "$name"
	else
		tap_not_ok "$name" "$W/inside"
	fi
}

# serve FILE ATTEMPT ...: start the other side as the owner; its first line
# lands in FILE, which is waited for.
serve() {
	local file=$1

	shift
	# Not by a function, so that the id is the program's own.
	${OWNER_PRIV[@]+"${OWNER_PRIV[@]}"} "${OWNER_ENV[@]}" "$@" \
	    </dev/null >"$file" 2>&1 &
	SERVED=$!
	SERVERS+=("$SERVED")
	wait_for "$LIVENESS" test -s "$file"
}

nothing_written() {
	grep -q '^result' "$W/inside" || return 1
	local path

	for path in "${WRITTEN[@]}"; do
		[ ! -e "$path" ] || { echo "exists: $path" >>"$W/inside" &&
		    return 1; }
	done
	[ "$(cat "$SECRET")" = secret ]
}

victim_unhurt() {
	refused && process_alive "$VICTIM" &&
	    grep -q '^TracerPid:.0$' "/proc/$VICTIM/status"
}

# The user a payload is for the rest of the machine.
host_uid_not_root() {
	local mark="coven-uid-$$-$MODE" pid

	launch sh -c 'sleep 1000; :' "$mark" || return 1
	wait_for "$LIVENESS" pgrep -f "sleep 1000; : $mark" >/dev/null ||
	    return 1
	for pid in $(pgrep -f "$mark"); do
		grep -E '^(Uid|Cap)' "/proc/$pid/status"
		grep -qE '^Uid:(.[1-9][0-9]*){4}$' "/proc/$pid/status" ||
		    return 1
		grep -qE '^CapEff:.0+$' "/proc/$pid/status" || return 1
	done
	http POST "/api/v1/sessions/$ID/kill" '{}'
}

sandbox_setup() {
	SERVERS=()
	SECRET=$OWNER_HOME/secret
	owner_file "$SECRET" secret
	mkdir -m 1777 "$W/open"
	cp "$TOOLS/probe" "$PROJECT/probe"
	as_owner mkdir -p "$PROJECT/sub"
	owner_file "$PROJECT/plain" plain
	serve "$W/s1" "$TOOLS/probe" listen-unix "$PROJECT/sub/service.sock"
	serve "$W/s2" "$TOOLS/probe" listen-unix "@coven-abstract-$$"
	serve "$W/port" "$TOOLS/probe" listen-tcp
	serve "$W/s3" "$TOOLS/probe" mark "coven-seen-$$"
	VICTIM=$SERVED
	serve "$W/s4" "$TOOLS/probe" mark "control"
	CONTROL=$SERVED
	as_owner mkfifo "$PROJECT/sub/pipe"
	exec 6<>"$PROJECT/sub/pipe"
	MONITOR_ENV=("DAEMON_SECRET=tell-nobody")
	need_monitor 7<"$SECRET"
}

sandbox_rows() {
	local addresses

	read -ra addresses <<<"127.0.0.1 $(hostname -I 2>/dev/null |
	    tr ' ' '\n' | grep -F . | tr '\n' ' ')"

	row read_home open read "$SECRET" ../secret
	inside read "/proc/1/root$SECRET" "/proc/self/cwd/../secret" \
	    "/proc/self/root$SECRET" "/proc/self/fd/0/../secret"
	verdict "sandbox_cannot_read_home_by_proc ($LABEL)" refused \
	    read "/proc/1/root$SECRET"

	WRITTEN=("$OWNER_HOME/new" "$W/open/new" "/var/tmp/coven-new-$$"
	    "/tmp/coven-new-$$" "/etc/coven-new-$$" "/usr/coven-new-$$")
	inside write "${WRITTEN[@]}" "$SECRET" ../new2
	WRITTEN+=("$OWNER_HOME/new2")
	verdict "sandbox_cannot_write_outside_project ($LABEL)" \
	    nothing_written write "$W/open/rival-new"
	rm -f "$W/open/rival-new"

	row see_host_process open see-process coven-se "en-$$"

	inside signal-process "$VICTIM"
	verdict "sandbox_cannot_signal_host_process ($LABEL)" victim_unhurt \
	    signal-process "$VICTIM"
	row connect_coven_sock open connect-unix "$SOCK"
	row connect_host_port open connect-tcp "$(cat "$W/port")" \
	    "${addresses[@]}"
	row connect_abstract_socket open connect-unix "@coven-abstract-$$"
	row connect_socket_file_below_project open connect-unix \
	    "$PROJECT/sub/service.sock"
	row write_fifo_below_project open write-fifo "$PROJECT/sub/pipe"
	row create_namespace open create-namespace
	row mount - mount
	row load_module - load-module
	row write_proc_sys - write-proc-sys
	row trace_pid1 - trace-pid1
	row limit_pid1 - limit-pid1
	row lease_a_file open lease "$PROJECT/plain"

	# The control traces a process of its own: it would be stopped.
	outside trace-process "$CONTROL"
	inside trace-process "$VICTIM"
	verdict "sandbox_cannot_trace_outside ($LABEL)" victim_unhurt \
	    trace-process "$VICTIM"

	row inject_terminal_input - inject-terminal-input
	row keep_capability open keep-capability
	t "sandbox_cannot_be_host_root ($LABEL)" host_uid_not_root

	row inherit_descriptor - inherit-descriptor
	row inherit_variable - inherit-variable tell-nobody
}

sandbox_main() {
	world "$SANDBOX_MODE"
	LABEL=$MODE
	if [ -n "${SANDBOX_WITHOUT-}" ]; then
		LABEL+=", in a container"
		MONITOR_PRIV+=("$TOOLS/without" "$SANDBOX_WITHOUT")
	fi
	sandbox_setup
	sandbox_rows
	[ -z "${SANDBOX_WITHOUT-}" ] ||
	    t "the suite says what it does without ($LABEL)" \
		grep 'Landlock: it is not to be had: apid' "$W/monitor.log"
	kill "${SERVERS[@]}" 2>/dev/null
	exec 6>&-
	monitor_stop
	left_nothing "nothing is left ($LABEL)"
	tap_done
}
