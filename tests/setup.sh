# What quickstart and run-tests share: packages and builds.  POSIX sh; sourced.
# shellcheck shell=sh

# The packages that a build needs, and what the tests need beside them.
BUILD_PACKAGES="build-essential autoconf automake libtool pkg-config \
libseccomp-dev libcap-ng-dev libbsd-dev libmd-dev libjson-c-dev \
libsqlite3-dev libsodium-dev libtomlplusplus-dev libcmocka-dev \
libsmartcols-dev libarchive-dev libssl-dev"
TEST_PACKAGES="bubblewrap shellcheck strace valgrind cppcheck clang-tidy \
mandoc util-linux procps openssl python3 python3-jsonschema python3-yaml \
binutils e2fsprogs git iproute2 zsh fish"
# For --long: a package, and machines to try it on.
LONG_PACKAGES="debhelper lintian debootstrap systemd-container qemu-system-x86 \
e2fsprogs"
# What tests/it/compat.sh runs in a session, as program:package.
COMPAT_PROGRAMS="python3:python3 pytest-3:python3-pytest node:nodejs npm:npm
git:git gcc:gcc g++:g++ make:make cargo:cargo go:golang-go
javac:default-jdk-headless gdb:gdb strace:strace perl:perl"

# The packages of those programs that are not there, by whatever way.
compat_packages() {
	for pair in $COMPAT_PROGRAMS; do
		[ -x "/usr/bin/${pair%%:*}" ] || printf '%s\n' "${pair#*:}"
	done
}

# The first of these that the release has.
LLHTTP_CHOICE="libllhttp-dev node-llhttp"
HS_CHOICE="libvectorscan-dev libhyperscan-dev"

have_package() {
	dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null |
	    grep -q '^install ok installed$'
}

# One of several names for the same thing; the installed one if there is one.
choose_package() {
	for choice; do
		if have_package "$choice"; then
			echo "$choice"
			return
		fi
	done
	for choice; do
		if apt-cache show "$choice" >/dev/null 2>&1; then
			echo "$choice"
			return
		fi
	done
	echo "$choice"
}

missing_packages() {
	missing=
	# shellcheck disable=SC2086 # a list of words
	for name in "$@" "$(choose_package $LLHTTP_CHOICE)" \
	    "$(choose_package $HS_CHOICE)"; do
		have_package "$name" || missing="$missing $name"
	done
}

# How to become root without asking anybody; fails where that is not possible.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		sudo -n "$@"
	elif command -v sudo >/dev/null && [ -t 0 ] && [ -t 2 ]; then
		sudo "$@"
	else
		return 1
	fi
}

# install_packages NAME ...: what is missing; says the one command otherwise.
install_packages() {
	if ! command -v dpkg-query >/dev/null; then
		echo "not Debian: the packages are expected to be there:" >&2
		echo "  $* llhttp vectorscan" >&2
		return 0
	fi
	missing_packages "$@"
	[ -n "$missing" ] || return 0
	echo "installing:$missing"
	# A fresh machine has no package lists yet; then the choice may change.
	if as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update \
	    >/dev/null; then
		missing_packages "$@"
		# shellcheck disable=SC2086 # a list of words
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		    --no-install-recommends install $missing >/dev/null &&
		    return 0
	fi
	echo "these packages are missing; install them with this command:" >&2
	echo "  apt-get update && apt-get install --no-install-recommends" \
	    "$missing" >&2
	return 1
}

jobs_here() {
	getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1
}

# build_suite DIR STAGE OPTION ...: configure when the options have changed,
# build, install into STAGE.  Quiet unless it fails; the log is DIR/build.log.
build_suite() {
	build_dir=$1 build_stage=$2
	shift 2
	mkdir -p "$build_dir" || return 1
	[ -x "$TREE/configure" ] || "$TREE/bootstrap" \
	    >"$build_dir/bootstrap.log" 2>&1 || {
		tail -n 30 "$build_dir/bootstrap.log" >&2
		return 1
	}
	(
		cd "$build_dir" || exit 1
		if [ ! -f config.status ] ||
		    [ "$(cat options 2>/dev/null)" != "$*" ] ||
		    [ -n "$(find "$TREE/configure" -newer config.status)" ]
		then
			"$TREE/configure" -q --prefix="$build_stage" "$@" &&
			    echo "$*" >options
		fi &&
		    make -s -j"$(jobs_here)" all &&
		    rm -rf "$build_stage" && make -s install
	) >"$build_dir/build.log" 2>&1 && return 0
	tail -n 40 "$build_dir/build.log" >&2
	return 1
}
