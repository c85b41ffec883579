#!/bin/bash
# What an isolated session did: diff shows it, apply brings exactly that over,
# discard throws it away; in each of the three owner modes.
. "$(dirname "$0")/../lib.sh"

# isolated CMD ...: sets ID.
isolated() {
	LAUNCH_MORE=',"isolated":true' launch "$@" || return 1
	wait_for "$LIVENESS" ended "$ID"
}

# Also from settled: an ended row comes a moment before its processes' end.
settled() {
	http GET "/api/v1/sessions/$ID/changes" && [ "$STATUS" != 409 ]
}

run_isolated() {
	isolated "$@" && wait_for "$LIVENESS" settled
}

make_project() {
	rm -rf "$PROJECT"
	as_owner mkdir -p "$PROJECT/sub/deep" "$PROJECT/gone/far"
	owner_file "$PROJECT/one" one
	owner_file "$PROJECT/sub/two" two
	owner_file "$PROJECT/sub/deep/three" three
	owner_file "$PROJECT/gone/far/four" four
	owner_file "$PROJECT/five" five
	as_owner ln -s one "$PROJECT/link"
	as_owner git init -q "$PROJECT"
	sleep 0.05
}

tree() {
	(cd "$1" && find . ! -path './.git*' -printf '%P %y %m %l\n' |
	    sort && find . ! -path './.git*' -type f -exec sha256sum {} + |
	    sort) | text
}

# Events hold text: what is none comes out as another byte.
text() {
	LC_ALL=C tr -d '\200-\377'
}

shown() {
	ctl diff "$ID" | LC_ALL=C sort
}

everything_shown() {
	make_project
	# shellcheck disable=SC2016
	run_isolated bash -c 'set -e; echo 1 >>one; echo 2 >sub/new
	    chmod 755 sub/new; rm -r gone; rm -r sub/deep; mkdir sub/deep
	    echo 3 >sub/deep/other; ln -sfn sub/new link; rm five; mkdir five
	    echo 5 >five/in; mkdir -m 750 empty; ln one hard
	    printf x >"new
line"; printf x >"$(printf "esc\033[31m")"; printf x >"$(printf "b\377d")"
	    cp -a . /tmp/copy; cd /tmp/copy; find . ! -path "./.git*" \
		-printf "%P %y %m %l\n" | sort; find . ! -path "./.git*" \
		-type f -exec sha256sum {} + | sort'
	output "$ID" "$W/raw" && text <"$W/raw" >"$W/inside"
	shown >"$W/diff" 2>&1
	printf '%s\n' 'A b\xffd' 'A empty/' 'A esc\x1b[31m' 'A five/in' \
	    'A hard' 'A new\nline' 'A sub/deep/other' 'A sub/new' 'D gone/' \
	    'D sub/deep/three' 'M five/' 'M link' 'M one' |
	    LC_ALL=C sort >"$W/want"
	t "diff names what was done, on one line each ($MODE)" \
	    diff "$W/want" "$W/diff"
	ctl diff --patch "$ID" >"$W/patch" 2>&1
	t "and shows it ($MODE)" grep -qx '+1' "$W/patch"
	ctl apply "$ID" >"$W/apply" 2>&1
	is "apply brings all of it over ($MODE)" "$(tail -n 1 "$W/apply")" \
	    "13 applied, 0 conflict, 0 refused, 0 failed"
	tree "$PROJECT" >"$W/outside"
	t "exactly ($MODE)" diff "$W/inside" "$W/outside"
	is "then there is no difference ($MODE)" "$(ctl diff "$ID")" ""
	is "what was made is the owner's ($MODE)" \
	    "$(stat -c %u "$PROJECT/sub/new")" "$OWNER"
	t "discard throws it away ($MODE)" ctl discard --yes "$ID"
	is "wholly ($MODE)" "$(find "$COVEN_HOME/work" -mindepth 1)" ""
	ctl diff "$ID" >"$W/out" 2>&1
	is "once ($MODE)" "$?" 1
}

