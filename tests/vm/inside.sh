#!/bin/bash
# Runs in the machine of tests/it/check_vm.sh, as root, from /check: what the
# package does there, and integration tests against the installed suite.  Each
# result is a line "CHECK ok|not ok|skip NAME" on the console.
cd /check || exit 1
export LC_ALL=C
AS=(setpriv --reuid 1000 --regid 1000 --init-groups env HOME=/home/tester
    PATH=/usr/bin:/bin)
UNIT=coven@1000.service

# check NAME CMD ...: the command decides; what it says, if it fails, is shown.
check() {
	local name=$1

	shift
	if "$@" >/tmp/check.out 2>&1; then
		echo "CHECK ok $name"
	else
		echo "CHECK not ok $name"
		tail -n 12 /tmp/check.out | cut -c 1-200 | sed 's/^/  | /'
	fi
}

# until_ok CMD ...: within two minutes; this machine is emulated.
until_ok() {
	local end=$((SECONDS + 120))

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}

main_pid() {
	systemctl show -p MainPID --value "$UNIT"
}

# script NAME: one of tests/it, against /usr.
script() {
	local log=/tmp/$1.tap

	if [ ! -e "/check/tests/it/$1.sh" ]; then
		echo "CHECK skip $1: there is no such script"
		return
	fi
	SUITE=/usr timeout 400 bash "/check/tests/it/$1.sh" >"$log" 2>&1 \
	    </dev/null
	local status=$?
	grep -E '^(not )?ok' "$log" | sed -E 's/^(not )?ok [0-9]+ - /CHECK \1ok '"$1"': /'
	grep -A 12 -E '^not ok' "$log" | grep '^#' | sed 's/^/  | /'
	if [ "$status" -ne 0 ] && ! grep -q '^not ok' "$log"; then
		echo "CHECK not ok $1: ended with status $status"
		tail -n 5 "$log" | sed 's/^/  | /'
	fi
}

# Every file of the system that a package could leave.
files() {
	find / -xdev \( -path /tmp -o -path /var/lib/dpkg -o -path /var/log \
	    -o -path /var/cache -o -path /home -o -path /check \
	    -o -path /etc/systemd/system -o -path /var/lib/systemd \) \
	    -prune -o -print | sort
}

installed() {
	dpkg -i /check/coven.deb && getent passwd coven-apid &&
	    getent passwd coven-stored && [ -d /run/coven ] &&
	    [ -x /usr/sbin/coven-monitor ]
}

# Compiling the patterns has a deadline that an emulated machine may miss.
starts() {
	systemctl reset-failed "$UNIT" 2>/dev/null
	until_ok systemctl "${1-start}" "$UNIT" && return
	journalctl --no-pager -o cat -n 8 -u "$UNIT"
	return 1
}

serves() {
	[ "$("${AS[@]}" covenctl exec --project /home/tester/project -- \
	    echo hello </dev/null)" = hello ]
}

role_has_its_user() {
	pgrep -u "coven-$1" -x "coven-$1"
}

# The session of live_session, by what it wrote.
beats() {
	local was

	was=$(stat -c %s /home/tester/project/beat) || return 1
	until_ok eval '[ "$(stat -c %s /home/tester/project/beat)" != '"$was"' ]'
}

live_session() {
	"${AS[@]}" covenctl exec --project /home/tester/project -- sh -c \
	    'while :; do echo x >>beat; sleep 0.5; done' </dev/null \
	    >/tmp/live.out 2>&1 &
	until_ok test -s /home/tester/project/beat
}

upgraded() {
	dpkg -i /check/coven-next.deb &&
	    [ "$(dpkg-query -W -f '${Version}' coven)" = 0.1.0+next ]
}

is_old_build() {
	[ "$(main_pid)" = "$FIRST" ] && readlink "/proc/$FIRST/exe" |
	    grep deleted
}

is_new_build() {
	[ "$(main_pid)" != "$FIRST" ] && [ "$(readlink \
	    "/proc/$(main_pid)/exe")" = /usr/sbin/coven-monitor ]
}

purged() {
	dpkg --purge coven && ! systemctl is-active -q "$UNIT" &&
	    ! pgrep -x 'coven-.*'
}

nothing_left() {
	files >/tmp/after
	diff /tmp/before /tmp/after && ! getent passwd | grep coven- &&
	    ! getent group | grep coven-
}

uname -sr
cat /sys/kernel/security/lsm && echo
cat /sys/fs/cgroup/cgroup.controllers
useradd --create-home --uid 1000 tester
install -d -o tester -g tester /home/tester/project
files >/tmp/before
check "the package installs" installed
check "no unit was enabled or started" \
    test -z "$(systemctl list-units --no-legend 'coven@*')"
check "AppArmor is on, and the package did not break it" eval \
    'aa-enabled && apparmor_parser -Q /etc/apparmor.d/lsb_release'
check "the unit starts" starts
check "it serves its user" serves
for role in apid stored; do
	check "coven-$role has a user of its own" role_has_its_user "$role"
done
check "the monitor has the capabilities of its table" \
    grep -E '^CapEff:.00000000002000e0$' "/proc/$(main_pid)/status"
check "what a session writes is the user's" eval '"${AS[@]}" covenctl exec \
    --project /home/tester/project -- touch made </dev/null &&
    [ "$(stat -c %U /home/tester/project/made)" = tester ]'
check "a session lives" live_session
FIRST=$(main_pid)
check "an upgrade with a live session" upgraded
check "the session survives it" beats
check "the daemon keeps to its build" is_old_build
check "and starts further sessions" serves
check "it is restarted" starts restart
check "then it is of the new build" is_new_build
check "and serves" serves
check "the session that ended then is on record" eval \
    '"${AS[@]}" covenctl sessions --all --json | grep -F "\"status\":\"failed\""'
systemctl stop "$UNIT"

mkdir -p /usr/tests && mount --bind /check/tools /usr/tests
read -r -a scripts </check/scripts
for name in "${scripts[@]}"; do
	script "$name"
done
umount /usr/tests && rmdir /usr/tests

starts
check "the package is purged, and its daemon stopped" purged
check "nothing is left" nothing_left
echo "CHECK end"
