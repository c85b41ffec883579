#!/bin/bash
# How harnesses are started: the argument vectors of the contract, standard
# input, adapters of manifests, programs wherever PATH finds them, and one that
# is not there, or only later, or in another version.
. "$(dirname "$0")/../lib.sh"
TREE=$(cd "$(dirname "$0")/../.." && pwd)

install_fake() {
	as_owner mkdir -p "$(dirname "$1")"
	cp "$TREE/tests/fake_harness" "$1"
	chmod 755 "$1"
	give_owner "$1"
}

link_fake() {
	as_owner ln -sfn "$1" "$BIN/$2"
}

# started HARNESS [MEMBERS]: what it said is in $W/said.
started() {
	http POST /api/v1/sessions "{\"harness\":\"$1\",\"projectRoot\":
	    \"$PROJECT\",\"prompt\":\"the prompt\"${2-}}"
	[ "$STATUS" = 201 ] || { cat "$W/body"; return 1; }
	ID=$(jget "$W/body" id)
	wait_for "$LIVENESS" ended "$ID" && output "$ID" "$W/out.raw" &&
	    tr -d '\r' <"$W/out.raw" >"$W/said"
}

says() {
	grep -qxF "$1" "$W/said" || { cat "$W/said"; return 1; }
}

# argv NAME MEMBERS HARNESS ARG ...: started so, it gets exactly these.
argv() {
	local name="$MODE: $1" members=$2 harness=$3

	shift 3
	if ! started "$harness" "$members" >"$W/why"; then
		tap_not_ok "$name" "$W/why"
		return
	fi
	is "$name" "$(sed -n 's/^arg<\(.*\)>$/\1/p' "$W/said")" \
	    "$(printf '%s\n' "$@")"
}

stdin_is() {
	is "$1" "$(sed -n 's/^in<\(.*\)>$/\1/p' "$W/said")" "$2"
}

quiet=',"launchMode":"nonInteractive"'
stream=',"launchMode":"stream"'
conversation() {
	printf '%s,"conversation":{"mode":"%s","id":"conv-1"}' "$1" "$2"
}

builtin_vectors() {
	local exec=(exec --skip-git-repo-check --color never)
	local json=(--print --input-format stream-json --output-format
	    stream-json)
	local line='{"message":{"content":[{"text":"the prompt",'
	line+='"type":"text"}],"role":"user"},"type":"user"}'

	argv "codex" "" codex -- "the prompt"
	t "$MODE: codex has a terminal" says "in: a terminal"
	argv "codex with a model" ',"model":"openai/m-1"' codex \
	    --model m-1 -- "the prompt"
	argv "codex nonInteractive" "$quiet" codex "${exec[@]}" -- -
	stdin_is "$MODE: codex nonInteractive: the prompt on stdin" "the prompt"
	argv "codex resume" "$(conversation "$quiet" resume)" codex \
	    "${exec[@]}" resume conv-1 -- -
	argv "codex init" "$(conversation "$quiet" init)" codex \
	    "${exec[@]}" -- -
	argv "codex launchPolicy" "$quiet"',"launchPolicy":{"approval":"never",
	    "sandbox":"workspace-write","addDirs":["'"$MORE"'"]}' codex \
	    --ask-for-approval never -c 'approval_policy="never"' \
	    --sandbox workspace-write --add-dir "$MORE" "${exec[@]}" -- -
	argv "claude" "" claude -- "the prompt"
	argv "claude nonInteractive" "$quiet" claude --print -- "the prompt"
	t "$MODE: claude nonInteractive has a terminal" says "in: a terminal"
	argv "claude init" "$(conversation "$quiet" init)" claude \
	    --print --session-id conv-1 -- "the prompt"
	argv "claude resume" "$(conversation "$quiet" resume)" claude \
	    --print --resume conv-1 -- "the prompt"
	argv "claude stream" "$(conversation "$stream" init)" claude \
	    "${json[@]}" --verbose --session-id conv-1
	stdin_is "$MODE: claude stream: the first line" "$line"
	argv "coven-code stream" "$stream" coven-code "${json[@]}"
	stdin_is "$MODE: coven-code stream: the first line" "$line"
	argv "copilot" "" copilot "--interactive=the prompt"
	argv "copilot nonInteractive" "$quiet" copilot \
	    --no-color "--prompt=the prompt"
}