conflicts() {
	make_project
	run_isolated sh -c 'echo 1 >one; echo 2 >sub/two; rm five
	    echo 3 >sub/deep/three; echo 4 >theirs; rm -r gone'
	as_owner sh -c 'cd "$1"; echo mine >one; rm sub/two
	    echo mine >>five; echo mine >theirs; echo mine >gone/far/new' \
	    sh "$PROJECT"
	ctl apply "$ID" >"$W/apply" 2>&1
	is "what the project changed is left and named ($MODE)" \
	    "$? $(grep -c '^conflict: ' "$W/apply")" "1 5"
	is "the rest is not ($MODE)" "$(cat "$PROJECT/sub/deep/three")" 3
	is "nothing of the owner's is lost ($MODE)" \
	    "$(cd "$PROJECT" && cat one five theirs gone/far/new)" \
	    "$(printf 'mine\nfive\nmine\nmine\nmine')"
	ctl apply --force "$ID" one >"$W/apply" 2>&1
	is "until it is named, with --force ($MODE)" \
	    "$(cat "$PROJECT/one") $(cat "$PROJECT/theirs")" "1 mine"
	ctl discard --yes "$ID"
}

refusals() {
	make_project
	as_owner mkdir "$PROJECT/.vscode"
	as_owner ln -s sub/../ways "$PROJECT/.husky"
	# shellcheck disable=SC2016
	run_isolated sh -c 'ln -s /etc/passwd out; ln -s ../../x sub/out
	    ln -s ../one sub/in; mkdir -p .claude; echo x >.claude/hooks
	    mkfifo fifo; "$0" -c "import socket
socket.socket(socket.AF_UNIX).bind(\"sock\")"; echo x >.envrc
	    mkdir ways; echo x >ways/hook
	    mkdir shut; echo x >shut/in; chmod 0 shut
	    git init -q new; echo x >.coven-apply-1; rm -r .git || :' \
	    "$PYTHON"
	ctl apply "$ID" >"$W/apply" 2>&1
	is "what is refused ends with status 1 ($MODE)" "$?" 1
	for name in ways/ ways/hook shut/ out sub/out .claude/ .claude/hooks fifo sock .envrc \
	    new/.git/config .coven-apply-1; do
		t "$name is refused ($MODE)" grep -q "^refused: $name (" \
		    "$W/apply"
	done
	t "and is not there ($MODE)" sh -c 'cd "$1" && ! ls -d out sub/out \
	    .claude fifo sock .envrc .coven-apply-1' sh "$PROJECT"
	is "a link in the project is ($MODE)" \
	    "$(readlink "$PROJECT/sub/in")" ../one
	ctl apply "$ID" .claude/hooks out >"$W/apply" 2>&1
	is "what is named is brought over ($MODE)" \
	    "$(cat "$PROJECT/.claude/hooks") $(readlink "$PROJECT/out")" \
	    "x /etc/passwd"
	t "and nothing else ($MODE)" test ! -e "$PROJECT/.envrc"
	ctl discard --yes "$ID"
}

# What git takes for a folder of its own by names that come one by one, and a
# link whose text stays in the project where the link does not.
by_parts() {
	make_project
	as_owner mkdir -p "$PROJECT/half/objects"
	run_isolated sh -c 'ln -s . here; ln -s here/../up round
	    echo x >half/HEAD; echo x >half/config
	    mkdir -p late/hooks; echo x >late/config; echo x >late/hooks/x'
	ctl diff "$ID" >"$W/diff" 2>&1
	t "diff names what apply refuses ($MODE)" \
	    grep -qxF 'A half/config (protected)' "$W/diff"
	ctl apply "$ID" >"$W/apply" 2>&1
	for name in round half/HEAD half/config; do
		t "$name is refused ($MODE)" grep -q "^refused: $name (" \
		    "$W/apply"
	done
	t "nor is any there ($MODE)" sh -c 'cd "$1" && ! ls -d round half/H* \
	    half/c*' sh "$PROJECT"
	ctl discard --yes "$ID"
	run_isolated sh -c 'echo x >late/HEAD; mkdir late/objects'
	ctl apply "$ID" >"$W/apply" 2>&1
	t "no folder becomes a git folder later ($MODE)" \
	    grep -qx 'refused: late/HEAD (protected)' "$W/apply"
	ctl discard --yes "$ID"
}

# A payload cannot make these; its layer on the disk can still hold them.
planted() {
	local upper

	make_project
	run_isolated sh -c 'echo x >one'
	upper=$COVEN_HOME/work/$ID/upper
	echo x >"$upper/setid" && chmod 6755 "$upper/setid"
	mknod "$upper/null" c 1 3
	give_owner "$upper/setid"
	chmod 6755 "$upper/setid"
	ctl apply "$ID" >"$W/apply" 2>&1
	is "set-id bits are dropped ($MODE)" \
	    "$(stat -c %a "$PROJECT/setid")" 755
	t "a device is refused ($MODE)" grep -q '^refused: null (special)' \
	    "$W/apply"
	t "and is not there ($MODE)" test ! -e "$PROJECT/null"
	ctl discard --yes "$ID"
}

not_for_everybody() {
	make_project
	LAUNCH_MORE=',"isolated":true,"stdin":true' launch cat
	http GET "/api/v1/sessions/$ID/changes"
	is "a session that runs has no changes yet ($MODE)" "$STATUS" 409
	http POST "/api/v1/sessions/$ID/apply" '{}'
	is "nor are they brought over ($MODE)" "$STATUS" 409
	http DELETE "/api/v1/sessions/$ID/changes"
	is "nor thrown away ($MODE)" "$STATUS" 409
	http POST "/api/v1/sessions/$ID/kill" '{}'
	launch true
	wait_for "$LIVENESS" ended "$ID"
	http GET "/api/v1/sessions/$ID/changes"
	is "one that was not isolated has none ($MODE)" \
	    "$STATUS $(jget "$W/body" error.code)" "404 no_changes"
	http POST "/api/v1/sessions/$ID/apply" '{}'
	is "to bring over ($MODE)" "$STATUS" 404
	http GET "/api/v1/sessions/nobody/changes"
	is "nor has one that is none ($MODE)" \
	    "$STATUS $(jget "$W/body" error.code)" "404 session_not_found"
	http DELETE "/api/v1/sessions/nobody/changes"
	http POST "/api/v1/sessions/nobody/apply" '{}'
	is "in any way ($MODE)" \
	    "$STATUS $(jget "$W/body" error.code)" "404 session_not_found"
	http POST "/api/v1/sessions/$ID/apply" '{"allow":"x"}'
	is "allow is a list ($MODE)" "$STATUS" 400
	http GET "/api/v1/sessions/$ID/changes?limit=0"
	is "and limit a number ($MODE)" "$STATUS" 400
	http DELETE "/api/v1/sessions/$ID/changes"
	is "there is nothing to discard ($MODE)" "$STATUS" 404
}

by_wire() {
	make_project
	run_isolated sh -c 'echo x >one'
	http POST "/api/v1/sessions/$ID/apply" '{"allow":["one"]}'
	is "what one path holds is asked for by name ($MODE)" \
	    "$STATUS $(cat "$PROJECT/one")" "200 x"
	http DELETE "/api/v1/sessions/$ID/changes"
	is "and the rest thrown away ($MODE)" \
	    "$STATUS $(jget "$W/body" discarded)" "200 true"
}

elsewhere() {
	http POST /api/v1/sessions/external \
	    "{\"id\":\"../elsewhere\",\"projectRoot\":\"/\",\"harness\":\"x\"}"
	http POST /api/v1/sessions/../elsewhere/complete '{"exitCode":0}'
	http GET "/api/v1/sessions/../elsewhere/changes"
	is "a session that ran elsewhere left nothing here ($MODE)" \
	    "$STATUS $(jget "$W/body" error.code)" "404 no_changes"
	is "and the store goes on ($MODE)" "$(role_pid stored)" "$1"
}

another_project() {
	make_project
	run_isolated sh -c 'echo x >one'
	as_owner mv "$PROJECT" "$PROJECT.old"
	as_owner mkdir "$PROJECT"
	http GET "/api/v1/sessions/$ID/changes"
	is "another folder in the project's place has no changes ($MODE)" \
	    "$STATUS $(jget "$W/body" error.code)" "500 changes_failed"
	http POST "/api/v1/sessions/$ID/apply" '{}'
	is "nor is anything brought over to it ($MODE)" \
	    "$STATUS $(ls -A "$PROJECT")" "500 "
	rm -rf "$PROJECT.old"
	t "but what was left goes with its record ($MODE)" \
	    ctl sacrifice --yes "$ID"
	t "at once ($MODE)" wait_for "$LIVENESS" no_folder
}

no_folder() {
	test ! -e "$COVEN_HOME/work/$ID"
}

# A folder of the project is exchanged for a link to elsewhere all the while.
races() {
	local seconds=${COVEN_LONG:+60} n=0 end

	seconds=${seconds:-5}
	make_project
	as_owner mkdir "$OWNER_HOME/victim"
	owner_file "$OWNER_HOME/victim/two" theirs
	run_isolated sh -c 'for i in 1 2 3 4 5 6 7 8 9; do echo $i >sub/n$i
	    echo $i >sub/deep/n$i; done; rm sub/two'
	owner_file "$W/exchange.py" 'import os, sys, time
project, victim, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
end = time.time() + seconds
while time.time() < end:
    try:
        os.rename(project + "/sub", project + "/aside")
        os.symlink(victim, project + "/sub")
        time.sleep(0.0005)
        os.unlink(project + "/sub")
        os.rename(project + "/aside", project + "/sub")
        time.sleep(0.0005)
    except OSError: break'
	as_owner "$PYTHON" "$W/exchange.py" "$PROJECT" "$OWNER_HOME/victim" \
	    "$seconds" &
	end=$!
	while process_alive "$end"; do
		ctl apply "$ID" >"$W/apply" 2>&1
		as_owner find "$PROJECT" -name 'n?' -delete
		n=$((n + 1))
	done
	note "$n applies"
	is "no apply wins a race for a link ($MODE)" \
	    "$(ls -A "$OWNER_HOME/victim") $(cat "$OWNER_HOME/victim/two")" \
	    "two theirs"
	ctl discard --yes "$ID"
}

on_record() {
	ctl audit tail --match 'session.*' >"$W/audit" 2>&1
	t "apply is on record ($MODE)" grep -q session.apply "$W/audit"
	t "and discard ($MODE)" grep -q session.discard "$W/audit"
}

# Somebody is faster: what he wrote while a change was made stays.
overtaken() {
	make_project
	owner_file "$PROJECT/big" old
	sleep 0.05
	run_isolated sh -c 'truncate -s 400M big'
	ctl apply "$ID" >"$W/apply" 2>&1 &
	wait_for "$LIVENESS" made_temp
	owner_file "$PROJECT/big" mine
	wait $!
	is "what is written while it is replaced is not lost ($MODE)" \
	    "$(head -c 10 "$PROJECT/big")" mine
	t "and is named ($MODE)" grep -q '^conflict: big' "$W/apply"
	is "and nothing of ours is left ($MODE)" \
	    "$(find "$PROJECT" -name '.coven-apply*')" ""
	ctl discard --yes "$ID"
}

made_temp() {
	find "$PROJECT" -name '.coven-apply*' | grep -q .
}

# The helper is killed again and again; each name is the old or the new.
killed() {
	local i pid n=0 many=${COVEN_LONG:+10000}

	many=${many:-1500}
	make_project
	# shellcheck disable=SC2016
	as_owner bash -c 'mkdir "$1/many"; for ((i = 0; i < 200; i++)); do
	    echo "old $i" >"$1/many/$i"; done' bash "$PROJECT"
	sleep 0.05
	# shellcheck disable=SC2016
	run_isolated bash -c 'for ((i = 0; i < $1; i++)); do
	    echo "new $i" >"many/$i"; done; rm many/17; echo x >one' \
	    bash "$many"
	for ((i = 0; i < 8; i++)); do
		ctl apply "$ID" >"$W/apply.$i" 2>&1 &
		pid=
		wait_for 5 role_pid applier >/dev/null
		pid=$(role_pid applier)
		sleep "0.0$((RANDOM % 9))"
		[ -z "$pid" ] || { kill -KILL "$pid" 2>/dev/null &&
		    n=$((n + 1)); }
		wait $!
	done
	note "killed $n times"
	is "no file is half ($MODE)" "$(cd "$PROJECT/many" && cat -- * |
	    grep -cvE '^(old|new) [0-9]+$')" 0
	ctl apply "$ID" >"$W/apply" 2>&1
	is "the next apply finishes ($MODE)" "$?" 0
	is "all of it ($MODE)" "$(cat "$PROJECT"/many/* | grep -c new) $(
	    find "$PROJECT/many" -type f | wc -l)" "$((many - 1)) $((many - 1))"
	is "and leaves no name of ours ($MODE)" \
	    "$(find "$PROJECT" -name '.coven-apply*')" ""
	is "of $many files there is no difference left ($MODE)" \
	    "$(ctl diff "$ID" | wc -l)" 0
	ctl discard --yes "$ID"
}

# What does not hang on who the owner is is tried as the first one; --long
# tries all of it as each.
for mode in user root system; do
	[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
	world "$mode"
	make_project
	need_monitor
	everything_shown
	refusals
	by_parts
	[ "$(id -u)" -ne 0 ] || planted
	if [ "$mode" = user ] || [ -n "${COVEN_LONG-}" ]; then
		conflicts
		not_for_everybody
		by_wire
		elsewhere "$(role_pid stored)"
		another_project
		on_record
		races
		overtaken
		killed
	fi
	monitor_stop
	world_end
done
unset W
tap_done
