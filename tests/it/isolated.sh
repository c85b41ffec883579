#!/bin/bash
# An isolated session works on an overlay: the project stays as it is.
. "$(dirname "$0")/../lib.sh"

inside() {
	ctl exec --isolated --project "$PROJECT" -- "$@" </dev/null \
	    >"$W/out" 2>&1
}

fingerprint() {
	(cd "$PROJECT" && find . -printf '%p %y %m %s %l %T@ %C@ %U %G\n' |
	    sort && find . -type f -exec sha256sum {} + | sort)
}

make_project() {
	as_owner mkdir -p "$PROJECT/sub/deep"
	owner_file "$PROJECT/one" one
	owner_file "$PROJECT/sub/two" two
	owner_file "$PROJECT/sub/deep/three" three
	as_owner ln -s one "$PROJECT/link"
	as_owner git init -q "$PROJECT"
}

folders() {
	find "$COVEN_HOME/work" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}

one_folder() {
	test "$(folders)" = 1
}

one_mode() {
	world "$1"
	make_project
	need_monitor
	fingerprint >"$W/before"
	# shellcheck disable=SC2016
	inside sh -c 'set -e; echo 1 >>one; echo 2 >sub/new; rm -rf sub/deep
	    mkdir sub/deep; echo 3 >sub/deep/four; ln -sfn sub link
	    chmod 755 sub/two; mv sub moved; cat one moved/deep/four moved/two
	    git -c user.name=x -c user.email=x add one
	    test -e sub && exit 9; pwd; id -u; stat -c %u one'
	is "an isolated session sees what it does ($MODE)" \
	    "$(head -n 4 "$W/out" | tr '\n' ' ')" "one 1 3 two "
	fingerprint >"$W/after"
	t "and the project is as it was ($MODE)" diff "$W/before" "$W/after"
	is "what it did lies in one folder ($MODE)" "$(folders)" 1
	t "that only the owner enters ($MODE)" \
	    test "$(stat -c %a "$COVEN_HOME/work")" = 700
	inside sh -c 'test -d sub/deep && cat one && cd sub && pwd'
	is "the next one begins with the project ($MODE)" \
	    "$(head -n 1 "$W/out")" one
	wait_for 5 one_folder
	is "and leaves nothing where it did nothing ($MODE)" "$(folders)" 1
	ctl exec --isolated --project "$PROJECT" --cwd sub/deep -- pwd \
	    </dev/null >"$W/out" 2>"$W/err"
	t "and who ran it is told how to see what it did ($MODE)" \
	    grep -q 'covenctl diff [0-9a-f-]*$' "$W/err"
	is "it starts where it was told to ($MODE)" "$(cat "$W/out")" \
	    "$PROJECT/sub/deep"
	inside sh -c 'echo x >.git/hooks/pre-commit || echo refused'
	t "what is protected is so here as well ($MODE)" \
	    grep -q '^refused' "$W/out"
	LAUNCH_MORE=',"isolated":"yes"' launch true
	is "isolated is true or false ($MODE)" "$STATUS" 400
	monitor_stop
	world_end
}

for mode in user root system; do
	[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
	one_mode "$mode"
done
unset W
tap_done
