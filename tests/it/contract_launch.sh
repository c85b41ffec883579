#!/bin/bash
# What clients say when they launch, feed and end sessions, and what they are
# answered: one line a row of the contract.
. "$(dirname "$0")/../lib.sh"
TREE=$(cd "$(dirname "$0")/../.." && pwd)

world user
BIN=$OWNER_HOME/.local/bin
as_owner mkdir -p "$BIN" "$PROJECT/sub/deep" "$PROJECT/extra" "$OWNER_HOME/other"
for name in codex claude coven-code copilot; do
	cp "$TREE/tests/fake_harness" "$BIN/$name"
	chmod 755 "$BIN/$name"
	give_owner "$BIN/$name"
done
as_owner ln -s "$PROJECT" "$OWNER_HOME/link"
as_owner ln -s sub "$PROJECT/inside"
as_owner ln -s "$OWNER_HOME/other" "$PROJECT/outside"
as_owner touch "$PROJECT/file"
as_owner mkdir -m 700 "$COVEN_HOME"
MONITOR_ENV=("PATH=$BIN:/usr/local/bin:/usr/bin:/bin")
world_snapshot
need_monitor

# --- POST /sessions: what is refused ------------------------------------------

# members A B ...: a launch of claude with these in the place of its own; a
# value of "-" leaves the member out.
members() {
	"$PYTHON" -c '
import json, sys
body = {"harness": "claude", "projectRoot": sys.argv[1], "prompt": "p"}
for pair in sys.argv[2:]:
    name, _, value = pair.partition("=")
    if value == "-":
        body.pop(name, None)
    else:
        body[name] = json.loads(value)
print(json.dumps(body))' "$PROJECT" "$@"
}

post() {
	http POST /api/v1/sessions "$(members "$@")"
}

# refused NAME STATUS-CODE PATTERN MEMBER ...
refused() {
	local name=$1 want=$2 pattern=$3 rows

	shift 3
	http GET /api/v1/sessions
	rows=$(jget "$W/body" '#')
	post "$@"
	if [ "$STATUS-$(jget "$W/body" error.code)" = "$want" ] &&
	    grep -qE -- "$pattern" "$W/body"; then
		cp "$W/body" "$W/refusal"
		http GET /api/v1/sessions
		is "$name" "$(jget "$W/body" '#')" "$rows"
	else
		tap_not_ok "$name: not $want $pattern" "$W/reply"
	fi
}

bad=400-invalid_request
refused "projectRoot: absent" $bad projectRoot projectRoot=-
refused "projectRoot: blank" $bad projectRoot 'projectRoot="  "'
refused "projectRoot: no string" $bad projectRoot projectRoot=7
refused "projectRoot: not there" $bad \
    '"message":"failed to resolve projectRoot' 'projectRoot="/no/such/folder"'
refused "projectRoot: relative" $bad \
    '"message":"failed to resolve projectRoot' 'projectRoot="project"'
refused "projectRoot: a file" $bad \
    '"message":"failed to resolve projectRoot' "projectRoot=\"$PROJECT/file\""
for root in / /etc "$OWNER_HOME" "$COVEN_HOME"; do
	refused "projectRoot: $root is none" $bad 'refused' \
	    "projectRoot=\"$root\""
done
refused "harness: absent" $bad harness harness=-
refused "harness: unknown" $bad \
    'unsupported harness `nobody`\. Configured harnesses: codex, claude, coven-code, copilot' \
    'harness="nobody"'
refused "prompt: absent" $bad prompt prompt=-
refused "prompt: blank" $bad prompt 'prompt=" \n "'
refused "prompt: no string" $bad prompt 'prompt=["x"]'
refused "cwd: absolute, outside" $bad 'cwd is outside the Coven project root' \
    "cwd=\"$OWNER_HOME/other\""
refused "cwd: by .." $bad 'cwd is outside the Coven project root' \
    'cwd="sub/../../other"'
refused "cwd: by a link" $bad 'cwd is outside the Coven project root' \
    'cwd="outside"'
refused "cwd: a neighbour whose name begins alike" $bad \
    'failed to resolve cwd|cwd is outside' "cwd=\"${PROJECT}x\""
