#!/bin/bash
# The audit trail of a living suite: what it records, that an acknowledged
# action is in it whatever dies, that verify holds it to be whole, and that it
# names the record when somebody has been at the database or the heads.
. "$(dirname "$0")/../lib.sh"
world user
mkdir -m 700 "$COVEN_HOME" && give_owner "$COVEN_HOME"
owner_file "$COVEN_HOME/coven.toml" '[audit]
head_every = 5'
world_snapshot
CANARY=canary$RANDOM$RANDOM$RANDOM
DB=$COVEN_HOME/store/coven.db

# --- looking ----------------------------------------------------------------

# verbs: of every record, in order.
verbs() {
	ctl audit tail --limit 1000 --json >"$W/tail" &&
	    sed 's/.*"verb":"\([^"]*\)".*/\1/' "$W/tail"
}

has_verb() {
	verbs | grep -qx "$1"
}

# count VERB [SESSION]: how many records.
count() {
	ctl audit tail --limit 1000 --json --match "$1" >"$W/tail" || return 1
	grep -c "\"sessionId\":${2:+\"}${2-}" "$W/tail"
}

verify() {
	ctl audit verify "$@" >"$W/verified" 2>&1
}

# Records after the last head, as verify says.
unproven() {
	verify || return 1
	sed -n 's/^\([0-9]*\) records* after it .*/\1/p' "$W/verified"
}

covered() {
	[ "$(unproven)" = 0 ]
}

# --- a life -----------------------------------------------------------------

need_monitor
if LAUNCH_MORE=',"stdin":true' launch cat; then
	first=$ID
	http POST "/api/v1/sessions/$ID/input" "{\"data\":\"$CANARY\"}"
	is "an input is taken" "$STATUS" 202
	http POST "/api/v1/sessions/$ID/kill" '{}'
	is "a session is killed" "$STATUS" 202
else
	tap_not_ok "a session starts" "$W/reply"
fi
http POST /api/v1/sessions "{\"harness\":\"exec\",\"argv\":[\"x\"],
    \"projectRoot\":\"/nonexistent/$CANARY\"}"
is "a launch is refused" "$STATUS" 400
http POST /api/v1/sessions "{\"bad\": \"$CANARY"
printf 'GET /api/v1/sessions HTTP/1.1\r\nHost: coven\r\nOrigin: %s\r\n\r\n' \
    "http://$CANARY" | raw -h
is "an Origin is refused" "$STATUS" 403
pid=$(role_pid apid)
kill -KILL "$pid"
t "apid is started again" wait_for "$LIVENESS" healthy
t "its death is on record" wait_for "$LIVENESS" has_verb child.death
rm "$SOCK"
t "so is a socket that was put back" wait_for "$LIVENESS" \
    has_verb socket.restore
is "one launch is" "$(count launch "$first")" 1
is "one input is" "$(count input "$first")" 1
is "one kill is" "$(count kill "$first")" 1
is "one end is" "$(count end "$first")" 1
is "two refusals are" "$(count refusal)" 2
is "who asked is" "$(grep -c "\"actor\":\"uid $OWNER pid [0-9]*\"" \
    "$W/tail")" 2
is "a trail begins with itself, the store, its configuration, the start" \
    "$(verbs | uniq | head -n 4 | tr '\n' ' ')" \
    "audit.begin recover config.read start "
t "verify: it holds" verify
note "$(tr '\n' ';' <"$W/verified")"
t "verify: it says up to where" grep -qE \
    '^complete to head [1-9][0-9]* of [0-9T:.Z-]{30}$' "$W/verified"
t "and what is not proven" grep -qE \
    '^[0-9]+ records? after it (is|are) chained but not yet covered' \
    "$W/verified"

# Heads come by number and at the stop; each line is in the log as well.
for _ in 1 2 3 4 5; do
	launch true && wait_for "$LIVENESS" ended "$ID"
done
t "heads come with the records" wait_for "$LIVENESS" test \
    "$(wc -l <"$COVEN_HOME/audit.heads")" -ge 2
monitor_stop
tail -n 1 "$COVEN_HOME/audit.heads" >"$W/last"
t "the last head is in the log as well" grep -qF -f "$W/last" \
    "$W/monitor.log"

# --- kill -9 after the answer -----------------------------------------------

