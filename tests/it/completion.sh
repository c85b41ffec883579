#!/bin/bash
# Completion, as bash does it, with the installed file and a live daemon; the
# other shells' files are read by those shells where they are installed.
. "$(dirname "$0")/../lib.sh"
world user
need_monitor
FILES=$SUITE/share

# complete WORD ...: what bash offers for the last one, sorted, in a line.
complete_words() {
	as_owner bash --norc -c '
		. "$1"
		shift
		COMP_WORDS=(covenctl "$@")
		COMP_CWORD=$#
		COMP_LINE="covenctl $*"
		COMP_POINT=${#COMP_LINE}
		spec=$(complete -p covenctl)
		"$(sed "s/.*-F \([^ ]*\) .*/\1/" <<<"$spec")"
		printf "%s\n" ${COMPREPLY[@]+"${COMPREPLY[@]}"} | sort' bash \
	    "$FILES/bash-completion/completions/covenctl" "$@" 2>"$W/err" |
	    paste -sd' '
	[ ! -s "$W/err" ] || sed 's/^/# /' "$W/err"
}

offers() {
	local wanted=$1

	shift
	is "covenctl $*<tab>" "$(complete_words "$@")" "$wanted"
}

launch sleep 1000
first=$ID
launch sleep 1000
t "every verb of the help" test "$(complete_words '' | wc -w)" = "$(
    ctl --help | sed -n '/^Verbs:/,/^Options of/s/^  \([a-z]*\).*/\1/p' |
    sort -u | grep -c .)"
offers "kill" ki
offers "sacrifice selftest sessions start status stop summon" s
offers "check show" config ''
offers "--detach-key" attach --d
offers "running" sessions --status r
offers "bash fish zsh" completion ''
offers "restart" help re
offers "--tty" exec --tt
offers "" exec ls --tt
offers "$(printf '%s\n' "$first" "$ID" | sort | paste -sd' ')" kill ''
offers "$first" attach "${first:0:12}"
offers "$first" --home "$COVEN_HOME" logs -f "${first:0:12}"
mkdir "$W/afolder" && give_owner "$W/afolder"
offers "$W/afolder" exec --project "$W/afo"
offers "--version" --vers

# With the name of the file alone, as bash-completion finds it.
is "the file's name is the command's" \
    "$(basename "$FILES"/bash-completion/completions/*)" covenctl
for shell in "zsh zsh/site-functions/_covenctl" \
    "fish fish/vendor_completions.d/covenctl.fish"; do
	file=$FILES/${shell#* }
	t "${shell%% *}: a verb's options are in it" grep -q detach-key "$file"
	if command -v "${shell%% *}" >/dev/null; then
		t "${shell%% *} reads it" "${shell%% *}" -n "$file"
	else
		tap_skip "${shell%% *} reads it" "no ${shell%% *}"
	fi
done
t "bash reads what covenctl prints" bash -n <(ctl completion bash)
is "which is the installed file" "$(ctl completion bash | sha256sum)" \
    "$(sha256sum <"$FILES/bash-completion/completions/covenctl")"
monitor_stop
offers "" kill ''
left_nothing "nothing is left"
tap_done
