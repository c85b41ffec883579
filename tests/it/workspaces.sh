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
	ctl archives extract "$ID" "$PROJECT/x" >"$W/out" 2>&1
	is "it is unpacked ($MODE)" "$(as_owner cat "$PROJECT/x/hard")" word
	is "links as links ($MODE)" \
	    "$(as_owner readlink "$PROJECT/x/link")" /etc/passwd
	ctl archives extract "$ID" "$PROJECT/x" >"$W/out" 2>&1
	is "into no folder that was there ($MODE)" $? 1
	ctl sacrifice --yes "$ID" >/dev/null
	t "the folder goes with its record ($MODE)" wait_for 10 left 0
	is "and the archive stays ($MODE)" "$(archives)" 1
	monitor_stop
	world_end
}

for mode in user root system; do
	[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
	one_mode "$mode"
done
unset W
tap_done