refused "cwd: not there" $bad 'failed to resolve cwd' 'cwd="nowhere"'
refused "cwd: a file" $bad 'failed to resolve cwd' 'cwd="file"'
refused "launchMode: unknown" $bad launchMode 'launchMode="quick"'
refused "conversation: mode" $bad conversation.mode \
    'conversation={"mode":"go","id":"a"}'
refused "conversation: no object" $bad conversation 'conversation="a"'
refused "conversation: no id" $bad conversation.id \
    'conversation={"mode":"init"}'
refused "conversation: id with a slash" $bad conversation.id \
    'conversation={"mode":"init","id":"a/b"}'
refused "conversation: blank id" $bad conversation.id \
    'conversation={"mode":"resume","id":"  "}'
refused "familiarId: unknown" 400-unknown_familiar \
    '"details":\{"familiarId":"nobody"\}' 'familiarId=" nobody "'
refused "model: two dots" 500-launch_failed model 'model="a..b"'
refused "model: a blank" 500-launch_failed model 'model="a b"'
refused "model: begins with a sign" 500-launch_failed model 'model="-a"'
refused "stream: a harness that does not speak it" 500-launch_failed stream \
    'harness="codex"' 'launchMode="stream"'
long_prompt() {
	"$PYTHON" -c '
import json, sys
print(json.dumps({"harness": sys.argv[1], "projectRoot": sys.argv[2],
    "prompt": "x" * int(sys.argv[3]), "launchMode": sys.argv[4]}))' \
	    "$1" "$PROJECT" "$2" "$3" >"$W/long"
	{
		printf 'POST /api/v1/sessions HTTP/1.1\r\nHost: coven\r\n'
		printf 'Content-Length: %d\r\n\r\n' "$(stat -c %s "$W/long")"
		cat "$W/long"
	} | raw -h
}
long_prompt claude 131072 interactive
is "a prompt longer than an argument" "$STATUS-$(jget "$W/body" error.code)" \
    500-launch_failed
long_prompt codex 1000000 nonInteractive
is "the same on standard input is none too long" "$STATUS" 201
wait_for "$LIVENESS" ended "$(jget "$W/body" id)"

policy='"approval":"never","sandbox":"workspace-write"'
quiet='launchMode="nonInteractive"'
for row in 'no object|"never"' 'approval|{"approval":"always","sandbox":"workspace-write"}' \
    'sandbox|{"approval":"never","sandbox":"off"}' "an unknown member|{$policy,\"x\":1}" \
    'nothing|{}' "addDirs: no list|{$policy,\"addDirs\":\"/tmp\"}" \
    "addDirs: relative|{$policy,\"addDirs\":[\"tmp\"]}" \
    "addDirs: blanks around|{$policy,\"addDirs\":[\"/tmp \"]}" \
    "addDirs: a number|{$policy,\"addDirs\":[7]}"; do
	refused "launchPolicy: ${row%%|*}" $bad . harness='"codex"' "$quiet" \
	    "launchPolicy=${row#*|}"
done
refused "launchPolicy: not for claude" $bad launchPolicy "$quiet" \
    "launchPolicy={$policy}"
refused "launchPolicy: not interactive" $bad launchPolicy harness='"codex"' \
    "launchPolicy={$policy}"

refused "executionBinding: no object" 400-execution_binding_invalid . \
    'executionBinding=7'
refused "executionBinding: null counts" 400-execution_binding_invalid . \
    'executionBinding=null'
refused "executionBinding: fails closed" 400-execution_binding_unsupported \
    '"fields":\["executionBinding.contract"\]' \
    'executionBinding={"contract":"psyche.execution_binding.v1"}'
refused "requestAdoption: fails closed" 400-request_adoption_invalid \
    '"fields":\["executionBinding"\]' 'requestAdoption={"key":"k"}'

# Their order: the first that fails answers.
http POST /api/v1/sessions '{"executionBinding":{}'
is "order: JSON before everything" "$(jget "$W/body" error.message | cut -c 1-28)" \
    "failed to parse request body"
refused "order: bindings before fields" 400-execution_binding_unsupported . \
    'executionBinding={}' projectRoot=-
refused "order: bindings before adoption" 400-execution_binding_unsupported . \
    'executionBinding={}' 'requestAdoption={}'
refused "order: adoption before fields" 400-request_adoption_invalid . \
    'requestAdoption={}' projectRoot=-
refused "order: projectRoot before harness" $bad projectRoot projectRoot=- \
    'harness="nobody"'
