# coven-gateway and coven-resolver: a session's only way out
noinst_LIBRARIES += libgateway.a
libgateway_a_SOURCES = \
	coven-gateway/carry.c coven-gateway/carry.h \
	coven-gateway/chunks.c coven-gateway/chunks.h \
	coven-gateway/conn.c coven-gateway/conn.h \
	coven-gateway/gateway.h \
	coven-gateway/head.c coven-gateway/head.h \
	coven-gateway/hello.c coven-gateway/hello.h \
	coven-gateway/keys.c coven-gateway/keys.h \
	coven-gateway/local.c \
	coven-gateway/note.c \
	coven-gateway/request.c coven-gateway/request.h \
	coven-gateway/service.c coven-gateway/service.h \
	coven-gateway/through.c coven-gateway/through.h \
	coven-gateway/tls.c coven-gateway/tls.h \
	coven-gateway/upstream.c coven-gateway/upstream.h
libgateway_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
GATEWAY_LIBS = libgateway.a $(COMMON_LIBS) $(OPENSSL_LIBS)

pkglibexec_PROGRAMS += coven-gateway/coven-gateway coven-gateway/coven-resolver
coven_gateway_coven_gateway_SOURCES = coven-gateway/main.c
coven_gateway_coven_gateway_LDADD = libgateway.a $(SANDBOX_LIBS) $(COMMON_LIBS) \
	$(OPENSSL_LIBS)
coven_gateway_coven_resolver_SOURCES = coven-gateway/resolver.c
coven_gateway_coven_resolver_LDADD = $(SANDBOX_LIBS) $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test_gateway_head tests/unit/test_gateway_hello \
	tests/unit/test_gateway_request tests/unit/test_gateway_through
TESTS += tests/unit/test_gateway_head tests/unit/test_gateway_hello \
	tests/unit/test_gateway_request tests/unit/test_gateway_through
tests_unit_test_gateway_request_SOURCES = tests/unit/test_gateway_request.c
tests_unit_test_gateway_request_LDADD = $(GATEWAY_LIBS) $(CMOCKA_LIBS)
tests_unit_test_gateway_through_SOURCES = tests/unit/test_gateway_through.c
tests_unit_test_gateway_through_LDADD = $(GATEWAY_LIBS) $(CMOCKA_LIBS)
tests_unit_test_gateway_head_SOURCES = tests/unit/test_gateway_head.c
tests_unit_test_gateway_head_LDADD = $(GATEWAY_LIBS) $(CMOCKA_LIBS)
tests_unit_test_gateway_hello_SOURCES = tests/unit/test_gateway_hello.c
tests_unit_test_gateway_hello_LDADD = $(GATEWAY_LIBS) $(CMOCKA_LIBS)