# The prompt is one argument, whatever is in it; there is never a shell.
one_argument() {
	http POST /api/v1/sessions "{\"harness\":\"claude\",\"projectRoot\":
	    \"$PROJECT\",\"prompt\":\"--help; \$(id) 'x' \\\"y\\\" *\"}"
	ID=$(jget "$W/body" id)
	wait_for "$LIVENESS" ended "$ID"
	output "$ID" "$W/out.raw"
	is "$MODE: a prompt that looks like options and commands" \
	    "$(tr -d '\r' <"$W/out.raw" | sed -n 's/^arg<\(.*\)>$/\1/p')" \
	    "--
--help; \$(id) 'x' \"y\" *"
}

manifests() {
	as_owner mkdir -p "$OWNER_HOME/adapters"
	owner_file "$OWNER_HOME/one.json" '{"adapters":[{"id":"fake-one",
	    "label":"One","executable":"fakeone","install_hint":"get one",
	    "interactive_prompt_prefix_args":["chat","--now"],
	    "non_interactive_prompt_prefix_args":["ask"]},
	    {"id":"claude","label":"Not claude","executable":"fakeone",
	    "install_hint":"no","interactive_prompt_prefix_args":[],
	    "non_interactive_prompt_prefix_args":[]}]}'
	owner_file "$OWNER_HOME/adapters/two.json" '{"adapters":[{
	    "id":"fake-two","label":"Two","executable":"faketwo",
	    "install_hint":"get two","interactive_prompt_prefix_args":[],
	    "non_interactive_prompt_prefix_args":["--quiet"],
	    "prompt_flag":"--ask","interactive_prompt_flag":"--talk",
	    "model_flag":"--with"}]}'
}

adapter_vectors() {
	argv "adapter" "" fake-one chat --now -- "the prompt"
	t "$MODE: an adapter has a terminal" says "in: a terminal"
	argv "adapter nonInteractive" "$quiet" fake-one ask -- "the prompt"
	argv "adapter with a flag for the prompt" "" fake-two \
	    "--talk=the prompt"
	argv "the same nonInteractive, with a model" "$quiet"',"model":"m-2"' \
	    fake-two --with m-2 --quiet "--ask=the prompt"
	(cd "$PROJECT" && ctl run fake-two hello there) >"$W/out" 2>&1
	t "$MODE: covenctl run takes an adapter" grep -q 'arg<--ask=hello there>' \
	    "$W/out"
	argv "an adapter cannot take a built-in's name" "" claude -- \
	    "the prompt"
	http POST /api/v1/sessions "{\"harness\":\"nobody\",\"projectRoot\":
	    \"$PROJECT\",\"prompt\":\"x\"}"
	is "$MODE: an unknown harness" "$STATUS-$(jget "$W/body" error.code)" \
	    400-invalid_request
	t "$MODE: the configured ones are named" grep -q 'codex, claude, coven-code,.*fake-one, fake-two' "$W/body"
}

run_missing() {
	(cd "$PROJECT" && ctl run coven-code hello) >"$W/out" 2>&1
}

late_install() {
	rm "$BIN/coven-code"
	sessions=$(http GET /api/v1/sessions && jget "$W/body" '#')
	until_missing
	is "$MODE: no program: not launched" "$STATUS-$(jget "$W/body" error.code)" \
	    500-launch_failed
	run_missing
	is "$MODE: covenctl run of it fails" "$?" 1
	t "$MODE: and names the harness" grep -q 'harness coven-code is not installed' \
	    "$W/out"
	t "$MODE: and says how to install it" grep -q 'install the coven-code engine' \
	    "$W/out"
	http GET /api/v1/sessions
	is "$MODE: no row is left of it" "$(jget "$W/body" '#')" "$sessions"
	install_fake "$BIN/coven-code"
	t "$MODE: installed while the daemon runs, it is found" wait_for 5 run_missing
}

