#!/bin/bash
# What the existing daemon gets wrong about privacy, W8 and W9: secrets that
# lie across two reads or two events, in titles, in what is typed; a
# privacy.toml that is not taken at its word.
. "$(dirname "$0")/../lib.sh"
TREE=$(cd "$(dirname "$0")/../.." && pwd)
OWN='extra_patterns = ["corp-[0-9]{8}"]'

world user
cp "$TREE/tests/it/secrets.py" "$PROJECT/secrets.py"
mkdir -p "$OWNER_HOME/.local/bin" "$OWNER_HOME/.config/coven"
cp "$TREE/tests/fake_harness" "$OWNER_HOME/.local/bin/claude"
chmod 755 "$OWNER_HOME/.local/bin/claude" "$PROJECT/secrets.py"
as_owner mkdir -p -m 700 "$COVEN_HOME"
owner_file "$COVEN_HOME/privacy.toml" "$OWN"
[ "$OWNER" = "$(id -u)" ] || chown -R "$OWNER:$OWNER" "$OWNER_HOME"
MONITOR_ENV=("PATH=$OWNER_HOME/.local/bin:/usr/bin:/bin")
world_snapshot
need_monitor

# said NAME CMD ...: a session prints; what is stored is in $W/out.
said() {
	launch "$@" && wait_for 60 ended "$ID" && output "$ID" "$W/out"
}

says() {
	grep -qF -- "$1" "$2" || { tail -c 600 "$2"; return 1; }
}

# --- W8: output --------------------------------------------------------------

tty=',"tty":true'
for how in pipes terminal; do
	[ "$how" = pipes ] && LAUNCH_MORE='' || LAUNCH_MORE=$tty
	t "W8 every secret, cut anywhere ($how): it runs" \
	    said "$PYTHON" secrets.py say 0.001
	t "W8 every secret, cut anywhere ($how): none is stored" \
	    "$PYTHON" "$TREE/tests/it/secrets.py" check "$W/out" every
done
LAUNCH_MORE=
t "W8 with long pauses inside: it runs" said "$PYTHON" secrets.py pause 0.35
t "W8 with long pauses inside: what comes later is not stored" \
    "$PYTHON" "$TREE/tests/it/secrets.py" check "$W/out" one

# shellcheck disable=SC2016	# python's
t "a key of 100 lines, one at a time" said "$PYTHON" -c '
import sys, time
print("-----BEGIN PRIVATE KEY-----", flush=True)
for i in range(100):
    sys.stdout.write("%064d\n" % (i + 10 ** 62)); sys.stdout.flush()
    time.sleep(0.001)
print("-----END PRIVATE KEY-----\nand after", flush=True)'
is "a key longer than what is held back is redacted as it streams" \
    "$(cat "$W/out")" "-----BEGIN PRIVATE KEY-----[REDACTED]
and after"

# A line of JSON is a line of JSON afterwards.
stream_line() {
	owner_file "$PROJECT/payload" "#!/bin/sh
printf '%s\\n' '{\"type\":\"x\",\"api_key\":{\"a\":[1,\"k1-in-clear\"]},' \
    | tr -d '\\n'
sleep 0.05
printf '%s' '\"text\":\"run GH_TOKEN=k2-in-clear\\nsk-Abcde12345f'
sleep 0.05
printf '%s\\n' 'GhIj67890 \\\"done\\\"\",\"max_tokens\":7}'
printf 'password=k3-in-clear\\n' >&2"
	chmod 755 "$PROJECT/payload"
	http POST /api/v1/sessions "{\"harness\":\"claude\",\"projectRoot\":
	    \"$PROJECT\",\"prompt\":\"p\",\"launchMode\":\"stream\"}"
	ID=$(jget "$W/body" id) && wait_for "$LIVENESS" ended "$ID" &&
	    output "$ID" "$W/out"
	rm "$PROJECT/payload"
}
t "stream-JSON: it runs" stream_line
grep '^{"type":"x"' "$W/out" >"$W/line"
is "stream-JSON: members with secret names" "$(jget "$W/line" api_key)" \
    "[REDACTED]"
is "stream-JSON: secrets inside a string" "$(jget "$W/line" text)" \
    'run GH_TOKEN=[REDACTED]
sk-[REDACTED] "done"'
is "stream-JSON: the rest is as it was" "$(jget "$W/line" max_tokens)" 7
t "stream-JSON: standard error too" says 'password=[REDACTED]' "$W/out"
is "stream-JSON: nothing in clear" "$(grep -c in-clear "$W/out")" 0

# --- what is no secret does not wait -----------------------------------------

has_printed() {
	output "$ID" "$W/out" && [ "$(cat "$W/out")" = "$1" ]
}
LAUNCH_MORE=',"stdin":true'
launch sh -c 'printf "Name? "; read x; printf "sk-abc"; read y'
t "a prompt without a newline is there" wait_for "$LIVENESS" has_printed "Name? "
http POST "/api/v1/sessions/$ID/input" '{"data":"x\n"}'
t "what only looks like a beginning is there soon" \
    wait_for "$LIVENESS" has_printed "Name? sk-abc"
http POST "/api/v1/sessions/$ID/kill"

# --- input -------------------------------------------------------------------

launch cat
http POST "/api/v1/sessions/$ID/input" '{"data":"export PASSWORD=typed-whole\n",
    "client_secret":{"x":"typed-member"}}'
for key in G H _ T O K E N = t y p e d - k e y s; do
	http POST "/api/v1/sessions/$ID/input" "{\"data\":\"$key\"}"
