noinst_LIBRARIES += libconfread.a
libconfread_a_CPPFLAGS = $(AM_CPPFLAGS) $(JSONC_CFLAGS) -DNDEBUG
libconfread_a_SOURCES = \
	coven-confread/confread.h \
	coven-confread/manifest.c \
	coven-confread/privacy.c \
	coven-confread/toml.cc
CONFREAD_LIBS = libconfread.a $(REDACTC_LIBS) $(COMMON_LIBS) $(JSONC_LIBS)

pkglibexec_PROGRAMS += coven-confread/coven-confread
coven_confread_coven_confread_SOURCES = coven-confread/main.c
# libconfread.a holds C++: have it linked as such
nodist_EXTRA_coven_confread_coven_confread_SOURCES = dummy.cc
coven_confread_coven_confread_LDADD = libconfread.a $(REDACTC_LIBS) \
	$(SANDBOX_LIBS) $(COMMON_LIBS) $(JSONC_LIBS)

check_PROGRAMS += tests/unit/test_harness
TESTS += tests/unit/test_harness
tests_unit_test_harness_SOURCES = tests/unit/test_harness.c
tests_unit_test_harness_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_conf
TESTS += tests/unit/test_conf
tests_unit_test_conf_SOURCES = tests/unit/test_conf.c
tests_unit_test_conf_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_confread
TESTS += tests/unit/test_confread
tests_unit_test_confread_SOURCES = tests/unit/test_confread.c
nodist_EXTRA_tests_unit_test_confread_SOURCES = dummy.cc
tests_unit_test_confread_LDADD = $(CONFREAD_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_confread_role
TESTS += tests/unit/test_confread_role
tests_unit_test_confread_role_SOURCES = tests/unit/test_confread_role.c
tests_unit_test_confread_role_LDADD = $(REDACT_LIBS) $(SANDBOX_LIBS) \
	$(COMMON_LIBS) $(CMOCKA_LIBS)
