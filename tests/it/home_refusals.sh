#!/bin/bash
# The monitor refuses a home that others could have prepared: each rule with a
# message of its own and exit status 78, and nothing in the home is touched.
# A home in use is 75.  An absent one is made, 0700.
. "$(dirname "$0")/../lib.sh"
world user

# What lies in the home.  Lock files are made before the socket is looked at:
# they are how two starts at once agree who may.
listing() {
	find "$COVEN_HOME" -mindepth 1 ! -name '*.lock' \
	    -printf '%p %m %U %s %T@\n' 2>/dev/null | sort
	stat -c '%a %u %F' "$COVEN_HOME"
}

# refused NAME PATTERN [OPTION ...]: start on $COVEN_HOME, expect 78.
refused() {
	local name=$1 pattern=$2

	shift 2
	: >"$W/monitor.log"
	listing >"$W/then"
	monitor_spawn "$@"
	monitor_wait 5
	listing >"$W/now"
	is "$name: exit status 78" "$MONITOR_STATUS" 78
	note "$(tail -n 1 "$W/monitor.log")"
	t "$name: says which rule" grep -qiE "$pattern" "$W/monitor.log"
	t "$name: nothing was touched" cmp "$W/then" "$W/now"
	grep -iE "$pattern" "$W/monitor.log" | head -n 1 >>"$W/messages"
}

fresh() {
	rm -rf "$COVEN_HOME"
	mkdir "$COVEN_HOME"
	give_owner "$COVEN_HOME"
	chmod 700 "$COVEN_HOME"
}

: >"$W/messages"

# An absent home.
if monitor_start; then
	is "absent home is made 0700" \
	    "$(stat -c '%a %u' "$COVEN_HOME")" "700 $OWNER"
	is "socket is 0600 and the owner's" \
	    "$(stat -c '%a %u %F' "$SOCK")" "600 $OWNER socket"
	is "daemon.json is 0600" "$(stat -c '%a' "$COVEN_HOME/daemon.json")" 600
	is "lock is 0600" \
	    "$(stat -c '%a' "$COVEN_HOME/daemon-serve.lock")" 600

	# A live incumbent: 75, and it goes on undisturbed.
	inode=$(stat -c '%d:%i' "$SOCK")
	first=$MONITOR_PID
	before=$(md5sum <"$COVEN_HOME/daemon.json")
	monitor_spawn
	second_pid=$MONITOR_PID
	wait_for 5 process_gone "$second_pid"
	wait "$second_pid"
	is "a second start exits 75" "$?" 75
	MONITOR_PID=$first
	is "the incumbent's socket is the same inode" \
	    "$(stat -c '%d:%i' "$SOCK")" "$inode"
	is "the incumbent's daemon.json is the same" \
	    "$(md5sum <"$COVEN_HOME/daemon.json")" "$before"
	t "the incumbent still answers" healthy
	monitor_stop
else
	tap_not_ok "absent home is made 0700" "$W/monitor.log"
fi

# The rules, one by one.
fresh
chmod 750 "$COVEN_HOME"
refused "group bits" 'group|mode|permission'

fresh
chmod 707 "$COVEN_HOME"
refused "world bits" 'other|world|mode|permission'
sed -i '$d' "$W/messages"	# the same rule as the one before

fresh
mv "$COVEN_HOME" "$OWNER_HOME/real"
ln -s real "$COVEN_HOME"
refused "a link as last component" 'link'
rm "$COVEN_HOME"
rm -rf "$OWNER_HOME/real"

rm -rf "$COVEN_HOME"
echo text >"$COVEN_HOME"
refused "not a folder" 'folder|directory'
rm "$COVEN_HOME"

if [ "$(id -u)" -eq 0 ]; then
	fresh
	chown 54321 "$COVEN_HOME"
	refused "somebody else's" 'own|permission denied'

	fresh
	chmod 777 "$OWNER_HOME"
	refused "an ancestor that others can write" 'write|ancestor|parent'
	chmod 1777 "$OWNER_HOME"
	if monitor_start; then
		tap_ok "a sticky ancestor is accepted"
		monitor_stop
	else
		tap_not_ok "a sticky ancestor is accepted" "$W/monitor.log"
	fi
	chmod 755 "$OWNER_HOME"
else
	tap_skip "somebody else's home" "needs root to make one"
fi

short=$COVEN_HOME
long=$OWNER_HOME/$(printf 'x%.0s' $(seq 90))
COVEN_HOME=$long
fresh
refused "a socket path that does not fit" 'long|sun_path'
rm -rf "$long"
COVEN_HOME=$short

fresh
ln -s /nonexistent "$COVEN_HOME/coven.sock"
refused "coven.sock is a link" 'link'

fresh
owner_file "$COVEN_HOME/coven.sock" text
refused "coven.sock is a file" 'socket'

if [ "$(id -u)" -eq 0 ]; then
	fresh
	"$PYTHON" -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$COVEN_HOME/coven.sock"
	refused "coven.sock is somebody else's" "own|another user"
fi

# The key of the audit's heads, and the heads, as a first start left them.
KEYS=$COVEN_HOME/keys
with_keys() {
	fresh
	monitor_start >/dev/null && monitor_stop
}

