#!/bin/bash
# What a session of a harness leaves behind: a payload tries to plant a hook in
# every state file and folder of its harness, and neither the same tool started
# outside nor a later session believes any of it.  Logins are for their own
# harness alone, and of the daemon's environment there is what is listed.
. "$(dirname "$0")/../lib.sh"
TREE=$(cd "$(dirname "$0")/../.." && pwd)
PLANT="planted-by-a-payload-$$"

# rows HARNESS: "KIND PATH" of each row of its table in the source, so that a
# row that is added is attacked.
rows() {
	sed -n "/ ${1}_state\[\]/,/^};/s/^	\([A-Z_]*\)(\"\([^\"]*\)\".*/\1 \2/p" \
	    "$TREE/common/harness_host.c"
}

# The attack, run inside: every way to change a path, on every row.  What
# fails, fails; nothing is said.
attack_script() {
	cat <<-EOF
	#!/bin/sh
	exec 2>/dev/null
	plant() {
		mkdir -p "\$(dirname "\$1")"
		echo $PLANT >>"\$1"
		echo $PLANT >"\$1.new" && mv -f "\$1.new" "\$1"
		chmod 755 "\$1"
	}
	seize() {
		ln -sfn "$PROJECT/rows" "\$1"
		rm -rf "\$1"
		mv "\$1" "\$1.gone"
		umount "\$1"
		plant "\$1"
	}
	cd "\$HOME"
	while read -r kind path; do
		case \$kind in
		*DIR*)
			plant "\$path/planted"
			mkdir -p "\$path/planted.d" && plant "\$path/planted.d/x"
			ln -sfn "$PROJECT/rows" "\$path/planted.l" ;;
		esac
		case \$kind in
		LOGIN_FILE)
			[ ! -f "\$path" ] || echo refreshed-$PLANT >"\$path"
			mv "\$path" "\$path.gone"
			echo x >"\$path.new" && chmod 755 "\$path.new" &&
			    mv -f "\$path.new" "\$path"
			ln -sfn "$PROJECT/rows" "\$path" ;;
		PRIVATE_DIR) ;;
		*) seize "\$path" ;;
		esac
	done <"$PROJECT/rows"
	while read -r kind path; do
		[ "\$kind" != PRIVATE_DIR ] || {
			mv "\$path" "\$path.moved"
			plant "\$path/planted"
		}
	done <"$PROJECT/rows"
	while read -r kind path; do
		[ "\$kind" != PRIVATE_DIR ] || chmod 0 "\$path"
	done <"$PROJECT/rows"
	for path in .bashrc .profile .gitconfig .local/bin/* .config/planted \
	    "$OWNER_HOME/.bashrc" "$COVEN_HOME/coven.toml"; do
		seize "\$path"
	done
	echo attacked
	EOF
}

# What such a tool would execute or trust; run inside and outside.  A login
# is content that no tool runs.
trust_script() {
	cat <<-EOF
	#!/bin/sh
	cd "\${HOME:?}"
	while read -r kind path; do
		case \$kind in LOGIN_*|PRIVATE_DIR) continue ;; esac
		grep -rlF $PLANT "\$path" 2>/dev/null | sed 's/^/trusts /'
		find "\$path" -name '*planted*' 2>/dev/null |
		    sed 's/^/trusts /'
	done <"$PROJECT/rows"
	echo looked
	EOF
}

payload() {
	cat >"$PROJECT/payload"
	chmod 755 "$PROJECT/payload"
	give_owner "$PROJECT/payload"
}

# session HARNESS: run the payload in one; what it said is in $W/said.
session() {
	http POST /api/v1/sessions "{\"harness\":\"$1\",\"projectRoot\":
	    \"$PROJECT\",\"prompt\":\"a prompt\",
	    \"launchMode\":\"nonInteractive\"}"
	ID=$(jget "$W/body" id) || { cat "$W/body"; return 1; }
	wait_for "$LIVENESS" ended "$ID" || return 1
	output "$ID" "$W/out.raw"
	tr -d '\r' <"$W/out.raw" >"$W/said"
}

says() {
	grep -qxF "$1" "$W/said" || { cat "$W/said"; return 1; }
}

says_not() {
	! grep -F "$1" "$W/said"
}

# home_list: all of it but the suite's, the project, and what a login says.
home_list() {
	find "$OWNER_HOME" -mindepth 1 \( -path "$COVEN_HOME" -o \
	    -path "$PROJECT" \) -prune -o -printf '%P %y %m %n %l\n' | sort
	find "$OWNER_HOME" \( -path "$COVEN_HOME" -o -path "$PROJECT" \) \
	    -prune -o -type f ! -name auth.json ! -name .credentials.json \
	    -exec sha256sum {} + | sort
}

as_root_of_home() {
	(cd "$PROJECT" && HOME=$OWNER_HOME ./payload) >"$W/said" 2>&1
}

# An owner who has used both tools, or one who has only their logins.
owner_state() {
	mkdir -p "$OWNER_HOME/.claude" "$OWNER_HOME/.codex" \
	    "$OWNER_HOME/.local/bin"
	for name in claude codex copilot; do
		cp "$TREE/tests/fake_harness" "$OWNER_HOME/.local/bin/$name"
	done
	echo "login-of-claude" >"$OWNER_HOME/.claude/.credentials.json"
	echo "login-of-codex" >"$OWNER_HOME/.codex/auth.json"
	echo ": shell" >"$OWNER_HOME/.bashrc"
	chmod 600 "$OWNER_HOME/.claude/.credentials.json" \
	    "$OWNER_HOME/.codex/auth.json"
	[ "$1" = full ] || return 0
	for name in claude codex copilot; do
		rows "$name" | while read -r kind path; do
			path=$OWNER_HOME/$path
			case $kind in
			*DIR*) mkdir -p "$path"; echo "# own" >"$path/own" ;;
			LOGIN_FILE) ;;
			*) mkdir -p "$(dirname "$path")"
			    echo "own settings" >"$path" ;;
			esac
		done
	done
	# Kept elsewhere and linked, as many do.
	mkdir -p "$OWNER_HOME/dotfiles"
	mv "$OWNER_HOME/.claude/settings.json" "$OWNER_HOME/dotfiles/claude"
	ln -s ../dotfiles/claude "$OWNER_HOME/.claude/settings.json"
}

attack() {
	local harness=$1

	rows "$harness" >"$PROJECT/rows"
	home_list >"$W/before"
	attack_script | payload
	t "$LABEL $harness: the attack ran" session "$harness"
	t "$LABEL $harness: and ended" says attacked
	home_list >"$W/after"
	t "$LABEL $harness: the owner's home is as it was" \
	    diff "$W/before" "$W/after"
	trust_script | payload
	as_root_of_home
	t "$LABEL $harness: the tool outside looks" says looked
	t "$LABEL $harness: and finds nothing planted" says_not trusts
	t "$LABEL $harness: a second session looks" session "$harness"
	t "$LABEL $harness: the second session looked" says looked
	t "$LABEL $harness: and finds nothing planted" says_not trusts
}

own_settings() {
	payload <<-'EOF'
	#!/bin/sh
	cat ~/.claude/settings.json ~/.claude.json ~/.claude/CLAUDE.md \
	    ~/.claude/hooks/own
	EOF
	t "$LABEL claude: its own settings are read" session claude
	is "$LABEL claude: file, copy, folder" \
	    "$(grep -cxE 'own settings|# own' "$W/said")" 4
}

logins() {
	payload <<-'EOF'
	#!/bin/sh
	cat ~/.claude/.credentials.json ~/.codex/auth.json
	EOF
	echo "login-of-claude" >"$OWNER_HOME/.claude/.credentials.json"
	echo "login-of-codex" >"$OWNER_HOME/.codex/auth.json"
	session claude
	t "$LABEL claude sees its own login" says login-of-claude
	t "$LABEL claude does not see that of codex" says_not login-of-codex
	session codex
	t "$LABEL codex sees its own login" says login-of-codex
	t "$LABEL codex does not see that of claude" says_not login-of-claude
	session copilot
	t "$LABEL copilot sees neither" says_not login-of
	launch ./payload && wait_for "$LIVENESS" ended "$ID" &&
	    output "$ID" "$W/said"
	t "$LABEL exec sees neither" says_not login-of
	payload <<-'EOF'
	#!/bin/sh
	echo refreshed-login >~/.claude/.credentials.json
	EOF
	session claude
	is "$LABEL a refreshed login survives" \
	    "$(cat "$OWNER_HOME/.claude/.credentials.json")" refreshed-login
	mv "$OWNER_HOME/.claude/.credentials.json" "$W/away"
	payload <<-'EOF'
	#!/bin/sh
	[ -e ~/.claude/.credentials.json ] || echo "no login"
	EOF
	session claude
	t "$LABEL a login that is gone leaves nothing broken" says "no login"
	mv "$W/away" "$OWNER_HOME/.claude/.credentials.json"
}

state_of() {
	world "$1"
	owner_state "$2"
	LABEL="$1 $2:"
	MONITOR_ENV=("PATH=$OWNER_HOME/.local/bin:/usr/local/bin:/usr/bin:/bin"
	    "ANTHROPIC_API_KEY=key-a" "OPENAI_API_KEY=key-o"
	    "ANTHROPIC_BASE_URL=http://127.0.0.1:1" "GITHUB_TOKEN=key-g"
	    "CODEX_HOME=/elsewhere" "SSH_AUTH_SOCK=/tmp/agent" "EXTRA=extra"
	    "CLAUDE_CONFIG_DIR=/elsewhere" "AWS_SECRET_ACCESS_KEY=key-s"
	    "NODE_OPTIONS=--require=/tmp/x.js" "LISTED=one" "FOR_ALL=two")
	mkdir -m 700 "$COVEN_HOME"
	owner_file "$COVEN_HOME/coven.toml" 'pass_env = ["FOR_ALL"]
[harness.codex]
env = ["LISTED"]'
	[ "$OWNER" = "$(id -u)" ] || chown -R "$OWNER:$OWNER" "$W"
	world_snapshot
	need_monitor
}

state_end() {
	monitor_stop
	left_nothing "$LABEL nothing is left"
	world_end
}

# What says where the gateway is.
WAY_OUT=({HTTPS,HTTP,ALL,NO}_PROXY {https,http,all,no}_proxy
    NODE_USE_ENV_PROXY)

# variables HARNESS NAME ...: exactly these, and those that every session has.
variables() {
	local harness=$1

	shift
	printf '#!/bin/sh\n' | payload
	session "$harness"
	is "$LABEL $harness gets the variables that are listed" "$(
	    sed -n 's/^env<\([^=]*\)=.*/\1/p' "$W/said" | sort)" "$(
	    printf '%s\n' COVEN_SESSION_ID HOME LANG LC_ALL LOGNAME PATH \
	    SHELL TERM TMPDIR USER "${WAY_OUT[@]}" "$@" | sort)"
}

for mode in user root ${COVEN_LONG:+package}; do
	[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
	for state in full bare; do
		state_of "$mode" "$state"
		for harness in claude codex copilot; do
			attack "$harness"
		done
		if [ "$state" = full ]; then
			own_settings
		else
			logins
			variables claude ANTHROPIC_API_KEY ANTHROPIC_BASE_URL \
			    CLAUDE_CODE_SANDBOXED DISABLE_AUTOUPDATER FOR_ALL
			is "$LABEL its terminal is ours" "$(sed -n \
			    's/^env<TERM=\(.*\)>/\1/p' "$W/said")" \
			    xterm-256color
			variables codex OPENAI_API_KEY LISTED FOR_ALL
			variables copilot GITHUB_TOKEN FOR_ALL
		fi
		state_end
	done
done
tap_done