refused "order: fields before the familiar" $bad prompt prompt=- \
    'familiarId="nobody"'
refused "order: the familiar before the model" 400-unknown_familiar . \
    'familiarId="nobody"' 'model="a b"'

# --- POST /sessions: what is taken ---------------------------------------------

# taken NAME MEMBER ...: it runs to its end; the record in $W/record, what it
# said in $W/said.
taken() {
	local name=$1

	shift
	post "$@"
	cp "$W/body" "$W/record"
	if [ "$STATUS" != 201 ]; then
		tap_not_ok "$name" "$W/reply"
		return 1
	fi
	ID=$(jget "$W/record" id)
	wait_for "$LIVENESS" ended "$ID" && output "$ID" "$W/raw-out" &&
	    tr -d '\r' <"$W/raw-out" >"$W/said"
}

cat_said() {
	output "$live" "$W/so-far" && grep -qx one "$W/so-far"
}

stream_has() {
	output "$ID" "$W/so-far" && grep -qxF -- "$1" "$W/so-far"
}

argv_of() {
	sed -n 's/^arg<\(.*\)>$/\1/p' "$W/said"
}

# argv NAME "ARG ..." MEMBER ...: exactly these arguments, which have no blanks.
argv() {
	local name=$1 args=$2

	shift 2
	taken "$name" "$@" && is "$name" "$(argv_of | tr '\n' ' ')" "$args "
}

record_is() {
	is "$1" "$(jget "$W/record" "$2")" "$3"
}

taken "a launch with all that is ignored" 'prompt="  the prompt\n"' \
    'cwd=7' 'launchMode=7' 'title=" "' 'unknown={"a":1}' \
    'callerFamiliarId="whoever"' 'labels=["x"]' 'conversation=null' \
    'conversationId=7' 'launchPolicy=null' 'familiarId="  "' &&
    tap_ok "a launch with all that is ignored"
record_is "the record: status as inserted" status running
record_is "the record: no exit code yet" exit_code null
record_is "the record: prompt trimmed, and the title when there is none" \
    title "the prompt"
record_is "the record: the canonical root" project_root "$PROJECT"
record_is "the record: labels are external sessions'" labels "[]"
record_is "the record: no binding, and not left out" execution_binding null
record_is "the record: visibility" visibility private
record_is "the record: not external" external false
t "the record: an id as clients expect it" grep -qE \
    '"id":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"' \
    "$W/record"
t "the record: nanoseconds, UTC" grep -qE \
    '"created_at":"[0-9-]{10}T[0-9:]{8}\.[0-9]{9}Z"' "$W/record"
is "the prompt is trimmed" "$(argv_of)" "--
the prompt"
is "a clean end: completed" "$(session_status "$ID")" completed

taken "a root by a link" "projectRoot=\" $OWNER_HOME/link/ \"" &&
    record_is "a root by a link and with blanks is the canonical one" \
	project_root "$PROJECT"
taken "a title" 'title=" my title "' &&
    record_is "a title stays as it is" title " my title "

pwd_is() {
	local name=$1 want=$2

	shift 2
	owner_file "$PROJECT/payload" '#!/bin/sh
pwd'
	chmod 755 "$PROJECT/payload"
	taken "$name" "$@" && is "$name" "$(tail -n 1 "$W/said")" "$want"
	rm "$PROJECT/payload"
}
as_owner cp "$TREE/tests/fake_harness" "$PROJECT/fake"
owner_file "$PROJECT/sub/payload" '#!/bin/sh
pwd'
owner_file "$PROJECT/sub/deep/payload" '#!/bin/sh
pwd'
chmod 755 "$PROJECT/sub/payload" "$PROJECT/sub/deep/payload"
pwd_is "cwd: none is the root" "$PROJECT"
pwd_is "cwd: empty is the root" "$PROJECT" 'cwd=""'
pwd_is "cwd: relative" "$PROJECT/sub" 'cwd="sub"'
pwd_is "cwd: absolute" "$PROJECT/sub/deep" "cwd=\"$PROJECT/sub/deep\""
pwd_is "cwd: by .. inside" "$PROJECT/sub" 'cwd="sub/deep/.."'
pwd_is "cwd: by a link inside" "$PROJECT/sub" 'cwd="inside"'
pwd_is "cwd: the root by its own name" "$PROJECT" "cwd=\"$OWNER_HOME/link\""

