#!/bin/bash
# The folders that a launchPolicy adds: mounted, writable, told to the harness
# by their canonical names; refused by the rules of project roots; and one that
# is exchanged between check and mount leads nowhere else.
. "$(dirname "$0")/../lib.sh"
TREE=$(cd "$(dirname "$0")/../.." && pwd)

# add DIR ...: a launch of codex with these; its id in $ID.
add() {
	http POST /api/v1/sessions "$("$PYTHON" -c '
import json, sys
print(json.dumps({"harness": "codex", "projectRoot": sys.argv[1],
    "prompt": "p", "launchMode": "nonInteractive", "launchPolicy": {
    "approval": "never", "sandbox": "workspace-write",
    "addDirs": sys.argv[2:]}}))' "$PROJECT" "$@")"
	ID=$(jget "$W/body" id 2>/dev/null)
	[ "$STATUS" = 201 ]
}

# added DIR ...: it ran to its end; what it said is in $W/said.
added() {
	add "$@" || return 1
	wait_for "$LIVENESS" ended "$ID" && output "$ID" "$W/out.raw" &&
	    tr -d '\r' <"$W/out.raw" >"$W/said"
}

# refused NAME PATTERN DIR ...
refused() {
	local name="$MODE: $1" pattern=$2 rows

	shift 2
	http GET /api/v1/sessions
	rows=$(jget "$W/body" '#')
	add "$@"
	if [ "$STATUS-$(jget "$W/body" error.code)" = 400-invalid_request ] &&
	    grep -qE -- "$pattern" "$W/body"; then
		http GET /api/v1/sessions
		is "$name" "$(jget "$W/body" '#')" "$rows"
	else
		tap_not_ok "$name: not $pattern" "$W/reply"
	fi
}

runnable() {
	sed -i "1a MORE_DIRS='$MORE'" "$PROJECT/payload"
	chmod 755 "$PROJECT/payload"
}

mounted() {
	owner_file "$PROJECT/payload" '#!/bin/sh
	for dir in "$MORE_DIRS/one" "$MORE_DIRS/two/deep"; do
		echo "content<$(cat "$dir/file")>"
		echo written >"$dir/new"
	done
	echo new >"$MORE_DIRS/two/deep/.git/hooks/pre-commit" &&
	    echo "wrote a hook"
	(cd "$MORE_DIRS/two/deep" && git config core.fsmonitor x) &&
	    echo "wrote a configuration"
	mv "$MORE_DIRS/two/deep/.git" "$MORE_DIRS/two/deep/x" &&
	    echo "moved a git folder"
	echo new >>"$MORE_DIRS/one/.envrc" && echo "wrote .envrc"
	echo "beside<$(ls -A "$MORE_DIRS")>"
	[ ! -S "$MORE_DIRS/one/socket" ] || echo "a socket of the host"'
	runnable
	t "$MODE: it runs" added "$MORE/one" "$MORE/link" "$MORE/one/." \
	    "$PROJECT/sub" "$MORE/two/deep" "$MORE/one/inner"
	is "$MODE: the harness gets canonical names, each once" \
	    "$(sed -n '/^arg<--add-dir>/{n;s/^arg<\(.*\)>$/\1/p}' "$W/said")" \
	    "$MORE/one
$PROJECT/sub
$MORE/two/deep
$MORE/one/inner"
	is "$MODE: and everything else as it was" \
	    "$(sed -n 's/^arg<\(.*\)>$/\1/p' "$W/said" |
	    sed '/^--add-dir$/,+1d' | tr '\n' ' ')" \
	    '--ask-for-approval never -c approval_policy="never" --sandbox workspace-write exec --skip-git-repo-check --color never -- - '
	is "$MODE: what lies in them is there" \
	    "$(grep -c '^content<mine>$' "$W/said")" 2
	is "$MODE: what is written in them stays" \
	    "$(cat "$MORE/one/new" "$MORE/two/deep/new")" "written
written"
	is "$MODE: it is the owner's" "$(stat -c %u "$MORE/one/new")" \
	    "$OWNER"
	is "$MODE: their neighbours are not there" \
	    "$(sed -n '/^beside</,/>$/p' "$W/said" | tr '\n' ' ')" \
	    "beside<one two> "
	is "$MODE: what is protected in one is not written" \
	    "$(grep -E '^(wrote|moved) ' "$W/said")" ""
	t "$MODE: a socket in one is masked" \
	    test "$(grep -c 'a socket of the host' "$W/said")" = 0
	t "$MODE: none is no error" added
}

