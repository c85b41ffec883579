/*
 * A runner and an init: a session's two processes, or before there is a
 * session a spare (spare.h).  A pair has one identity, serves one session and
 * is freed when both are dead.
 */
#ifndef COVEN_MONITOR_PAIR_H
#define COVEN_MONITOR_PAIR_H

#include "coven-monitor/gateway.h"
#include "coven-monitor/monitor.h"

enum pair_state {
	PAIR_NEW,		/* an identity, no process */
	PAIR_STARTING,		/* both confine themselves */
	PAIR_BUILDING,		/* a spare: the init builds its tree */
	PAIR_WAITING,		/* a spare that can be taken */
	PAIR_ENDING,		/* nobody's: its processes are ending */
	PAIR_STATES
};

struct pair {
	struct pair		*next;		/* of spares and those ending */
	struct monitor		*monitor;
	struct session		*session;	/* NULL: nobody's */
	enum pair_state		 state;
	struct child		 init, runner;
	bool			 network;	/* by a gateway */
	struct gateway		 way;
	uid_t			 uid;		/* the payload's, on the host */
	gid_t			 gid;
	uid_t			 uid_in;	/* as it sees itself */
	gid_t			 gid_in;
	int			 slot;
	int			 idmap;		/* a user namespace, or -1 */
	ino_t			 init_pidns;	/* once it is verified */
	struct timer		 deadline;	/* of a spare that is made */
};

/*
 * An identity for two processes to come, of the range where range says so.
 * 0, or -EUSERS when none is left.
 */
int	 pair_new(struct monitor *, bool network, bool range,
	    struct pair **out);
/* The name by which the payload knows itself. */
const char *pair_user(const struct pair *);
/*
 * Start both; title is ROLE_SPARE or a session's id.  0, or -errno with
 * *step naming what failed; what was started is killed by pair_end.
 */
int	 pair_spawn(struct pair *, const char *title, const char **step);
bool	 pair_ready(const struct pair *);	/* both are verified */
bool	 pair_dead(const struct pair *);	/* no process is left */
void	 pair_kill(struct pair *);
/* Only of one that is dead. */
void	 pair_free(struct pair *);
/* Let its session go and kill it; it is freed when both are dead. */
void	 pair_end(struct pair *);

/*
 * fd's folder as the payload's own, where its id is not the owner's: a
 * detached mount that the caller owns, or -errno.
 */
int	 pair_idmap(struct pair *, int fd);

/* Between these the real and effective ids are the pair's payload's. */
void	 pair_become(const struct pair *);
void	 pair_restore(const struct pair *);

#endif
