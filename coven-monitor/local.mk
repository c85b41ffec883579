# what coven-monitor builds
noinst_LIBRARIES += libmonitor.a
libmonitor_a_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS) $(CAPNG_CFLAGS)
libmonitor_a_SOURCES = \
	coven-monitor/add_dirs.c coven-monitor/add_dirs.h \
	coven-monitor/applying.c coven-monitor/applying.h \
	coven-monitor/audit_key.c coven-monitor/audit_key.h \
	coven-monitor/cgroup.c coven-monitor/cgroup.h \
	coven-monitor/cgroup_hold.c \
	coven-monitor/child.c coven-monitor/child.h \
	coven-monitor/conf_load.c coven-monitor/conf_load.h \
	coven-monitor/confine.c coven-monitor/confine.h \
	coven-monitor/explain.c coven-monitor/explain.h \
	coven-monitor/gateway.c coven-monitor/gateway.h \
	coven-monitor/grant.c coven-monitor/grant.h \
	coven-monitor/grant_command.c coven-monitor/grant_command.h \
	coven-monitor/grant_env.c \
	coven-monitor/harness_table.c coven-monitor/harness_table.h \
	coven-monitor/ending.c coven-monitor/ending.h \
	coven-monitor/heads.c coven-monitor/heads.h \
	coven-monitor/home.c coven-monitor/home.h \
	coven-monitor/idmap.c coven-monitor/idmap.h \
	coven-monitor/logpipe.c coven-monitor/logpipe.h \
	coven-monitor/mode.c coven-monitor/mode.h \
	coven-monitor/monitor.h \
	coven-monitor/note.c coven-monitor/note.h \
	coven-monitor/notify.c coven-monitor/notify.h \
	coven-monitor/on_apid.c \
	coven-monitor/on_session.c \
	coven-monitor/on_stored.c \
	coven-monitor/over.c \
	coven-monitor/oldstore.c coven-monitor/oldstore.h \
	coven-monitor/orphans.c coven-monitor/orphans.h \
	coven-monitor/owner.c coven-monitor/owner.h \
	coven-monitor/pair.c coven-monitor/pair.h \
	coven-monitor/plan.c coven-monitor/plan.h \
	coven-monitor/plan_exec.c \
	coven-monitor/plan_host.c \
	coven-monitor/plan_state.c \
	coven-monitor/point.c coven-monitor/point.h \
	coven-monitor/privacy.c coven-monitor/privacy.h \
	coven-monitor/ran.c coven-monitor/ran.h \
	coven-monitor/reader.c coven-monitor/reader.h \
	coven-monitor/root.c coven-monitor/root.h \
	coven-monitor/roster.c coven-monitor/roster.h \
	coven-monitor/session.c coven-monitor/session.h \
	coven-monitor/sock.c coven-monitor/sock.h \
	coven-monitor/spare.c coven-monitor/spare.h \
	coven-monitor/storefd.c coven-monitor/storefd.h \
	coven-monitor/supervise.c \
	coven-monitor/token.c coven-monitor/token.h \
	coven-monitor/uids.c coven-monitor/uids.h \
	coven-monitor/usage.c coven-monitor/usage.h \
	coven-monitor/watch.c coven-monitor/watch.h \
	coven-monitor/who.c coven-monitor/who.h \
	coven-monitor/work.c coven-monitor/work.h

sbin_PROGRAMS += coven-monitor/coven-monitor
coven_monitor_coven_monitor_SOURCES = coven-monitor/main.c
coven_monitor_coven_monitor_LDADD = libmonitor.a libsandbox.a $(COMMON_LIBS) \
	$(CAPNG_LIBS) $(SECCOMP_LIBS)

check_PROGRAMS += tests/unit/test_ran tests/unit/test_root
TESTS += tests/unit/test_ran tests/unit/test_root
tests_unit_test_ran_SOURCES = tests/unit/test_ran.c
tests_unit_test_ran_LDADD = libmonitor.a libsandbox.a $(COMMON_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_test_root_SOURCES = tests/unit/test_root.c
tests_unit_test_root_LDADD = libmonitor.a libsandbox.a $(COMMON_LIBS) \
	$(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_point tests/unit/test_usage \
	tests/unit/test_cgroup
TESTS += tests/unit/test_point tests/unit/test_usage tests/unit/test_cgroup
tests_unit_test_cgroup_SOURCES = tests/unit/test_cgroup.c
tests_unit_test_cgroup_LDADD = libmonitor.a libsandbox.a $(COMMON_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_test_usage_SOURCES = tests/unit/test_usage.c
tests_unit_test_usage_LDADD = libmonitor.a libsandbox.a $(COMMON_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_test_point_SOURCES = tests/unit/test_point.c
tests_unit_test_point_LDADD = libmonitor.a libsandbox.a $(COMMON_LIBS) \
	$(CMOCKA_LIBS)
