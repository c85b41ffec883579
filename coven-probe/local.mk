# What covenctl selftest runs inside a session.  Static, so that it runs in
# any root; without the sanitizers, whose runtime would be what is tried.
pkglibexec_PROGRAMS += coven-probe/coven-probe
coven_probe_coven_probe_SOURCES = \
	coven-probe/probe.h coven-probe/main.c coven-probe/outside.c \
	coven-probe/calls.c coven-probe/devices.c coven-probe/files.c \
	coven-probe/inherited.c coven-probe/kernel.c coven-probe/leaks.c \
	coven-probe/mounts.c coven-probe/namespaces.c \
	coven-probe/names.c coven-probe/netlink.c coven-probe/network.c coven-probe/objects.c \
	coven-probe/privileges.c coven-probe/processes.c \
	coven-probe/resources.c coven-probe/setid.c coven-probe/terminals.c \
	coven-probe/victim.c
coven_probe_coven_probe_CPPFLAGS = -I$(top_srcdir) -include config.h \
	-D_GNU_SOURCE
coven_probe_coven_probe_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -O2 -g
coven_probe_coven_probe_LDFLAGS = -static
