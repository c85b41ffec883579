#!/bin/bash
# Real tools work in a session: each that Debian packages, where it is
# installed.  COVEN_COMPAT=all makes a missing one a failure (./run-tests
# --long installs them).
# shellcheck disable=SC2103,SC2164 # what runs inside runs under set -e
. "$(dirname "$0")/../lib.sh"

TOOL_S=300		# a slow machine's compiler

# row NAME PROGRAM [PROGRAM ...] -- FUNCTION: what stands in FUNCTION runs in a
# session, in the project; its last line is to be "works".
row() {
	local name=$1 program missing='' start

	shift
	while [ "$1" != -- ]; do
		program=$1
		[ -x "/usr/bin/$program" ] || missing+=" $program"
		shift
	done
	if [ -n "$missing" ]; then
		[ "${COVEN_COMPAT-}" = all ] || {
			tap_skip "$name" "not installed:$missing"
			return
		}
		tap_not_ok "$name: not installed:$missing"
		return
	fi
	{
		echo 'set -eu'
		declare -f "$2" | sed '1,2d;$d'
		echo 'echo works'
	} >"$PROJECT/run.sh"
	give_owner "$PROJECT/run.sh"
	start=$(now_ms)
	(cd "$PROJECT" && as_owner timeout "$TOOL_S" "$SUITE/bin/covenctl" \
	    exec --project "$PROJECT" -- bash run.sh) </dev/null \
	    >"$W/said" 2>&1
	note "$name: $(($(now_ms) - start)) ms"
	if [ "$(tail -n 1 "$W/said")" = works ]; then
		tap_ok "$name"
	else
		tap_not_ok "$name" "$W/said"
	fi
}

# --- what runs inside ---------------------------------------------------------

python_works() {
	python3 -c '
import asyncio, concurrent.futures, json, multiprocessing, os, pathlib
import socket, sqlite3, subprocess, tempfile, threading
def square(n):
    return n * n
async def main():
    reader, writer = None, None
    async def serve(r, w):
        w.write(await r.readline())
        await w.drain()
        w.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    r, w = await asyncio.open_connection("127.0.0.1", port)
    w.write(b"over loopback\n")
    assert await r.readline() == b"over loopback\n"
asyncio.run(main())
multiprocessing.set_start_method("fork")
with multiprocessing.Pool(2) as pool:
    assert pool.map(square, range(10))[9] == 81
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    assert sum(pool.map(square, range(4))) == 14
db = sqlite3.connect("py.db")
db.execute("pragma journal_mode=wal")
db.execute("create table t (x)")
db.commit()
assert subprocess.check_output(["uname", "-s"]) == b"Linux\n"
with tempfile.NamedTemporaryFile() as f:
    assert os.path.exists(f.name)
'
	python3 -m venv --without-pip env
	env/bin/python -c 'import sys; assert sys.prefix != sys.base_prefix'
}

pytest_works() {
	mkdir -p pytests
	cat >pytests/test_it.py <<-'END'
		import pytest
		def test_files(tmp_path):
		    (tmp_path / "a").write_text("a")
		    assert (tmp_path / "a").read_text() == "a"
		@pytest.mark.parametrize("n", range(20))
		def test_many(n, capfd):
		    print(n)
		    assert capfd.readouterr().out == "%d\n" % n
	END
	python3 -m pytest -q pytests | tee pytest.out
	grep -q '21 passed' pytest.out
}

node_works() {
	node -e '
const assert = require("assert"), fs = require("fs"), http = require("http");
const { execFileSync } = require("child_process");
const { Worker } = require("worker_threads");
assert.equal(execFileSync("uname", ["-s"]).toString(), "Linux\n");
fs.mkdirSync("n/o/d/e", { recursive: true });
fs.watch("n", () => {}).close();
const w = new Worker("require(\"worker_threads\").parentPort.postMessage(42)",
    { eval: true });
w.on("message", m => { assert.equal(m, 42);
    const s = http.createServer((q, r) => r.end("hello")).listen(0, () =>
	http.get({ port: s.address().port, host: "127.0.0.1" }, r =>
	    r.on("data", d => { assert.equal(d.toString(), "hello");
		s.close(); })));
});
'
}

