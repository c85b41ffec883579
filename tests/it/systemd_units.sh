#!/bin/bash
# Both units under a real systemd, booted by systemd-nspawn in a tree made by
# debootstrap: the user's own, and the system's for one user.  Ready when it
# serves, its sessions in its own delegated cgroup, restarted by the watchdog
# when it hangs, and stopped in order.  Run by name or by ./run-tests --long.
# FRESH_SUITE chooses the release, FRESH_MIRROR a mirror of yours, and
# UNITS_ROOT a tree that is there already.
. "$(dirname "$0")/../lib.sh"
world root
TREE=$(cd "$(dirname "$0")/../.." && pwd)
for tool in debootstrap systemd-nspawn; do
	command -v "$tool" >/dev/null || skip_all "no $tool"
done
# shellcheck disable=SC1091 # of whatever machine this is
RELEASE=${FRESH_SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
ROOT=${UNITS_ROOT:-$W/machine}

# Exactly the libraries that the programs say they need.
packages() {
	local program

	for program in "$SUITE"/bin/* "$SUITE"/sbin/* "$SUITE"/libexec/coven/*
	do
		ldd "$program" | awk '$2 == "=>" { print $3 }'
	done | sort -u | while read -r file; do
		dpkg -S "$(realpath "$file")" 2>/dev/null || dpkg -S "$file"
	done 2>/dev/null | cut -d: -f1 | sort -u | paste -sd,
}

if [ ! -d "$ROOT/usr" ]; then
	debootstrap --variant=minbase --include="systemd,systemd-sysv,dbus,$(
	    packages),dbus-user-session,libpam-systemd" "$RELEASE" "$ROOT" \
	    "${FRESH_MIRROR:-http://deb.debian.org/debian}" >"$W/log" 2>&1 || {
		tail -n 3 "$W/log" | sed 's/^/# /'
		skip_all "debootstrap could not make a $RELEASE machine"
	}
fi
cp -R "$SUITE/bin" "$SUITE/sbin" "$SUITE/libexec" "$ROOT/usr/"
mkdir -p "$ROOT/usr/lib/systemd/user" "$ROOT/usr/lib/systemd/system" \
    "$ROOT/results"
cp "$TREE/packaging/systemd/coven.service" "$ROOT/usr/lib/systemd/user/"
cp "$TREE/packaging/systemd/coven@.service" "$ROOT/usr/lib/systemd/system/"
mkdir -p "$ROOT/usr/lib/sysusers.d"
cp "$TREE/packaging/sysusers.d/coven.conf" "$ROOT/usr/lib/sysusers.d/"
# What runs inside, when the machine is up.
cat >"$ROOT/results/unit-test" <<'END'
#!/bin/bash
exec >/results/said 2>&1
say() { echo "$1: $2"; }
# unit NAME SYSTEMCTL...: started, used, hung, stopped.
unit() {
	local name=$1 first second who=("${AS[@]}")
	shift
	"$@" start "$UNIT"
	say "$name started" "$? $("$@" is-active "$UNIT")"
	"$@" is-active -q "$UNIT" || {
		journalctl --no-pager -n 30 -o cat -t coven-monitor
		return
	}
	say "$name status" "$("$@" show -p StatusText --value "$UNIT")"
	first=$("$@" show -p MainPID --value "$UNIT")
	say "$name serves" "$(cd ~tester/project && "${who[@]}" covenctl exec \
	    -- echo "hello" </dev/null)"
	say "$name roles" "$(grep -lxE 'coven-(apid|stored)' \
	    /proc/[0-9]*/comm | sed 's/comm$/status/' | xargs awk \
	    '$1 == "Uid:" { print $2 }' | xargs -n 1 id -un | sort -u |
	    paste -sd ' ')"
	"${who[@]}" bash -c 'cd ~tester/project && covenctl exec -- sleep 99 \
	    </dev/null' &
	for _ in $(seq 100); do
		find /sys/fs/cgroup -path '*coven-*/s*' -name cgroup.procs \
		    -exec cat {} + 2>/dev/null | grep -q . && break
		sleep 0.1
	done
	say "$name cgroups" "$(find /sys/fs/cgroup -type d -name 'coven-*-*' |
	    grep -c "$CGROUP")"
	say "$name panic" "$("${who[@]}" covenctl panic)"
	kill -STOP "$first"
	for _ in $(seq 300); do
		second=$("$@" show -p MainPID --value "$UNIT")
		[ "$second" != "$first" ] && [ "$second" != 0 ] &&
		    "$@" is-active -q "$UNIT" && break
		sleep 0.1
	done
	say "$name watchdog" "$([ "$second" != "$first" ] && echo restarted)"
	"$@" stop "$UNIT"
	say "$name stopped" "$? $("$@" show -p Result --value "$UNIT")"
	say "$name left" "$(ls ~tester/.coven/coven.sock 2>&1 | wc -l) $(
	    find /sys/fs/cgroup -type d -name 'coven-*-*' | wc -l)"
}
systemd-sysusers coven.conf
useradd --create-home --uid 1000 tester
install -d -o tester -g tester ~tester/project
loginctl enable-linger tester
for _ in $(seq 300); do
	[ -S /run/user/1000/systemd/private ] && break
	sleep 0.1