# At once: what was answered is on disk with its record, or was not answered.
acknowledged() {
	local what=$1

	monitor_kill
	wait_for "$LIVENESS" no_roles
	"$PYTHON" - "$DB" "$what" "$ID" <<-'EOS'
	import sqlite3, sys
	path, verb, session = sys.argv[1:]
	db = sqlite3.connect(path)
	sys.exit(0 if db.execute("select count(*) from audit where verb = ? "
	    "and session = ? and digest is not null",
	    (verb, session)).fetchone()[0] == 1 else 1)
	EOS
}

is "the last head covers everything" \
    "$(sed -n '$s/^coven-audit-1 [^ ]* \([0-9]*\) .*/\1/p' \
    "$COVEN_HOME/audit.heads")" "$("$PYTHON" -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute(
    "select max(n) from audit").fetchone()[0])' "$DB")"
as_owner cp -a "$COVEN_HOME" "$OWNER_HOME/old"
need_monitor
launch sleep 1000
is "a launch is answered" "$STATUS" 201
t "kill -9: the launch is in the audit" acknowledged launch
need_monitor
launch sleep 1000
http POST "/api/v1/sessions/$ID/kill" '{}'
is "a kill is answered" "$STATUS" 202
t "kill -9: the kill is in the audit" acknowledged kill
need_monitor
LAUNCH_MORE=',"stdin":true' launch cat
http POST "/api/v1/sessions/$ID/input" '{"data":"x"}'
is "an input is answered" "$STATUS" 202
t "kill -9: the input is in the audit" acknowledged input
need_monitor
t "after three deaths it holds" verify

# --- elsewhere --------------------------------------------------------------

t "it is exported" ctl audit export "$OWNER_HOME/export"
t "an export is not written over" sh -c '! "$@"' sh "$SUITE/bin/covenctl" \
    --home "$COVEN_HOME" audit export "$OWNER_HOME/export"
t "an export holds without a daemon" verify --from "$OWNER_HOME/export" \
    --key "$COVEN_HOME/keys/audit.pub"
as_owner sed 's/"n":7,\(.*\)"detail":"/&x/' "$OWNER_HOME/export" \
    >"$OWNER_HOME/edited"
verify --from "$OWNER_HOME/edited"
is "an edited export does not" "$?" 1
t "and the record is named" grep -q 'record 7 was changed' "$W/verified"
as_owner sed 's/^{"n":7,/{"n":6,/;t
    s/^{"n":6,/{"n":7,/' "$OWNER_HOME/export" >"$OWNER_HOME/edited"
verify --from "$OWNER_HOME/edited"
is "one with two lines exchanged does not" "$?" 1
ctl audit tail --follow --limit 0 --match launch >"$W/followed" 2>&1 &
follower=$!
tells() {
	launch true && [ -s "$W/followed" ]
}
t "tail --follow tells of a launch" wait_for "$LIVENESS" tells
kill "$follower"
wait "$follower" 2>/dev/null
monitor_stop
is "no byte of a client's is in the audit" "$("$PYTHON" - "$DB" "$CANARY" <<-'EOS'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	print(sum(sys.argv[2] in str(row) for row in
	    db.execute("select * from audit")))
EOS
)" 0
t "nor in the log" sh -c '! grep "$1" "$2"' sh "$CANARY" "$W/monitor.log"

# --- somebody has been at it ------------------------------------------------

mv "$COVEN_HOME" "$OWNER_HOME/good"

# Before each: the home as it was.
again() {
	rm -rf "$COVEN_HOME"
	as_owner cp -a "$OWNER_HOME/good" "$COVEN_HOME"
}

# sql NAME STATEMENTS: on the database, whose triggers are dropped before.
sql() {
	"$PYTHON" - "$DB" "$1" <<-'EOS'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	for (name,) in db.execute("select name from sqlite_schema where "
	    "type = 'trigger' and tbl_name = 'audit'").fetchall():
	    db.execute("drop trigger " + name)
	db.executescript(sys.argv[2])
	db.commit()
	EOS
	give_owner "$DB"
}

# found NAME WORDS: verify ends with 1 and these words.
found() {
	need_monitor
	verify
	is "$1: exit status 1" "$?" 1
	t "$1: it says what" grep -qE "$2" "$W/verified"
	note "$(tr '\n' ';' <"$W/verified")"
	monitor_stop
	again
}