git_works() {
	git init -q -b main one
	cd one
	for n in 1 2 3; do
		echo "$n" >"file$n"
		git add .
		git -c user.name=A -c user.email=a@b commit -qm "number $n"
	done
	git worktree add -q ../two -b side
	(cd ../two && echo side >s && git add s &&
	    git -c user.name=A -c user.email=a@b commit -qm side)
	git merge -q side
	git clone -q . ../three
	git clone -q --no-local "file://$PWD" ../four
	git gc -q
	git fsck --strict
	[ "$(git -C ../four log --oneline | wc -l)" -ge 4 ]
	git stash list
	git worktree remove ../two
	cd ..
}

gcc_works() {
	cat >c.c <<-'END'
		#include <pthread.h>
		#include <stdio.h>
		static void *f(void *a) { return a; }
		int main(void) {
			pthread_t t;
			int n = 42;
			void *r;
			if (pthread_create(&t, NULL, f, &n) != 0 ||
			    pthread_join(t, &r) != 0)
				return 1;
			printf("%d\n", *(int *)r);
			return 0;
		}
	END
	gcc -O2 -Wall -Werror -pipe -pthread -o c c.c
	[ "$(./c)" = 42 ]
	gcc -g -fsanitize=address,undefined -o c-asan c.c -pthread
	[ "$(ASAN_OPTIONS=detect_leaks=0 ./c-asan)" = 42 ]
	printf 'all: x y\nx y:\n\tgcc -c -o $@.o c.c\n' >Makefile
	make -s -j4
}

cxx_works() {
	printf '#include <iostream>\nint main() { std::cout << 42; }\n' >x.cc
	g++ -O2 -o xx x.cc
	[ "$(./xx)" = 42 ]
}

cargo_works() {
	cargo init -q --vcs none --name thing rust
	cd rust
	cat >>src/main.rs <<-'END'
		#[test]
		fn threads() {
		    let t = std::thread::spawn(|| 42);
		    assert_eq!(t.join().unwrap(), 42);
		}
	END
	cargo build --offline -q
	cargo test --offline -q
	./target/debug/thing | grep -q Hello
	cd ..
}

go_works() {
	mkdir -p goes
	cd goes
	cat >main.go <<-'END'
		package main
		import ("fmt"; "net"; "os/exec"; "sync")
		func main() {
			var w sync.WaitGroup
			for i := 0; i < 100; i++ {
				w.Add(1)
				go func() { w.Done() }()
			}
			w.Wait()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil { panic(err) }
			l.Close()
			out, err := exec.Command("uname", "-s").Output()
			if err != nil { panic(err) }
			fmt.Print(string(out))
		}
	END
	printf 'package main\nimport "testing"\nfunc TestIt(t *testing.T) {}\n' \
	    >main_test.go
	GOFLAGS=-mod=mod go mod init example.org/goes
	go build -o goes .
	[ "$(./goes)" = Linux ]
	go test ./...
	go vet ./...
	cd ..
}

java_works() {
	cat >J.java <<-'END'
		import java.nio.file.*;
		import java.util.stream.*;
		public class J {
			public static void main(String[] a) throws Exception {
				Thread t = new Thread(() -> {});
				t.start();
				t.join();
				Path p = Files.createTempFile("j", "x");
				Files.writeString(p, "42");
				int n = IntStream.range(0, 1000).parallel().sum();
				new ProcessBuilder("true").start().waitFor();
				System.out.println(Files.readString(p));
			}
		}
	END
	javac J.java
	[ "$(java J)" = 42 ]
	jar cf j.jar J.class
	[ "$(java -cp j.jar J)" = 42 ]
}

# From a tarball in the project: nothing is asked of a registry.
npm_works() {
	mkdir -p npm/dep npm/app
	cd npm/dep
	printf '{"name":"dep","version":"1.0.0","main":"i.js","scripts":{"postinstall":"node -e \\"require(\\\\\\"fs\\\\\\").writeFileSync(\\\\\\"built\\\\\\",\\\\\\"1\\\\\\")\\""}}' \
	    >package.json
	echo 'module.exports = 42' >i.js
	npm pack --silent
	cd ../app
	printf '{"name":"app","version":"1.0.0","dependencies":{"dep":"file:../dep/dep-1.0.0.tgz"},"scripts":{"test":"node t.js"}}' \
	    >package.json
	echo 'require("assert").equal(require("dep"), 42)' >t.js
	npm install --package-lock-only --offline --no-audit --silent
	npm ci --offline --no-audit --silent
	test -e node_modules/dep/built
	npm test --silent
	cd ../..
}

