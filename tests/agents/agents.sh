#!/bin/bash
# The real codex and claude CLIs complete a prompt inside the sandbox, against
# a stand-in model endpoint on loopback: for an ordinary owner who has them in
# ~/.local, and for owner root, who has them in a folder of the machine's.
# Installs both from npm (some 650 MB); ./run-tests --agents runs this.
# AGENTS_NPM names an npm prefix that has them already (bin, lib/node_modules).
. "$(dirname "$0")/../lib.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
ANSWER="stand-in-says-$$"
SECRET="tell-nobody-$$"
PREFIX=
command -v npm >/dev/null || [ -n "${AGENTS_NPM-}" ] || skip_all "no npm"

# install_agents: into an npm prefix of its own, which each world borrows.
install_agents() {
	PREFIX=$(mktemp -d /tmp/coven-agents.XXXXXX) || return 1
	chmod 755 "$PREFIX"
	if [ -n "${AGENTS_NPM-}" ]; then
		cp -R "$AGENTS_NPM/." "$PREFIX/"
		return
	fi
	env npm_config_cache="$PREFIX/cache" npm --prefix "$PREFIX" install \
	    --global --no-audit --no-fund --loglevel error \
	    @openai/codex @anthropic-ai/claude-code || return 1
	rm -rf "$PREFIX/cache"
	# npm may leave install scripts alone; this one puts the program in
	# its place and touches nothing else.
	node "$PREFIX/lib/node_modules/@anthropic-ai/claude-code/install.cjs"
}

# As a user would write them: a provider for codex and a folder it trusts, a
# key that claude may use.  The second world has nothing of claude's.
configure_agents() {
	as_owner mkdir -p "$OWNER_HOME/.codex"
	owner_file "$OWNER_HOME/.codex/config.toml" "model = \"stand-in-1\"
model_provider = \"standin\"
[model_providers.standin]
name = \"stand-in\"
base_url = \"http://127.0.0.1:$PORT/v1\"
env_key = \"OPENAI_API_KEY\"
wire_api = \"responses\"
[projects.\"$PROJECT\"]
trust_level = \"trusted\""
	[ "$MODE" = root ] || owner_file "$OWNER_HOME/.claude.json" \
	    '{"hasCompletedOnboarding":true,"theme":"dark",
	    "customApiKeyResponses":{"approved":["dummy-key"],"rejected":[]}}'
	mkdir -m 700 "$COVEN_HOME"
	# Beside its provider's own names, an agent gets what is listed here.
	owner_file "$COVEN_HOME/coven.toml" '[harness.claude]
env = ["STAND_IN_LISTED"]'
	give_owner "$COVEN_HOME"
}

endpoint_start() {
	"$PYTHON" "$HERE/model_endpoint.py" "$ANSWER" >"$W/port" \
	    2>"$W/requests" </dev/null &
	ENDPOINT=$!
	wait_for "$LIVENESS" test -s "$W/port"
	PORT=$(cat "$W/port")
}

# home_list: what the owner's home holds, but for the suite's and the project.
home_list() {
	find "$OWNER_HOME" -mindepth 1 \( -path "$COVEN_HOME" -o \
	    -path "$PROJECT" -o -path "$AGENTS" \) -prune -o \
	    -printf '%P %y %m %s %T@ %l\n' | sort
}

agents_world() {
	world "$1"
	AGENTS=$W/machine
	[ "$1" = root ] || AGENTS=$OWNER_HOME/.local
	mv "$PREFIX" "$AGENTS"
	[ "$1" = root ] || chown -R "$OWNER:$OWNER" "$AGENTS"
	endpoint_start
	configure_agents
	MONITOR_ENV=("PATH=$AGENTS/bin:/usr/local/bin:/usr/bin:/bin"
	    "OPENAI_API_KEY=dummy-key" "ANTHROPIC_API_KEY=dummy-key"
	    "ANTHROPIC_BASE_URL=http://127.0.0.1:$PORT"
	    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1" "DISABLE_TELEMETRY=1"
	    "STAND_IN_LISTED=yes" "UNRELATED_SECRET=$SECRET")
	home_list >"$W/home.before"
	world_snapshot
	need_monitor
}

