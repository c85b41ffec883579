# Requests sent byte for byte and what must come back.  Bash; sourced after
# lib.sh.
# shellcheck shell=bash

# vector NAME STATUS PATTERN: the request is standard input.  The reply has
# that status, the skeleton that clients parse, and a body with the pattern.
vector() {
	local name=$1 status=$2 pattern=$3

	shift 3
	raw "$@"
	if [ "$STATUS" = "$status" ] && skeleton &&
	    grep -qE "$pattern" "$W/body"; then
		tap_ok "$name"
	else
		echo "wanted $status and $pattern" >"$W/wanted"
		tap_not_ok "$name" "$W/wanted" "$W/reply" "$W/raw.err"
	fi
}

# Exactly these headers, exactly that length, nothing after it.
skeleton() {
	local length

	length=$(sed -n 's/^Content-Length: \([0-9]*\)\r$/\1/p' "$W/reply")
	[ "$length" = "$(stat -c %s "$W/body")" ] &&
	    [ "$(sed '/^\r$/,$d' "$W/reply" | tr -d '\r' | sed 1d | sort |
	    sed 's/: .*//')" = "Connection
Content-Length
Content-Type" ] && grep -q '^Connection: close.$' "$W/reply" &&
	    grep -q '^Content-Type: application/json.$' "$W/reply"
}

get() {
	printf 'GET %s HTTP/1.1\r\nHost: coven\r\n\r\n' "$1"
}

post() {
	printf 'POST %s HTTP/1.1\r\nHost: coven\r\nContent-Length: %d\r\n\r\n%s' \
	    "$1" "${#2}" "$2"
}

# is_reason NAME STATUS REASON: of the last reply, which clients log.
is_reason() {
	is "$1" "$(head -n 1 "$W/reply" | tr -d '\r')" "HTTP/1.1 $2 $3"
}
