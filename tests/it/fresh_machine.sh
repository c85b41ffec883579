#!/bin/bash
# Both commands of the README on a machine with nothing installed: a minbase
# tree made by debootstrap, entered by systemd-nspawn with the host's network
# and nothing else granted, as an ordinary user and as root.  Run by name or by
# ./run-tests --long.  FRESH_SUITE chooses the release (default: this
# machine's), FRESH_MIRROR a mirror of yours.
. "$(dirname "$0")/../lib.sh"
world root
TREE=$(cd "$(dirname "$0")/../.." && pwd)
for tool in debootstrap systemd-nspawn git; do
	command -v "$tool" >/dev/null || skip_all "no $tool"
done
# shellcheck disable=SC1091 # of whatever machine this is
RELEASE=${FRESH_SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
ROOT=$W/machine

debootstrap --variant=minbase --include=ca-certificates "$RELEASE" "$ROOT" \
    "${FRESH_MIRROR:-http://deb.debian.org/debian}" >"$W/log" 2>&1 || {
	tail -n 3 "$W/log" | sed 's/^/# /'
	skip_all "debootstrap could not make a $RELEASE machine"
}
# The machine reaches its packages as this one does.
apt-config dump | grep -E '^Acquire::(https?|Check)' \
    >"$ROOT/etc/apt/apt.conf.d/50host"
environment=()
for name in http_proxy https_proxy no_proxy; do
	[ -z "${!name-}" ] || environment+=("--setenv=$name=${!name}")
done
mkdir "$ROOT/src"
(cd "$TREE" && git ls-files -z --cached --others --exclude-standard |
    tar --null -cf - -T -) | tar -xf - -C "$ROOT/src"

machine() {
	systemd-nspawn -q -D "$ROOT" --register=no --keep-unit --pipe \
	    --as-pid2 --resolv-conf=copy-host \
	    ${environment[@]+"${environment[@]}"} "$@" </dev/null
}

says_what_to_install() {
	machine --user=tester /src/quickstart >"$W/said" 2>&1
	[ $? -eq 1 ] && grep 'apt-get install .*libseccomp-dev' "$W/said"
}

all_passed() {
	machine /src/run-tests >"$W/said" 2>&1
	sed 's/^/# /' "$W/said"
	# systemd-nspawn may have a last word of its own.
	tail -n 2 "$W/said" | grep -E '^[0-9]+ passed, 0 failed'
}

machine useradd --create-home tester
machine chown -R tester:tester /src
t "an ordinary user is told what to install ($RELEASE)" says_what_to_install
t "quickstart as root ($RELEASE)" machine /src/quickstart
machine chown -R tester:tester /src
t "quickstart as an ordinary user ($RELEASE)" machine --user=tester \
    /src/quickstart
t "run-tests as root ($RELEASE)" all_passed
tap_done
