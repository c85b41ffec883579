# A stage with evil twins (tests/evil/) in the place of roles; sourced, after
# lib.sh.  evil.conf says which of them are evil, and each writes a byte into
# evil.ROLE at its start.
# shellcheck shell=bash

SEED=${EVIL_SEED:-$$}
note "EVIL_SEED=$SEED"
# What a twin answers is passed on: it need not fit the question.
# shellcheck disable=SC2034 # read by lib.sh
IT_REPLIES=

# twins_stage ROLE ...: SUITE is one more stage with these in place, EVIL too.
twins_stage() {
	local role

	W=$(mktemp -d /tmp/coven-it.XXXXXX) MONITOR_PID=
	for role; do
		[ -x "$TOOLS/evil_$role" ] ||
		    skip_all "there is no evil_$role"
	done
	rm -rf "$W"
	EVIL=$(mktemp -d /tmp/coven-suite.XXXXXX) || exit 1
	cp -R "$SUITE/." "$EVIL/"
	for role; do
		mv "$EVIL/libexec/coven/coven-$role" \
		    "$EVIL/libexec/coven/coven-$role.good"
		cp "$TOOLS/evil_$role" "$EVIL/libexec/coven/coven-$role"
		: >"$EVIL/libexec/coven/evil.$role"
	done
	chmod -R go+rX,go-w "$EVIL"
	chmod 666 "$EVIL"/libexec/coven/evil.*
	SUITE=$EVIL
}

# evil_are [ROLE ...]: from their next life on; nobody: all are good.
evil_are() {
	local role

	{
		printf 'seed %s\nproject %s\n' "$SEED" "$PROJECT"
		for role; do
			echo "evil $role"
		done
	} >"$EVIL/conf.new"
	chmod 644 "$EVIL/conf.new"
	mv "$EVIL/conf.new" "$EVIL/libexec/coven/evil.conf"
}

# lives ROLE: so far.
lives() {
	stat -c %s "$EVIL/libexec/coven/evil.$1"
}
