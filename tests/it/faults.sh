#!/bin/bash
# What a disk and a hand can do to a home while sessions print: a full disk, a
# read-only one, one that fails, a store and a home that are moved away and
# replaced.  Each is told once and clearly, costs nothing that was
# acknowledged, and when its cause goes away the same suite goes on.
. "$(dirname "$0")/../lib.sh"
world user
CONFIG='[audit]
head_every = 2'
COUNTER='i=0; while [ $i -lt 100000 ]; do echo "line $i"; i=$((i + 1))
[ $((i % 20)) -ne 0 ] || sleep 0.01; done'

# --- a session that prints, and what must become of it ------------------------

begin() {
	NAME=$1
	: >"$W/monitor.log"
	owner_file "$COVEN_HOME/coven.toml" "$CONFIG"
	need_monitor
	FIRST=$MONITOR_PID
	LAUNCH_MORE=',"stdin":true' launch sh -c "$COUNTER" ||
	    tap_not_ok "$NAME: a session starts" "$W/reply"
	PRINTS=$ID
	t "$NAME: it prints" wait_for "$LIVENESS" longer_than 1000
}

longer_than() {
	output "$PRINTS" "$W/so-far" &&
	    [ "$(stat -c %s "$W/so-far")" -gt "$1" ]
}

said() {
	grep -qE "$1" "$W/monitor.log"
}

# said_once PATTERN: not once a try.
said_once() {
	[ "$(grep -cE "$1" "$W/monitor.log")" -le 2 ]
}

launches() {
	launch true
}

refused_clearly() {
	launch true
	[ "$STATUS" = 503 ] &&
	    [ "$(jget "$W/body" error.code)" = unavailable ]
}

# The cause is gone: nobody did anything, and everything is there.
goes_on() {
	t "$NAME: launches work again" wait_for "$LIVENESS" launches
	t "$NAME: the session went on" wait_for "$LIVENESS" \
	    longer_than "$(stat -c %s "$W/read")"
	http POST "/api/v1/sessions/$PRINTS/kill" '{}'
	is "$NAME: it can be killed" "$STATUS" 202
	output "$PRINTS" "$W/recorded"
	t "$NAME: what was read is kept" cmp -n "$(stat -c %s "$W/read")" \
	    "$W/read" "$W/recorded"
	t "$NAME: no line lost or doubled" numbered "$W/recorded"
	is "$NAME: it is the same suite" "$MONITOR_PID" "$FIRST"
	t "$NAME: and it lives" process_alive "$FIRST"
	t "$NAME: the audit holds" ctl audit verify
}

read_all() {
	output "$PRINTS" "$W/read"
}

# --- a file system of its own -------------------------------------------------

own_disk() {
	rm -rf "$COVEN_HOME"
	mkdir "$COVEN_HOME"
	mount "$@" "$COVEN_HOME" || return 1
	chown "$OWNER:$OWNER" "$COVEN_HOME"
	chmod 700 "$COVEN_HOME"
}

no_disk() {
	umount -l "$COVEN_HOME"
	rmdir "$COVEN_HOME"
}

fill() {
	dd if=/dev/zero of="$COVEN_HOME/filler" bs=64k 2>/dev/null
	dd if=/dev/zero bs=1 count=4096 2>/dev/null >>"$COVEN_HOME/filler"
}

full_disk() {
	own_disk -t tmpfs -o size=24m none || return 1
	begin "full disk"
	LAUNCH_MORE=',"stdin":true' launch cat
	other=$ID
	writer=$(role_pid stored)
	read_all
	fill
	t "$NAME: it is told" wait_for "$LIVENESS" \
	    said 'No space left on device: output waits, requests are refused'
	t "$NAME: clients are answered" healthy
	t "$NAME: a launch is refused, and told why" wait_for "$LIVENESS" \
	    refused_clearly
	http POST "/api/v1/sessions/$other/kill" '{}'
	is "$NAME: a session can be ended" "$STATUS" 202
	t "$NAME: its end is on record" status_is "$other" killed
	read_all
	sleep 1
	t "$NAME: it is told once" said_once 'No space left.*output waits'
	rm "$COVEN_HOME/filler"
	goes_on
	is "w11_a_commit_that_failed_ends_no_record" "$(role_pid stored)" \
	    "$writer"
	t "w11_what_came_after_it_is_on_record" test \
	    "$(stat -c %s "$W/recorded")" -gt "$(stat -c %s "$W/read")"
	t "$NAME: that it is over is told" said 'the store can write again'
	monitor_stop
	is "$NAME: it stops" "$MONITOR_STATUS" 0

	fill
	: >"$W/monitor.log"
	monitor_spawn
	monitor_wait "$LIVENESS"
	is "$NAME: nothing starts on it" "$MONITOR_STATUS" 78
	t "$NAME: and it is told why" said 'No space left'
	rm "$COVEN_HOME/filler"
	need_monitor
	t "$NAME: with room it starts" launches
	monitor_stop
	no_disk
}