argv "model: the provider is dropped" "--model m-1 -- p" 'model=" openai/m-1 "'
argv "model: nothing is dropped in front of a slash" "--model a//m -- p" \
    'model="a//m"'
argv "model: kept where the adapter says so" "--model openai/m-1 -- p" \
    'harness="coven-code"' 'model="openai/m-1"'
argv "model: blank is none" "-- p" 'model="  "'
argv "conversation: interactive ignores it" "-- p" \
    'conversation={"mode":"init","id":"c1"}'
argv "conversation: init" "--print --session-id c1 -- p" "$quiet" \
    'conversation={"mode":"init","id":" c1 "}'
argv "conversation: resume" "--print --resume c1 -- p" "$quiet" \
    'conversation={"mode":"resume","id":"c1"}'
argv "launchPolicy: codex" \
    "--ask-for-approval never -c approval_policy=\"never\" --sandbox workspace-write exec --skip-git-repo-check --color never -- -" \
    'harness="codex"' "$quiet" "launchPolicy={$policy}"


# Familiars: appendix B, and the list.
[ "$(http GET /api/v1/familiars && cat "$W/body")" = '[]' ] &&
    tap_ok "familiars: none without a roster"
roster='[[familiar]]
id = "charm"
display_name = "Charm"
role = " Voice Familiar "
description = "d"
[[familiar]]
id = "plain"
name = "p"
display_name = "Plain"
emoji = "E"
icon = "ph:cat"
role = " "
description = ""
pronouns = "they"
active_channel = "c"
workspace = "~/w"'
PRE='[Identity: You are Charm, a Voice Familiar. Respond as Charm, not as the underlying tool.]'
owner_file "$COVEN_HOME/familiars.toml" "$roster"
knows() {
	http GET /api/v1/familiars && [ "$(jget "$W/body" '#')" = "$1" ]
}
t "familiars: a roster that appears is read" wait_for "$LIVENESS" knows 2
is "familiars: the least one" "$(jget "$W/body" 0)" '{"id": "charm", "name": "charm", "display_name": "Charm", "emoji": "", "role": " Voice Familiar ", "description": "d", "status": "offline", "last_seen": "\u2014", "active_sessions": 0, "memory_freshness": "\u2014"}'
is "familiars: one with everything" "$(jget "$W/body" 1)" '{"id": "plain", "name": "p", "display_name": "Plain", "emoji": "E", "icon": "ph:cat", "role": " ", "description": "", "pronouns": "they", "status": "offline", "active_channel": "c", "last_seen": "\u2014", "active_sessions": 0, "memory_freshness": "\u2014", "workspace": "'"$OWNER_HOME/w"'"}'

# lines NAME WANT MEMBER ...: the arguments, one a line.
lines() {
	local name=$1 want=$2

	shift 2
	taken "$name" "$@" && is "$name" "$(argv_of)" "$want"
}
sed -i 's/^		arg</&/' "$BIN/codex"
taken "familiar: codex" 'harness="codex"' 'familiarId=" charm "'
record_is "familiar: it is on record" familiar_id charm
is "familiar: codex has it in its prompt" \
    "$(sed -n '/^arg</,/^env/p' "$W/said" | sed '/^env/d')" "arg<-->
arg<$PRE

p>"
taken "familiar: codex, standard input" 'harness="codex"' "$quiet" \
    'familiarId="charm"'
is "familiar: codex has it in front of its standard input" \
    "$(sed -n 's/^in<\(.*\)>$/\1/p' "$W/said")" "$PRE

p"
lines "familiar: claude has a system prompt" "--system-prompt
$PRE
--
p" 'familiarId="charm"'
lines "familiar: claude, stream" "--system-prompt
$PRE
--print
--input-format
stream-json
--output-format
stream-json
--verbose" 'familiarId="charm"' 'launchMode="stream"'
lines "familiar: coven-code appends to its own" "--append-system-prompt
$PRE
--print
--
p" 'harness="coven-code"' "$quiet" 'familiarId="charm"'
lines "familiar: without a role" "--system-prompt
[Identity: You are Plain. Respond as Plain, not as the underlying tool.]
--
p" 'familiarId="plain"'
owner_file "$COVEN_HOME/familiars.toml" '[[familiar]]
id = 7'
cannot() {
	http GET /api/v1/familiars
	[ "$STATUS-$(jget "$W/body" error.code)" = 500-familiar_lookup_failed ]
}
t "familiars: a roster that breaks is told of" wait_for "$LIVENESS" cannot
t "with file, line and key" grep -q \
    'familiars.toml:2: familiar.id: must be a string' "$W/body"
