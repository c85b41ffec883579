#!/bin/bash
# What an isolated session wrote is packed by policy, and removed with its
# record; a kill at any step loses neither.
. "$(dirname "$0")/../lib.sh"

leave() {
	# shellcheck disable=SC2016
	ctl exec --isolated --project "$PROJECT" -- sh -c 'echo word >new
	    mkdir -p d/e; chmod 0 d/e; ln -s /etc/passwd link; mkfifo fifo
	    ln new hard; printf x >set; chmod 4755 set 2>/dev/null; exit '"$1" \
	    </dev/null >"$W/out" 2>&1
}

archives() {
	find "$COVEN_HOME/archives" -name '*.tar.zst' 2>/dev/null | wc -l
}

folders() {
	find "$COVEN_HOME/work" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}

packed() { test "$(archives)" = "$1"; }
left() { test "$(folders)" = "$1"; }
first() { find "$COVEN_HOME/work" -mindepth 1 -maxdepth 1 -printf '%f\n'; }

# What the daemon says of the one archive there is.
listed() {
	local next

	t "it is listed ($MODE)" \
	    test "$(ctl archives list --ids)" = "$ID"
	ctl archives show "$ID" >"$W/out"
	is "with what is not in it ($MODE)" "$(field outcome)" partial
	is "and how large it is ($MODE)" "$(field packed)" \
	    "$(stat -c %s "$COVEN_HOME/archives/$ID.tar.zst")"
	http GET "/api/v1/archives/$ID"
	is "over HTTP as well ($MODE)" "$STATUS" 200
	http GET "/api/v1/archives?limit=1"
	next=$(sed -n 's/.*"nextCursor":\([^}]*\)}/\1/p' "$W/body")
	is "a page of one is the last ($MODE)" "$STATUS $next" "200 null"
	http GET "/api/v1/archives?cursor=9-$ID"
	is "nothing is older than the first second ($MODE)" \
	    "$(cat "$W/body")" '{"archives":[],"nextCursor":null}'
	http GET "/api/v1/archives?cursor=1"
	is "a cursor that is none is refused ($MODE)" "$STATUS" 400
	http GET "/api/v1/archives?limit=0"
	is "and so is a page of nothing ($MODE)" "$STATUS" 400
	http GET /api/v1/archives/none
	is "an id that is none is not found ($MODE)" "$STATUS" 404
}

field() { sed -n "s/^$1 *//p" "$W/out"; }

removed() {
	ctl archives rm "$ID" </dev/null >"$W/out" 2>&1
	is "it is not removed without a word ($MODE)" $? 2
	ctl archives rm --yes "$ID" >"$W/out" 2>&1
	is "it is removed ($MODE)" $? 0
	t "its file goes ($MODE)" wait_for 10 packed 0
	http DELETE "/api/v1/archives/$ID"
	is "it cannot be removed twice ($MODE)" "$STATUS" 404
	is "the list is empty ($MODE)" "$(ctl archives list --ids)" ""
	ctl audit tail --match 'archive.*' >"$W/out"
	t "the audit says who asked for it ($MODE)" \
	    grep -q "archive.delete  $ID  .*requested" "$W/out"
	t "and that it was done ($MODE)" \
	    grep -q "archive.forget .*gone" "$W/out"
}

one_mode() {
	world "$1"
	as_owner mkdir -p "$PROJECT"
	owner_file "$PROJECT/one" one
	as_owner mkdir -p -m 700 "$COVEN_HOME"
	owner_file "$COVEN_HOME/coven.toml" '[archive]
policy = "failed"'
	as_owner chmod 600 "$COVEN_HOME/coven.toml"
	need_monitor
	leave 0
	wait_for 5 left 1
	is "a session that ended well is not packed ($MODE)" "$(archives)" 0
	ID=$(first)
	ctl sacrifice --yes "$ID" >/dev/null
	t "with its record what it left goes ($MODE)" wait_for 10 left 0
	leave 3
	t "one that failed is packed ($MODE)" wait_for 10 packed 1
	is "and its folder is kept ($MODE)" "$(folders)" 1
	ID=$(first)
	is "nobody but the owner reads it ($MODE)" \
	    "$(stat -c %a "$COVEN_HOME/archives/$ID.tar.zst")" 600
	ctl audit tail --match 'workspace.*' >"$W/out"
	t "the audit says what is in it ($MODE)" \
	    grep -q "workspace.archive .*entries.*left out" "$W/out"
	listed
	ctl archives extract "$ID" "$PROJECT/x" >"$W/out" 2>&1
	is "it is unpacked ($MODE)" "$(as_owner cat "$PROJECT/x/hard")" word
	is "links as links ($MODE)" \
	    "$(as_owner readlink "$PROJECT/x/link")" /etc/passwd
	ctl archives extract "$ID" "$PROJECT/x" >"$W/out" 2>&1
	is "into no folder that was there ($MODE)" $? 1
	ctl sacrifice --yes "$ID" >/dev/null
	t "the folder goes with its record ($MODE)" wait_for 10 left 0
	is "and the archive stays ($MODE)" "$(archives)" 1
	removed
	monitor_stop
	world_end
}

for mode in user root system; do
	[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
	one_mode "$mode"
done
unset W
tap_done
