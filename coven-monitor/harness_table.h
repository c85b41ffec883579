/*
 * The configured harnesses with what this host has for each: the program, and
 * the folders it needs that are not the system's.
 */
#ifndef COVEN_MONITOR_HARNESS_TABLE_H
#define COVEN_MONITOR_HARNESS_TABLE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/limits.h"
#include "common/msg.h"

#define HARNESS_FOLDERS		8

struct harness_entry {
	struct buf		 bytes;		/* the encoded row */
	struct msg_harness_row	 row;		/* points into bytes */
	char			*program;	/* canonical; NULL: not here */
	char			*folders[HARNESS_FOLDERS];	/* read-only */
	size_t			 nfolders;
	char			*dirs[HARNESS_FOLDERS];	/* for PATH */
	size_t			 ndirs;
	int64_t			 looked_ns;	/* when it was looked for */
};

struct harness_table {
	struct harness_entry	 v[LIMIT_HARNESSES];
	size_t			 n;
};

struct owner;
struct home;

/* Built-ins first.  Nothing on the host is looked at yet. */
void	harness_table_init(struct harness_table *);
/*
 * Add a manifest's adapter, an encoded HARNESS_ROW.  0, -EEXIST for an id
 * that is there, -ENOSPC, or -EPROTO.
 */
int	harness_table_add(struct harness_table *, const void *, size_t);
/*
 * Find each program on the PATH of our environment and what it needs: its
 * interpreter and its package folder.  Looks as the owner.
 */
void	harness_table_locate(struct harness_table *, const struct owner *,
	    const struct home *);
struct harness_entry *harness_table_find(struct harness_table *,
	    const char *id);
/*
 * Look for this one again, unless that was done within the last second:
 * people install, upgrade and remove agents while a daemon runs.
 */
void	harness_entry_look(struct harness_entry *, const struct owner *,
	    const struct home *);

#endif
