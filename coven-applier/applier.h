/*
 * coven-applier: what an isolated session did, listed, brought over to its
 * project, or thrown away.  One a request; then it exits.
 *
 * It holds two folders and nothing else: the session's work folder and the
 * project's root.  A payload made what lies in the one, and its owner may be
 * at work in the other: every step down is by descriptor, and no link, mount
 * or ".." is followed in either.
 */
#ifndef COVEN_APPLIER_APPLIER_H
#define COVEN_APPLIER_APPLIER_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/chan.h"

#define APPLIER_FD_WORK		4
#define APPLIER_FD_PROJECT	5

#define APPLY_TEMP	".coven-apply-"	/* names of ours in the project */
#define APPLY_DEPTH	512		/* folders deep */
#define APPLY_ENTRIES	1000000		/* of both trees, looked at */
#define APPLY_PATH	4095		/* CHANGE_ROW's */
#define APPLY_PATCH	((size_t)1 << 20)	/* files that are compared */

struct applier {
	struct loop		*loop;
	struct chan		 control;
	int			 work, upper, project;
	enum work_verb		 verb;
	int64_t			 made_ns;
	struct buf		 spec_bytes;
	struct msg_changes_spec	 spec;		/* borrows from it */
	struct buf		 led;		/* "a\0b/c\0": lead.c */
	struct buf		 rows;
	uint32_t		 nrows, nseen;
	bool			 more;
	size_t			 nlooked;
	unsigned		 ntemp;
	char			 why[512];
};

/* One thing that the session left, beside what the project has there. */
struct change {
	const char	*path;		/* from the root */
	const char	*name;		/* its last component */
	int		 up, down;	/* their folders; down may be -1 */
	struct stat	 ust, dst;
	bool		 there;		/* dst is */
	bool		 dir_changed;	/* names in down came or went */
	bool		 whiteout, copied;	/* removed; was the project's */
	bool		 forced;	/* whatever the project did meanwhile */
	enum change_kind kind;		/* of what is left of it */
	enum change_what what;
	uint32_t	 flags;		/* CHANGE_F_ */
	char		 target[APPLY_PATH + 1], old_target[APPLY_PATH + 1];
};

/* --- main.c --- */

int	fail(struct applier *, int err, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* --- tree.c: by descriptor, whatever lies there --- */

/* openat2 with everything that it can refuse.  A descriptor or -errno. */
int	tree_open(int dir, const char *name, uint64_t flags);
int	tree_folder(int dir, const char *name);
struct names {
	char	**v;
	size_t	 n;
};
/* A folder's names, sorted.  0 or -errno. */
int	tree_list(struct applier *, int dir, struct names *);
void	names_free(struct names *);
bool	names_have(const struct names *, const char *);
/* Remove name and all below it, of any mode.  0 or -errno. */
int	tree_remove(int dir, const char *name);
/* From now on nothing is removed but what a session left that has ended. */
void	tree_alone(void);
/*
 * Was a file or link at or below name changed since the overlay was made?
 * Folders' own times say nothing: removing from one changes it.
 */
bool	tree_changed(struct applier *, int dir, const char *name);
/* Did names come or go in a folder of the project since then? */
bool	tree_dir_changed(const struct applier *, int dir);
/* Remove what an apply that was interrupted left. */
int	tree_clean(struct applier *, int dir);

/* --- judge.c: what differs, and what is wrong with it --- */

/* Fill in the rest of c.  1 when there is a difference, 0, or -errno. */
int	judge(struct applier *, struct change *);
bool	is_opaque(int folder);

/* --- lead.c: what is executed under a protected name --- */

int	lead_find(struct applier *);	/* once.  0 or -errno, after fail() */
/* Is path such, or below one; or, where that counts, above one? */
bool	lead_covers(const struct applier *, const char *path, bool above);

/* --- walk.c --- */

int	walk(struct applier *);		/* 0 or -errno, after fail() */

/* --- apply.c --- */

/* Bring it over.  What became of it. */
enum change_result	apply(struct applier *, const struct change *);

/* --- patch.c --- */

/* The unified difference of two texts, appended.  0, or 1: not text. */
int	patch_make(struct buf *out, const char *path, const char *a, size_t na,
	    const char *b, size_t nb, bool was, bool is);

#endif
