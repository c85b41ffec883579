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
offers "extract list rm show" archives ''
offers "" archives rm ''
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

# --- the other shells, where they are installed --------------------------------

# What fish offers for a line, sorted, in a line.
fish_offers() {
	# shellcheck disable=SC2016 # for fish
	is "fish: $2<tab>" "$(as_owner env "PATH=$SUITE/bin:$PATH" fish -N -c '
		source $argv[1]; complete -C $argv[2]' \
	    "$FILES/fish/vendor_completions.d/covenctl.fish" "$2" |
	    cut -f 1 | sort | paste -sd' ')" "$1"
}
if command -v fish >/dev/null; then
	fish_offers "kill" "covenctl ki"
	fish_offers "sacrifice selftest sessions start status stop summon" \
	    "covenctl s"
	fish_offers "check show" "covenctl config "
	fish_offers "--detach-key" "covenctl attach --d"
	fish_offers "running" "covenctl sessions --status r"
	fish_offers "rotate" "covenctl token "
	fish_offers "$(printf '%s\n' "$first" "$ID" | sort | paste -sd' ')" \
	    "covenctl kill "
	HOME_GIVEN=$COVEN_HOME
	COVEN_HOME=/nonexistent fish_offers "$first" \
	    "covenctl --home $HOME_GIVEN logs -f ${first:0:12}"
else
	tap_skip "fish: what it offers" "no fish"
fi

# zsh_offers TEXT LINE: a tab behind LINE brings TEXT onto the terminal.
zsh_offers() {
	t "zsh: $2<tab>" as_owner env "PATH=$SUITE/bin:$PATH" "ZDOTDIR=$W" \
	    "$PYTHON" "$TERMINAL" "$W/screen" 30x200 'expect:ready> ' \
	    "send:$2\\t" "expect:$1" 'send:\x15exit\r' end -- zsh -d -i
}
if command -v zsh >/dev/null; then
	TERMINAL=$(script terminal.py)
	owner_file "$W/.zshrc" "fpath=($FILES/zsh/site-functions \$fpath)
autoload -Uz compinit
compinit -u -D
setopt noautomenu nobeep
PROMPT='ready> '"
	zsh_offers "kill" "covenctl ki"
	zsh_offers "summon" "covenctl s"
	zsh_offers "show" "covenctl config "
	zsh_offers "detach-key" "covenctl attach --d"
	zsh_offers "running" "covenctl sessions --status ru"
	zsh_offers "${first:12}" "covenctl kill ${first:0:12}"
	zsh_offers "${first:12}" \
	    "covenctl --home $COVEN_HOME logs -f ${first:0:12}"
else
	tap_skip "zsh: what it offers" "no zsh"
fi
t "bash reads what covenctl prints" bash -n <(ctl completion bash)
is "which is the installed file" "$(ctl completion bash | sha256sum)" \
    "$(sha256sum <"$FILES/bash-completion/completions/covenctl")"
monitor_stop
offers "" kill ''
left_nothing "nothing is left"
tap_done
