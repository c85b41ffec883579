# Fuzz targets.  To add one: write fuzz_X.c and corpus/X/, add X to
# FUZZ_TARGETS, its corpus to FUZZ_CORPUS and the four lines of replay_X.
FUZZ_TARGETS = carry hello http json manifest msg redact screen toml
FUZZ_CORPUS = \
	tests/fuzz/corpus/carry \
	tests/fuzz/corpus/hello \
	tests/fuzz/corpus/http \
	tests/fuzz/corpus/json \
	tests/fuzz/corpus/manifest \
	tests/fuzz/corpus/msg \
	tests/fuzz/corpus/redact \
	tests/fuzz/corpus/screen \
	tests/fuzz/corpus/toml

check_PROGRAMS += tests/fuzz/replay_carry
TESTS += tests/fuzz/replay_carry
tests_fuzz_replay_carry_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_carry.c
tests_fuzz_replay_carry_LDADD = $(GATEWAY_LIBS)

check_PROGRAMS += tests/fuzz/replay_hello
TESTS += tests/fuzz/replay_hello
tests_fuzz_replay_hello_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_hello.c
tests_fuzz_replay_hello_LDADD = $(GATEWAY_LIBS)

check_PROGRAMS += tests/fuzz/replay_http
TESTS += tests/fuzz/replay_http
tests_fuzz_replay_http_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_http.c
tests_fuzz_replay_http_LDADD = $(APID_LIBS)

check_PROGRAMS += tests/fuzz/replay_json
TESTS += tests/fuzz/replay_json
tests_fuzz_replay_json_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_json.c
tests_fuzz_replay_json_LDADD = $(APID_LIBS)

check_PROGRAMS += tests/fuzz/replay_manifest
TESTS += tests/fuzz/replay_manifest
tests_fuzz_replay_manifest_SOURCES = tests/fuzz/replay.c \
	tests/fuzz/fuzz_manifest.c
nodist_EXTRA_tests_fuzz_replay_manifest_SOURCES = dummy.cc
tests_fuzz_replay_manifest_LDADD = $(CONFREAD_LIBS)

check_PROGRAMS += tests/fuzz/replay_msg
TESTS += tests/fuzz/replay_msg
tests_fuzz_replay_msg_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_msg.c
tests_fuzz_replay_msg_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/fuzz/replay_redact
TESTS += tests/fuzz/replay_redact
tests_fuzz_replay_redact_SOURCES = tests/fuzz/replay.c \
	tests/fuzz/fuzz_redact.c
tests_fuzz_replay_redact_CPPFLAGS = $(AM_CPPFLAGS) $(JSONC_CFLAGS)
tests_fuzz_replay_redact_LDADD = $(REDACTC_LIBS) $(COMMON_LIBS) $(JSONC_LIBS)

check_PROGRAMS += tests/fuzz/replay_screen
TESTS += tests/fuzz/replay_screen
tests_fuzz_replay_screen_SOURCES = tests/fuzz/replay.c \
	tests/fuzz/fuzz_screen.c
tests_fuzz_replay_screen_LDADD = $(COVENCTL_LIBS)

check_PROGRAMS += tests/fuzz/replay_toml
TESTS += tests/fuzz/replay_toml
tests_fuzz_replay_toml_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_toml.c
nodist_EXTRA_tests_fuzz_replay_toml_SOURCES = dummy.cc
tests_fuzz_replay_toml_LDADD = $(CONFREAD_LIBS)

EXTRA_DIST += tests/fuzz/run.sh tests/fuzz/dict/http.dict $(FUZZ_CORPUS)

fuzz:
	@for t in $(FUZZ_TARGETS); do \
		$(SHELL) $(top_srcdir)/tests/fuzz/run.sh $(top_srcdir) \
		    $(top_builddir) $$t || exit 1; \
	done
.PHONY: fuzz
