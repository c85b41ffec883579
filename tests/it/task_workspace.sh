#!/bin/bash
# A session in a folder of its own, in the place of a project: made for it,
# bounded, packed by policy, and gone at the end.  The same bound holds what an
# isolated session writes.
. "$(dirname "$0")/../lib.sh"

# task COMMAND: how it ended in $CODE.
task() {
	ctl exec --workspace -- sh -c "$1" </dev/null >"$W/out" 2>&1
	CODE=$?
	ID=$(ctl sessions --ids --limit 1)
}

folders() { ls "$COVEN_HOME/work" 2>/dev/null; }
no_folders() { test -z "$(folders)"; }
has() { test -e "$COVEN_HOME/archives/$ID.tar.zst"; }
limit_of() { http GET "/api/v1/sessions/$1" && jget "$W/body" limit; }

configure() {
	owner_file "$COVEN_HOME/coven.toml" "$(printf '%s\n' '[archive]' \
	    'policy = "failed"' '[limits]' "$@")"
	as_owner chmod 600 "$COVEN_HOME/coven.toml"
}

one_mode() {
	world "$1"
	as_owner mkdir -p "$PROJECT"
	as_owner mkdir -p -m 700 "$COVEN_HOME"
	configure 'workspace_mib = 16' 'workspace_files = 3000' \
	    '[harness.other.limits]' 'cpu_s = 1'
	need_monitor
	task "pwd; ls -A | wc -l; echo x >new; cat new; ls '$PROJECT' 2>&1 || :"
	is "a task has a folder of its own ($MODE)" "$(sed -n 1p "$W/out")" \
	    "$COVEN_HOME/work/$ID/files"
	is "which is empty, and its to write ($MODE)" \
	    "$(sed -n 2,3p "$W/out" | paste -sd' ')" "0 x"
	t "no project is there ($MODE)" grep -q 'No such file' "$W/out"
	t "nothing is left of it ($MODE)" wait_for "$LIVENESS" no_folders
	t "and one that ended well is not packed ($MODE)" test ! -e \
	    "$COVEN_HOME/archives"
	http GET "/api/v1/sessions/$ID"
	is "the record says where it was ($MODE)" \
	    "$(jget "$W/body" project_root)" "$COVEN_HOME/work/$ID/files"
	task 'mkdir d; chmod 0 d; echo gone >f; exit 3'
	is "one that failed ends as it did ($MODE)" "$CODE" 3
	t "what it wrote is packed ($MODE)" wait_for "$LIVENESS" has
	t "then it goes ($MODE)" wait_for "$LIVENESS" no_folders
	ctl archives extract "$ID" "$W/x" >"$W/out" 2>&1
	is "the archive holds it ($MODE)" "$(cat "$W/x/f")" gone
	http GET "/api/v1/sessions/$ID/changes"
	is "it has no project to compare with ($MODE)" "$STATUS" 404
	bounds
	refusals
	monitor_stop
	is "the home holds nothing of them ($MODE)" "$(folders)" ""
	[ "$MODE" != user ] || disk
	world_end
}

# ended_by NAME COMMAND...: the session ends, by that bound.
ended_by() {
	local name=$1

	shift
	ctl exec "$@" </dev/null >"$W/out" 2>&1
	ID=$(ctl sessions --ids --limit 1)
	is "$name ($MODE)" "$(limit_of "$ID")" workspace
}

bounds() {
	ended_by "one that writes too much is ended" --workspace -- \
	    sh -c 'head -c 40000000 /dev/zero >big; sleep 30'
	t "it is gone as well ($MODE)" wait_for "$LIVENESS" no_folders
	[ "$MODE" = user ] || [ -n "${COVEN_LONG-}" ] || return 0
	ended_by "one that makes too many files" --workspace -- \
	    sh -c 'mkdir d; cd d; seq 4000 | xargs touch; sleep 30'
	t "and nothing is left of those ($MODE)" wait_for "$LIVENESS" no_folders
	ended_by "one whose file has no name" --workspace -- \
	    sh -c 'exec 3>f; rm f; head -c 40000000 /dev/zero >&3; sleep 30'
	ended_by "one that hides it" --workspace -- sh -c 'mkdir d
	    head -c 100000000 /dev/zero >d/f; chmod 0 d; sleep 30'
	ended_by "and so is an isolated one" --isolated --project "$PROJECT" \
	    -- sh -c 'head -c 40000000 /dev/zero >big; sleep 30'
	ctl exec --workspace -- sh -c 'head -c 12000000 /dev/zero >a
	    i=0; while [ $i -lt 100 ]; do ln a b$i; i=$((i + 1)); done
	    sleep 2; echo whole' </dev/null >"$W/out" 2>&1
	is "one file of a hundred names is one ($MODE)" "$(cat "$W/out")" whole
	ctl discard --yes "$ID" >"$W/out" 2>&1
	t "all of it goes ($MODE)" wait_for "$LIVENESS" no_folders
}

# The disk has room for a GiB more than it must keep free; three are taken, so
# that others who use it make no difference.
disk() {
	local free

	free=$(df -Pm "$PROJECT" | awk 'NR == 2 { print $4 }')
	if [ "$free" -lt 5000 ]; then
		tap_skip "the disk is kept from being filled" "$free MiB free"
		return
	fi
	configure "disk_free_mib = $((free - 1024))" 'workspace_mib = 0'
	need_monitor
	for where in --workspace "--isolated --project $PROJECT" \
	    "--project $PROJECT"; do
		# shellcheck disable=SC2086 # options
		ctl exec $where -- sh -c 'fallocate -l 3G big; sleep 20' \
		    </dev/null >"$W/out" 2>&1
		ID=$(ctl sessions --ids --limit 1)
		is "the disk is kept from being filled: ${where%% *}" \
		    "$(limit_of "$ID")" disk
		rm -f "$PROJECT/big"
		ctl sacrifice --yes "$ID" >"$W/out" 2>&1
		wait_for "$LIVENESS" no_folders
		rm -rf "$COVEN_HOME/archives"
	done
	monitor_stop
}

refusals() {
	local more

	for more in '"projectRoot":"/srv"' '"isolated":true' '"cwd":"x"' \
	    '"workspace":1'; do
		http POST /api/v1/sessions "{\"workspace\":true,$more,\
\"harness\":\"exec\",\"argv\":[\"true\"]}"
		is "a workspace and $more are refused ($MODE)" "$STATUS" 400
	done
	ctl exec --workspace --isolated -- true >"$W/out" 2>&1
	is "covenctl says so before ($MODE)" $? 2
	http GET /api/v1/health
	is "health says that there are such ($MODE)" \
	    "$(jget "$W/body" capabilities.sessionWorkspace)" true
}

for mode in user root system; do
	[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
	one_mode "$mode"
done
unset W
tap_done
