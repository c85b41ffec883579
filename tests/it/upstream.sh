#!/bin/bash
# What a session reaches under a name: one route, one host, checked; the key
# that its owner granted is added outside and never seen inside.
. "$(dirname "$0")/../lib.sh"
world user
PEER_PY=$(script upstream_peer.py) CLIENT=$(script upstream_client.py)
command -v openssl >/dev/null || skip_all "there is no openssl"
command -v git >/dev/null || skip_all "there is no git"
KEY=the-granted-key-of-this-test GIT_KEY=the-granted-key-for-git

# --- stand-ins outside -------------------------------------------------------

# certificate FILE HOST: vouched for by our own authority.
certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -subj "/CN=$2" -keyout "$W/ca/$1.key" -out "$W/ca/$1.csr" 2>/dev/null
	printf 'subjectAltName=DNS:%s\n' "$2" >"$W/ca/$1.ext"
	openssl x509 -req -days 2 -in "$W/ca/$1.csr" -CA "$W/ca/ca.pem" \
	    -CAkey "$W/ca/ca.key" -CAcreateserial -extfile "$W/ca/$1.ext" \
	    -out "$W/ca/$1.pem" 2>/dev/null
}

mkdir "$W/ca" "$W/git"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -days 2 -subj /CN=authority -keyout "$W/ca/ca.key" -out "$W/ca/ca.pem" 2>/dev/null
certificate localhost localhost
certificate other other.example
chmod 644 "$W/ca/ca.pem"

repository() {
	git init -q --bare -b main "$W/git/$1.git"
	git -C "$W/git/$1.git" config http.receivepack true
	git -C "$W/seed" push -q "$W/git/$1.git" main
}

git init -q -b main "$W/seed"
git -C "$W/seed" config user.email a@b.c
git -C "$W/seed" config user.name a
echo hello >"$W/seed/file"
git -C "$W/seed" add file && git -C "$W/seed" commit -qm first
mkdir "$W/git/team" "$W/git/else"
repository team/read && repository team/write && repository else/private
: >"$W/seen"
"$PYTHON" "$PEER_PY" "$W/ca" "$W/git" "$W/seen" >"$W/ports" 2>"$W/peer.log" &
PEER=$!
wait_for "$LIVENESS" test -s "$W/ports" || {
	tap_not_ok "the stand-in serves" "$W/peer.log"
	tap_done
}
read -r TLS WRONG <"$W/ports"
cp "$CLIENT" "$PROJECT/"

# --- its configuration -------------------------------------------------------

