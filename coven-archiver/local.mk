# Folders into archives and back: two programs over one library.
noinst_LIBRARIES += libarchiver.a
libarchiver_a_CPPFLAGS = $(AM_CPPFLAGS) $(ARCHIVE_CFLAGS)
libarchiver_a_SOURCES = \
	coven-archiver/archive.c coven-archiver/archive.h \
	coven-archiver/links.c coven-archiver/links.h \
	coven-archiver/pack.c coven-archiver/pack.h \
	coven-archiver/unpack.c coven-archiver/unpack.h

pkglibexec_PROGRAMS += coven-archiver/coven-archiver \
	coven-archiver/coven-extractor
coven_archiver_coven_archiver_SOURCES = coven-archiver/archiver.c
coven_archiver_coven_archiver_LDADD = libarchiver.a $(SANDBOX_LIBS) \
	$(COMMON_LIBS) $(ARCHIVE_LIBS)
coven_archiver_coven_extractor_SOURCES = coven-archiver/extractor.c
coven_archiver_coven_extractor_LDADD = libarchiver.a $(SANDBOX_LIBS) \
	$(COMMON_LIBS) $(ARCHIVE_LIBS)

check_PROGRAMS += tests/unit/test_archiver
TESTS += tests/unit/test_archiver
tests_unit_test_archiver_SOURCES = tests/unit/test_archiver.c \
	tests/unit/work_driver.c tests/unit/work_driver.h
tests_unit_test_archiver_CPPFLAGS = $(AM_CPPFLAGS) $(ARCHIVE_CFLAGS)
tests_unit_test_archiver_LDADD = $(SANDBOX_LIBS) $(COMMON_LIBS) \
	$(CMOCKA_LIBS) $(ARCHIVE_LIBS)
tests_unit_test_archiver_DEPENDENCIES = libcommon.a libsandbox.a \
	coven-archiver/coven-archiver coven-archiver/coven-extractor