agents_world_end() {
	home_list >"$W/home.after"
	t "$1: the owner's home is as it was" \
	    diff "$W/home.before" "$W/home.after"
	kill "$ENDPOINT"
	monitor_stop
	left_nothing "$1: nothing is left"
	mv "$AGENTS" "$PREFIX"
	world_end
}

said() {
	output "$1" "$W/said" && grep -qF "$ANSWER" "$W/said"
}

newest() {
	http GET '/api/v1/sessions?limit=1' && jget "$W/body" sessions.0.id
}

answer_in() {
	grep -qF "$ANSWER" "$1" || { tail -n 20 "$1"; false; }
}

asked() {
	tail -n +"$(($1 + 1))" "$W/requests" |
	    grep -qE "^POST $2[^ ]* 200 key"
}

# finished NAME PATH SEEN: what every completed prompt looks like.
finished() {
	t "$1: the session ended" wait_for "$LIVENESS" ended "$ID"
	is "$1: it completed" "$(session_status "$ID")" completed
	t "$1: the answer is on record" said "$ID"
	t "$1: the endpoint was asked, with a key" asked "$3" "$2"
}

# run_agent NAME PATH [OPTION ...]: covenctl run.
run_agent() {
	local name=$1 path=$2 seen label

	shift 2
	label="$MODE: covenctl run ${*:+$* }$name"
	seen=$(wc -l <"$W/requests")
	(cd "$PROJECT" && as_owner timeout 120 "$SUITE/bin/covenctl" run "$@" \
	    "$name" "say the word" </dev/null) >"$W/run.$name" 2>&1
	is "$label: ends with 0" "$?" 0
	t "$label: its answer appears" answer_in "$W/run.$name"
	ID=$(newest)
	finished "$label" "$path" "$seen"
}

# post_agent NAME MODE: as clients do it.
post_agent() {
	http POST /api/v1/sessions "{\"harness\":\"$1\",\"projectRoot\":
	    \"$PROJECT\",\"prompt\":\"say the word\",\"launchMode\":\"$2\"}"
	is "$MODE: $2 $1 over HTTP: launched" "$STATUS" 201
	ID=$(jget "$W/body" id)
}

agent_over_http() {
	local seen

	seen=$(wc -l <"$W/requests")
	post_agent "$1" "$2"
	finished "$MODE: $2 $1 over HTTP" "$3" "$seen"
}

# On a terminal it stays for the next prompt, until it is killed.
agent_on_terminal() {
	local label="$MODE: interactive $1" seen

	seen=$(wc -l <"$W/requests")
	post_agent "$1" interactive
	t "$label: the endpoint was asked, with a key" \
	    wait_for 60 asked "$seen" "$2"
	t "$label: its answer is on the screen" wait_for 30 said "$ID"
	is "$label: it is running" "$(session_status "$ID")" running
	http POST "/api/v1/sessions/$ID/kill" '{}'
	is "$label: killed" "$STATUS-$(session_status "$ID")" 202-killed
}

if ! install_agents >"/tmp/coven-agents-npm.$$" 2>&1; then
	tail -n 5 "/tmp/coven-agents-npm.$$" | sed 's/^/# /'
	rm -rf "$PREFIX" "/tmp/coven-agents-npm.$$"
	tap_not_ok "npm installs the agents"
	tap_done
fi
rm -f "/tmp/coven-agents-npm.$$"

agents_world user
run_agent codex /v1/responses
run_agent claude /v1/messages
run_agent claude /v1/messages --stream
agent_over_http codex nonInteractive /v1/responses
agent_over_http claude nonInteractive /v1/messages
agent_on_terminal codex /v1/responses
agent_on_terminal claude /v1/messages
agents_world_end user

if [ "$(id -u)" -eq 0 ]; then
	agents_world root
	run_agent codex /v1/responses
	run_agent claude /v1/messages
	run_agent claude /v1/messages --stream
	agents_world_end root
fi

rm -rf "$PREFIX"
tap_done