mkdir -m 700 "$COVEN_HOME" && give_owner "$COVEN_HOME"
owner_file "$OWNER_HOME/key" "$KEY"
chmod 400 "$OWNER_HOME/key"
owner_file "$OWNER_HOME/git-key" "#!/bin/sh
echo $GIT_KEY"
chmod 700 "$OWNER_HOME/git-key"
owner_file "$OWNER_HOME/open-key" "$KEY"
chmod 444 "$OWNER_HOME/open-key"
owner_file "$COVEN_HOME/coven.toml" "[network]
connections_per_s = 1000
[network.harness.exec]
allow = [\"localhost:$TLS\"]
addresses = [\"127.0.0.1:$TLS\", \"127.0.0.1:$WRONG\"]
git = [\"localhost:$TLS/team/*\"]
git_push = [\"localhost:$TLS/team/write\"]
[upstream.localhost]
ca = \"$W/ca/ca.pem\"
[upstream.standin]
url = \"https://localhost:$TLS/api\"
ca = \"$W/ca/ca.pem\"
routes = [\"POST /v1/messages\", \"POST /v1/stream\", \"GET /v1/models/*\"]
key_env = \"STANDIN_API_KEY\"
url_env = \"STANDIN_BASE_URL\"
url_path = \"/v1\"
[upstream.wrong]
url = \"https://localhost:$WRONG\"
ca = \"$W/ca/ca.pem\"
routes = [\"GET /x\"]
[upstream.unknown]
url = \"https://localhost:$TLS/api\"
routes = [\"GET /x\"]
[upstream.unreadable]
url = \"https://localhost:$TLS/api\"
ca = \"$W/ca/ca.pem\"
routes = [\"GET /x\"]
[grant.standin]
file = \"$OWNER_HOME/key\"
upstream = \"model/standin\"
harnesses = [\"exec\"]
[grant.wrong]
file = \"$OWNER_HOME/key\"
upstream = \"model/wrong\"
harnesses = [\"exec\"]
[grant.unknown]
file = \"$OWNER_HOME/key\"
upstream = \"model/unknown\"
harnesses = [\"exec\"]
[grant.unreadable]
file = \"$OWNER_HOME/open-key\"
upstream = \"model/unreadable\"
harnesses = [\"exec\"]
[grant.elsewhere]
file = \"$OWNER_HOME/key\"
upstream = \"model/anthropic\"
harnesses = [\"exec\"]
projects = [\"$OWNER_HOME/other\"]
[upstream.anthropic]
url = \"https://localhost:$TLS/api\"
ca = \"$W/ca/ca.pem\"
[network.harness.claude]
addresses = [\"127.0.0.1:$TLS\"]
[grant.claude]
file = \"$OWNER_HOME/key\"
upstream = \"model/anthropic\"
harnesses = [\"claude\"]
[grant.codex]
file = \"$OWNER_HOME/key\"
upstream = \"model/openai\"
harnesses = [\"codex\"]
[grant.git]
command = [\"$OWNER_HOME/git-key\"]
upstream = \"git/localhost:$TLS\"
harnesses = [\"exec\"]
"
# A harness that says what it has of its owner's.
mkdir -p "$OWNER_HOME/.local/bin" "$OWNER_HOME/.claude"
owner_file "$OWNER_HOME/.claude/.credentials.json" login-of-the-owner
cat >"$OWNER_HOME/.local/bin/claude" <<END
#!/bin/sh
# Not to its terminal: what is recorded has no keys in it anyway.
exec >said
env
cat \$HOME/.claude/.credentials.json || echo no login
ls -A \$HOME/.claude
$PYTHON upstream_client.py post /model/anthropic/v1/messages said
$PYTHON upstream_client.py tunnel localhost $TLS
END
cat >"$OWNER_HOME/.local/bin/codex" <<END
#!/bin/sh
printf '%s\\n' "\$@" >said
END
chmod 755 "$OWNER_HOME/.local/bin"/*
[ "$OWNER" = "$(id -u)" ] || chown -R "$OWNER:$OWNER" "$OWNER_HOME"
MONITOR_ENV=("PATH=$OWNER_HOME/.local/bin:/usr/bin:/bin"
    "ANTHROPIC_API_KEY=key-of-the-owner" "CLAUDE_CODE_OAUTH_TOKEN=key-of-two"
    "ANTHROPIC_AUTH_TOKEN=key-of-three" "ANTHROPIC_MODEL=a-model")
world_snapshot
need_monitor

run_in() {
	ctl exec --project "$PROJECT" -- "$@" 2>"$W/err" </dev/null
}

inside() {
	run_in "$PYTHON" upstream_client.py "$@"
}

audited() {
	ctl audit tail --limit 500 2>/dev/null | grep -E "$1"
}

seen() {
	grep -c -- "$1" "$W/seen" || :
}

# --- models ------------------------------------------------------------------

M=/model/standin
is "a route is carried" "$(inside get "$M/v1/models/a")" \
    "200 model /api/v1/models/a"
# shellcheck disable=SC2016	# a variable inside
is "a body goes along" "$(inside post "$M/v1/messages" '$STANDIN_API_KEY')" \
    "200 got 5000"
LAST=$(tail -n 1 "$W/seen")
t "the upstream sees the granted key" grep -q "Bearer $KEY" <<<"$LAST"
is "and nothing that the client sent in its place" \
    "$(grep -c mine "$W/seen")" 0
t "the placeholder is one" grep -qE 'X-Other": "sk-coven-[0-9a-f]{40}"' \
    <<<"$LAST"
# shellcheck disable=SC2016	# a variable inside
FIRST=$(run_in sh -c 'echo $STANDIN_API_KEY $STANDIN_BASE_URL')
# shellcheck disable=SC2016	# a variable inside
t "each session has its own" test "${FIRST% *}" != \
    "$(run_in sh -c 'echo $STANDIN_API_KEY')"
is "a variable says where it is" "${FIRST#* }" \
    "http://127.0.0.1:3128/model/standin/v1"
is "events flow as they come" "$(inside stream "$M/v1/stream")" \
    "200 flows no cookie"
is "chunks are carried, and no request behind them" \
    "$(inside chunks "$M/v1/messages")" "100 200 got 370001"
is "nothing of that was asked" "$(seen secret)" 0
is "a redirect elsewhere is an answer" \
    "$(inside head "$M/v1/models/elsewhere" location)" \
    "302 https://other.example/key"
is "one to itself leads to its name inside" \
    "$(inside head "$M/v1/models/here" location)" \
    "307 http://127.0.0.1:3128/model/standin/v1/x"
is "the upstream's cookies stay outside" \
    "$(inside head "$M/v1/models/a" set-cookie)" "200 "

# refused: rows of a name, what it hears, and what it does; in one session.
refused() {
	local name want args got

	cat >"$PROJECT/rows"
	run_in "$PYTHON" upstream_client.py rows rows >"$W/got"
	while read -r name want args <&3 && read -r got <&4; do
		is "refused: ${name//_/ }" "${got:0:3}" "$want"
	done 3<"$PROJECT/rows" 4<"$W/got"
}

ASKED=$(wc -l <"$W/seen")
refused <<END
another_path 403 get $M/v1/files
another_method 403 get $M/v1/models/a DELETE
a_path_below 403 get $M/v1/models/a/b
dots 400 get $M/v1/models/../files
one_dot 400 get $M/v1/./models/a
encoded_dots 400 get $M/v1/models/%2e%2e/files
an_encoded_slash 400 get $M/v1/models/a%2fb
two_slashes 400 get $M//v1/models/a
a_backslash 400 get $M/v1/models/a\\b
a_key_in_the_query 400 get $M/v1/models/a?x=1&access_token=y
another_name 404 get /model/other/v1/models/a
a_name_of_another_session's 404 get /model/anthropic/v1/models
another_Host 421 host $M/v1/models/a evil.example
its_host_by_CONNECT 403 tunnel localhost $TLS
a_certificate_of_another_name 502 get /model/wrong/x
a_certificate_of_an_unknown_authority 502 get /model/unknown/x
a_key_that_others_may_read 503 get /model/unreadable/x
END
is "ambiguous framing is refused" "$(inside smuggle "$M/v1/messages")" \
    "400 400 400 400 400 400 400 400"
is "nothing of it was asked" "$(($(wc -l <"$W/seen") - ASKED))" 0
is "chunks that are malformed end it" "$(inside bad_chunks "$M/v1/messages")" \
    400

# --- git ---------------------------------------------------------------------

HOST=https://localhost:$TLS
is "git clones by the URL that everybody knows" \
    "$(run_in sh -c "cd /tmp && git clone -q $HOST/team/read.git one && cat one/file")" \
    hello
t "with the granted key, from the first request on" grep -q \
    "GET /team/read.git/info/refs.*Basic $(printf 'x-access-token:%s' \
    "$GIT_KEY" | base64 -w 0)" "$W/seen"
# push REPOSITORY: a commit of more than one buffer, so that it is chunked.
push() {
	run_in sh -c "cd /tmp && git clone -q $HOST/team/$1 two && cd two &&
	    head -c 3000000 /dev/urandom >big && git add big &&
	    git commit -qm big && git push -q origin main && echo pushed"
}
is "a push that is granted" "$(push write)" pushed
is "arrives" "$(git -C "$W/git/team/write.git" -c safe.directory='*' log \
    --format=%s -1)" big
is "one that is not is refused" "$(push read)" ""
refused <<END
another_repository 403 get /git/localhost:$TLS/else/private.git/info/refs?service=git-upload-pack
a_file_of_a_repository 403 get /git/localhost:$TLS/team/read.git/HEAD
another_service 403 get /git/localhost:$TLS/team/read.git/info/refs?service=git-upload-archive
the_dumb_protocol 403 get /git/localhost:$TLS/team/read.git/info/refs
a_way_around 400 get /git/localhost:$TLS/team/../else/private.git/info/refs?service=git-upload-pack
another_host 404 get /git/other.example/team/read.git/info/refs?service=git-upload-pack
END
is "nothing of it was asked of the repository" "$(seen else/private)" 0

# --- a harness whose key is granted ------------------------------------------

harness() {
	http POST /api/v1/sessions "{\"harness\":\"$1\",\"projectRoot\":
	    \"$PROJECT\",\"prompt\":\"a prompt\",
	    \"launchMode\":\"nonInteractive\"}"
	ID=$(jget "$W/body" id) || return 1
	wait_for "$LIVENESS" ended "$ID" && [ -s "$PROJECT/said" ]
}

says() {
	grep -qE "$1" "$PROJECT/said" || { cat "$PROJECT/said"; return 1; }
}

says_not() {
	! grep -E "$1" "$PROJECT/said"
}

# One that an earlier session without the grant has left.
mkdir -p "$COVEN_HOME/state/claude/.claude"
echo login-of-a-session \
    >"$COVEN_HOME/state/claude/.claude/.credentials.json"
[ "$OWNER" = "$(id -u)" ] || chown -R "$OWNER:$OWNER" "$COVEN_HOME/state"
chmod -R go= "$COVEN_HOME/state"
t "a harness with a granted key" harness claude
t "asks its model" says '^200 got 5000'
t "which sees the key" grep -q "x-api-key\": \"$KEY" \
    <<<"$(tail -n 1 "$W/seen")"
t "finds it by its own variable" says \
    '^ANTHROPIC_BASE_URL=http://127.0.0.1:3128/model/anthropic$'
t "holds a placeholder" says '^ANTHROPIC_API_KEY=sk-coven-[0-9a-f]{40}$'
t "and no key of its owner's" says_not 'key-of-'
t "but what else is its own" says '^ANTHROPIC_MODEL=a-model$'
t "and no login, its owner's or an earlier session's" says_not 'login-of-'
t "and no way around" says '^403$'
t "one that reads no variable for it" harness codex
t "is told by arguments" says \
    '^model_providers.*127.0.0.1:3128/model/openai/v1.*OPENAI_API_KEY'

# --- on record, and nowhere else ---------------------------------------------

t "each use of a key is on record" wait_for "$LIVENESS" audited \
    'net.grant.*POST /v1/messages with the key of grant.standin'
t "and each refusal with its reason" wait_for "$LIVENESS" audited \
    'net.deny.*no rule lets this repository be pushed to'
t "and a certificate that does not vouch" wait_for "$LIVENESS" audited \
    'net.deny.*hostname mismatch'
explained() {
	ctl policy explain --harness exec --project "$PROJECT" "$1" 2>&1
}
t "explain: a repository" grep -q 'allow.*fetch and push' \
    <<<"$(explained "$HOST/team/write")"
t "explain: another one" grep -q 'deny.*no rule names this repository' \
    <<<"$(explained "$HOST/else/private.git")"
t "explain: a route" grep -q 'allow.*GET /v1/models/' \
    <<<"$(explained "$HOST/api/v1/models/x")"
monitor_stop
t "the key is in no file of the home" \
    eval "! grep -rqE '$KEY|$GIT_KEY' '$COVEN_HOME'"
t "and in no log" eval "! grep -qE '$KEY|$GIT_KEY' '$W/monitor.log'"
kill "$PEER"
tap_done