with_keys
is "the key of the audit is 0400 in a 0700 folder" \
    "$(stat -c '%a %s %u' "$KEYS" "$KEYS/audit.key" | cut -d ' ' -f 1,3 |
    tr '\n' ' ')" "700 $OWNER 400 $OWNER "
is "and has no other name" "$(stat -c '%h %s' "$KEYS/audit.key")" "1 32"
chmod 710 "$KEYS"
refused "keys/ has group bits" 'keys: it has group'
chmod 700 "$KEYS"
chmod 440 "$KEYS/audit.key"
refused "the key has group bits" 'audit.key: it has group'
chmod 400 "$KEYS/audit.key"
mv "$KEYS/audit.key" "$KEYS/real"
as_owner ln -s real "$KEYS/audit.key"
refused "the key is a link" 'audit.key: it is a link'
rm "$KEYS/audit.key"
as_owner mkfifo -m 600 "$KEYS/audit.key"
refused "the key is a FIFO" 'audit.key: it is not a regular'
rm "$KEYS/audit.key"
owner_file "$KEYS/audit.key" short
refused "the key is short" 'length of a key'
rm "$KEYS/audit.key"
ln "$KEYS/real" "$KEYS/audit.key"
refused "the key has a second name" 'audit.key: it has a second'
rm "$KEYS/real"
rm -rf "$KEYS"
owner_file "$KEYS" text
refused "keys is a file" 'keys: it is not a folder'
with_keys
mv "$COVEN_HOME/audit.heads" "$COVEN_HOME/heads"
as_owner ln -s heads "$COVEN_HOME/audit.heads"
refused "audit.heads is a link" 'audit.heads: it is a link'
with_keys
chmod 640 "$COVEN_HOME/audit.heads"
refused "audit.heads has group bits" 'audit.heads: it has group'
if [ "$(id -u)" -eq 0 ]; then
	with_keys
	chown 54321 "$KEYS/audit.key"
	refused "the key is somebody else's" 'audit.key: .*(permission|own)'
fi

# The store, which a suite that retries for ever would hide.
STORE=$COVEN_HOME/store
with_keys
mv "$STORE" "$COVEN_HOME/elsewhere"
as_owner ln -s elsewhere "$STORE"
refused "store is a link" 'store: it is a link'
rm "$STORE"
owner_file "$STORE" text
refused "store is a file" 'store: it is not a folder'
with_keys
chmod 770 "$STORE"
refused "store has group bits" 'store: it has group'
with_keys
mv "$STORE/coven.db" "$STORE/real"
as_owner ln -s real "$STORE/coven.db"
refused "the database is a link" 'coven.db: it is a link'
rm "$STORE/coven.db"
owner_file "$STORE/coven.db" "$(printf 'text %.0s' $(seq 300))"
refused "the database is text" 'not a database'
with_keys
as_owner "$PYTHON" -c 'import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("pragma user_version = 4096")' \
    "$STORE/coven.db"
before=$(md5sum <"$STORE/coven.db")
monitor_spawn
monitor_wait 5
is "the database is of a newer build: exit status 78" "$MONITOR_STATUS" 78
t "the database is of a newer build: says so" \
    grep -q 'schema 4096 is newer' "$W/monitor.log"
is "the database is of a newer build: it is not touched" \
    "$(md5sum <"$STORE/coven.db")" "$before"


# One of the first builds, which had rows of events under schema 1; a log that
# was not written back yet lies beside it.
with_keys
rm -f "$STORE"/coven.db*
as_owner "$PYTHON" -c 'import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("pragma journal_mode = wal")
db.execute("pragma application_id = 0x636f7673")
db.execute("create table meta (name text primary key, value integer)")
db.execute("create table sessions (key integer primary key, id text)")
db.execute("create table events (seq integer primary key, payload text)")
db.execute("pragma user_version = 1")
os._exit(0)' "$STORE/coven.db"
contents() {
	(cd "$STORE" && md5sum coven.db coven.db-wal)
}
before=$(contents)
monitor_spawn
monitor_wait 5
is "the database is of a first build: exit status 78" "$MONITOR_STATUS" 78
t "the database is of a first build: says so" \
    grep -q 'schema 1 is that of an earlier build' "$W/monitor.log"
t "the database is of a first build: says what to do" \
    grep -q "move COVEN_HOME/store aside" "$W/monitor.log"
is "the database is of a first build: it is not touched" "$(contents)" \
    "$before"
as_owner "$SUITE/bin/covenctl" start >"$W/out" 2>&1
is "covenctl start ends with 78 as well" "$?" 78
t "and says it too" grep -q "move COVEN_HOME/store aside" "$W/out"
t "and which home it is" grep -qF "COVEN_HOME is $COVEN_HOME," "$W/out"
is "and nothing is touched" "$(contents)" "$before"

# A socket that nobody serves any more is replaced.
fresh
as_owner "$PYTHON" -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$COVEN_HOME/coven.sock"
if monitor_start; then
	tap_ok "a stale socket is replaced"
	monitor_stop
else
	tap_not_ok "a stale socket is replaced" "$W/monitor.log"
fi

is "every rule has a message of its own" \
    "$(sort "$W/messages" | uniq -d | wc -l)" 0
tap_done
