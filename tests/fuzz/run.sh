#!/bin/sh
# Builds tests/fuzz/fuzz_X.c with libFuzzer and AddressSanitizer and runs it
# for FUZZ_SECONDS (30) from its committed corpus.
#
#	run.sh SRCDIR BUILDDIR X
#
# The target names what it needs in its first comment: FUZZ-SOURCES, files
# besides common/ (C, or C++ as .cc), FUZZ-PACKAGES, for pkg-config, and
# FUZZ-FLAGS, for the compiler.
set -eu

src=$1 build=$2 name=$3
target=$src/tests/fuzz/fuzz_$name.c
work=$build/fuzz/$name
seconds=${FUZZ_SECONDS:-30}
cc=${FUZZ_CC:-clang-14}
cxx=${FUZZ_CXX:-clang++-14}

command -v "$cc" >/dev/null || {
	echo "SKIP: fuzz $name: there is no $cc"
	exit 0
}

sources=$(sed -n 's|^ \* FUZZ-SOURCES: *||p' "$target")
packages=$(sed -n 's|^ \* FUZZ-PACKAGES: *||p' "$target")
extra=$(sed -n 's|^ \* FUZZ-FLAGS: *||p' "$target")
# shellcheck disable=SC2086 # a list of names
flags=$(pkg-config --cflags --libs libbsd-overlay libmd libsodium \
    $packages)
checks="-fsanitize=fuzzer-no-link,address,undefined"
checks="$checks -fno-sanitize-recover=undefined"

mkdir -p "$work"
set -- "$target" "$src"/common/*.c
for f in $sources; do
	set -- "$@" "$src/$f"
done
for f in "$@"; do
	case $f in
	*.cc)	compile="$cxx -std=c++17 -DNDEBUG" ;;
	*)	compile="$cc -std=gnu11" ;;
	esac
	# shellcheck disable=SC2086 # lists of flags
	$compile -g -O1 $checks -D_GNU_SOURCE -I"$src" -I"$build" \
	    -include config.h $flags $extra -c "$f" \
	    -o "$work.$(basename "$f").o"
done
# shellcheck disable=SC2086
"$cxx" -fsanitize=fuzzer,address,undefined "$work".*.o $flags \
    -o "$build/fuzz/fuzz_$name"
rm -f "$work".*.o
dict=$src/tests/fuzz/dict/$name.dict
set --
[ ! -e "$dict" ] || set -- -dict="$dict"
"$build/fuzz/fuzz_$name" "$@" -max_total_time="$seconds" -max_len=65536 \
    -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$build/fuzz/" "$work" "$src/tests/fuzz/corpus/$name"