done
http POST "/api/v1/sessions/$ID/input" '{"data":"\n","eof":true}'
t "input: the payload gets what was sent" wait_for "$LIVENESS" ended "$ID"
http GET "/api/v1/events?sessionId=$ID"
cp "$W/body" "$W/events"
is "input: none of it is stored, nor is its echo" \
    "$(grep -cE 'typed-|typed' "$W/events")" 0
t "input: what is harmless is" says 'export PASSWORD=[REDACTED]' "$W/events"
LAUNCH_MORE=

# --- titles and the log view --------------------------------------------------

http POST /api/v1/sessions "{\"harness\":\"claude\",\"projectRoot\":\"$PROJECT\",
    \"prompt\":\"use sk-TitleTitleTitle12345 and corp-12345678\"}"
is "W8 a title that is the whole prompt" "$(jget "$W/body" title)" \
    "use sk-[REDACTED] and [REDACTED]"
http POST /api/v1/sessions "{\"harness\":\"claude\",\"projectRoot\":\"$PROJECT\",
    \"prompt\":\"x\",\"title\":\"password=title-in-clear\"}"
is "W8 a title of its own" "$(jget "$W/body" title)" "password=[REDACTED]"
http POST /api/v1/sessions/external '{"id":"ext-1","projectRoot":"/x",
    "harness":"y","title":"token corp-87654321"}'
is "W8 an external session's title" "$(jget "$W/body" title)" \
    "token [REDACTED]"
said sh -c 'echo GITHUB_TOKEN=log-in-clear'
http GET "/api/v1/sessions/$ID/log"
is "the log view" "$(jget "$W/body" 0.message | head -n 1)" \
    'GITHUB_TOKEN=[REDACTED]'

# --- W9: privacy.toml is taken at its word ------------------------------------

said echo "a corp-12345678 b"
is "W9 the owner's pattern is in force for output" "$(cat "$W/out")" \
    "a [REDACTED] b"
owner_file "$COVEN_HOME/privacy.toml" 'extra_patterns = ["fine", "x("]'
said echo "a corp-12345678 b"
is "W9 patterns are compiled once: a file that changes changes nothing" \
    "$(cat "$W/out")" "a [REDACTED] b"

check_config() {
	${MONITOR_PRIV[@]+"${MONITOR_PRIV[@]}"} "${OWNER_ENV[@]}" \
	    "$SUITE/sbin/coven-monitor" --home "$COVEN_HOME" --check-config \
	    >"$W/check" 2>&1
}
check_config
is "W9 --check-config tells while a daemon serves" "$?" 78
t "W9 with the file, line and pattern" \
    grep -q 'privacy.toml:1: extra_patterns: pattern 2: Missing close' "$W/check"
t "and the daemon still serves" healthy
monitor_stop

# Nothing of it is anywhere on disk, nor in the log.
is "none of it is in the home" "$(grep -rlaE 'in-clear|typed-|TitleTitle|hgfdsamnb|tgbzhnujmi|corp-[0-9]{8}' \
    "$COVEN_HOME" | grep -v '/privacy.toml$')" ""
is "nor in the daemon's log" "$(grep -caE 'in-clear|typed-|TitleTitle' \
    "$W/monitor.log")" 0

# refused NAME TEXT SAYS: such a privacy.toml is the end of a start.
refused() {
	owner_file "$COVEN_HOME/privacy.toml" "$2"
	: >"$W/monitor.log"
	monitor_spawn
	monitor_wait "$LIVENESS"
	is "W9 $1: the start ends" "$MONITOR_STATUS" 78
	t "W9 $1: it says why" grep -qF "$3" "$W/monitor.log"
}
refused "a bad pattern" 'extra_patterns = [
  "good",
  "a(b"]' "privacy.toml:3: extra_patterns: pattern 2: Missing close parenthesis"
refused "a pattern that matches nothing at all" "extra_patterns = ['x*']" \
    "privacy.toml:1: extra_patterns: pattern 1: Pattern matches empty buffer"
refused "an unknown key" 'log_retention = 3' \
    "privacy.toml:1: log_retention: unknown key"
refused "a wrong type" 'log_retention_days = "3"' \
    "privacy.toml:1: log_retention_days: must be a number of days"
refused "no TOML" 'extra_patterns = [' "privacy.toml:1: "

# What is refused softly: said, and the safe thing done.
owner_file "$COVEN_HOME/privacy.toml" 'persist_raw_artifacts = true'
owner_file "$OWNER_HOME/.config/coven/settings.json" '{"covenCli":{"privacy":{'
: >"$W/monitor.log"
need_monitor
tap_ok "W9 settings.json is never read"
t "raw artifacts are not kept, and that is said" \
    grep -qF "persist_raw_artifacts: this daemon keeps only what is redacted" \
    "$W/monitor.log"
rm "$COVEN_HOME/privacy.toml"
monitor_stop
: >"$W/monitor.log"
MONITOR_ENV+=("COVEN_PERSIST_RAW_ARTIFACTS=Yes" "COVEN_LOG_RETENTION_DAYS=x")
need_monitor
t "nor for the variable" grep -qF "COVEN_PERSIST_RAW_ARTIFACTS: persist" \
    "$W/monitor.log"
t "a variable that is no number is said" grep -qF \
    "COVEN_LOG_RETENTION_DAYS: not a positive number" "$W/monitor.log"
said echo "password=x corp-12345678"
is "without a privacy.toml what is known is redacted" "$(cat "$W/out")" \
    "password=[REDACTED] corp-12345678"
monitor_stop
left_nothing "nothing is left"
tap_done
