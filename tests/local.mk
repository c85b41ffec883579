# Programs that tests use.  Those that run inside a sandbox or look at /proc
# are built without the sanitizers; probe is static, to run in any root.
check_PROGRAMS += tests/leftovers tests/it/rawhttp tests/it/probe \
	tests/it/without tests/it/worker
PLAIN_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -O2 -g
PLAIN_CPPFLAGS = -I$(top_srcdir) -include config.h -D_GNU_SOURCE
NET_SOURCES = tests/net.c tests/net.h

tests_leftovers_SOURCES = tests/leftovers.c $(NET_SOURCES)
tests_leftovers_CPPFLAGS = $(PLAIN_CPPFLAGS)
tests_leftovers_CFLAGS = $(PLAIN_CFLAGS)
tests_leftovers_LDFLAGS = -no-pie
tests_it_rawhttp_SOURCES = tests/it/rawhttp.c $(NET_SOURCES)
tests_it_rawhttp_CPPFLAGS = $(PLAIN_CPPFLAGS)
tests_it_rawhttp_CFLAGS = $(PLAIN_CFLAGS)
tests_it_rawhttp_LDFLAGS = -no-pie
tests_it_probe_SOURCES = tests/it/probe.c $(NET_SOURCES)
tests_it_probe_CPPFLAGS = $(PLAIN_CPPFLAGS)
tests_it_probe_CFLAGS = $(PLAIN_CFLAGS)
tests_it_probe_LDFLAGS = -static

tests_it_without_SOURCES = tests/it/without.c
tests_it_without_CPPFLAGS = $(PLAIN_CPPFLAGS)
tests_it_without_CFLAGS = $(PLAIN_CFLAGS) $(SECCOMP_CFLAGS)
tests_it_without_LDFLAGS = -no-pie
tests_it_without_LDADD = $(SECCOMP_LIBS)

# plays the monitor to archiver, extractor and remover
tests_it_worker_SOURCES = tests/it/worker.c tests/unit/work_driver.c \
	tests/unit/work_driver.h
tests_it_worker_LDADD = $(SANDBOX_LIBS) $(COMMON_LIBS)

# make bench: every figure beside its floor, in one run.
check_PROGRAMS += tests/bench/floor tests/bench/client tests/bench/fixture
tests_bench_floor_SOURCES = tests/bench/floor.c $(NET_SOURCES)
tests_bench_floor_CPPFLAGS = $(PLAIN_CPPFLAGS)
tests_bench_floor_CFLAGS = $(PLAIN_CFLAGS)
tests_bench_floor_LDFLAGS = -no-pie
tests_bench_client_SOURCES = tests/bench/client.c tests/bench/client.h \
	tests/bench/commits.c tests/bench/events.c tests/bench/idle.c \
	$(NET_SOURCES)
tests_bench_client_CPPFLAGS = $(PLAIN_CPPFLAGS)
tests_bench_client_CFLAGS = $(PLAIN_CFLAGS) $(JSONC_CFLAGS) $(MD_CFLAGS)
tests_bench_client_LDFLAGS = -no-pie
tests_bench_client_LDADD = $(JSONC_LIBS) $(MD_LIBS)

tests_bench_fixture_SOURCES = tests/bench/fixture.c
tests_bench_fixture_LDADD = $(STORED_LIBS)

# Every client of the tree against a server that looks at each byte.
.PHONY: conformance
conformance: all tests/it/rawhttp$(EXEEXT) tests/bench/client$(EXEEXT)
	$(srcdir)/tests/conformance.py covenctl/covenctl$(EXEEXT) \
	    tests/it/rawhttp$(EXEEXT) tests/bench/client$(EXEEXT)

BENCH_STAGE = bench-stage
.PHONY: bench
bench: all tests/bench/floor$(EXEEXT) tests/bench/client$(EXEEXT) \
		tests/bench/fixture$(EXEEXT) tests/it/rawhttp$(EXEEXT) \
		tests/it/worker$(EXEEXT)
	rm -rf $(BENCH_STAGE)
	$(MAKE) -s install DESTDIR="$$(pwd)/$(BENCH_STAGE)" prefix=/suite \
	    exec_prefix=/suite >/dev/null
	$(srcdir)/tests/bench/bench.sh "$$(pwd)/$(BENCH_STAGE)/suite" \
	    "$$(pwd)/tests"
	rm -rf $(BENCH_STAGE)

