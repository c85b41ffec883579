# what coven-apid builds

noinst_LIBRARIES += libapid.a
libapid_a_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS) $(JSONC_CFLAGS) $(LLHTTP_CFLAGS)
libapid_a_SOURCES = \
	coven-apid/apid.c coven-apid/apid.h \
	coven-apid/ask.c \
	coven-apid/auth.c coven-apid/auth.h \
	coven-apid/conn.c coven-apid/conn.h coven-apid/conn_impl.h \
	coven-apid/familiars.c \
	coven-apid/conn_peer.c \
	coven-apid/harnesses.c \
	coven-apid/head.c coven-apid/head.h \
	coven-apid/http.c coven-apid/http.h \
	coven-apid/json.c coven-apid/json.h \
	coven-apid/note.c coven-apid/note.h \
	coven-apid/on_archives.c coven-apid/on_audit.c \
	coven-apid/on_changes.c \
	coven-apid/on_events.c \
	coven-apid/on_external.c \
	coven-apid/on_health.c \
	coven-apid/on_input.c \
	coven-apid/on_launch.c \
	coven-apid/on_records.c \
	coven-apid/on_sessions.c \
	coven-apid/on_stop.c \
	coven-apid/pairings.c coven-apid/pairings.h \
	coven-apid/record.c \
	coven-apid/request.c coven-apid/request.h \
	coven-apid/routes.c \
	coven-apid/server.c \
	coven-apid/stream.c coven-apid/stream.h

# Debian 12 ships llhttp as sources.  They are compiled through wrappers,
# strict, in a library of their own because they raise warnings.
LLHTTP_ARCHIVE =
EXTRA_DIST += coven-apid/llhttp_api.c coven-apid/llhttp_core.c \
	coven-apid/llhttp_http.c
if LLHTTP_SOURCES
noinst_LIBRARIES += libllhttp_src.a
libllhttp_src_a_CPPFLAGS = $(AM_CPPFLAGS) $(LLHTTP_CFLAGS)
libllhttp_src_a_CFLAGS = $(AM_CFLAGS) -w
libllhttp_src_a_SOURCES = \
	coven-apid/llhttp_api.c \
	coven-apid/llhttp_core.c \
	coven-apid/llhttp_http.c
LLHTTP_ARCHIVE += libllhttp_src.a
endif
APID_LIBS = libapid.a $(LLHTTP_ARCHIVE) $(COMMON_LIBS) $(JSONC_LIBS) \
	$(LLHTTP_LIBS)

pkglibexec_PROGRAMS += coven-apid/coven-apid
coven_apid_coven_apid_SOURCES = coven-apid/main.c
coven_apid_coven_apid_LDADD = libapid.a $(LLHTTP_ARCHIVE) $(SANDBOX_LIBS) \
	$(COMMON_LIBS) $(JSONC_LIBS) $(LLHTTP_LIBS)

ROUTES_SOURCES = \
	tests/unit/routes_client.c tests/unit/routes_client.h \
	tests/unit/routes_impl.h tests/unit/routes_monitor.c \
	tests/unit/routes_store.c tests/unit/routes_store.h

APID_TESTS = tests/unit/test_auth tests/unit/test_http \
	tests/unit/test_http_conn tests/unit/test_json \
	tests/unit/test_routes tests/unit/test_stream
check_PROGRAMS += $(APID_TESTS)
TESTS += $(APID_TESTS)
tests_unit_test_auth_SOURCES = tests/unit/test_auth.c $(ROUTES_SOURCES)
tests_unit_test_auth_LDADD = $(APID_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_SOURCES = tests/unit/test_http.c
tests_unit_test_http_LDADD = $(APID_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_conn_SOURCES = tests/unit/test_http_conn.c \
	$(ROUTES_SOURCES)
tests_unit_test_http_conn_LDADD = $(APID_LIBS) $(CMOCKA_LIBS)
tests_unit_test_json_SOURCES = tests/unit/test_json.c
tests_unit_test_json_LDADD = $(APID_LIBS) $(CMOCKA_LIBS)
tests_unit_test_routes_SOURCES = tests/unit/test_routes.c \
	tests/unit/routes_vectors.c tests/unit/routes_vectors.h \
	$(ROUTES_SOURCES)
tests_unit_test_routes_LDADD = $(APID_LIBS) $(CMOCKA_LIBS)
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c $(ROUTES_SOURCES)
tests_unit_test_stream_LDADD = $(APID_LIBS) $(CMOCKA_LIBS)
