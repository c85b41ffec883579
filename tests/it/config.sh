#!/bin/bash
# covenctl config: check says file, line, key and rule of everything that a
# start would refuse, and touches nothing; show says what is in force and from
# which file.
. "$(dirname "$0")/../lib.sh"
world user
mkdir -p "$COVEN_HOME"
chmod 700 "$COVEN_HOME"
give_owner "$COVEN_HOME"
TOML=$COVEN_HOME/coven.toml

check() {
	ctl config check "$@" >"$W/out" 2>"$W/err"
	RC=$?
}

# row KEY: its value and where it comes from.
row() {
	ctl --json config show >"$W/show" 2>"$W/err"
	"$PYTHON" -c '
import json, sys
for row in json.load(open(sys.argv[1], encoding="utf-8")):
    if row["key"] == sys.argv[2]:
        print(json.dumps(row["value"]), row["from"],
              "locked" if row["locked"] else "free")' "$W/show" "$1"
}

check
is "nothing but defaults is valid" "$RC $(cat "$W/out")" \
    "0 the configuration of $COVEN_HOME is valid"
is "a default" "$(row session.max_live)" "512 default free"
keys=$(ctl --json config show | grep -o '"key":' | wc -l)
is "every key of coven.toml(5)'s table" "$keys" \
    "$("$SUITE/sbin/coven-monitor" --dump-limits |
    sed -n '/^## Configurable/,/^## Fixed/p' | grep -c '^| `')"

# What is wrong, in each of the files.
owner_file "$TOML" "[server]
max_connection = 3
request_ms = \"soon\"
[session]
max_live = 0"
owner_file "$COVEN_HOME/privacy.toml" 'redact = ['
owner_file "$COVEN_HOME/familiars.toml" '[[familiar]]
id = 7'
owner_file "$OWNER_HOME/adapter.json" '{"adapters":[{"id":"x"}]}'
OWNER_ENV+=("COVEN_HARNESS_ADAPTER_MANIFEST=$OWNER_HOME/adapter.json")
check
is "the exit status" "$RC" 78
for line in "$TOML:2: server.max_connection: is not a key; did you mean" \
    "$TOML:3: server.request_ms: must be a whole number" \
    "$TOML:5: session.max_live: must be from 1 to 100000" \
    "$COVEN_HOME/privacy.toml:1: " "$COVEN_HOME/familiars.toml:" \
    "$OWNER_HOME/adapter.json:"; do
	t "it says ${line#"$OWNER_HOME/"}" grep -F "$line" "$W/out"
done
check --json
is "as JSON, each in its parts" "$(jget "$W/out" errors.1.file) $(
    jget "$W/out" errors.1.line) $(jget "$W/out" errors.1.key) $(
    jget "$W/out" ok)" "$TOML 3 server.request_ms false"
ctl config show >"$W/out" 2>"$W/err"
is "show says that nothing is in force" "$?" 78
# A text of the owner's does not drive a terminal.
owner_file "$TOML" $'"a\\u001bb" = 1'
check
t "what a file holds is escaped" test "$(grep -c $'\033' "$W/out")" = 0
rm "$COVEN_HOME"/*.toml
unset "OWNER_ENV[-1]"

# While a daemon runs, which is left alone.
need_monitor
owner_file "$TOML" 'session.max_live = 7
roots.deny = ["/a"]'
before=$(ls -la "$COVEN_HOME")
check
is "a daemon that runs is no hindrance" "$RC" 0
t "nor touched" test "$(ls -la "$COVEN_HOME")" = "$before" -a \
    "$(kill -0 "$MONITOR_PID" && echo alive)" = alive
is "the owner's value" "$(row session.max_live)" "7 owner free"
is "the owner's list" "$(row roots.deny)" '["/a"] owner free'
monitor_stop

# The system's file: in a mount namespace of our own.
if [ "$(id -u)" -eq 0 ]; then
	cp -a /etc "$W/etc"
	mkdir -p "$W/etc/coven"
	printf '%s\n' 'locked = ["session.max_live"]' \
	    'session.max_live = 9' 'roots.deny = ["/s"]' 'log.level = "warn"' \
	    >"$W/etc/coven/coven.toml"
	mount --bind "$W/etc" /etc
	check
	is "a locked key is refused" "$(cat "$W/out")" \
	    "$TOML:1: session.max_live: is locked by the system's file"
	owner_file "$TOML" 'roots.deny = ["/a"]
log.level = "debug"'
	is "the system's value, locked" "$(row session.max_live)" \
	    "9 system locked"
	is "a list of both" "$(row roots.deny)" \
	    '["/s", "/a"] system, owner free'
	is "the owner's over the system's" "$(row log.level)" \
	    '"debug" owner free'
	ctl config show >"$W/out"
	t "and in the table" grep -qE \
	    '^session.max_live +9 +system, locked' "$W/out"
	umount /etc
else
	tap_skip "the system's file" "needs root"
fi
rm "$TOML"
left_nothing "nothing is left"

# A reader that answers nothing, in a suite of our own: no rule refuses, so a
# service manager may try again.
cp -R "$SUITE" "$W/suite"
SUITE=$W/suite
cp /usr/bin/yes "$SUITE/libexec/coven/coven-confread"
chmod -R go+rX "$SUITE"
monitor_spawn
monitor_wait "$LIVENESS"
is "a reader that is too slow is no refusal" "$MONITOR_STATUS" 69
tap_done
