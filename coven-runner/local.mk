noinst_LIBRARIES += librunner.a
librunner_a_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS)
librunner_a_SOURCES = \
	coven-runner/bound.c \
	coven-runner/clean.c coven-runner/clean.h \
	coven-runner/escape.c coven-runner/escape.h \
	coven-runner/input.c coven-runner/input.h \
	coven-runner/out.c coven-runner/out.h \
	coven-runner/run.c coven-runner/run.h \
	coven-runner/size.c \
	coven-runner/stream.c coven-runner/stream.h \
	coven-runner/term.c coven-runner/term.h \
	coven-runner/window.c coven-runner/window.h \
	coven-runner/wrap.c coven-runner/wrap.h

pkglibexec_PROGRAMS += coven-runner/coven-runner
coven_runner_coven_runner_SOURCES = coven-runner/main.c
coven_runner_coven_runner_LDADD = librunner.a $(REDACT_LIBS) \
	$(SANDBOX_LIBS) $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test_runner_out tests/unit/test_runner_io \
	tests/unit/test_runner tests/unit/test_runner_clean
TESTS += tests/unit/test_runner_out tests/unit/test_runner_io \
	tests/unit/test_runner tests/unit/test_runner_clean
tests_unit_test_runner_out_SOURCES = tests/unit/test_runner_out.c \
	tests/unit/runner_json.h
tests_unit_test_runner_out_LDADD = librunner.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_runner_io_SOURCES = tests/unit/test_runner_io.c
tests_unit_test_runner_io_LDADD = librunner.a $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_runner_SOURCES = tests/unit/test_runner.c \
	tests/unit/runner_world.c tests/unit/runner_world.h \
	tests/unit/runner_json.h $(REDACTOR_FIXTURE)
tests_unit_test_runner_LDADD = librunner.a $(REDACTC_LIBS) $(SANDBOX_LIBS) \
	$(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_runner_clean_SOURCES = tests/unit/test_runner_clean.c \
	tests/unit/runner_world.c tests/unit/runner_world.h \
	tests/unit/runner_json.h $(REDACTOR_FIXTURE)
tests_unit_test_runner_clean_LDADD = librunner.a $(REDACTC_LIBS) \
	$(SANDBOX_LIBS) $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_runner_clean_DEPENDENCIES = librunner.a libcommon.a \
	coven-runner/coven-runner
# it also executes the program itself, confined
tests_unit_test_runner_DEPENDENCIES = librunner.a libcommon.a \
	coven-runner/coven-runner

include coven-runner/init.mk