refused "familiarId: a roster that cannot be read" 500-familiar_lookup_failed \
    'familiars.toml:2' 'familiarId="charm"'
taken "familiarId: launches without one go on" &&
    tap_ok "familiarId: launches without one go on"
rm "$COVEN_HOME/familiars.toml"
t "familiars: one that goes leaves none" wait_for "$LIVENESS" knows 0

# --- ends, 3.1 and 3.3 ---------------------------------------------------------

# payload TEXT: what the harness runs.
payload() {
	owner_file "$PROJECT/payload" "#!/bin/sh
$1"
	chmod 755 "$PROJECT/payload"
}

# ends NAME STATUS EXIT MEMBER ...: the row, and the exit event's own words.
ends() {
	local name=$1 row=$2 words=$3

	shift 3
	taken "$name" "$@" || return
	is "$name: the row" "$(session_status "$ID")" "$row"
	http GET "/api/v1/events?sessionId=$ID"
	is "$name: the event" "$("$PYTHON" -c '
import json, sys
events = json.load(open(sys.argv[1], encoding="utf-8"))["events"]
print(events[-1]["kind"], events[-1]["payload_json"])' "$W/body")" "exit $words"
}
payload 'exit 0'
ends "a clean end" completed '{"status":"completed","exitCode":0}'
ends "a clean end in a conversation" idle \
    '{"status":"completed","exitCode":0}' 'conversationId=" c1 "'
record_is "the conversation is on record" conversation_id c1
payload 'exit 3'
ends "another" failed '{"status":"failed","exitCode":3}'
ends "another in a conversation" failed '{"status":"failed","exitCode":3}' \
    'conversationId="c1"'
# shellcheck disable=SC2016	# the payload's
payload 'kill -9 $PPID'
ends "a signal, on a terminal" failed '{"status":"failed","exitCode":1,"signal":9}'
ends "a signal, on pipes" failed '{"status":"failed","exitCode":null,"signal":9}' \
    'harness="codex"' "$quiet"
rm "$PROJECT/payload"

# --- terminals, streams, 3.4 and 4.4 --------------------------------------------

payload 'stty raw -echo
ask() { printf "\033$1"; dd bs=1 count="$2" 2>/dev/null | od -An -c |
    tr -d " \n"; echo; }
ask "[6n" 6; ask "[c" 7; ask "[0c" 7; ask "[5n" 4'
taken "terminal: its queries"
is "terminal: the four queries are answered, and not shown" \
    "$(tail -n 4 "$W/said" | tr '\n' ' ')" \
    '033[1;1R 033[?62;c 033[?62;c 033[0n '
payload 'stty size'
taken "terminal: its size" && is "terminal: 24 by 80 when nobody says" \
    "$(tail -n 1 "$W/said")" "24 80"
payload 'echo "{\"type\":\"a\"}"; echo oops >&2; sleep 0.2; echo "{\"type\":\"b\"}"'
taken "stream: standard error" 'launchMode="stream"'
t "stream: standard error becomes a line of JSON" grep -qxF \
    '{"subtype":"stderr","text":"oops","type":"system"}' "$W/said"
payload 'cat'
post 'launchMode="stream"'
ID=$(jget "$W/body" id)
http POST "/api/v1/sessions/$ID/input" '{"data":"more \"text\"\n"}'
is "stream: input is taken" "$STATUS" 202
t "stream: input goes as a line of JSON, as the prompt did" wait_for \
    "$LIVENESS" stream_has '{"message":{"content":[{"text":"more \"text\"\n","type":"text"}],"role":"user"},"type":"user"}'
http POST "/api/v1/sessions/$ID/kill"
rm "$PROJECT/payload"

# --- POST /sessions/:id/input, in its order -------------------------------------

