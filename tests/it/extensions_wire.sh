#!/bin/bash
# The extensions that no other script asks for byte by byte: pairings and
# rotation, in both modes, and a signal.
. "$(dirname "$0")/../lib.sh"
world user
need_monitor

asks() {
	local name=$1 status=$2

	shift 2
	http "$@"
	is "$name" "$STATUS" "$status"
}

pair='{"name":"one","scopes":["list"]}'
asks "a rotation in peer mode" 409 POST /api/v1/token/rotate
asks "a pairing" 201 POST /api/v1/pairings "$pair"
asks "its name again" 409 POST /api/v1/pairings "$pair"
asks "the list of them" 200 GET /api/v1/pairings
for n in $(seq 63); do
	http POST /api/v1/pairings "{\"name\":\"n$n\",\"scopes\":[\"read\"]}"
done
asks "one more than there may be" 409 POST /api/v1/pairings \
    '{"name":"more","scopes":["list"]}'
asks "it is taken back" 200 DELETE /api/v1/pairings/one
asks "that is all of it" 404 DELETE /api/v1/pairings/one
asks "a name that is none" 404 DELETE /api/v1/pairings/a/b
launch sleep 1000
asks "a signal" 202 POST "/api/v1/sessions/$ID/signal" '{"signal":"TERM"}'
t "it ends the session" wait_for "$LIVENESS" ended "$ID"
monitor_stop

owner_file "$COVEN_HOME/coven.toml" '[auth]
mode = "token"'
need_monitor
asks "a rotation in token mode" 200 POST /api/v1/token/rotate
asks "and the new token is good" 200 GET /api/v1/health
monitor_stop
rm "$COVEN_HOME/coven.toml"
left_nothing "nothing is left"
tap_done