until_missing() {
	wait_for 5 missing
}

missing() {
	http POST /api/v1/sessions "{\"harness\":\"coven-code\",
	    \"projectRoot\":\"$PROJECT\",\"prompt\":\"x\"}"
	[ "$STATUS" = 500 ]
}

runs_from() {
	started "$1" && grep -qxF "program<$2>" "$W/said"
}

# Programs of a native installer, in versions; one in the tool's own folder.
layouts() {
	local versions=$OWNER_HOME/.local/share/claude/versions
	local own=$OWNER_HOME/.codex/packages/standalone/releases/1/bin
	local node=$OWNER_HOME/.nvm/versions/node/v20/bin

	install_fake "$versions/1"
	link_fake "$versions/1" claude
	t "$MODE: a version behind a link" wait_for 5 runs_from claude "$versions/1"
	install_fake "$versions/2"
	link_fake "$versions/2" claude
	rm "$versions/1"
	t "$MODE: the next version" wait_for 5 runs_from claude "$versions/2"
	install_fake "$own/codex"
	link_fake "$own/codex" codex
	t "$MODE: one in the harness's own folder" wait_for 5 runs_from codex \
	    "$own/codex"
	install_fake "$node/../lib/node_modules/copilot/index.js"
	sed -i '1s/.*/#!\/usr\/bin\/env -S fakenode -u/' \
	    "$OWNER_HOME/.nvm/versions/node/v20/lib/node_modules/copilot/index.js"
	as_owner mkdir -p "$node"
	printf '#!/bin/sh\nshift\nexec /bin/sh "$@"\n' >"$node/fakenode"
	chmod 755 "$node/fakenode"
	give_owner "$node/fakenode"
	as_owner ln -sfn "$node/fakenode" "$BIN/fakenode"
	link_fake ../../.nvm/versions/node/v20/lib/node_modules/copilot/index.js \
	    copilot
	t "$MODE: a script whose interpreter is in the home too" wait_for 5 \
	    runs_from copilot \
	    "$OWNER_HOME/.nvm/versions/node/v20/lib/node_modules/copilot/index.js"
	is "$MODE: nothing else of the home is there" "$(ctl exec --project \
	    "$PROJECT" -- ls -A "$OWNER_HOME" 2>&1)" "project"
}

for mode in user root system; do
	[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
	world "$mode"
	BIN=$OWNER_HOME/.local/bin
	manifests
	for name in codex claude coven-code copilot fakeone faketwo; do
		install_fake "$BIN/$name"
	done
	give_owner "$OWNER_HOME" "$OWNER_HOME/.local" "$BIN"
	MORE=$OWNER_HOME/more
	as_owner mkdir "$MORE"
	MONITOR_ENV=("PATH=$BIN:/usr/local/bin:/usr/bin:/bin"
	    "COVEN_HARNESS_ADAPTER_MANIFEST=$OWNER_HOME/one.json"
	    "COVEN_HARNESS_ADAPTER_DIRS=$OWNER_HOME/adapters:/nonexistent")
	world_snapshot
	need_monitor
	builtin_vectors
	one_argument
	adapter_vectors
	late_install
	layouts
	monitor_stop
	if [ "$mode" = user ]; then
		MONITOR_ENV+=("COVEN_CLAUDE_BYPASS_PERMISSIONS=1")
		need_monitor
		argv "claude with COVEN_CLAUDE_BYPASS_PERMISSIONS" "" claude \
		    --permission-mode bypassPermissions -- "the prompt"
		monitor_stop
	fi
	left_nothing "$mode: nothing is left"
	world_end
done
tap_done
