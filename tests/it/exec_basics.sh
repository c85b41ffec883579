#!/bin/bash
# covenctl exec behaves as the command would without it: output apart from
# errors, exit codes as a shell gives them, standard input, folder, variables,
# large output to the last byte.
. "$(dirname "$0")/../lib.sh"
world user
need_monitor

# run [OPTION ...] -- CMD ...: sets RC; $W/out, $W/err.
run() {
	ctl exec --project "$PROJECT" "$@" >"$W/out" 2>"$W/err" </dev/null
	RC=$?
}

out_is() {
	is "$1" "$(cat "$W/out")" "$2"
	[ ! -s "$W/err" ] || sed 's/^/# stderr: /' "$W/err"
}

run -- echo hello
out_is "output" hello
is "success is 0" "$RC" 0

run -- sh -c 'echo out; echo err >&2'
out_is "standard output alone" out
t "standard error apart" grep -qx err "$W/err"

run -- sh -c 'exit 3'
is "exit status 3" "$RC" 3
owner_file "$PROJECT/plain" "no program"
run -- "$PROJECT/plain"
is "not executable is 126" "$RC" 126
run -- no-such-command-anywhere
is "not found is 127" "$RC" 127
run -- sh -c 'kill -TERM $$'
is "death by signal 15 is 143" "$RC" 143
run -- sh -c 'kill -KILL $$'
is "death by signal 9 is 137" "$RC" 137

printf 'one\ntwo\n' | ctl exec --project "$PROJECT" -- cat >"$W/out" \
    2>"$W/err"
is "standard input reaches the command" "$(cat "$W/out")" "one
two"
head -c 3000000 /dev/urandom | base64 >"$W/in"
ctl exec --project "$PROJECT" -- sha256sum <"$W/in" >"$W/out" 2>"$W/err"
is "4 MB of it" "$(cut -c1-64 "$W/out")" "$(sha256sum <"$W/in" | cut -c1-64)"

run --env GREETING="a b=c" -- sh -c 'printf "%s\n" "$GREETING"'
out_is "a variable" "a b=c"
run -- pwd
out_is "the folder is the project" "$PROJECT"
as_owner mkdir -p "$PROJECT/sub/deep"
run --cwd sub/deep -- pwd
out_is "a folder below it" "$PROJECT/sub/deep"
run --cwd ../.. -- pwd
t "a folder outside is refused" test "$RC" -ne 0
run --cwd "$OWNER_HOME" -- pwd
t "an absolute one outside is refused" test "$RC" -ne 0
ln -sfn "$OWNER_HOME" "$PROJECT/way-out"
run --cwd way-out -- pwd
t "a link to outside is refused" test "$RC" -ne 0
rm "$PROJECT/way-out"

run -- sh -c 'echo made >file'
is "a file in the project is the owner's" \
    "$(cat "$PROJECT/file"):$(stat -c %u "$PROJECT/file")" "made:$OWNER"
run -- sh -c 'test -t 0 || test -t 1 || test -t 2'
is "no terminal when there is none" "$RC" 1
run -- sh -c 'printf "h\303\251llo \342"; sleep 0.2
    printf "\202\254\n"'
out_is "text beyond ASCII" "$(printf 'h\303\251llo \342\202\254')"

run -- sh -c 'i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i+1)); done'
is "2000 lines in order" "$(sha256sum <"$W/out")" \
    "$(seq 0 1999 | sed 's/^/line /' | sha256sum)"

head -c 6291456 /dev/urandom | base64 >"$PROJECT/big"
run -- cat big
is "8 MiB to the last byte" "$(sha256sum <"$W/out")" \
    "$(sha256sum <"$PROJECT/big")"
is "and the command's success" "$RC" 0

# The same, from the record.
if launch cat big; then
	big=$ID
	t "the session ends" wait_for "$LIVENESS" status_is "$big" completed
	output "$big" "$W/recorded"
	is "8 MiB on record" "$(sha256sum <"$W/recorded")" \
	    "$(sha256sum <"$PROJECT/big")"
else
	tap_not_ok "8 MiB on record" "$W/reply"
fi

http GET /api/v1/sessions
t "they are all on record" test "$(jget "$W/body" '#')" -gt 15

not_recorded() {
	http GET /api/v1/sessions
	! grep -qF "\"$1\"" "$W/body"
}

# A project that is not there, or not allowed.
ctl exec --project "$OWNER_HOME/none" -- true >"$W/out" 2>"$W/err" </dev/null
t "an absent project is refused" test $? -ne 0
t "and leaves no session" not_recorded "$OWNER_HOME/none"
for root in / "$OWNER_HOME" "$COVEN_HOME" "$COVEN_HOME/store" /etc; do
	http POST /api/v1/sessions "$(printf \
	    '{"harness":"exec","projectRoot":"%s","argv":["true"]}' "$root")"
	is "project root $root is refused" \
	    "$STATUS $(jget "$W/body" error.code)" "400 invalid_request"
done

# What is wrong is said with what to do about it: STATUS PATTERN ARG ...
advises() {
	local status=$1 pattern=$2

	shift 2
	ctl "$@" </dev/null >"$W/out" 2>"$W/err"
	is "covenctl $*: exit status" "$?" "$status"
	t "covenctl $*: what to do" grep -qE -- "$pattern" "$W/err"
}
launch true && wait_for "$LIVENESS" ended "$ID"
advises 1 'sessions --all lists the ids' kill "${ID:0:8}"
advises 1 'covenctl log ID says how' kill "$ID"
advises 1 'another with --project; .*roots.allow' exec --project /etc -- true
advises 127 "finds the system's programs" exec --project "$PROJECT" -- nosuch
advises 1 '--cwd lies in --project' exec --project "$PROJECT" --cwd / -- true
advises 2 'NAME of letters' exec --env 1X=2 -- true
advises 2 'now: start takes no more arguments' start now
advises 2 'kill: an argument is missing' kill
advises 1 'covenctl pair list names them' pair revoke nobody
advises 1 'mode = "token"; then covenctl restart' token rotate
advises 78 'a folder of your own' --home / sessions
advises 1 'give another name' audit export "$COVEN_HOME/daemon.json"

monitor_stop
left_nothing "nothing is left"
tap_done
