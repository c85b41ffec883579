#!/bin/bash
# In a container: where its runtime allows no user namespace, or masks /proc, a
# session is refused with the cause and the repair, and the suite serves all
# the same: what is on record can be read.  Needs root to be the runtime.
. "$(dirname "$0")/../lib.sh"
world user
[ "$(id -u)" -eq 0 ] || skip_all "needs root to make a container"

# in_container KIND: the monitor lives in one; the client can be outside.
in_container() {
	MONITOR_PRIV=("$PYTHON" "$(script container.py)" "$1" "$OWNER")
	need_monitor
}

# refused NAME WORDS: a launch is answered with these, and nothing has run.
refused() {
	local status

	rm -f "$PROJECT/ran"
	http POST /api/v1/sessions "$(printf '{"harness":"exec",%s,%s}' \
	    "\"projectRoot\":\"$PROJECT\"" '"argv":["touch","ran"]')"
	status=$STATUS
	t "$1: a launch is refused, and says why" grep -F "$2" "$W/body"
	t "$1: nothing has run ($status)" test ! -e "$PROJECT/ran" -a \
	    "$status" -ge 400
	t "$1: the record can be read" http GET /api/v1/sessions
}

# doctor KIND WORDS ...: all of these, in the container.
doctor() {
	local kind=$1 word

	shift
	"$PYTHON" "$W/container.py" "$kind" "$OWNER" "${OWNER_ENV[@]}" \
	    "$SUITE/bin/covenctl" doctor >"$W/doctor"
	cat "$W/doctor"
	for word; do
		grep -F "$word" "$W/doctor" || return 1
	done
}

for owner in "$TEST_UID" 0; do
	if [ "$owner" -eq 0 ]; then
		world_end
		world root
	fi
	in_container no-userns
	refused "no user namespaces, uid $owner" \
	    "user namespaces are refused here"
	t "doctor names cause and repair, uid $owner" doctor no-userns \
	    "user.max_user_namespaces is 0" "sysctl -w"
	monitor_stop
	left_nothing "nothing is left, uid $owner"
done
world_end
world user
# It has a pid namespace of its own: the client lives in there as well.
script container.py >/dev/null
cd "$PROJECT" || exit 1
"$PYTHON" "$W/container.py" masked-proc "$OWNER" "${OWNER_ENV[@]}" sh -c \
    'covenctl start; covenctl exec -- touch ran; covenctl sessions --all
    covenctl stop' >"$W/said" 2>&1
cd / || exit 1
t "a masked /proc: a launch is refused, and says why" \
    grep -F "the one here is masked" "$W/said"
t "a masked /proc: nothing has run" test ! -e "$PROJECT/ran"
t "a masked /proc: the record can be read" grep -F "failed" "$W/said"
t "doctor names that too" doctor masked-proc "this one is masked" \
    "systempaths=unconfined"
left_nothing "nothing is left"
tap_done
