noinst_LIBRARIES += libcovenctl.a
libcovenctl_a_CPPFLAGS = $(AM_CPPFLAGS) $(JSONC_CFLAGS) $(SMARTCOLS_CFLAGS)
libcovenctl_a_SOURCES = \
	covenctl/api.c covenctl/api.h \
	covenctl/archives.c covenctl/archives_list.c \
	covenctl/audit.c covenctl/audit.h covenctl/audit_verify.c \
	covenctl/bearer.c covenctl/bearer.h \
	covenctl/client.c covenctl/client.h \
	covenctl/config.c \
	covenctl/attach.c covenctl/follow.c \
	covenctl/detach.c covenctl/detach.h \
	covenctl/sse.c covenctl/sse.h \
	covenctl/args.c covenctl/ctl.h covenctl/verbs.c \
	covenctl/complete.c covenctl/help.c covenctl/record.c \
	covenctl/doctor.c covenctl/doctor.h \
	covenctl/doctor_contract.c \
	covenctl/doctor_home.c covenctl/doctor_host.c \
	covenctl/doctor_limits.c \
	covenctl/doctor_kernel.c \
	covenctl/feed.c covenctl/feed.h \
	covenctl/home.c covenctl/home.h \
	covenctl/human.c covenctl/human.h covenctl/live.c \
	covenctl/changes.c \
	covenctl/jsonr.c covenctl/jsonr.h \
	covenctl/launch.c \
	covenctl/lifecycle.c covenctl/lifecycle.h \
	covenctl/panic.c \
	covenctl/pair.c \
	covenctl/procs.c covenctl/procs.h \
	covenctl/progress.c covenctl/progress.h \
	covenctl/reply.c covenctl/reply.h \
	covenctl/screen.c covenctl/screen.h \
	covenctl/selftest.c covenctl/selftest.h \
	covenctl/selftest_left.c \
	covenctl/selftest_print.c covenctl/selftest_roles.c \
	covenctl/selftest_world.c \
	covenctl/sessions.c \
	covenctl/start.c \
	covenctl/table.c covenctl/table.h \
	covenctl/text.c covenctl/text.h \
	covenctl/token.c \
	covenctl/tty.c covenctl/tty.h \
	covenctl/verify.c covenctl/verify.h \
	covenctl/watch.c covenctl/watch.h
COVENCTL_LIBS = libcovenctl.a $(COMMON_LIBS) $(JSONC_LIBS) \
	$(SMARTCOLS_LIBS) $(SODIUM_LIBS)

bin_PROGRAMS += covenctl/covenctl
covenctl_covenctl_SOURCES = covenctl/main.c
covenctl_covenctl_LDADD = $(COVENCTL_LIBS)

# Completion comes from the verb table, so it is printed by the program.
bashcompdir = $(datadir)/bash-completion/completions
zshcompdir = $(datadir)/zsh/site-functions
fishcompdir = $(datadir)/fish/vendor_completions.d
nodist_bashcomp_DATA = covenctl/completion/covenctl
nodist_zshcomp_DATA = covenctl/completion/_covenctl
nodist_fishcomp_DATA = covenctl/completion/covenctl.fish
CTL_COMPLETION = $(nodist_bashcomp_DATA) $(nodist_zshcomp_DATA) \
	$(nodist_fishcomp_DATA)
CLEANFILES += $(CTL_COMPLETION)
$(CTL_COMPLETION): covenctl/covenctl$(EXEEXT)
	@$(MKDIR_P) covenctl/completion
	@case $@ in *.fish) s=fish ;; */_*) s=zsh ;; *) s=bash ;; esac; \
	    covenctl/covenctl$(EXEEXT) completion $$s >$@.new && mv $@.new $@

# a page a verb; tests/unit/test_ctl_parts looks for them
dist_man_MANS += doc/covenctl.1 \
	doc/covenctl-apply.1 \
	doc/covenctl-archive.1 \
	doc/covenctl-archives.1 \
	doc/covenctl-diff.1 \
	doc/covenctl-discard.1 \
	doc/covenctl-attach.1 \
	doc/covenctl-audit.1 \
	doc/covenctl-completion.1 \
	doc/covenctl-config.1 \
	doc/covenctl-doctor.1 \
	doc/covenctl-events.1 \
	doc/covenctl-exec.1 \
	doc/covenctl-help.1 \
	doc/covenctl-input.1 \
	doc/covenctl-kill.1 \
	doc/covenctl-log.1 \
	doc/covenctl-logs.1 \
	doc/covenctl-pair.1 \
	doc/covenctl-panic.1 \
	doc/covenctl-policy.1 \
	doc/covenctl-restart.1 \
	doc/covenctl-run.1 \
	doc/covenctl-sacrifice.1 \
	doc/covenctl-selftest.1 \
	doc/covenctl-sessions.1 \
	doc/covenctl-start.1 \
	doc/covenctl-status.1 \
	doc/covenctl-stop.1 \
	doc/covenctl-summon.1 \
	doc/covenctl-token.1 \
	doc/covenctl-watch.1
EXTRA_DIST += tests/golden/covenctl-help.txt

CTL_TESTS = tests/unit/test_verify tests/unit/test_screen \
	tests/unit/test_ctl_parts tests/unit/test_ctl \
	tests/unit/test_ctl_daemon tests/unit/test_ctl_follow \
	tests/unit/test_ctl_sessions
check_PROGRAMS += $(CTL_TESTS)
TESTS += $(CTL_TESTS)
CTL_FAKE = tests/unit/test_ctl_server.c tests/unit/test_ctl_server.h \
	tests/unit/ctl_replies.h
tests_unit_test_screen_SOURCES = tests/unit/test_screen.c
tests_unit_test_screen_LDADD = $(COVENCTL_LIBS) $(CMOCKA_LIBS)
tests_unit_test_verify_SOURCES = tests/unit/test_verify.c
tests_unit_test_verify_LDADD = $(COVENCTL_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ctl_parts_SOURCES = tests/unit/test_ctl_parts.c
tests_unit_test_ctl_parts_LDADD = $(COVENCTL_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ctl_SOURCES = tests/unit/test_ctl.c $(CTL_FAKE)
tests_unit_test_ctl_LDADD = $(COVENCTL_LIBS) $(CMOCKA_LIBS) -lutil
tests_unit_test_ctl_sessions_SOURCES = tests/unit/test_ctl_sessions.c \
	$(CTL_FAKE)
tests_unit_test_ctl_sessions_LDADD = $(COVENCTL_LIBS) $(CMOCKA_LIBS) -lutil
tests_unit_test_ctl_follow_SOURCES = tests/unit/test_ctl_follow.c $(CTL_FAKE)
tests_unit_test_ctl_follow_LDADD = $(COVENCTL_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ctl_daemon_SOURCES = tests/unit/test_ctl_daemon.c $(CTL_FAKE)
tests_unit_test_ctl_daemon_LDADD = $(COVENCTL_LIBS) $(CMOCKA_LIBS)
