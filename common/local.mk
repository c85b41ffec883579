noinst_LIBRARIES += libcommon.a
libcommon_a_CPPFLAGS = $(AM_CPPFLAGS) $(BSD_CFLAGS) $(MD_CFLAGS) \
	$(SODIUM_CFLAGS)
libcommon_a_SOURCES = \
	common/audit.c common/audit.def common/audit.h \
	common/base64.c common/base64.h \
	common/buf.c common/buf.h \
	common/cgroup2.c common/cgroup2.h \
	common/chan.c common/chan.h \
	common/clock.c common/clock.h \
	common/bounds.c common/bounds.def common/bounds.h \
	common/conf.c common/conf.h common/conf.def common/conf_dump.c \
	common/conf_show.c \
	common/ct.c common/ct.h \
	common/digest.c common/digest.h \
	common/failpoint.c common/failpoint.h common/failpoint.def \
	common/family.c common/family.h \
	common/harness.c common/harness.h \
	common/harness_host.c common/harness_host.h \
	common/http_line.c common/http_line.h \
	common/json_scan.c common/json_scan.h \
	common/jsonw.c common/jsonw.h \
	common/limits.h common/limits.def \
	common/log.c common/log.h \
	common/loop.c common/loop.h \
	common/mem.c common/mem.h \
	common/memfd.c common/memfd.h \
	common/msg.c common/msg.h common/msg.def \
	common/net_addr.c common/net_addr.h \
	common/net_collect.c \
	common/net_granted.c \
	common/net_policy.c common/net_policy.h \
	common/net_route.c \
	common/net_rule.c common/net_rule.h \
	common/net_upstream.c common/net_upstream.h \
	common/plain.c common/plain.h \
	common/protect.c common/protect.def common/protect.h \
	common/protect_way.c common/protect_way.h \
	common/scope.c common/scope.h \
	common/sign.c common/sign.h \
	common/shelf.c common/shelf.h \
	common/spawn.c common/spawn.h \
	common/worker.c common/worker.h \
	common/token.c common/token.h \
	common/utf8.c common/utf8.h
# sign.c is in it, but only who uses it links $(SODIUM_LIBS).
COMMON_LIBS = libcommon.a $(MD_LIBS) $(BSD_LIBS)

check_PROGRAMS += tests/unit/test_audit
TESTS += tests/unit/test_audit
tests_unit_test_audit_SOURCES = tests/unit/test_audit.c
tests_unit_test_audit_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_net_addr tests/unit/test_net_policy \
	tests/unit/test_net_route
TESTS += tests/unit/test_net_addr tests/unit/test_net_policy \
	tests/unit/test_net_route
tests_unit_test_net_route_SOURCES = tests/unit/test_net_route.c
tests_unit_test_net_route_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_net_addr_SOURCES = tests/unit/test_net_addr.c
tests_unit_test_net_addr_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_net_policy_SOURCES = tests/unit/test_net_policy.c
tests_unit_test_net_policy_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_msg tests/unit/test_chan \
	tests/unit/test_base64 tests/unit/test_json_scan \
	tests/unit/test_plain tests/unit/test_token
TESTS += tests/unit/test_msg tests/unit/test_chan tests/unit/test_base64 \
	tests/unit/test_json_scan tests/unit/test_plain tests/unit/test_token
tests_unit_test_plain_SOURCES = tests/unit/test_plain.c
tests_unit_test_plain_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_token_SOURCES = tests/unit/test_token.c
tests_unit_test_token_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_json_scan_SOURCES = tests/unit/test_json_scan.c
tests_unit_test_json_scan_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_base64_SOURCES = tests/unit/test_base64.c
tests_unit_test_base64_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_msg_SOURCES = tests/unit/test_msg.c
tests_unit_test_msg_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_chan_SOURCES = tests/unit/test_chan.c
tests_unit_test_chan_LDADD = $(COMMON_LIBS) $(CMOCKA_LIBS)
