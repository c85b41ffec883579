/*
 * Seccomp filters from rows (sandbox/syscalls.c).
 */
#ifndef COVEN_SANDBOX_FILTER_H
#define COVEN_SANDBOX_FILTER_H

#include "common/msg.h"

enum filter_id {
	FILTER_MONITOR,		/* denies by name: payloads descend from it */
	FILTER_APID,		/* the rest allow by list, TRAP the others */
	FILTER_STORED,
	FILTER_RUNNER,
	FILTER_CONFREAD,
	FILTER_GATEWAY,
	FILTER_RESOLVER,
	FILTER_APPLIER,
	FILTER_ARCHIVER,
	FILTER_EXTRACTOR,
	FILTER_REMOVER,
	FILTER_PAYLOAD,		/* init and payload: denies by set */
	FILTER_NESTED,		/* the same with sandboxes of its own */
	FILTER_ALONE,		/* beside it, where there are no namespaces */
	FILTER_UNSCOPED,	/* and where Landlock has no scopes */
	FILTER__COUNT
};

const char	*filter_name(enum filter_id);
/*
 * Turn its rows into instructions, for a filter_load of the same one that is
 * to be quick.  0 or -errno.
 */
int	filter_compile(enum filter_id);
/* Load it into this process; needs no_new_privs.  0 or -errno. */
int	filter_load(enum filter_id);
/* Pseudo filter code (seccomp_export_pfc), for tests/golden.  0 or -errno. */
int	filter_export(enum filter_id, int fd);
/* "libseccomp 2.5.4 x86_64": what the pseudo code depends on. */
const char	*filter_library(void);

#endif