# says NAME STATUS PATTERN METHOD TARGET [BODY]
says() {
	local name=$1 status=$2 pattern=$3

	shift 3
	http "$@"
	if [ "$STATUS" = "$status" ] && grep -qE -- "$pattern" "$W/body"; then
		tap_ok "$name"
	else
		tap_not_ok "$name: not $status $pattern" "$W/reply"
	fi
}

events_of() {
	http GET "/api/v1/events?sessionId=$1"
	"$PYTHON" -c '
import json, sys
for event in json.load(open(sys.argv[1], encoding="utf-8"))["events"]:
    print(event["kind"], event["payload_json"])' "$W/body"
}

launch true
wait_for "$LIVENESS" ended "$ID"
gone=$ID
LAUNCH_MORE=',"stdin":true'
launch cat
LAUNCH_MORE=
live=$ID
at="/api/v1/sessions/$live"
says "input: 404 before everything" 404 session_not_found POST \
    /api/v1/sessions/absent/input '{'
says "input: not live before the body is read" 409 \
    '"session_not_live".*"sessionId"' POST "/api/v1/sessions/$gone/input" '{'
says "input: then JSON" 400 'failed to parse request body' POST "$at/input" '{'
says "input: then adoption" 400 \
    'request_adoption_invalid.*"fields":\["executionBinding"\]' POST \
    "$at/input" '{"requestAdoption":{},"data":7}'
says "input: then its data" 400 'invalid_request.*"sessionId"' POST \
    "$at/input" '{"data":7}'
says "input: no data" 400 invalid_request POST "$at/input" '{}'
says "input: taken" 202 '^\{"accepted":true,"ok":true\}$' POST "$at/input" \
    '{"data":"one\n","executionBinding":{"x":1},"other":[1]}'
says "input: an empty one is taken" 202 '"accepted":true' POST "$at/input" \
    '{"data":""}'
is "input: events are the bodies without their binding" \
    "$(events_of "$live" | sed -n 's/^input //p')" '{"data":"one\n","other":[1]}
{"data":""}'
wait_for "$LIVENESS" cat_said
"$PYTHON" -c 'print("{\"data\":\"" + "x" * 2097152 + "\"}")' >"$W/long"
{
	printf 'POST %s/input HTTP/1.1\r\nHost: coven\r\n' "$at"
	printf 'Content-Length: %d\r\n\r\n' "$(stat -c %s "$W/long")"
	cat "$W/long"
} | raw -h
is "input: longer than an event" "$STATUS-$(jget "$W/body" error.code)" \
    413-input_too_large

# --- POST /sessions/:id/kill ---------------------------------------------------

says "kill: 404 before everything" 404 session_not_found POST \
    /api/v1/sessions/absent/kill '{"requestAdoption":{}}'
says "kill: adoption fails closed" 400 \
    'request_adoption_invalid.*"fields":\["requestAdoption"\]' POST \
    "$at/kill" '{"requestAdoption":{}}'
says "kill: of what has ended" 409 session_not_live POST \
    "/api/v1/sessions/$gone/kill" '{}'
says "kill: with a body that is none" 202 \
    '^\{"accepted":true,"ok":true\}$' POST "$at/kill" '{'
is "kill: the row" "$(session_status "$live")" killed
says "kill: without an exit code" 200 '"exit_code":null' GET "$at"
is "kill: its event comes before the exit" \
    "$(events_of "$live" | tail -n 2 | cut -d ' ' -f 1 | tr '\n' ' ')" \
    "kill exit "
is "kill: the event" "$(events_of "$live" | sed -n 's/^kill //p')" \
    '{"status":"killed"}'
says "kill: again" 409 session_not_live POST "$at/kill"
payload 'sleep 1000'
post 'conversationId="c1"'
ID=$(jget "$W/body" id)
says "kill: without a body" 202 '"accepted":true' POST \
    "/api/v1/sessions/$ID/kill"
is "kill: wins over a conversation" "$(session_status "$ID")" killed
rm "$PROJECT/payload"

# --- external sessions, as far as launches meet them ----------------------------

ext=/api/v1/sessions/external
says "external: adoption first" 400 request_adoption_invalid POST $ext \
    '{"requestAdoption":{},"executionBinding":{}}'
says "external: then a binding" 400 execution_binding_invalid POST $ext \
    '{"executionBinding":{}}'
for member in id projectRoot harness; do
	says "external: $member is required" 400 "invalid_request.*$member" \
	    POST $ext "$("$PYTHON" -c '