by_the_rules() {
	local what='launchPolicy.addDirs'

	refused "one that is not there" "failed to resolve $what .*No such" \
	    "$MORE/one" "$MORE/nowhere"
	refused "a file" "failed to resolve $what .*Not a directory" \
	    "$MORE/one/file"
	refused "COVEN_HOME" "$what .* is refused: .*COVEN_HOME" "$COVEN_HOME"
	refused "the owner's home" "$what .* is refused: .*COVEN_HOME" \
	    "$OWNER_HOME"
	# A system's monitor goes by the passwd file, which has no such owner.
	[ "$MODE" = system ] || refused "a harness's own folder" \
	    "$what .*harness's own folder" "$OWNER_HOME/.claude"
	refused "a system folder" "$what .* is refused: it is a system folder" \
	    /etc
	refused "a link to one" "$what /etc is refused" "$MORE/system"
	refused "one on roots.deny" "$what .* is refused: .*roots\.deny" \
	    "$MORE/denied"
	refused "more than 64" "at most 64" $(seq -f /tmp/%g 65)
}

exchange() {
	owner_file "$W/exchange.py" 'import os, sys, time
path, seconds = sys.argv[1], float(sys.argv[2])
places = sys.argv[3:]
end, turn = time.time() + seconds, 0
while time.time() < end:
    turn += 1
    try:
        os.rename(path, path + ".aside")
        os.symlink(places[turn % len(places)], path)
        time.sleep(0.0005)
        os.unlink(path)
        os.rename(path + ".aside", path)
        time.sleep(0.02)
    except OSError: pass'
	${OWNER_PRIV[@]+"${OWNER_PRIV[@]}"} "$PYTHON" "$W/exchange.py" \
	    "$MORE/one" 2 "$MORE/denied" "$COVEN_HOME" /etc &
	EXCHANGER=$!
}

exchanged() {
	local right=0 wrong=0

	owner_file "$PROJECT/payload" '#!/bin/sh
	[ "$(cat "$MORE_DIRS/one/file")" = mine ] && echo right ||
	    ls -A "$MORE_DIRS/one"'
	runnable
	exchange
	while process_alive "$EXCHANGER"; do
		added "$MORE/one" || continue
		case $(sed -n '/^in</,$p' "$W/said" | tail -n +2) in
		right) right=$((right + 1)) ;;
		'') ;;			# refused while it was built
		*) wrong=$((wrong + 1)) && cp "$W/said" "$W/wrong" ;;
		esac
	done
	note "$right launches were let in"
	t "$MODE: some were let in" test "$right" -gt 0
	is "$MODE: one that is exchanged is refused or the right one" "$wrong" 0
}

for mode in user root system; do
	[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
	world "$mode"
	BIN=$OWNER_HOME/.local/bin
	MORE=$OWNER_HOME/more
	as_owner mkdir -p "$BIN" "$PROJECT/sub" "$MORE/one/inner" \
	    "$MORE/two/deep" "$MORE/denied" "$MORE/beside" \
	    "$OWNER_HOME/.claude"
	cp "$TREE/tests/fake_harness" "$BIN/codex"
	chmod 755 "$BIN/codex"
	give_owner "$BIN/codex"
	owner_file "$MORE/one/file" mine
	owner_file "$MORE/two/deep/file" mine
	owner_file "$MORE/denied/file" secret
	owner_file "$MORE/one/.envrc" mine
	as_owner git init -q "$MORE/two/deep"
	as_owner ln -s "$MORE/one" "$MORE/link"
	as_owner ln -s /etc "$MORE/system"
	as_owner "$PYTHON" -c 'import os, socket, sys
os.chdir(sys.argv[1])
socket.socket(socket.AF_UNIX).bind("socket")' "$MORE/one"
	as_owner mkdir -m 700 "$COVEN_HOME"
	owner_file "$COVEN_HOME/coven.toml" "[roots]
deny = [\"$MORE/denied\"]"
	MONITOR_ENV=("PATH=$BIN:/usr/local/bin:/usr/bin:/bin")
	world_snapshot
	need_monitor
	mounted
	by_the_rules
	exchanged
	monitor_stop
	world_end
done
tap_done
