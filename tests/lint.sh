#!/bin/sh
# What the sources promise about themselves: who includes whom, which library
# sits behind which file, what the monitor links, sizes, and that the API's
# document names what there is.
# Runs in the build folder; srcdir is the source folder (automake sets it).
set -eu
export LC_ALL=C

src=${srcdir:-$(dirname "$0")/..}
build=$(pwd)
cd "$src"

folders=
for d in common sandbox redact coven-* covenctl tests; do
	[ -d "$d" ] && folders="$folders $d"
done
found=$(mktemp)
trap 'rm -f "$found"' EXIT

# shellcheck disable=SC2086	# a list of plain names
sources=$(find $folders -type f \( -name '*.[ch]' -o -name '*.cc' \
    -o -name '*.cpp' -o -name '*.def' \) | sort)

problem() {
	printf '%s\n' "$*" >>"$found"
}

# Includes go down: role -> sandbox/, redact/ -> common/ -> libc.
check_direction() {
	for f in $sources; do
		own=${f%%/*}
		case $own in
		common)		may='common' ;;
		sandbox)	may='sandbox common' ;;
		redact)		may='redact common' ;;
		tests)		continue ;;
		*)		may="$own sandbox redact common" ;;
		esac
		sed -n 's|^#[ 	]*include[ 	]*"\([^"]*\)".*|\1|p' "$f" |
		while read -r inc; do
			case $inc in
			*/*)	;;
			*)	problem "$f: \"$inc\" is not from the root"
				continue ;;
			esac
			ok=
			for m in $may; do
				[ "${inc%%/*}" = "$m" ] && ok=1
			done
			[ -n "$ok" ] || problem "$f: includes $inc, upwards"
		done
	done
}

# One third-party header, one file a program.
check_behind() {
	for h in 'sqlite3\.h' 'libpq-fe\.h' 'json-c/' 'archive\.h' \
	    'seccomp\.h' 'cap-ng\.h' 'curl/' 'openssl/' 'toml++/' \
	    'llhttp\.h' 'libsmartcols' 'sodium' 'uuid/' 'hs_runtime' \
	    'hs_compile'; do
		for d in $folders; do
			[ "$d" = tests ] && continue
			n=$(grep -rlE "^#[ 	]*include[ 	]*<$h" "$d" \
			    --include='*.[ch]' --include='*.cc' \
			    --include='*.cpp' | wc -l)
			[ "$n" -le 1 ] ||
			    problem "$d: <$h in $n files, not behind one"
		done
	done
}

# What each program links beyond libc; a program that is not listed is free.
check_links() {
	while read -r program libs; do
		bin=$build/$program
		[ -x "$bin" ] || continue
		readelf -d "$bin" |
		    sed -n 's/.*(NEEDED).*\[\(lib[^]]*\)\.so.*/\1/p' |
		while read -r lib; do
			case " libc $libs " in
			*" $lib "*) continue ;;
			esac
			case $lib in
			libasan | libubsan | libm | libgcc_s)
				grep -q '^#define COVEN_SANITIZE' \
				    "$build/config.h" && continue ;;
			esac
			problem "$program: links $lib"
		done
	done <<-END
	coven-monitor/coven-monitor libcap-ng libseccomp libbsd
	coven-apid/coven-apid libseccomp libbsd libjson-c libllhttp
	coven-stored/coven-stored libseccomp libbsd libsqlite3 libsodium libhs_runtime
	coven-runner/coven-runner libseccomp libcap-ng libbsd libhs_runtime
	coven-runner/coven-init libseccomp libcap-ng libbsd
	coven-gateway/coven-gateway libseccomp libbsd libssl libcrypto
	coven-gateway/coven-resolver libseccomp libbsd
	coven-archiver/coven-archiver libseccomp libbsd libarchive
	coven-archiver/coven-extractor libseccomp libbsd libarchive
	coven-remover/coven-remover libseccomp libbsd
	END
}

# Lengths.  A function's body is what lies between braces in column 0; a
# table's, which is as long as it has rows, ends in "};" there.
check_sizes() {
	for f in $sources; do
		expand "$f" | awk -v f="$f" '
		length > 80 { print f ":" NR ": over 80 columns" }
		/^[^ \t#].* = \{$/ { table = NR }
		/^};/ && table { rows += NR - table; table = 0 }
		/^{$/ { start = NR; table = 0 }
		/^}$/ && start && NR - start > 90 {
			print f ":" start ": a function of " NR - start \
			    " lines"
		}
		/^}/ { start = 0 }
		END {
			if (f !~ /\.def$/ &&
			    NR - rows > (f ~ /^tests\// ? 800 : 700))
				print f ": " NR - rows " lines"
		}
		' >>"$found"
		grep -nE '[ 	]+$' "$f" | sed "s|^\([0-9]*\):.*|$f:\1: trailing\
 space|" >>"$found" || :
	done
}

# Routes, error codes and capabilities are documented; lints.sh skips aloud
# where the tools for it are not there.
check_openapi() {
	/usr/bin/python3 tests/openapi.py lint . >"$found.api" 2>&1 ||
	    [ $? -eq 77 ] || cat "$found.api" >>"$found"
	rm -f "$found.api"
}

check_openapi
# Rules about credentials that an object file shows: what verifies a token
# compares through common/ct.c alone (R7), which compares without a library;
# what writes one never changes a mode (R8).
check_symbols() {
	while read -r object never; do
		[ -e "$build/$object" ] || continue
		nm -u "$build/$object" | awk '{ print $NF }' |
		    grep -vE '^__(asan|ubsan|stack_chk)_' |
		    grep -E "$never" | while read -r name; do
			problem "$object: uses $name"
		done
	done <<-'END'
	common/libcommon_a-ct.o .
	coven-apid/libapid_a-auth.o cmp
	coven-monitor/libmonitor_a-token.o chmod
	END
	nm -u "$build/coven-apid/libapid_a-auth.o" | grep -q ct_find ||
	    problem "coven-apid/auth.c: verifies without common/ct.c"
}

check_direction
check_behind
check_links
check_symbols
check_sizes

if [ -s "$found" ]; then
	cat "$found"
	printf '%s problems\n' "$(wc -l <"$found")"
	exit 1
fi
