# coven-init: PID 1 of a session's sandbox
noinst_LIBRARIES += libinit.a
libinit_a_CPPFLAGS = $(AM_CPPFLAGS) $(CAPNG_CFLAGS)
libinit_a_SOURCES = \
	coven-runner/init.c coven-runner/init.h \
	coven-runner/init_ahead.c \
	coven-runner/init_alone.c \
	coven-runner/init_dev.c \
	coven-runner/init_exec.c \
	coven-runner/init_id.c \
	coven-runner/init_guard.c coven-runner/init_guard.h \
	coven-runner/init_mask.c \
	coven-runner/init_mount.c \
	coven-runner/init_overlay.c \
	coven-runner/init_path.c \
	coven-runner/init_plan.c \
	coven-runner/init_protect.c coven-runner/protect.h \
	coven-runner/init_root.c \
	coven-runner/init_quota.c coven-runner/init_quota.h \
	coven-runner/init_watch.c coven-runner/init_watch.h

pkglibexec_PROGRAMS += coven-runner/coven-init
coven_runner_coven_init_SOURCES = coven-runner/init_main.c
coven_runner_coven_init_LDADD = libinit.a $(SANDBOX_LIBS) $(COMMON_LIBS) \
	$(CAPNG_LIBS)

# plays the monitor and the runner; init_probe is what it has executed inside
check_PROGRAMS += tests/unit/test_init tests/unit/init_probe
TESTS += tests/unit/test_init
tests_unit_init_probe_SOURCES = tests/unit/init_probe.c
tests_unit_test_init_SOURCES = tests/unit/test_init.c \
	tests/unit/init_driver.c tests/unit/init_driver.h
tests_unit_test_init_LDADD = $(SANDBOX_LIBS) $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_init_DEPENDENCIES = libcommon.a coven-runner/coven-init \
	tests/unit/init_probe

check_PROGRAMS += tests/unit/test_watch
TESTS += tests/unit/test_watch
tests_unit_test_watch_SOURCES = tests/unit/test_watch.c
tests_unit_test_watch_LDADD = libinit.a $(SANDBOX_LIBS) $(COMMON_LIBS) \
	$(CAPNG_LIBS) $(CMOCKA_LIBS)
