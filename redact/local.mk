# Redaction.  The compiler of patterns is C++ and large: its library is linked
# by coven-confread and tests alone; the others link the runtime, which is C.
noinst_LIBRARIES += libredact.a libredactc.a
libredact_a_CPPFLAGS = $(AM_CPPFLAGS) $(HS_CFLAGS)
libredact_a_SOURCES = \
	redact/impl.h redact/kinds.c redact/kinds.h redact/kinds.def \
	redact/members.c redact/redact.c redact/redact.h \
	redact/scan.c redact/shape.c redact/span.c
# before COMMON_LIBS on a link line
REDACT_LIBS = libredact.a -lhs_runtime

libredactc_a_CPPFLAGS = $(AM_CPPFLAGS) $(HS_CFLAGS)
libredactc_a_SOURCES = \
	redact/begins.c redact/begins.h redact/compile.c redact/compile.h
# libhs holds the runtime as well
REDACTC_LIBS = libredactc.a libredact.a $(HS_LIBS)

check_PROGRAMS += tests/unit/test_redact
TESTS += tests/unit/test_redact
tests_unit_test_redact_SOURCES = tests/unit/test_redact.c
tests_unit_test_redact_LDADD = $(REDACTC_LIBS) $(COMMON_LIBS) $(CMOCKA_LIBS)

# For tests that play the monitor.
REDACTOR_FIXTURE = tests/unit/redactor_fixture.c tests/unit/redactor_fixture.h
