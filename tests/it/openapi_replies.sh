#!/bin/bash
# Whatever the other scripts of this run were answered is as doc/openapi.yaml
# says: every route, status, header and member.  After a run of every script,
# each documented reply has also been seen.
. "$(dirname "$0")/../lib.sh"
W=$(mktemp -d /tmp/coven-it.XXXXXX)
MONITOR_PID=
TREE=$(cd "$(dirname "$0")/../.." && pwd)

if [ -z "${IT_REPLIES-}" ]; then
	skip_all "nothing was recorded"
fi
OPENAPI_ALL=${IT_EVERY-} "$PYTHON" "$TREE/tests/openapi.py" replies "$TREE" \
    "$IT_REPLIES" >"$W/tap" 2>&1
status=$?
[ "$status" -ne 77 ] || skip_all "$(tail -n 1 "$W/tap")"
cat "$W/tap"
world_end
exit "$status"
