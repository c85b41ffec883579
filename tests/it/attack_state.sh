#!/bin/bash
# What one agent's session leaves in its harness's private state, planted to
# hurt the next one or the owner; and whose files the monitor looks for.
. "$(dirname "$0")/../lib.sh"

AGENT=.local/bin/claude
HARNESS=claude

# begin MODE: a world with a stand-in for an agent and an account of its own.
begin() {
	world "$1"
	STATE=$COVEN_HOME/state/claude/.claude
	chmod 700 "$OWNER_HOME"
	as_owner mkdir -p "$OWNER_HOME/.local/bin" "$OWNER_HOME/.claude"
	printf '#!/bin/sh\nexec sh "$PWD/attack.sh"\n' >"$OWNER_HOME/$AGENT"
	chmod 755 "$OWNER_HOME/$AGENT"
	give_owner "$OWNER_HOME/$AGENT"
	MONITOR_ENV=("PATH=$OWNER_HOME/.local/bin:/usr/bin:/bin")
	if [ "$MODE" = system ]; then
		# The home of an account is what its password line says.
		printf 'root:x:0:0:root:/root:/bin/sh\no:x:%s:%s:O:%s:/bin/sh\n' \
		    "$OWNER" "$OWNER" "$OWNER_HOME" >"$W/passwd"
		# shellcheck disable=SC2016 # the new shell's
		MONITOR_PRIV=(unshare -m sh -c 'mount --bind "$0" /etc/passwd &&
		    exec "$@"' "$W/passwd")
	fi
	world_snapshot
	printf '#!/bin/sh\nexec sh "$PWD/attack.sh"\n' \
	    >"$OWNER_HOME/.local/bin/copilot"
	chmod 755 "$OWNER_HOME/.local/bin/copilot"
	need_monitor
}

# agent NAME: run what standard input says as an agent's session; $W/out.
agent() {
	owner_file "$PROJECT/attack.sh" "$(cat)"
	http POST /api/v1/sessions "$(printf \
	    '{"harness":"%s","projectRoot":"%s","prompt":"x"}' \
	    "$HARNESS" "$PROJECT")"
	if [ "$STATUS" != 201 ]; then
		cp "$W/body" "$W/out"
		return 1
	fi
	ID=$(jget "$W/body" id)
	wait_for 60 ended "$ID" && output "$ID" "$W/out"
}

# plant NAME [LOGIN]: plant what standard input does; then the owner has a
# login, and the next session must start and see it.
plant() {
	rm -f "$OWNER_HOME/.claude/.credentials.json"
	if ! agent || ! grep -q '^planted' "$W/out"; then
		tap_not_ok "planted: $1 ($MODE)" "$W/out"
		return
	fi
	owner_file "$OWNER_HOME/.claude/.credentials.json" login
	agent <<-'X'
		cat "$HOME/.claude/.credentials.json"
	X
	t "the next session starts after: $1 ($MODE)" grep -q '^login' "$W/out"
	chmod -R u+rwx "$COVEN_HOME/state"
	rm -rf "$COVEN_HOME/state"
}

plants() {
	plant "its state closed" <<-'X'
		cd "$HOME/.claude" && echo planted && chmod 0 .
	X
	plant "its state read-only" <<-'X'
		cd "$HOME/.claude" && echo planted && chmod 500 .
	X
	plant "folders in the way" <<-'X'
		cd "$HOME/.claude" && echo planted &&
		mkdir -p .credentials.json/y .displaced-.credentials.json/x
	X
	plant "links in the way" <<-'X'
		cd "$HOME/.claude" && echo planted &&
		ln -s /etc/passwd .credentials.json && ln -s . .displaced
	X
	plant "600 folders deep" <<-'X'
		cd "$HOME/.claude" && echo planted && i=0
		while [ $i -lt 600 ]; do mkdir d && cd d; i=$((i + 1)); done
	X
	plant "1500 FIFOs" <<-'X'
		cd "$HOME/.claude" && echo planted && mkdir d && cd d &&
		seq 1500 | xargs mkfifo
	X
}

# The owner's rules and login are there, also for a root monitor, which
# without its capabilities may not look into a home by itself.
owners_files() {
	owner_file "$OWNER_HOME/.claude/settings.json" '{"rule":"of the owner"}'
	owner_file "$OWNER_HOME/.claude/.credentials.json" login
	agent <<-'X'
		cat "$HOME/.claude/settings.json"
		cat "$HOME/.claude/.credentials.json"
		echo x >>"$HOME/.claude/settings.json" || echo read-only
	X
	t "an agent sees its owner's settings ($MODE)" \
	    grep -q 'of the owner' "$W/out"
	t "and its login ($MODE)" grep -q '^login' "$W/out"
	t "and cannot write the settings ($MODE)" grep -q '^read-only' "$W/out"
}

# A copy of the owner's settings is made anew for each session: nothing that
# an earlier one left may stand in its way.
copies() {
	HARNESS=copilot
	agent <<-'X'
		cd "$HOME/.copilot" && echo planted &&
		mkdir -p .coven-new/x config.json.new/x
		for i in 1 2 3; do mkdir -p ".coven-new.$i/x"; done
	X
	grep -q '^planted' "$W/out" || tap_not_ok "planted: copies" "$W/out"
	agent <<-'X'
		echo alive
	X
	t "a copy is made where a folder stands in its way ($MODE)" 	    grep -q '^alive' "$W/out"
	HARNESS=claude
}

# One mode a process: a script has one world.
if [ -z "${STATE_MODE-}" ]; then
	TAP_N=0
	W=$(mktemp -d /tmp/coven-it.XXXXXX)
	for mode in user system; do
		[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
		STATE_MODE=$mode bash "$0" >"$W/$mode" 2>&1
		while IFS= read -r line; do
			case $line in
			"ok "*) tap_ok "${line#ok * - }" ;;
			"not ok "*) tap_not_ok "${line#not ok * - }" ;;
			"1.."*) ;;
			"Bail out!"*) tap_not_ok "$mode: $line" ;;
			*) printf '%s\n' "$line" ;;
			esac
		done <"$W/$mode"
	done
	MONITOR_PID=
	tap_done
fi

begin "$STATE_MODE"
owners_files
plants
copies
monitor_stop
left_nothing "nothing is left ($MODE)"
tap_done