# A debugger on one's own child: started by it, and taken by its number.
gdb_works() {
	printf 'int f(int n) { return n + 1; }\nint main(void) { return f(41); }\n' \
	    >d.c
	gcc -g -O0 -o d d.c
	gdb -q -batch -ex 'break f' -ex run -ex 'print n' -ex 'bt' -ex continue \
	    ./d >gdb.out 2>&1 || { cat gdb.out; false; }
	grep -q '\$1 = 41' gdb.out || { cat gdb.out; false; }
	grep -q 'exited with code 052' gdb.out || { cat gdb.out; false; }
	sleep 100 &
	gdb -q -batch -p $! -ex 'info registers pc' -ex detach >gdb.out 2>&1 ||
	    { cat gdb.out; false; }
	grep -qE '^(pc|rip) ' gdb.out || { cat gdb.out; false; }
	kill $!
}

strace_works() {
	strace -f -o st.out sh -c 'ls / | cat' >/dev/null
	grep -q execve st.out
	sleep 100 &
	timeout 1 strace -p $! -o st2.out || :
	kill $!
	test -e st2.out
}

archives_work() {
	mkdir -p a/b/c
	echo x >a/b/c/d
	ln -s d a/b/c/l
	tar cf a.tar a
	tar xf a.tar --one-top-level=out
	cmp a/b/c/d out/a/b/c/d
	cp -a a copy
	rsync -a a/ synced/ 2>/dev/null || [ ! -x /usr/bin/rsync ]
	find a -type f -print0 | xargs -0 sha256sum
	gzip -k a.tar
	sed -i s/x/y/ a/b/c/d
	install -m 755 a/b/c/d installed
	mktemp -d
}

perl_works() {
	perl -MPOSIX -MSocket -e 'my $p = fork; if (!$p) { POSIX::_exit(3) }
	    waitpid $p, 0; exit($? >> 8 == 3 ? 0 : 1)'
}

# What a payload's own parent would hear if it traced it: nothing ends.
traced_by_nobody() {
	python3 -c '
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
pid = os.fork()
if pid == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    # PID 1 is this one'\''s parent now, and is asked to trace it.
    while os.getppid() != 1:
        pass
    libc.ptrace(0, 0, 0, 0)
    os.kill(os.getpid(), signal.SIGUSR1)
    os._exit(0)
os.waitpid(pid, 0)
'
}

world user
need_monitor
row "python" python3 -- python_works
row "pytest" python3 pytest -- pytest_works
row "node" node -- node_works
row "npm ci" node npm -- npm_works
row "git" git -- git_works
row "gcc, make" gcc make -- gcc_works
row "g++" g++ -- cxx_works
row "cargo" cargo -- cargo_works
row "go" go -- go_works
row "java" java javac -- java_works
row "gdb on one's own child" gdb gcc -- gdb_works
row "strace on one's own child" strace -- strace_works
row "tar, cp, gzip" tar -- archives_work
row "perl" perl -- perl_works
row "a child that asks PID 1 to trace it" python3 -- traced_by_nobody

# The payload itself asks PID 1 to trace it, and stops: it has not ended.
launch "$PYTHON" -c 'import ctypes, os, signal
ctypes.CDLL(None).ptrace(0, 0, 0, 0)
os.kill(os.getpid(), signal.SIGUSR1)'
t "a payload that asks PID 1 to trace it starts" test -n "$ID"
stopped() {
	grep -lq '^State:.t' /proc/[0-9]*/status
}
wait_for 5 stopped
is "a payload that asks PID 1 to trace it has not ended" \
    "$(session_status "$ID")" running
http POST "/api/v1/sessions/$ID/kill" '{}'
t "and is killed" wait_for "$LIVENESS" status_is "$ID" killed
monitor_stop
left_nothing "nothing is left"
tap_done
