noinst_LIBRARIES += libsandbox.a
libsandbox_a_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_CFLAGS)
libsandbox_a_SOURCES = \
	sandbox/filter.c sandbox/filter.h \
	sandbox/landlock.c sandbox/landlock.h \
	sandbox/namespaces.c \
	sandbox/privileges.c \
	sandbox/profile.c sandbox/profile.h \
	sandbox/reviewed.c \
	sandbox/role.c sandbox/role.h \
	sandbox/steps.h \
	sandbox/syscalls.c sandbox/syscalls.h
# before COMMON_LIBS on a link line
SANDBOX_LIBS = libsandbox.a $(SECCOMP_LIBS)

check_PROGRAMS += tests/unit/test_filter tests/unit/test_landlock \
	tests/unit/test_profile tests/unit/test_sandbox
TESTS += tests/unit/test_filter tests/unit/test_landlock \
	tests/unit/test_profile tests/unit/test_sandbox
tests_unit_test_filter_SOURCES = tests/unit/test_filter.c
tests_unit_test_filter_LDADD = $(SANDBOX_LIBS) $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_landlock_SOURCES = tests/unit/test_landlock.c
tests_unit_test_landlock_LDADD = $(SANDBOX_LIBS) $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_profile_SOURCES = tests/unit/test_profile.c
tests_unit_test_profile_LDADD = $(SANDBOX_LIBS) $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c \
	tests/unit/role_child.c tests/unit/role_child.h
tests_unit_test_sandbox_LDADD = $(SANDBOX_LIBS) $(COMMON_LIBS) $(CMOCKA_LIBS)

# What the filters come to, as libseccomp prints it; see test_filter.c.
EXTRA_DIST += \
	tests/golden/filter-alone.pfc \
	tests/golden/filter-apid.pfc \
	tests/golden/filter-applier.pfc \
	tests/golden/filter-archiver.pfc \
	tests/golden/filter-confread.pfc \
	tests/golden/filter-extractor.pfc \
	tests/golden/filter-gateway.pfc \
	tests/golden/filter-monitor.pfc \
	tests/golden/filter-nested.pfc \
	tests/golden/filter-payload.pfc \
	tests/golden/filter-remover.pfc \
	tests/golden/filter-resolver.pfc \
	tests/golden/filter-runner.pfc \
	tests/golden/filter-stored.pfc \
	tests/golden/filter-unscoped.pfc

TESTS += tests/lint.sh
EXTRA_DIST += tests/lint.sh
