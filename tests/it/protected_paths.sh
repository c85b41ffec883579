#!/bin/bash
# What the owner's tools execute is read-only to a session, in each of the
# three owner modes; and git goes on working beside it.
. "$(dirname "$0")/../lib.sh"

GIT=(git -c user.name=owner -c user.email=owner@localhost
    -c init.defaultBranch=main -c protocol.file.allow=always)

# A repository with a worktree, a nested one, a bare one and a submodule.
make_project() {
	owner_file "$W/make.sh" 'set -e
cd "$1"; shift
rm -rf project && mkdir project && cd project
"$@" init -q .
mkdir -p .vscode .github/workflows deep/er/nested tools
for f in .vscode/tasks.json .github/workflows/ci.yml .envrc .bashrc \
    tools/run.sh file; do echo old >$f; done
ln -s tools .claude
mkdir -p deep/er/hooks deep/up tea/workflows
for f in deep/er/hooks/x deep/up/x tea/workflows/x; do echo old >$f; done
ln -s deep/er mid
ln -s mid/hooks .husky
ln -s mid/../up .githooks
ln -s "$PWD/tea" .gitea
ln -s ring .circleci
ln -s .circleci ring
"$@" init -q deep/er/nested
"$@" init -q --bare bare.git
"$@" add file tools && "$@" commit -q -m one
"$@" worktree add -q tree
cd deep/er/nested && echo x >x && "$@" add x && "$@" commit -q -m n
cd ../../.. && "$@" submodule --quiet add ./deep/er/nested sub
"$@" commit -q -m two'
	as_owner bash "$W/make.sh" "$OWNER_HOME" "${GIT[@]}" >"$W/make.out" 2>&1
}

inside() {
	ctl exec --project "$PROJECT" -- "$@" </dev/null >"$W/out" 2>&1
}

# refused NAME CMD ...: the command fails in a session, and the tree is as
# it was.
refused() {
	local name=$1

	shift
	if inside "$@" || ! unchanged; then
		tap_not_ok "$name ($MODE)" "$W/out"
	else
		tap_ok "$name ($MODE)"
	fi
}

allowed() {
	local name=$1

	shift
	if inside "$@"; then
		tap_ok "$name ($MODE)"
	else
		tap_not_ok "$name ($MODE)" "$W/out"
	fi
}

fingerprint() {
	(cd "$PROJECT" && find . -path ./.git/objects -prune -o -printf \
	    '%p %y %m %s %l\n' | sort && find . -type f \
	    ! -path './.git/objects/*' -exec sha256sum {} + | sort)
}

unchanged() {
	fingerprint >"$W/after"
	diff "$W/before" "$W/after" >>"$W/out"
}

writing_is_refused() {
	local path

	# shellcheck disable=SC2016
	inside sh -c 'for f; do echo new >>"$f" && echo "wrote $f"; done
	    rm -rf .git/hooks 2>/dev/null
	    rm -f .claude 2>/dev/null || ln -sfn /tmp .claude
	    rm -f mid 2>/dev/null && ln -s tools mid
	    cp .git/config c && mv -f c .git/config; rm -f c
	    git config core.hooksPath x' sh .git/config .vscode/tasks.json \
	    .vscode/new .github/workflows/ci.yml .github/workflows/new \
	    .envrc .bashrc tree/.git .git/worktrees/tree/commondir \
	    .git/worktrees/tree/gitdir deep/er/nested/.git/hooks/pre-commit \
	    deep/er/nested/.git/config bare.git/hooks/pre-push \
	    bare.git/config sub/.git .git/modules/sub/config \
	    deep/er/hooks/x deep/up/x tea/workflows/x tea/workflows/new \
	    .git/modules/sub/hooks/update .claude/run.sh tools/run.sh \
	    .git/hooks/pre-commit
	is "nothing that is protected is written ($MODE)" \
	    "$(grep '^wrote' "$W/out")" ""
	t "nor removed, nor replaced ($MODE)" unchanged
	inside "$PYTHON" -c 'import os, sys
for path in sys.argv[1:]:
    try:
        os.rename(path, path + ".other")
        print("renamed", path)
    except OSError as e: print(e)' .git .git/worktrees .git/modules .git/hooks \
	    deep deep/er deep/er/nested deep/er/nested/.git bare.git \
	    .github tree sub mid deep/up tea .gitea
	is "no folder above one is renamed ($MODE)" \
	    "$(grep -E '^renamed|rror:' "$W/out")" ""
	t "and all of it is as it was ($MODE)" unchanged
}

git_works() {
	# shellcheck disable=SC2016
	allowed "git commits in every repository" sh -c 'set -e
	    for dir in . deep/er/nested tree sub; do
		cd "$1/$dir"; echo more >>new.txt
		git add new.txt; git commit -q -m more; git status >/dev/null
	    done' sh "$PROJECT"
	allowed "git branches, merges and rebases" sh -c 'set -e
	    git checkout -q -b side; echo 1 >s; git add s; git commit -qm s
	    git checkout -q main; echo 2 >m; git add m; git commit -qm m
	    git merge -q -m merge side; git checkout -q -b top HEAD~
	    git rebase -q main; git stash list; git gc -q'
	allowed "a repository that the session makes is its own" sh -c 'set -e
	    git init -q mine; cd mine; git config a.b c
	    echo x >.git/hooks/x; cd ..; rm -rf mine'
}

# A file commondir would say where else hooks and configuration lie.
commondir() {
	local dir

	for dir in .git deep/er/nested/.git bare.git .git/modules/sub; do
		# shellcheck disable=SC2016
		inside sh -c 'mkdir -p /tmp/evil && echo /tmp/evil >"$1/x" &&
		    mv "$1/x" "$1/commondir" && sleep 60' sh "$dir"
		is "a session that makes $dir/commondir is ended ($MODE)" \
		    "$?" 137
		inside ln -s /tmp "$dir/commondir"
		t "and it is not there ($MODE)" sh -c '! ls -d "$1"' sh \
		    "$PROJECT/$dir/commondir"
	done
	t "and it is told why ($MODE)" grep -q 'what git would have' "$W/out"
	ctl sessions --json >"$W/list"
	is "so does the record ($MODE)" "$(jget "$W/list" 0.limit)" protected
}

policy_opens() {
	owner_file "$COVEN_HOME/coven.toml" "[protect]
allow = [\".vscode\", \"$PROJECT:.git/config\", \"/elsewhere:.envrc\"]"
	monitor_stop
	need_monitor
	allowed "a policy opens a path" sh -c 'echo new >.vscode/tasks.json'
	allowed "or one in this project" git config core.x y
	fingerprint >"$W/before"
	refused "but not what it opens in another" sh -c 'echo new >.envrc'
	rm -f "$COVEN_HOME/coven.toml"
}

bad_policy() {
	owner_file "$COVEN_HOME/coven.toml" '[protect]
allow = ["src"]'
	monitor_stop
	monitor_spawn
	monitor_wait "$LIVENESS"
	is "a path that is not protected cannot be opened ($MODE)" \
	    "$MONITOR_STATUS" 78
	rm -f "$COVEN_HOME/coven.toml"
}

for mode in user root system; do
	[ "$mode" = user ] || [ "$(id -u)" -eq 0 ] || continue
	world "$mode"
	t "a project of many repositories ($mode)" make_project
	need_monitor
	fingerprint >"$W/before"
	writing_is_refused
	git_works
	commondir
	policy_opens
	[ "$mode" != user ] || bad_policy
	[ -z "$MONITOR_PID" ] || monitor_stop
	world_end
done
unset W
tap_done