import json, sys
body = {"id": "x", "projectRoot": "/x", "harness": "y"}
body[sys.argv[1]] = "  "
print(json.dumps(body))' "$member")"
done
says "external: a label with a slash" 400 invalid_request POST $ext \
    '{"id":"x","projectRoot":"/x","harness":"y","labels":["a/b"]}'
says "external: a label twice" 400 invalid_request POST $ext \
    '{"id":"x","projectRoot":"/x","harness":"y","labels":["a","a"]}'
says "external: 17 labels" 400 invalid_request POST $ext \
    "{\"id\":\"x\",\"projectRoot\":\"/x\",\"harness\":\"y\",\"labels\":[$(seq -s , 17 |
    sed 's/[0-9]*/"l&"/g')]}"
says "external: new" 201 \
    '"id":"ext:1".*"title":"External session","status":"running".*"labels":\["a:b"\].*"external":true,"transcript_path":"/t"' \
    POST $ext '{"id":" ext:1 ","projectRoot":" /no/such ","harness":" h ",
    "labels":["a:b"],"transcriptPath":"/t"}'
says "external: the same again" 200 '"harness":"h"' POST $ext \
    '{"id":"ext:1","projectRoot":"/other","harness":"other"}'
says "external: an id of a session of ours" 409 session_id_conflict POST $ext \
    "{\"id\":\"$gone\",\"projectRoot\":\"/x\",\"harness\":\"y\"}"
says "external: input" 409 session_not_live POST \
    /api/v1/sessions/ext:1/input '{"data":"x"}'
says "external: kill" 422 external_session_not_killable POST \
    /api/v1/sessions/ext:1/kill
says "complete: 404" 404 session_not_found POST \
    /api/v1/sessions/absent/complete '{'
says "complete: of a session of ours" 422 not_external_session POST \
    "/api/v1/sessions/$gone/complete"
says "complete: a code" 200 '"status":"failed","exit_code":2' POST \
    /api/v1/sessions/ext:1/complete '{"exitCode":2}'
says "complete: again, with a body that is none" 200 \
    '"status":"completed","exit_code":null' POST \
    /api/v1/sessions/ext:1/complete '{'
says "complete: null" 200 '"status":"completed","exit_code":null' POST \
    /api/v1/sessions/ext:1/complete '{"exitCode":null}'

# --- not built: 404 -------------------------------------------------------------

for target in "POST /api/v1/adopted-sessions" \
    "POST /api/v1/sessions/$gone/adopted-input" \
    "POST /api/v1/sessions/$gone/handoffs" "GET /api/v1/sessions/$gone/handoffs"; do
	says "not built: ${target/$gone/:id}" 404 '"code":"not_found"' \
	    "${target% *}" "${target#* }" '{}'
done

# --- a folder that is exchanged between check and use ---------------------------

# For five seconds cwd is now a folder of the project, now a link out of it.
as_owner mkdir "$PROJECT/now"
owner_file "$PROJECT/now/marker" x
owner_file "$W/exchange.py" 'import os, sys, time
path, out = sys.argv[1:3]
end = time.time() + 5
while time.time() < end:
    os.rename(path, path + ".aside")
    os.symlink(out, path)
    os.unlink(path)
    os.rename(path + ".aside", path)'
${OWNER_PRIV[@]+"${OWNER_PRIV[@]}"} "$PYTHON" "$W/exchange.py" "$PROJECT/now" \
    "$OWNER_HOME/other" &
exchanger=$!
right=0 wrong=0 refused=0
while process_alive "$exchanger"; do
	LAUNCH_MORE=',"cwd":"now"'
	if ! launch sh -c 'test -e marker && echo right || { pwd; ls -a; }'; then
		refused=$((refused + 1))
		continue
	fi
	wait_for "$LIVENESS" ended "$ID" && output "$ID" "$W/out"
	case $(cat "$W/out") in
	right | '') right=$((right + 1)) ;;
	*) wrong=$((wrong + 1)) && cat "$W/out" ;;
	esac
done
LAUNCH_MORE=
note "$right in the right folder, $refused refused"
t "a folder that is exchanged: some launches are let in" test "$right" -gt 0
is "a folder that is exchanged: none is in another" "$wrong" 0

monitor_stop
left_nothing "nothing is left"
tap_done