# A mount of the store alone, so that it can be made read-only under a suite
# that has files open; a new stored finds it so.
read_only_store() {
	rm -rf "$COVEN_HOME"
	mkdir -m 700 "$COVEN_HOME" "$COVEN_HOME/store"
	give_owner "$COVEN_HOME" "$COVEN_HOME/store"
	mount --bind "$COVEN_HOME/store" "$COVEN_HOME/store" || return 1
	begin "read-only store"
	read_all
	mount -o remount,bind,ro "$COVEN_HOME/store"
	kill -KILL "$(role_pid stored)"
	t "$NAME: it is told" wait_for "$LIVENESS" \
	    said 'open the store: .*Read-only file system'
	t "$NAME: clients are answered" healthy
	t "$NAME: a launch is refused, and told why" wait_for "$LIVENESS" \
	    refused_clearly
	mount -o remount,bind,rw "$COVEN_HOME/store"
	goes_on
	monitor_stop
	umount "$COVEN_HOME/store"

	mount --bind "$COVEN_HOME" "$COVEN_HOME"
	mount -o remount,bind,ro "$COVEN_HOME"
	: >"$W/monitor.log"
	monitor_spawn
	monitor_wait "$LIVENESS"
	is "$NAME: nothing starts in such a home" "$MONITOR_STATUS" 78
	t "$NAME: and it is told why" said 'Read-only file system'
	umount "$COVEN_HOME"
}

# What ext4 does when it finds itself damaged: no write works any more.
failed_disk() {
	truncate -s 48m "$W/disk"
	mkfs.ext4 -q "$W/disk" 2>/dev/null &&
	    own_disk -o loop "$W/disk" || return 1
	rm -rf "$COVEN_HOME/lost+found"
	begin "failed disk"
	read_all
	mount -o remount,abort "$COVEN_HOME" 2>/dev/null
	t "$NAME: it is told" wait_for "$LIVENESS" said \
	    '(Read-only file system|Input/output error): output waits'
	t "$NAME: clients are answered" healthy
	t "$NAME: a launch is refused, and told why" wait_for "$LIVENESS" \
	    refused_clearly
	read_all
	monitor_stop
	t "$NAME: it stops" test "$MONITOR_STATUS" -eq 0
	wait_for "$LIVENESS" no_roles
	umount "$COVEN_HOME"
	t "$NAME: it is mended" mount -o loop "$W/disk" "$COVEN_HOME"
	need_monitor
	t "$NAME: what was read is there" output "$PRINTS" "$W/recorded"
	t "$NAME: all of it" cmp -n "$(stat -c %s "$W/read")" "$W/read" \
	    "$W/recorded"
	t "$NAME: no line lost or doubled" numbered "$W/recorded"
	t "$NAME: nothing is called running" ended "$PRINTS"
	t "$NAME: the audit holds" ctl audit verify
	monitor_stop
	no_disk
}

# --- by hand ------------------------------------------------------------------

moved_store() {
	rm -rf "$COVEN_HOME"
	mkdir -m 700 "$COVEN_HOME"
	give_owner "$COVEN_HOME"
	begin "moved store"
	read_all
	mv "$COVEN_HOME/store" "$COVEN_HOME/away"
	kill -KILL "$(role_pid stored)"
	t "$NAME: it is told" wait_for "$LIVENESS" \
	    said 'open .*/store: No such file or directory: clients are told'
	t "$NAME: clients are answered" healthy
	t "$NAME: a launch is refused, and told why" wait_for "$LIVENESS" \
	    refused_clearly
	mkdir -m 700 "$COVEN_HOME/store"
	give_owner "$COVEN_HOME/store"
	t "$NAME: another folder is not taken" wait_for "$LIVENESS" \
	    said 'another folder than at the start'
	is "$NAME: and stays empty" "$(ls -A "$COVEN_HOME/store")" ""
	rmdir "$COVEN_HOME/store"
	mv "$COVEN_HOME/away" "$COVEN_HOME/store"
	goes_on
	mv "$COVEN_HOME/store" "$COVEN_HOME/away"
	ln -s away "$COVEN_HOME/store"
	kill -KILL "$(role_pid stored)"
	monitor_wait "$LIVENESS"
	is "$NAME: a link in its place ends the suite" "$MONITOR_STATUS" 78
	t "$NAME: and is told" said 'refused: store: it is a link'
	rm "$COVEN_HOME/store"
	mv "$COVEN_HOME/away" "$COVEN_HOME/store"
}

replaced_home() {
	local there=$OWNER_HOME/there

	begin "replaced home"
	read_all
	mv "$COVEN_HOME" "$there"
	t "$NAME: that it is gone is told" wait_for "$LIVENESS" \
	    said 'it was moved, and nothing lies there: no client finds'
	mkdir -m 700 "$COVEN_HOME"
	give_owner "$COVEN_HOME"
	t "$NAME: that another one is there as well" wait_for "$LIVENESS" \
	    said 'it was moved, and another folder lies there'
	is "$NAME: nothing of ours is put there" "$(ls -A "$COVEN_HOME")" ""
	ctl audit tail >"$W/t.out" 2>&1
	is "$NAME: a client finds no daemon there" "$?" 69
	kill -KILL "$(role_pid stored)"
	rmdir "$COVEN_HOME"
	mv "$there" "$COVEN_HOME"
	t "$NAME: that it is back is told" wait_for "$LIVENESS" said 'it is back'
	goes_on
	is "$NAME: all of it is on record" "$(ctl audit tail --match 'home.*' \
	    --limit 9 | awk '{ print $3 }' | tr '\n' ' ')" \
	    "home.lost home.lost home.back "
	monitor_stop
	is "$NAME: it stops" "$MONITOR_STATUS" 0
}

moved_store
replaced_home
if [ "$(id -u)" -eq 0 ]; then
	full_disk || tap_skip "full disk" "no tmpfs can be mounted"
	read_only_store || tap_skip "read-only store" "no bind mounts here"
	failed_disk || tap_skip "failed disk" "no loop device, or no mkfs.ext4"
else
	tap_skip "full disk, read-only store, failed disk" "mounts need root"
fi
rm -rf "$COVEN_HOME"
left_nothing "nothing is left"
tap_done
