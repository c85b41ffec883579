#!/bin/bash
# The system mode: a root monitor for an ordinary owner, where the package's
# users exist.  Roles have users of their own, the monitor the capabilities of
# its table, a payload an id of a range, and what it writes is the owner's,
# where the file system can be id-mapped; where not, the payload is the owner.
. "$(dirname "$0")/../lib.sh"
world package

uid_of() {
	awk '$1 == "Uid:" { print $2 }' "/proc/$1/status"
}

role_uid() {
	uid_of "$(role_pid "$1")"
}

user_id() {
	awk -F: -v name="$1" '$1 == name { print $3 }' "$W/passwd"
}

# The payload itself: the child of its init.
payload_uid() {
	local init

	init=$(role_pid init) || return 1
	uid_of "$(awk '{ print $1 }' "/proc/$init/task/$init/children")"
}

in_range() {
	[ "$1" -ge 1879048192 ] && [ "$1" -lt 1879310336 ]
}

# works NAME: a session runs; who its payload is, and whose its file.
works() {
	rm -f "$PROJECT/made"
	launch sh -c 'echo "$(id -u) $(id -un)" >made; sleep 1000' || return 1
	wait_for "$LIVENESS" test -s "$PROJECT/made"
	t "$1: the payload is the owner to itself" \
	    grep -x "$TEST_UID owner" "$PROJECT/made"
	t "$1: what it writes is the owner's" \
	    test "$(stat -c %u:%g "$PROJECT/made")" = "$TEST_UID:$TEST_UID"
}

end() {
	http POST "/api/v1/sessions/$ID/kill" '{}'
	wait_for "$LIVENESS" ended "$ID"
}

need_monitor
for role in apid stored; do
	is "$role has the user coven-$role" "$(role_uid "$role")" \
	    "$(user_id "coven-$role")"
done
for set in CapPrm CapEff CapBnd; do
	# setgid setuid kill sys_admin, as coven-monitor/confine.c names them
	is "the monitor has what its table names: $set" "$(awk -v set="$set:" \
	    '$1 == set { print $2 }' "/proc/$MONITOR_PID/status")" \
	    00000000002000e0
done
works "a range"
t "a range: it is an id of the range on the host" in_range "$(payload_uid)"
t "and so is its runner" in_range "$(role_uid runner)"
first=$(payload_uid)
end
launch sleep 1000
t "a session that was made ahead has one too" in_range "$(payload_uid)"
note "ids: $first $(payload_uid)"
t "doctor says that the roles have users" eval \
    'ctl doctor | grep -F "users of their own"'
end

# A file system that has no id-mapped mounts.
mkdir "$W/lower" "$W/upper" "$W/work"
give_owner "$W/lower" "$W/upper"
if mount -t overlay -o "lowerdir=$W/lower,upperdir=$W/upper,workdir=$W/work" \
    none "$PROJECT"; then
	works "no id-mapped mounts"
	is "no id-mapped mounts: on the host it is the owner" \
	    "$(payload_uid)" "$TEST_UID"
	end
	umount "$PROJECT"
else
	tap_skip "no id-mapped mounts" "overlay cannot be mounted here"
fi
chgrp 4 "$PROJECT" && chmod 2770 "$PROJECT"
rm -f "$PROJECT/made"
launch sleep 1000
is "a project of another group: on the host it is the owner" \
    "$(payload_uid)" "$TEST_UID"
end
chgrp "$TEST_UID" "$PROJECT" && chmod 755 "$PROJECT"
monitor_stop
left_nothing "nothing is left"

package_users coven-stored
world_snapshot
need_monitor
t "one user is missing: roles have ids of the claimed range" \
    in_range "$(role_uid apid)"
t "and that is told" grep -F "user coven-stored cannot be used" \
    "$W/monitor.log"
launch sleep 1000
is "and the payload is the owner" "$(payload_uid)" "$TEST_UID"
t "doctor names the rule" eval 'ctl doctor | grep -F "coven-stored"'
end
monitor_stop
tap_done
