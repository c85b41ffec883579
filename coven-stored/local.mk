# The record: a library over which the program is a thin main.
noinst_LIBRARIES += libstored.a
libstored_a_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS) $(MD_CFLAGS) \
	$(SQLITE_CFLAGS)
libstored_a_SOURCES = \
	coven-stored/archives.c coven-stored/asks.c \
	coven-stored/changes.c \
	coven-stored/clean.c coven-stored/clean.h \
	coven-stored/block.c coven-stored/block.h \
	coven-stored/heads.c coven-stored/heads.h \
	coven-stored/import.c \
	coven-stored/jobs.c \
	coven-stored/migrate.c coven-stored/migrate.h \
	coven-stored/notes.c \
	coven-stored/old.c coven-stored/old.h coven-stored/old_time.c \
	coven-stored/on_apid.c \
	coven-stored/on_monitor.c \
	coven-stored/on_runner.c coven-stored/on_runner.h \
	coven-stored/page.c coven-stored/page.h \
	coven-stored/page_json.c coven-stored/page_json.h \
	coven-stored/pairings.c \
	coven-stored/phases.c \
	coven-stored/records.c \
	coven-stored/report.c \
	coven-stored/reserve.c coven-stored/reserve.h \
	coven-stored/resize.c \
	coven-stored/retention.c \
	coven-stored/run.c \
	coven-stored/search.c \
	coven-stored/search_text.c coven-stored/search_text.h \
	coven-stored/segment.c coven-stored/segment.h \
	coven-stored/siphash.c coven-stored/siphash.h \
	coven-stored/sql.def \
	coven-stored/sqlite.c coven-stored/sqlite.h \
	coven-stored/stats.c \
	coven-stored/store.c coven-stored/store.h \
	coven-stored/store_audit.c \
	coven-stored/store_block.c \
	coven-stored/store_event.c coven-stored/store_internal.h \
	coven-stored/store_pairs.c \
	coven-stored/store_phases.c \
	coven-stored/store_import.c \
	coven-stored/store_records.c \
	coven-stored/store_size.c \
	coven-stored/store_search.c \
	coven-stored/stored.c coven-stored/stored.h \
	coven-stored/tail.c coven-stored/tail.h \
	coven-stored/upkeep.c \
	coven-stored/writer.c
STORED_LIBS = libstored.a $(REDACTC_LIBS) $(COMMON_LIBS) $(SODIUM_LIBS) \
	$(SQLITE_LIBS)

STORED_TESTS = tests/unit/test_store_search tests/unit/test_search_text \
	tests/unit/test_store tests/unit/test_store_audit \
	tests/unit/test_store_block \
	tests/unit/test_store_page \
	tests/unit/test_stored tests/unit/test_stored_ask \
	tests/unit/test_stored_clean \
	tests/unit/test_stored_audit tests/unit/test_stored_full \
	tests/unit/test_stored_pairs \
	tests/unit/test_stored_records
check_PROGRAMS += $(STORED_TESTS)
TESTS += $(STORED_TESTS)
# A store in a folder of its own.
STORE_FIXTURE = tests/unit/store_fixture.c tests/unit/store_fixture.h
# A stored, and a monitor, an apid and runners played to it.
STORED_PEERS = tests/unit/stored_peers.c tests/unit/stored_peers.h \
	$(REDACTOR_FIXTURE)

tests_unit_test_store_SOURCES = tests/unit/test_store.c $(STORE_FIXTURE)
tests_unit_test_store_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_store_block_SOURCES = tests/unit/test_store_block.c \
	$(STORE_FIXTURE)
tests_unit_test_store_block_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_block_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_store_audit_SOURCES = tests/unit/test_store_audit.c \
	$(STORE_FIXTURE)
tests_unit_test_store_audit_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_audit_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_store_page_SOURCES = tests/unit/test_store_page.c \
	$(STORE_FIXTURE)
tests_unit_test_store_page_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_page_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_stored_SOURCES = tests/unit/test_stored.c $(STORED_PEERS)
tests_unit_test_stored_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS) $(MD_CFLAGS)
tests_unit_test_stored_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_stored_ask_SOURCES = tests/unit/test_stored_ask.c \
	$(STORED_PEERS)
tests_unit_test_stored_ask_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS)
tests_unit_test_stored_ask_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_stored_audit_SOURCES = tests/unit/test_stored_audit.c \
	$(STORED_PEERS)
tests_unit_test_stored_audit_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS)
tests_unit_test_stored_audit_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_stored_clean_SOURCES = tests/unit/test_stored_clean.c \
	$(STORED_PEERS)
tests_unit_test_stored_clean_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS)
tests_unit_test_stored_clean_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_stored_full_SOURCES = tests/unit/test_stored_full.c \
	$(STORED_PEERS)
tests_unit_test_stored_full_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS)
tests_unit_test_stored_full_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_stored_pairs_SOURCES = tests/unit/test_stored_pairs.c \
	$(STORED_PEERS)
tests_unit_test_stored_pairs_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS)
tests_unit_test_stored_pairs_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_store_search_SOURCES = tests/unit/test_store_search.c \
	$(STORE_FIXTURE)
tests_unit_test_store_search_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_search_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_search_text_SOURCES = tests/unit/test_search_text.c
tests_unit_test_search_text_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)
tests_unit_test_stored_records_SOURCES = tests/unit/test_stored_records.c \
	$(STORED_PEERS)
tests_unit_test_stored_records_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS) \
	$(SQLITE_CFLAGS)
tests_unit_test_stored_records_LDADD = $(STORED_LIBS) $(CMOCKA_LIBS)

pkglibexec_PROGRAMS += coven-stored/coven-stored
coven_stored_coven_stored_SOURCES = coven-stored/main.c
coven_stored_coven_stored_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS)
coven_stored_coven_stored_LDADD = libstored.a $(REDACT_LIBS) \
	$(SANDBOX_LIBS) $(COMMON_LIBS) $(SODIUM_LIBS) $(SQLITE_LIBS)
