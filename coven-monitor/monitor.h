/*
 * The monitor's own state: what it holds, in one place.
 */
#ifndef COVEN_MONITOR_MONITOR_H
#define COVEN_MONITOR_MONITOR_H

#include "common/conf.h"
#include "common/digest.h"
#include "coven-monitor/cgroup.h"
#include "coven-monitor/child.h"
#include "coven-monitor/harness_table.h"
#include "coven-monitor/heads.h"
#include "coven-monitor/home.h"
#include "coven-monitor/note.h"
#include "coven-monitor/oldstore.h"
#include "coven-monitor/owner.h"
#include "coven-monitor/privacy.h"
#include "coven-monitor/ran.h"
#include "coven-monitor/roster.h"
#include "coven-monitor/sock.h"
#include "coven-monitor/token.h"
#include "coven-monitor/uids.h"

struct ending;
struct applying;
struct pair;
struct session;

/* Of the host's mount table, for spares (plan_host.c). */
struct host_view {
	int			 mounts;	/* mountinfo; 0: not yet */
	uint8_t			 mounted[DIGEST_LEN];
};

/* When spares are made, and which (spare.c). */
struct spares {
	struct timer		 timer;
	unsigned		 fails;		/* in a row */
	bool			 serving;	/* not before apid does */
	bool			 latest;	/* kind of the last launch */
	bool			 used[2];	/* kinds that were launched */
	uint8_t			 view[DIGEST_LEN];	/* made of this */
};

struct monitor {
	struct loop		*loop;
	struct owner		 owner;
	struct home		 home;
	struct sock		 sock;
	struct tokens		 tokens;
	struct conf		 conf;
	struct privacy		 privacy;
	struct roster		 roster;
	struct uids		 uids;
	struct cgroup		 cgroup;	/* of every session's init */
	struct harness_table	 harnesses;
	int			 programs[ROLE__COUNT];	/* O_PATH */
	uint8_t			 table_digest[DIGEST_LEN];

	struct child		 stored, apid;
	dev_t			 store_dev;	/* its folder, once opened */
	ino_t			 store_ino;
	int			 store_error;	/* why not, as last told */
	bool			 userns;	/* roles can have their own */
	enum sandbox_mode	 mode;		/* of every session */
	int			 cannot_adopt;	/* -errno: why (mode.c) */
	bool			 recovered;	/* stored has, since it began */
	unsigned		 stored_fails, apid_fails;
	struct timer		 stored_again, apid_again;
	struct timer		 join_again;	/* apid to stored */
	struct log_limit	 limit;		/* what children provoke */

	struct notes		 notes;		/* for the audit */
	struct heads		 heads;		/* of the audit */
	int			 audit_key;	/* sealed memfd */
	struct ran		 ran;		/* ids that were started */
	struct pair		*spares;	/* and pairs that are ending */
	struct spares		 spare;
	struct host_view	 view;
	struct ending		*ending;	/* of a workspace, or NULL */
	char			 held[UUID_LEN];	/* "": none; else */
	uint32_t		 held_phase;	/* its step waits */
	struct applying		*applying;	/* requests of that kind */
	unsigned		 napplying;
	struct session		*sessions;	/* a list, newest first */
	unsigned		 nlive;
	int64_t			 starts_window_ns;	/* of starts_per_s */
	unsigned		 starts;

	struct oldstore		 old;		/* that is being copied */

	struct timer		 watch;
	unsigned		 looks;		/* of the watchdog's */
	int			 watch_error;	/* why it could not restore */
	enum home_path		 home_path;	/* as last told */
	int64_t			 wall_offset_ns;	/* from the clock that
						 * nobody sets */
	struct source		 probe;		/* its connection, or -1 */
	struct timer		 probe_deadline;
	unsigned		 probe_misses;
	int			 ready_fd;	/* told once when serving */
	int			 stop_conn;	/* closes with our own exit */
	bool			 stopping;
	int			 exit_status;	/* unless something failed */
	struct timer		 stop_deadline;
	unsigned		 failpoint_given;	/* test build: roles */
};

/* Installed name of a role's program. */
const char	*monitor_program_name(enum role);

/* Whether a role makes its namespaces inside a user namespace of its own. */
bool		 monitor_role_userns(const struct monitor *, enum role);

/*
 * The arguments of a role's process: no user namespace where there can be
 * none, and in a test build, once, the armed failpoint.
 */
void		 monitor_role_args(struct monitor *, enum role,
		    const char **arg);

/* supervise.c: stored, then apid; restarts with backoff; the end. */
void	supervise_start(struct monitor *);
/* stored has settled what an earlier life left: let clients in. */
void	supervise_recovered(struct monitor *);
void	supervise_stop(struct monitor *, const char *why);
/* The same, because a rule refuses what is there: the exit status is 78. */
void	supervise_refuse(struct monitor *, const char *why);
/* A session has ended: is that the last thing a stop waited for? */
void	supervise_check_stop(struct monitor *);

/* apid has lost its channel to stored, and both live: a new one, soon. */
void	supervise_join_again(struct monitor *);

/*
 * Hand two children the ends of one fresh channel.  session is the id that
 * it is about, or "".  0 or -errno.
 */
int	monitor_join(struct child *a, struct child *b, const char *session);

/* Handler tables, one a kind of child. */
extern chan_handler *const on_apid_handlers[MSG__COUNT];
extern chan_handler *const on_stored_handlers[MSG__COUNT];
extern chan_handler *const on_runner_handlers[MSG__COUNT];
extern chan_handler *const on_init_handlers[MSG__COUNT];

#endif
