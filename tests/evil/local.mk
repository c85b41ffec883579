# The attackers' versions of the roles; tests/it/evil.sh stages them.
EVIL_SOURCES = tests/evil/evil.c tests/evil/evil.h
EVIL_LIBS = $(SANDBOX_LIBS) $(COMMON_LIBS)

check_PROGRAMS += tests/evil/evil_apid tests/evil/evil_confread \
	tests/evil/evil_gateway tests/evil/evil_init \
	tests/evil/evil_resolver tests/evil/evil_runner tests/evil/evil_stored \
	tests/evil/evil_applier tests/evil/evil_archiver \
	tests/evil/evil_extractor tests/evil/evil_remover
tests_evil_evil_gateway_SOURCES = tests/evil/evil_gateway.c $(EVIL_SOURCES)
tests_evil_evil_gateway_LDADD = $(EVIL_LIBS)
tests_evil_evil_resolver_SOURCES = tests/evil/evil_resolver.c $(EVIL_SOURCES)
tests_evil_evil_resolver_LDADD = $(EVIL_LIBS)
tests_evil_evil_apid_SOURCES = tests/evil/evil_apid.c $(EVIL_SOURCES)
tests_evil_evil_apid_LDADD = $(EVIL_LIBS)
tests_evil_evil_confread_SOURCES = tests/evil/evil_confread.c $(EVIL_SOURCES)
tests_evil_evil_confread_LDADD = $(EVIL_LIBS)
tests_evil_evil_init_SOURCES = tests/evil/evil_init.c $(EVIL_SOURCES)
tests_evil_evil_init_LDADD = libinit.a $(EVIL_LIBS) $(CAPNG_LIBS)
tests_evil_evil_runner_SOURCES = tests/evil/evil_runner.c $(EVIL_SOURCES)
tests_evil_evil_runner_LDADD = $(EVIL_LIBS)
tests_evil_evil_stored_SOURCES = tests/evil/evil_stored.c $(EVIL_SOURCES)
tests_evil_evil_stored_LDADD = $(EVIL_LIBS)
tests_evil_evil_applier_SOURCES = tests/evil/evil_worker.c $(EVIL_SOURCES)
tests_evil_evil_applier_CPPFLAGS = $(AM_CPPFLAGS) -DEVIL_WORKER=ROLE_APPLIER
tests_evil_evil_applier_LDADD = $(EVIL_LIBS)
tests_evil_evil_archiver_SOURCES = tests/evil/evil_worker.c $(EVIL_SOURCES)
tests_evil_evil_archiver_CPPFLAGS = $(AM_CPPFLAGS) -DEVIL_WORKER=ROLE_ARCHIVER
tests_evil_evil_archiver_LDADD = $(EVIL_LIBS)
tests_evil_evil_extractor_SOURCES = tests/evil/evil_worker.c $(EVIL_SOURCES)
tests_evil_evil_extractor_CPPFLAGS = $(AM_CPPFLAGS) -DEVIL_WORKER=ROLE_EXTRACTOR
tests_evil_evil_extractor_LDADD = $(EVIL_LIBS)
tests_evil_evil_remover_SOURCES = tests/evil/evil_worker.c $(EVIL_SOURCES)
tests_evil_evil_remover_CPPFLAGS = $(AM_CPPFLAGS) -DEVIL_WORKER=ROLE_REMOVER
tests_evil_evil_remover_LDADD = $(EVIL_LIBS)