done
AS=(setpriv --reuid 1000 --regid 1000 --init-groups env HOME=/home/tester
    PATH=/usr/bin:/bin XDG_RUNTIME_DIR=/run/user/1000)
install -d -o tester -g tester /home/tester/.config \
    /home/tester/.config/systemd /home/tester/.config/systemd/user \
    /home/tester/.config/systemd/user/coven.service.d
printf '[Service]\nWatchdogSec=4\n' | tee \
    /home/tester/.config/systemd/user/coven.service.d/quick.conf >/dev/null
mkdir -p /etc/systemd/system/coven@.service.d
printf '[Service]\nWatchdogSec=4\n' >/etc/systemd/system/coven@.service.d/q.conf
systemctl daemon-reload
"${AS[@]}" systemctl --user daemon-reload
UNIT=coven.service CGROUP=user@1000.service
unit user "${AS[@]}" systemctl --user
UNIT=coven@1000.service CGROUP=coven@1000.service
unit system systemctl
journalctl --no-pager -u coven@1000 -n 40 >/results/journal
touch /results/done
systemctl poweroff
END
chmod 755 "$ROOT/results/unit-test"
cat >"$ROOT/usr/lib/systemd/system/unit-test.service" <<'END'
[Unit]
After=multi-user.target
[Service]
Type=simple
ExecStart=/results/unit-test
END
ln -sf ../unit-test.service \
    "$ROOT/usr/lib/systemd/system/multi-user.target.wants/unit-test.service"
rm -f "$ROOT/results/said" "$ROOT/results/done"

SYSTEMD_SECCOMP=0 timeout 240 systemd-nspawn -q -b -D "$ROOT" \
    --register=no --keep-unit --private-users=no --machine="units$$" \
    </dev/null >"$W/console" 2>&1
if [ ! -e "$ROOT/results/said" ]; then
	tail -n 5 "$W/console" | tr -cd '[:print:]\n' | sed 's/^/# /'
	skip_all "systemd does not boot in a container here"
fi
sed 's/^/# /' "$ROOT/results/said"
result() {
	sed -n "s/^$1: //p" "$ROOT/results/said"
}
for unit in user system; do
	home=/home/tester/.coven
	is "$unit unit: start returns when it serves" \
	    "$(result "$unit started")" "0 active"
	is "$unit unit: its status says where" "$(result "$unit status")" \
	    "serves $home/coven.sock"
	is "$unit unit: it serves" "$(result "$unit serves")" hello
	roles=tester
	[ "$unit" = user ] || roles="coven-apid coven-stored"
	is "$unit unit: whose its roles are" "$(result "$unit roles")" "$roles"
	is "$unit unit: sessions have a cgroup of the unit's" \
	    "$(result "$unit cgroups")" 1
	is "$unit unit: panic kills by it" "$(result "$unit panic")" \
	    "1 session killed by their cgroup"
	is "$unit unit: a monitor that hangs is replaced" \
	    "$(result "$unit watchdog")" restarted
	is "$unit unit: stop" "$(result "$unit stopped")" "0 success"
	is "$unit unit: leaves nothing" "$(result "$unit left")" "1 0"
done
tap_done
