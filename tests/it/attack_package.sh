#!/bin/bash
# The folder that a harness's program is installed in is shown to the harness;
# a folder that holds more than a package never is.
. "$(dirname "$0")/../lib.sh"
world user
COVEN_HOME=$OWNER_HOME/deep/home/coven
SOCK=$COVEN_HOME/coven.sock
OWNER_ENV+=("COVEN_HOME=$COVEN_HOME")
as_owner mkdir -m 700 -p "$OWNER_HOME/deep/home" "$COVEN_HOME"

# package NAME FOLDER shown|hidden [MODE]: a stand-in for an agent in
# FOLDER/bin; what lies beside bin is shown to it or not.
package() {
	local name=$1 folder=$2 want=$3 got

	as_owner mkdir -p "$folder/bin"
	[ -z "${4-}" ] || chmod "$4" "$folder"
	printf '#!/bin/sh\ncat "%s/beside" || echo hidden\n' "$folder" \
	    >"$folder/bin/claude"
	chmod 755 "$folder/bin/claude"
	owner_file "$folder/beside" shown
	MONITOR_ENV=("PATH=$folder/bin:/usr/bin:/bin")
	need_monitor
	http POST /api/v1/sessions "$(printf \
	    '{"harness":"claude","projectRoot":"%s","prompt":"x"}' "$PROJECT")"
	ID=$(jget "$W/body" id)
	wait_for "$LIVENESS" ended "$ID"
	output "$ID" "$W/out"
	got=$(tr -d '\r' <"$W/out" | grep -xE 'shown|hidden')
	is "$name" "$got" "$want"
	monitor_stop
	rm -rf "${folder:?}/bin" "$folder/beside"
}

package "a package is shown" "$OWNER_HOME/tools/agent" shown
package "a folder of the home is not" "$OWNER_HOME/tools" hidden
package "a folder that everybody writes is not" "$OWNER_HOME/tools/open" \
    hidden 1777
package "COVEN_HOME is not" "$COVEN_HOME" hidden
package "what it lies in is not" "$OWNER_HOME/deep/home" hidden
package "what the home lies in is not" "$W" hidden

MONITOR_ENV=()
need_monitor
ctl exec --project "$PROJECT" -- bash -c "ulimit -Hu" \
    </dev/null >"$W/out" 2>&1
t "a session's processes are bounded" \
    awk 'NR == 1 && $1 > 0 && $1 <= 8192 { ok = 1 } END { exit !ok }' "$W/out"
# Its own count: a second session starts although the first is full.
launch "$PYTHON" -c 'import os, resource, time
resource.setrlimit(resource.RLIMIT_NPROC, (40, 40))
try:
    for i in range(100):
        if os.fork() == 0: time.sleep(1000)
except OSError: print("full", flush=True)
time.sleep(1000)'
full() {
	output "$ID" "$W/full" && grep -q '^full' "$W/full"
}
t "a session meets its bound" wait_for "$LIVENESS" full
t "which is not another's" ctl exec --project "$PROJECT" -- \
    sh -c '(exit 0); (exit 0); true'
http POST "/api/v1/sessions/$ID/kill" '{}'
monitor_stop
tap_done
