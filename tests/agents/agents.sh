#!/bin/bash
# The real codex and claude CLIs at work inside the sandbox, with no network
# but the gateway: for an ordinary owner who has them in ~/.local, and for
# owner root, who has them in a folder of the machine's.
#
# Their providers are a stand-in: the machine that this runs on is given a
# network of its own, which holds nothing but loopback, a hosts file that says
# so, and an authority whose certificate the agents are told to believe, as a
# firm's would be.  So they ask whom they always ask, by the rules that they
# come with, and whoever else they ask for is seen in the audit.
#
# Installs both from npm (some 650 MB); ./run-tests --agents runs this.
# AGENTS_NPM names an npm prefix that has them already (bin, lib/node_modules).
HERE=$(cd "$(dirname "$0")" && pwd)

# install_agents: into an npm prefix of its own, which each world borrows.
install_agents() {
	if [ -n "${AGENTS_NPM-}" ]; then
		cp -R "$AGENTS_NPM/." "$AGENTS_PREFIX/"
		return
	fi
	env npm_config_cache="$AGENTS_PREFIX/cache" npm --prefix \
	    "$AGENTS_PREFIX" install --global --no-audit --no-fund \
	    --loglevel error @openai/codex @anthropic-ai/claude-code || return
	rm -rf "$AGENTS_PREFIX/cache"
	# npm may leave install scripts alone; this one puts the program in
	# its place and touches nothing else.
	node "$AGENTS_PREFIX/lib/node_modules/@anthropic-ai/claude-code/\
install.cjs"
}

# Before anything else: what needs the Internet, and then without it.
LOOPBACK_UP='import fcntl, socket, struct
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914,
    struct.pack("16sH14x", b"lo", 0x49))'
if [ -z "${AGENTS_PREFIX-}" ] && [ "$(id -u)" -eq 0 ]; then
	AGENTS_PREFIX=$(mktemp -d /tmp/coven-agents.XXXXXX) || exit 1
	chmod 755 "$AGENTS_PREFIX"
	export AGENTS_PREFIX
	trap 'rm -rf "$AGENTS_PREFIX"' EXIT
	trap 'exit 130' INT TERM
	install_agents >"$AGENTS_PREFIX/npm.log" 2>&1 || {
		tail -n 5 "$AGENTS_PREFIX/npm.log" | sed 's/^/# /'
		printf 'not ok 1 - npm installs the agents\n1..1\n'
		exit 1
	}
	unshare --net sh -c '/usr/bin/python3 -c "$1" && exec bash "$2"' sh \
	    "$LOOPBACK_UP" "$0"
	exit
fi

. "$HERE/../lib.sh"
ANSWER="stand-in-says-$$"
SECRET="tell-nobody-$$"
KEY="sk-of-the-owner-$$"
GRANTED="sk-that-is-granted-$$"
SEEN_KEY=key			# which of the two its provider is to see
PROVIDERS="api.openai.com api.anthropic.com chatgpt.com auth.openai.com
ab.chatgpt.com claude.ai console.anthropic.com platform.claude.com
mcp-proxy.anthropic.com statsig.anthropic.com"
[ -n "${AGENTS_PREFIX-}" ] || skip_all "needs root: a network of its own"

# --- a machine without the Internet ----------------------------------------

