/*
 * coven-init: PID 1 of one session's sandbox.
 *
 * It is told everything by the monitor, builds the root, gives up what it
 * holds, executes the payload, watches what it takes and reports its end.  It
 * reads no byte that a payload or a client wrote, but for the names of
 * processes, which it passes over: it mounts files and looks at their types.
 */
#ifndef COVEN_RUNNER_INIT_H
#define COVEN_RUNNER_INIT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/chan.h"
#include "coven-runner/init_guard.h"
#include "coven-runner/init_quota.h"
#include "coven-runner/init_watch.h"
#include "sandbox/landlock.h"

#define INIT_TMPFS_MAX	64		/* file systems of our own */
#define INIT_MASKED_MAX	1024		/* sockets and FIFOs masked */
#define INIT_WALK_MAX	1000000		/* entries looked at for them */
#define INIT_DEPTH_MAX	512		/* folders deep */
#define INIT_PROTECT_MAX 4096		/* protected paths found */
#define INIT_GATEWAY_PORT 3128		/* on the loopback inside */
#define INIT_LIST_MAX	262144		/* strings in argv or envp */

struct init_ids {
	uid_t	uid_in, uid_out;
	gid_t	gid_in, gid_out;
};

/* One row of the plan, copied; strings and data are owned. */
struct init_mount {
	uint32_t	 op, flags;
	char		*source, *target;
	uint64_t	 dev, ino;
	void		*data;
	size_t		 len;
	int		 fd;		/* the mount, or -1 */
	bool		 skipped;	/* optional and absent */
};

struct init {
	struct loop		*loop;
	struct chan		 control, runner;
	struct init_ids		 ids;

	bool			 alone;		/* there is no namespace */

	/* the plan, gathered until INIT_GO */
	size_t			 nplaced;	/* rows that are dealt with */
	bool			 have_project, detached, isolated;
	struct init_mount	 project;
	char			*cwd;		/* relative to the project */
	uint64_t		 cwd_dev, cwd_ino;
	struct init_mount	*mounts;
	size_t			 nmounts, plan_bytes;
	int			 io[3];
	uint32_t		 transport, network, nested, rows, cols;
	struct buf		 plan;		/* EXEC_PLAN's bytes */
	char			 hostname[65];
	const char		*program;
	char			**argv, **envp;

	/* the root under construction */
	bool			 prepared;	/* it stands, for a project */
	int			 tree;		/* its mount namespace, or -1 */
	int			 root, proc;	/* mounts, or -1 */
	int			 mask_file, mask_dir, store;
	dev_t			 own[INIT_TMPFS_MAX];
	size_t			 nown, nstored;
	size_t			 nmasked, nwalked;
	struct buf		 open;		/* rows that a policy opens */
	struct buf		 found;		/* paths: "0/a\0002/b/c\0" */
	size_t			 nfound;
	struct init_guard	 guard;

	/* the payload */
	bool			 built;		/* all around it */
	int			 cwd_fd, tty;
	pid_t			 payload;
	uint64_t		 data, file;	/* rlimits; 0: none */
	uint32_t		 processes, open_files, cpu_s;
	struct init_watch	 watch;
	struct init_quota	 quota;
	enum bound		 limit;		/* what the watchdog ended */

	/* why a step failed */
	const char		*step;
	char			 text[512];
};

void	init_new(struct init *, struct loop *, const struct init_ids *);
/* Serve until the payload has ended; the exit status. */
int	init_serve(struct init *);
extern chan_handler *const init_handlers[MSG__COUNT];

