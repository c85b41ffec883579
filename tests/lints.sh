#!/bin/bash
# One lint by name; "list" prints the names.  Exit 0 clean, 77 when the tool
# is not there, else what the tool says.
#
#	tests/lints.sh NAME BUILD
set -u
TREE=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$TREE" || exit 1
BUILD=${2-}
LINTS=(shellcheck mandoc cppcheck clang-tidy references golden-protocol
    openapi distribution)

need() {
	command -v "$1" >/dev/null || {
		echo "$1 is not installed"
		exit 77
	}
}

sources() {
	find common sandbox redact coven-* covenctl -name '*.c' | sort
}

# The scripts by what they say they are.
lint_shellcheck() {
	need shellcheck
	{
		find tests packaging -name '*.sh'
		echo bootstrap quickstart run-tests .ci/run tests/it/run
	} | xargs shellcheck -x
}

lint_mandoc() {
	need mandoc
	find doc covenctl coven-* -name '*.[158]' \
	    -exec mandoc -T lint -W warning {} +
}

lint_cppcheck() {
	need cppcheck
	local bsd

	# Without its macros it cannot read who uses them.
	bsd=$(pkg-config --variable=includedir libbsd)/bsd/sys
	# shellcheck disable=SC2046 # a list of names
	cppcheck -q --std=c11 -j 2 --inline-suppr --error-exitcode=1 \
	    --enable=warning,portability --suppress=missingIncludeSystem \
	    --suppress=unknownMacro --suppress=normalCheckLevelMaxBranches \
	    --include="$bsd/queue.h" \
	    --include="$bsd/tree.h" -D_GNU_SOURCE -I. $(sources)
}

# The flags that configure settled on, for what is included besides libc.
library_flags() {
	sed -n 's/^\(BSD\|MD\|CAPNG\|SECCOMP\|JSONC\|SQLITE\|LLHTTP\|SMARTCOLS\|HS\|OPENSSL\)_CFLAGS = //p' \
	    "$BUILD/Makefile"
}

# Mistakes, not taste.  One file a run: the analyzer's check of va_list loses
# its way in the second.  Not those that include the sources of llhttp, which
# are another's.
lint_clang-tidy() {
	need clang-tidy
	local checks='-*,bugprone-*,cert-err34-c,cert-fio38-c,cert-msc*'

	checks+=',clang-analyzer-*'
	checks+=',-bugprone-easily-swappable-parameters'
	checks+=',-bugprone-narrowing-conversions'
	checks+=',-bugprone-reserved-identifier'
	checks+=',-bugprone-assignment-in-if-condition'
	checks+=',-bugprone-macro-parentheses'
	checks+=',-bugprone-branch-clone'
	checks+=',-bugprone-multi-level-implicit-pointer-conversion'
	checks+=',-cert-msc24-c,-cert-msc33-c'
	checks+=',-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafe*'
	checks+=',-clang-analyzer-optin.performance*'
	# shellcheck disable=SC2046 # a list of flags
	sources | grep -v /llhttp_ | xargs -P 2 -I{} clang-tidy -quiet \
	    -warnings-as-errors='*' -checks="$checks" {} -- -std=gnu11 \
	    -D_GNU_SOURCE -I. -I"$BUILD" -include "$BUILD/config.h" \
	    $(library_flags) 2>/dev/null
}

# Documents name what exists.
lint_references() {
	local bad=0 path

	for path in $(grep -ohE '`(common|sandbox|redact|coven-[a-z]+|covenctl|tests|doc|packaging)/[A-Za-z0-9_./@-]+`' \
	    README.md HACKING.md doc/*.md doc/adr/*.md | tr -d '`' | sort -u); do
		[ -e "$path" ] || [ -e "$BUILD/$path" ] || {
			echo "$path does not exist"
			bad=1
		}
	done
	return "$bad"
}

# The help and doc/LIMITS.md are compared by unit tests, the filters too.
# golden FILE CMD ...: what the command prints is the committed file.
golden() {
	local file=$1

	shift
	"$@" | diff -u "$file" - && return
	echo "to accept: tests/lints.sh accept $BUILD"
	return 1
}

dump_protocol() {
	"$BUILD/stage/sbin/coven-monitor" --dump-protocol
}

dump_help() {
	"$BUILD/stage/bin/covenctl" --help
}

lint_golden-protocol() {
	golden doc/PROTOCOL.md dump_protocol
}

# doc/openapi.yaml, by its standard's rules and against the sources.
lint_openapi() {
	/usr/bin/python3 tests/openapi.py lint "$TREE"
}

dump_limits() {
	"$BUILD/stage/sbin/coven-monitor" --dump-limits
}

# All that is under version control is distributed, but what only it needs.
lint_distribution() {
	local copy=distribution.lint bad

	git rev-parse >/dev/null 2>&1 || {
		echo "not a checkout"
		exit 77
	}
	make -s -C "$BUILD" distdir distdir="$copy" >&2 || return 1
	bad=$(git ls-files | grep -v '^\.gitignore$' | while read -r path; do
		[ -e "$BUILD/$copy/$path" ] || echo "$path"
	done)
	rm -rf "${BUILD:?}/$copy"
	[ -z "$bad" ] || printf 'not in EXTRA_DIST:\n%s\n' "$bad"
	[ -z "$bad" ]
}

case ${1-} in
list)
	printf '%s\n' "${LINTS[@]}"
	;;
accept)
	mkdir -p tests/golden
	dump_protocol >doc/PROTOCOL.md
	dump_help >tests/golden/covenctl-help.txt
	dump_limits >doc/LIMITS.md
	;;
*)
	case " ${LINTS[*]} " in
	*" ${1-} "*) "lint_$1" ;;
	*)
		echo "no lint ${1-}; one of: ${LINTS[*]}" >&2
		exit 2
		;;
	esac
	;;
esac
