# Empties a folder that somebody else has filled.
noinst_LIBRARIES += libremover.a
libremover_a_SOURCES = coven-remover/remove.c coven-remover/remove.h

pkglibexec_PROGRAMS += coven-remover/coven-remover
coven_remover_coven_remover_SOURCES = coven-remover/main.c
coven_remover_coven_remover_LDADD = libremover.a $(SANDBOX_LIBS) \
	$(COMMON_LIBS)

check_PROGRAMS += tests/unit/test_remover
TESTS += tests/unit/test_remover
tests_unit_test_remover_SOURCES = tests/unit/test_remover.c \
	tests/unit/work_driver.c tests/unit/work_driver.h
tests_unit_test_remover_LDADD = libremover.a $(SANDBOX_LIBS) \
	$(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_remover_DEPENDENCIES = libremover.a libcommon.a \
	libsandbox.a coven-remover/coven-remover