# The unit tests, one a line, for the session that quickstart shows.
.PHONY: unit-tests
unit-tests: $(check_PROGRAMS)
	@for t in $(TESTS); do case $$t in tests/unit/*) echo $$t ;; esac; \
	    done >unit-tests.list
CLEANFILES += unit-tests.list

# The tests under valgrind: no leaks, nothing read that is not ours.  Left out
# is what needs system calls that it does not know: seccomp, clone3,
# openat2, Landlock's.
VALGRIND = valgrind -q --error-exitcode=9 --leak-check=full \
	--errors-for-leak-kinds=definite
VALGRIND_NOT = tests/lint.sh tests/unit/test_confread_role \
	tests/unit/test_ctl_daemon tests/unit/test_filter tests/unit/test_init \
	tests/unit/test_landlock tests/unit/test_root tests/unit/test_sandbox \
	tests/unit/test_archiver tests/unit/test_remover
.PHONY: check-valgrind
check-valgrind:
	COVEN_TEST_SLOW=1 $(MAKE) check LOG_COMPILER="$(VALGRIND)" \
	    TESTS="$(filter-out $(VALGRIND_NOT),$(TESTS))"

# Integration tests against the staged tree of ./run-tests are not part of
# make check, which must pass in any build folder without root.
EXTRA_DIST += tests/conformance.py tests/lib.sh tests/wire.sh \
	tests/sandbox_rows.sh tests/setup.sh tests/twins.sh \
	tests/unit-inside.sh tests/lints.sh \
	tests/it/run tests/it/auth.py tests/it/calls.py tests/it/container.py \
	tests/it/gateway_client.py tests/it/gateway_peer.py tests/it/hog.py \
	tests/it/load.py tests/it/old_store.py tests/it/output.py \
	tests/it/peer.py tests/it/polls.py tests/it/racer.py \
	tests/it/secrets.py tests/it/sse.py tests/it/terminal.py \
	tests/it/together.py tests/it/upstream_client.py \
	tests/it/upstream_peer.py $(it_tests) \
	tests/openapi.py tests/openapi-rules.yaml tests/fake_harness \
	tests/vm/inside.sh tests/bench/bench.sh tests/bench/tls.py \
	tests/escape/table.py \
	tests/agents/agents.sh \
	tests/agents/model_endpoint.py
it_tests = \
	tests/it/add_dirs.sh \
	tests/it/archive_points.sh tests/it/archives_kept.sh tests/it/attach.sh \
	tests/it/attack_package.sh \
	tests/it/attack_roots.sh \
	tests/it/attack_sockets.sh \
	tests/it/attack_state.sh \
	tests/it/audit.sh \
	tests/it/changes.sh \
	tests/it/check_vm.sh \
	tests/it/clock_back.sh \
	tests/it/auth_rules.sh \
	tests/it/compat.sh \
	tests/it/completion.sh \
	tests/it/config.sh \
	tests/it/contract_clients.sh \
	tests/it/contract_wire.sh \
	tests/it/contract_launch.sh \
	tests/it/crash_points.sh \
	tests/it/evil.sh \
	tests/it/evil_workers.sh \
	tests/it/exec_basics.sh \
	tests/it/extensions_wire.sh \
	tests/it/failpoints.sh \
	tests/it/faults.sh \
	tests/it/fresh_machine.sh \
	tests/it/gateway.sh \
	tests/it/group_commit.sh \
	tests/it/harness_launch.sh \
	tests/it/harness_state.sh \
	tests/it/home_refusals.sh \
	tests/it/import.sh \
	tests/it/isolated.sh \
	tests/it/kill_load.sh \
	tests/it/kill_tree.sh \
	tests/it/leftovers.sh \
	tests/it/limits.sh \
	tests/it/limits_cgroup.sh \
	tests/it/openapi_replies.sh \
	tests/it/mode_container.sh \
	tests/it/mode_landlock.sh \
	tests/it/mode_system.sh \
	tests/it/nested.sh \
	tests/it/notify.sh \
	tests/it/panic.sh \
	tests/it/races.sh \
	tests/it/protected_paths.sh \
	tests/it/peer_by_number.sh \
	tests/it/records.sh \
	tests/it/recovery.sh \
	tests/it/roles_confined.sh \
	tests/it/root_projects.sh \
	tests/it/sandbox_ordinary_owner.sh \
	tests/it/sandbox_package.sh \
	tests/it/sandbox_root_monitor.sh \
	tests/it/sandbox_root_owner.sh \
	tests/it/sandbox_without_landlock.sh \
	tests/it/security_promises.sh \
	tests/it/soak.sh \
	tests/it/selftest.sh \
	tests/it/socket_identity.sh \
	tests/it/spares.sh \
	tests/it/stalled_clients.sh \
	tests/it/stop_is_clean.sh \
	tests/it/stream.sh \
	tests/it/systemd_units.sh \
	tests/it/task_workspace.sh \
	tests/it/two_homes.sh \
	tests/it/w_privacy.sh \
	tests/it/w_daemon.sh \
	tests/it/watch.sh \
	tests/it/upstream.sh \
	tests/it/w_store.sh \
	tests/it/watchdog.sh \
	tests/it/wire_contract.sh \
	tests/it/workspaces.sh

include tests/evil/local.mk
include tests/fuzz/local.mk
