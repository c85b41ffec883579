# What covenctl selftest runs inside a session.  Static, so that it runs in
# any root; without the sanitizers, whose runtime would be what is tried.
pkglibexec_PROGRAMS += coven-probe/coven-probe
coven_probe_coven_probe_SOURCES = \
	coven-probe/probe.h coven-probe/main.c \
	coven-probe/files.c coven-probe/inherited.c coven-probe/kernel.c \
	coven-probe/namespaces.c coven-probe/network.c \
	coven-probe/processes.c coven-probe/resources.c \
	coven-probe/terminals.c
coven_probe_coven_probe_CPPFLAGS = -I$(top_srcdir) -include config.h \
	-D_GNU_SOURCE
coven_probe_coven_probe_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -O2 -g
coven_probe_coven_probe_LDFLAGS = -static