/* Every process of the session but this one: those left follow the first. */
void	init_kill_all(struct init *);
/* Say what failed, once, where it did; returns err (a -errno). */
int	init_fail(struct init *, int err, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* --- init_id.c: identity and its end --- */

/* Map one uid and gid and become them, keeping every capability.  Fatal. */
void	init_identity(const struct init_ids *);
int	init_lock(struct init *);	/* one more user and mount namespace */
int	init_drop(struct init *);	/* capabilities, for good, read back */

/* --- init_alone.c: what differs where there are no namespaces --- */

/* Hold nothing from the start; adopt what the payload leaves.  Fatal. */
void	init_alone_identity(const struct init_ids *);
/* The monitor is gone: no kernel ends the payload with this process. */
void	init_alone_end(struct chan *, int why);
/* Every process of the session but this one, and wait for them. */
void	init_alone_kill(void);
void	init_alone_signal(struct init *, int sig);
int	init_alone_build(struct init *);
/* Rules for what the plan shows; the caller frees them. */
size_t	init_alone_rules(struct init *, struct landlock_rule **);
/* The payload's own steps. */
int	init_alone_filter(void);

/* --- init_ahead.c: a tree that waits for its project --- */

/* Do fn with a file system context of its own; descriptors are shared. */
int	init_apart(struct init *, int (*fn)(struct init *));
/* The tree, complete but for the project, by a descriptor of its namespace. */
int	init_keep(struct init *);
int	init_enter(struct init *);
/* A tree in which this project has no place is let go of. */
int	init_choose(struct init *);

/* --- init_plan.c: what the monitor said, checked --- */

int	init_add_mount(struct init *, const struct msg_init_mount *, int *fd);
int	init_read_plan(struct init *, int memfd);
int	init_check(struct init *);
int	init_check_ahead(struct init *);

/* --- init_mount.c: the mount calls, by descriptor --- */

int	mount_set(int mnt, unsigned flags, uint64_t attr);
int	mount_clone(int dir, const char *path, unsigned flags);
int	mount_attach(int mnt, int dir, const char *name);
/* A new file system: options are "k=v" strings, NULL-terminated. */
int	mount_new(const char *type, const char *const *options,
	    uint64_t attr);

/* --- init_root.c: the tree --- */

int	init_namespace(struct init *);
int	init_sources(struct init *);
int	init_root(struct init *);
int	init_mounts(struct init *);
int	init_pivot(struct init *);
int	init_seal(struct init *);
int	init_cwd(struct init *);

/* What a path beneath leads to: O_PATH, no link followed out of it. */
int	init_open_beneath(int dir, const char *path);

/* --- init_overlay.c --- */

/* The project becomes the lower layer of an overlay, below this one. */
int	init_overlay(struct init *, struct init_mount *upper);

/* --- init_dev.c: /dev, /proc and the rest that every sandbox has --- */

int	init_dev(struct init *);
int	init_proc(struct init *);
int	init_loopback(struct init *);
int	init_hostname(struct init *);
int	init_terminal(struct init *);

/* --- init_path.c: making mount points --- */

/* True when the folder lies in a file system that this process made. */
bool	init_is_own(const struct init *, int fd);
int	init_own(struct init *, int fd);
/*
 * Open the folder that holds path's last component, relative to the new
 * root, following no link; missing folders are made in file systems of our
 * own and nowhere else.  A descriptor, or -errno; *last points into path.
 */
int	init_parent(struct init *, const char *path, const char **last);
/* Put the mount at path, making a mount point of its type.  0 or -errno. */
int	init_put(struct init *, int mnt, const char *path);
/* Cover an existing entry of dir with nothing.  0 or -errno. */
int	init_cover(struct init *, int dir, const char *name, bool folder);

/* --- init_mask.c --- */

int	init_mask(struct init *);	/* of the rows since the last time */

/* --- init_protect.c --- */

int	init_protect(struct init *);	/* what the walk has found */

/*
 * A path in the project ("0/a/b") or in the mount of row N ("N+1/a/b"): its
 * mount, and where the rest begins.
 */
const struct init_mount	*init_mount_of(const struct init *,
	    const char **path);

/* --- init_exec.c --- */

int	init_compile(struct init *);
int	init_filter(struct init *);
int	init_start(struct init *);

#endif