authority() {
	local names=${PROVIDERS//[[:space:]]/,DNS:}

	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=firm \
	    -keyout "$W/firm.key" -out "$OWNER_HOME/firm/ca.pem" &&
	    openssl req -newkey rsa:2048 -nodes -subj /CN=stand-in \
	    -keyout "$W/server.key" -out "$W/server.csr" &&
	    openssl x509 -req -in "$W/server.csr" -days 2 -CAcreateserial \
	    -CA "$OWNER_HOME/firm/ca.pem" -CAkey "$W/firm.key" \
	    -extfile <(echo "subjectAltName=DNS:$names") -out "$W/server.pem"
}

providers_start() {
	mkdir "$OWNER_HOME/firm"
	authority >"$W/authority" 2>&1 || skip_all "no certificates"
	chmod 755 "$OWNER_HOME/firm" && chmod 644 "$OWNER_HOME/firm/ca.pem"
	{
		echo "127.0.0.1 localhost"
		echo "127.0.0.1 ${PROVIDERS//$'\n'/ }"
	} >"$W/hosts"
	chmod 644 "$W/hosts"
	mount --bind "$W/hosts" /etc/hosts
	"$PYTHON" "$HERE/model_endpoint.py" "$ANSWER" "$KEY,$GRANTED" 443 \
	    "$W/server.pem" "$W/server.key" >"$W/provider" \
	    2>"$W/requests" </dev/null &
	ENDPOINT=$!
	wait_for "$LIVENESS" test -s "$W/provider" || {
		tap_not_ok "the stand-in serves" "$W/requests"
		tap_done
	}
}

# --- owners ------------------------------------------------------------------

# As a user would write them: a login of codex's and a folder that it trusts,
# a key that claude may use.  The second world has nothing of claude's.
configure_agents() {
	as_owner mkdir -p "$OWNER_HOME/.codex" "$OWNER_HOME/.claude"
	owner_file "$OWNER_HOME/.codex/auth.json" \
	    "{\"OPENAI_API_KEY\":\"$KEY\"}"
	owner_file "$OWNER_HOME/.codex/config.toml" "model = \"stand-in-1\"
[projects.\"$PROJECT\"]
trust_level = \"trusted\""
	owner_file "$OWNER_HOME/.claude/settings.json" \
	    '{"permissions":{"allow":["Bash","Read","Edit","Write"]}}'
	[ "$MODE" = root ] || owner_file "$OWNER_HOME/.claude.json" \
	    "{\"hasCompletedOnboarding\":true,\"theme\":\"dark\",
	    \"customApiKeyResponses\":{\"approved\":[\"${KEY: -20}\"],
	    \"rejected\":[]}}"
	mkdir -m 700 "$COVEN_HOME"
	give_owner "$COVEN_HOME"
	configure
}

# configure [LINE]: rules for a firm's own certificates and, but for LINE,
# none for the network beyond where the providers' names lead here.
configure() {
	# Beside its provider's own names, an agent gets what is listed here.
	owner_file "$COVEN_HOME/coven.toml" "[harness.claude]
env = [\"STAND_IN_LISTED\", \"NODE_EXTRA_CA_CERTS\"]
read_only = [\"$OWNER_HOME/firm\"]
[harness.codex]
env = [\"CODEX_CA_CERTIFICATE\", \"SSL_CERT_FILE\"]
read_only = [\"$OWNER_HOME/firm\"]
[network]
addresses = [\"127.0.0.1:443\"]
${1-}"
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
	mv "$AGENTS_PREFIX" "$AGENTS"
	[ "$1" = root ] || chown -R "$OWNER:$OWNER" "$AGENTS"
	providers_start
	configure_agents
	MONITOR_ENV=("PATH=$AGENTS/bin:/usr/local/bin:/usr/bin:/bin"
	    "ANTHROPIC_API_KEY=$KEY"
	    "NODE_EXTRA_CA_CERTS=$OWNER_HOME/firm/ca.pem"
	    "SSL_CERT_FILE=$OWNER_HOME/firm/ca.pem"
	    "CODEX_CA_CERTIFICATE=$OWNER_HOME/firm/ca.pem"
	    "STAND_IN_LISTED=yes" "UNRELATED_SECRET=$SECRET")
	home_list >"$W/home.before"
	world_snapshot
	need_monitor
}

agents_world_end() {
	home_list >"$W/home.after"
	t "$1: the owner's home is as it was" \
	    diff "$W/home.before" "$W/home.after"
	asked_for
	kill "$ENDPOINT"
	monitor_stop
	left_nothing "$1: nothing is left"
	umount /etc/hosts
	mv "$AGENTS" "$AGENTS_PREFIX"
	world_end
}

audited() {
	ctl audit tail --limit 1000 2>/dev/null | grep -E "$1" >"$W/audited"
}

# asked_for: whom they asked for, as the audit has it.
asked_for() {
	audited 'net\.(allow|deny)'
	note "$MODE: hosts: $(grep -oE 'net\.(allow|deny).*' "$W/audited" |
	    grep -oE '^[a-z.]+|[][A-Za-z0-9.:_-]+:[0-9]+: ' | tr -d '\n' |
	    sed 's/net\.//g; s/: /\n/g' | sort | uniq -c | tr -s ' \n' ' ')"
}

# --- prompts -------------------------------------------------------------------

said() {
	output "$1" "$W/said" && grep -qF "$ANSWER" "$W/said"
}

# A screen is redrawn in pieces: what is equal there already is not sent.
on_screen() {
	output "$1" "$W/said" || return
	sed -i 's/\x1b\[[0-9;?]*[A-Za-z]//g' "$W/said"
	grep -qE "stand-in-says|says-$$" "$W/said" ||
	    { tail -c 1000 "$W/said"; false; }
}

newest() {
	http GET '/api/v1/sessions?limit=1' && jget "$W/body" sessions.0.id
}

answer_in() {
	grep -qF "$ANSWER" "$1" || { tail -n 20 "$1"; false; }
}

# asked SEEN HOST-PATH: since then somebody asked there, with the key.
asked() {
	tail -n +"$(($1 + 1))" "$W/requests" |
	    grep -qE "^POST $2[^ ]* 200 $SEEN_KEY$" ||
	    { tail -n 20 "$W/requests"; false; }
}

CODEX="api.openai.com /v1/responses"
CLAUDE="api.anthropic.com /v1/messages"

# finished NAME PATH SEEN: what every completed prompt looks like.
finished() {
	t "$1: the session ended" wait_for "$LIVENESS" ended "$ID"
	is "$1: it completed" "$(session_status "$ID")" completed
	t "$1: the answer is on record" said "$ID"
	t "$1: its provider was asked, with the key" asked "$3" "$2"
}

# run_agent NAME PATH PROMPT [OPTION ...]: covenctl run.
run_agent() {
	local name=$1 path=$2 prompt=$3 seen label

	shift 3
	label="$MODE: covenctl run ${*:+$* }$name, ${prompt%% in *}"
	seen=$(wc -l <"$W/requests")
	(cd "$PROJECT" && as_owner timeout 120 "$SUITE/bin/covenctl" run "$@" \
	    "$name" "$prompt" </dev/null) >"$W/run.$name" 2>&1
	is "$label: ends with 0" "$?" 0
	t "$label: its answer appears" answer_in "$W/run.$name"
	ID=$(newest)
	finished "$label" "$path" "$seen"
}

# work NAME PATH: it runs a shell command and edits a file.
work() {
	rm -f "$PROJECT/made-by-shell"
	echo before >"$PROJECT/edited.txt"
	give_owner "$PROJECT/edited.txt"
	run_agent "$1" "$2" "do the work in $PROJECT"
	is "$MODE: $1: its shell command ran" \
	    "$(cat "$PROJECT/made-by-shell" 2>&1)" "by a shell"
	is "$MODE: $1: its edit was made" "$(cat "$PROJECT/edited.txt")" after
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

# With a sandbox of its own within ours, where a policy grants that, and as
# clients ask for it.  It makes none for a home below /tmp.
nested() {
	local label="$MODE: codex, nested" seen

	rm -f "$PROJECT/made-by-shell"
	seen=$(wc -l <"$W/requests")
	http POST /api/v1/sessions "{\"harness\":\"codex\",\"projectRoot\":
	    \"$PROJECT\",\"prompt\":\"do the work in $PROJECT\",
	    \"launchMode\":\"nonInteractive\",\"launchPolicy\":
	    {\"approval\":\"never\",\"sandbox\":\"workspace-write\"}}"
	is "$label: launched" "$STATUS" 201
	ID=$(jget "$W/body" id)
	finished "$label" "$CODEX" "$seen"
	is "$label: its shell command ran" \
	    "$(cat "$PROJECT/made-by-shell" 2>&1)" "by a shell"
	work codex "$CODEX"
}

# On a terminal it stays for the next prompt, until it is killed.
agent_on_terminal() {
	local label="$MODE: interactive $1" seen

	seen=$(wc -l <"$W/requests")
	post_agent "$1" interactive
	t "$label: its provider was asked, with the key" \
	    wait_for 60 asked "$seen" "$2"
	t "$label: its answer is on the screen" wait_for 60 on_screen "$ID"
	is "$label: it is running" "$(session_status "$ID")" running
	http POST "/api/v1/sessions/$ID/kill" '{}'
	is "$label: killed" "$STATUS-$(session_status "$ID")" 202-killed
}

# granted NAME PATH: the key comes from outside, and is not inside.
granted() {
	work "$1" "$2"
	is "$MODE: $1, granted: the key is not inside" \
	    "$(grep -lE "$GRANTED|$KEY" "$PROJECT/env-of-agent")" ""
	t "$MODE: $1, granted: what is there is a placeholder" \
	    grep -E '_API_KEY=sk-coven-[0-9a-f]{40}$' "$PROJECT/env-of-agent"
	rm -f "$PROJECT/env-of-agent"
}

# grants: what the owner writes for it.  codex takes its key for one prompt
# from a name of its own, and where to ask from its settings alone.
grants() {
	owner_file "$OWNER_HOME/.codex/config.toml" \
	    "openai_base_url = \"http://127.0.0.1:3128/model/openai/v1\"
$(cat "$OWNER_HOME/.codex/config.toml")"
	owner_file "$OWNER_HOME/granted.key" "$GRANTED"
	chmod 400 "$OWNER_HOME/granted.key"
	cat <<-END
	[upstream.openai]
	ca = "$OWNER_HOME/firm/ca.pem"
	key_env = "CODEX_API_KEY"
	[upstream.anthropic]
	ca = "$OWNER_HOME/firm/ca.pem"
	[grant.openai]
	file = "$OWNER_HOME/granted.key"
	upstream = "model/openai"
	harnesses = ["codex"]
	[grant.anthropic]
	file = "$OWNER_HOME/granted.key"
	upstream = "model/anthropic"
	harnesses = ["claude"]
	END
}

# without_route NAME HOST LINE RULE: the same prompt, and who said no.
without_route() {
	local label="$MODE: $1, $4" seen status

	monitor_stop
	configure "$3"
	need_monitor
	seen=$(wc -l <"$W/requests")
	(cd "$PROJECT" && as_owner timeout -s INT 60 "$SUITE/bin/covenctl" \
	    run "$1" "say the word" </dev/null) >"$W/run.$1" 2>&1
	status=$?
	t "$label: it fails (status $status)" test "$status" -ne 0
	is "$label: without the answer" "$(grep -cF "$ANSWER" "$W/run.$1")" 0
	is "$label: its provider is not asked" \
	    "$(tail -n +$((seen + 1)) "$W/requests" | grep "^POST $2")" ""
	t "$label: the audit says by which rule" wait_for "$LIVENESS" \
	    audited "net\.deny.*$2:443.*$4"
}

agents_world user
run_agent codex "$CODEX" "say the word"
run_agent claude "$CLAUDE" "say the word"
run_agent claude "$CLAUDE" "say the word" --stream
work codex "$CODEX"
work claude "$CLAUDE"
agent_over_http codex nonInteractive "$CODEX"
agent_over_http claude nonInteractive "$CLAUDE"
agent_on_terminal codex "$CODEX"
agent_on_terminal claude "$CLAUDE"
cp -p "$OWNER_HOME/.codex/config.toml" "$W/config.toml"
monitor_stop
configure "$(grants)"
need_monitor
SEEN_KEY=granted
granted codex "$CODEX"
granted claude "$CLAUDE"
rm -f "$OWNER_HOME/granted.key"
cp -p "$W/config.toml" "$OWNER_HOME/.codex/config.toml"
SEEN_KEY=key
without_route codex api.openai.com 'deny = ["api.openai.com"]' network.deny
without_route claude api.anthropic.com 'builtin = "off"' "no rule names"
agents_world_end user

agents_world root
run_agent codex "$CODEX" "say the word"
run_agent claude "$CLAUDE" "say the word"
work codex "$CODEX"
work claude "$CLAUDE"
agents_world_end root

mktemp() {
	command mktemp "${@/#\/tmp\//\/srv\/}"
}
agents_world user
monitor_stop
configure '[sandbox]
nested = ["codex"]'
need_monitor
nested
agents_world_end user
tap_done