last=$(sed -n '$s/^coven-audit-1 [^ ]* \([0-9]*\) .*/\1/p' \
    "$OWNER_HOME/good/audit.heads")
note "the last head covers $last records"
again
sql "update audit set detail = 'd' || substr(detail, 2) where n = 8"
found "a byte is flipped" 'record 8 was changed'
sql "delete from audit where n = 9"
found "a record is removed" 'record 9 was removed'
sql "delete from audit where n > 20"
found "the last records are removed" 'records 21 to [0-9]* were removed'
sql "delete from audit where n > 20; update sqlite_sequence set seq = 20
    where name = 'audit'"
found "and their numbers forgotten" 'record 21 of .* is younger than head'
sql "update audit set n = -1 where n = 11;
    update audit set n = 11 where n = 12; update audit set n = 12 where n = -1"
found "two are exchanged" 'record 11 was moved: .* stands at 12'
rm -rf "$COVEN_HOME/store" && as_owner cp -a "$OWNER_HOME/old/store" \
    "$COVEN_HOME/store"
found "an old copy is put back" \
    'record [0-9]* of .* is younger|records [0-9]* to [0-9]* were'
rm -rf "$COVEN_HOME/store"
found "a new store is put in place" 'is not here: the store was exchanged'

# With the words of doc/adr/0010-audit-chain.md: everything after the change is
# chained anew.
"$PYTHON" - "$DB" <<-'EOS'
import hashlib, sqlite3, struct, sys
def text(s):
    if s is None:
        return b"\xff" * 8
    s = s.encode()
    return struct.pack(">Q", len(s)) + s
db = sqlite3.connect(sys.argv[1])
for name in ("audit_kept_u", "audit_kept_d"):
    db.execute("drop trigger " + name)
db.execute("update audit set detail = 'nothing' where n = 15")
meta = dict(db.execute("select name, value from meta"))
chain = struct.pack("<qq", meta["chain_0"], meta["chain_1"])
digest = hashlib.sha256(text("coven-audit-1") + chain).digest()
for n, at, verb, session, actor, detail, there in db.execute(
    "select n, at_ns, verb, session, actor, detail, digest from audit "
    "order by n").fetchall():
    digest = hashlib.sha256(digest + struct.pack(">QQ", n, at) + text(verb) +
        text(session) + text(actor) + text(detail)).digest()
    if n < 15 and digest != there:
        sys.exit("record %d: the digest is another" % n)
    db.execute("update audit set digest = ? where n = ?", (digest, n))
db.commit()
EOS
is "another program computes the same digests" "$?" 0
give_owner "$DB"
found "a record is changed and all are chained anew" 'chained anew: head'

# The key of another home: what is signed with it is not ours.
rm "$COVEN_HOME/keys/audit.key"
as_owner sh -c 'umask 277; head -c 32 /dev/urandom >"$1"' sh \
    "$COVEN_HOME/keys/audit.key"
found "heads are signed with another key" 'is not signed with this key'
sed -i 's/\(.* [0-9]* \)[0-9a-f]\{64\} /\1'"$(printf '0%.0s' $(seq 64))"' /' \
    "$COVEN_HOME/audit.heads"
found "heads are changed" 'is not signed with this key'
rm "$COVEN_HOME/audit.heads"
need_monitor
verify
is "without the old heads nothing is known of before" \
    "$(sed -n 's/^complete to head \([0-9]*\) of.*/\1/p' "$W/verified" |
    wc -l)" 1
monitor_stop
again
verify --heads "$OWNER_HOME/good/audit.heads"
is "verify needs records" "$?" 69

# A line that was being written when the power went.
head -c -100 "$OWNER_HOME/good/audit.heads" >"$COVEN_HOME/audit.heads"
need_monitor
t "a torn head costs itself alone" verify
t "and is told" grep -q 'lines that are no head.*: 1' "$W/verified"
rm "$COVEN_HOME/audit.heads"
launched() {
	launch true && [ -s "$COVEN_HOME/audit.heads" ]
}
t "heads that were put away are begun anew" wait_for "$LIVENESS" launched
monitor_stop
left_nothing "nothing is left"
tap_done
