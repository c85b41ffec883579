#!/bin/bash
# The package on a whole Debian 12 machine under qemu, without a network: its
# kernel, systemd, cgroup v2 with every controller, AppArmor and Yama are the
# machine's own.  Installed, started, upgraded with live sessions, purged, and
# between these integration tests against what was installed.  Run by name,
# by make check-vm or ./run-tests --long.
#
# CHECK_VM_DEB is the package.  The machine is made once, in CHECK_VM_CACHE, by
# debootstrap from FRESH_MIRROR.  CHECK_VM_SCRIPTS chooses the tests.
. "$(dirname "$0")/../lib.sh"
world root
TREE=$(cd "$(dirname "$0")/../.." && pwd)
for tool in debootstrap qemu-system-x86_64 mke2fs dpkg-deb; do
	command -v "$tool" >/dev/null || skip_all "no $tool"
done
DEB=${CHECK_VM_DEB:-$(find "$TREE/build/deb" -maxdepth 1 \
    -name 'coven_*.deb' 2>/dev/null | head -n 1)}
[ -f "$DEB" ] || skip_all "no package: make deb"
CACHE=${CHECK_VM_CACHE:-$TREE/build/vm-cache}
SCRIPTS=${CHECK_VM_SCRIPTS:-peer_by_number mode_system sandbox_package panic
    limits_cgroup}
mkdir -p "$CACHE"

# What the package depends on, and what the tests need.
packages() {
	dpkg-deb -f "$DEB" Depends | tr ',' '\n' |
	    sed 's/|.*//; s/(.*//; s/ //g' | sort -u | paste -sd,
}

# Made in one folder and renamed: an image that is there is whole.
make_machine() {
	local tree=$CACHE/$KEY.tree

	rm -rf "$tree"
	debootstrap --variant=minbase --include="$INCLUDE" bookworm "$tree" \
	    "${FRESH_MIRROR:-http://deb.debian.org/debian}" >"$W/log" 2>&1 ||
	    return 1
	mkdir "$tree/check"
	cat >"$tree/etc/systemd/system/check.service" <<-'END'
	[Unit]
	After=multi-user.target
	[Service]
	Type=simple
	StandardOutput=tty
	StandardError=tty
	TTYPath=/dev/ttyS0
	ExecStartPre=/bin/mount -t ext4 /dev/vdb /check
	ExecStart=/bin/bash /check/inside.sh
	ExecStopPost=/bin/systemctl poweroff --force
	END
	ln -s ../check.service \
	    "$tree/etc/systemd/system/multi-user.target.wants/check.service"
	rm -f "$tree/etc/systemd/system/getty.target.wants"/*
	ln -sf /dev/null "$tree/etc/systemd/system/serial-getty@ttyS0.service"
	echo check >"$tree/etc/hostname"
	rm -rf "$tree/var/cache/apt/archives"/*.deb "$tree/var/lib/apt/lists"/*
	cp "$tree"/boot/vmlinuz-* "$CACHE/$KEY.kernel" &&
	    cp "$tree"/boot/initrd.img-* "$CACHE/$KEY.initrd" &&
	    mke2fs -q -t ext4 -d "$tree" "$CACHE/$KEY.new" 2G &&
	    mv "$CACHE/$KEY.new" "$CACHE/$KEY.img" && rm -rf "$tree"
}

# The same programs as a later version: only the number differs.
make_next() {
	dpkg-deb -R "$DEB" "$W/next" &&
	    sed -i 's/^Version:.*/Version: 0.1.0+next/' \
		"$W/next/DEBIAN/control" &&
	    dpkg-deb --root-owner-group -Zgzip -b "$W/next" \
		"$W/payload/coven-next.deb" >/dev/null
}

make_payload() {
	mkdir -p "$W/payload/tests/it" "$W/payload/tools"
	cp "$TREE/tests/vm/inside.sh" "$W/payload/"
	cp "$DEB" "$W/payload/coven.deb"
	cp "$TREE"/tests/*.sh "$W/payload/tests/"
	cp "$TREE"/tests/it/*.sh "$TREE"/tests/it/*.py "$W/payload/tests/it/"
	cp -R "$TREE/packaging" "$W/payload/"
	cp "$TOOLS"/* "$W/payload/tools/"
	tr -s '\n\t' ' ' <<<"$SCRIPTS" >"$W/payload/scripts"
	make_next && mke2fs -q -t ext4 -d "$W/payload" "$W/payload.img" 300M
}

INCLUDE="systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,\
linux-image-cloud-amd64,apparmor,kmod,procps,python3,util-linux,passwd,\
e2fsprogs,$(packages)"
KEY=bookworm-$(printf '%s' "$INCLUDE" | md5sum | cut -c 1-12)
if [ ! -f "$CACHE/$KEY.img" ] && ! make_machine; then
	tail -n 3 "$W/log" | sed 's/^/# /'
	skip_all "debootstrap could not make a machine"
fi
make_payload || { tap_not_ok "the machine's second disk"; tap_done; }
# The library that looks for secrets needs SSE4.2, which the default has not.
timeout "${CHECK_VM_TIMEOUT:-1500}" nice qemu-system-x86_64 \
    -accel tcg,thread=multi -cpu Nehalem -smp 2 -m 1536 -nographic -no-reboot -net none -snapshot \
    -kernel "$CACHE/$KEY.kernel" -initrd "$CACHE/$KEY.initrd" \
    -append "root=/dev/vda rw console=ttyS0 quiet" \
    -drive "file=$CACHE/$KEY.img,if=virtio,format=raw" \
    -drive "file=$W/payload.img,if=virtio,format=raw" \
    </dev/null >"$W/serial" 2>&1
tr -cd '[:print:]\n' <"$W/serial" >"$W/console"
grep -a -E '^(Linux |[a-z,]*apparmor|cpuset)' "$W/console" | sed 's/^/# /'
while IFS= read -r line; do
	case $line in
	"CHECK ok "*) tap_ok "${line#CHECK ok }" ;;
	"CHECK skip "*) tap_skip "${line#CHECK skip }" "not there" ;;
	"CHECK not ok "*) tap_not_ok "${line#CHECK not ok }" ;;
	"  | "*) note "$line" ;;
	esac
done <"$W/console"
t "the machine ran to its end" grep -a '^CHECK end' "$W/console"
[ "$TAP_FAILED" -eq 0 ] || tail -n 15 "$W/console" |
    sed 's/^/# console: /'
tap_done
