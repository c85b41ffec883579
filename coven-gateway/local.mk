# coven-gateway and coven-resolver: a session's only way out
noinst_LIBRARIES += libgateway.a
libgateway_a_SOURCES = \
	coven-gateway/hello.c coven-gateway/hello.h
GATEWAY_LIBS = libgateway.a $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test_gateway_hello
TESTS += tests/unit/test_gateway_hello
tests_unit_test_gateway_hello_SOURCES = tests/unit/test_gateway_hello.c
tests_unit_test_gateway_hello_LDADD = $(GATEWAY_LIBS) $(CMOCKA_LIBS)
