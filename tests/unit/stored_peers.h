/*
 * A stored in this process, and the monitor, apid and runners that it talks
 * to, played by a test over real channels on one loop.
 */
#ifndef COVEN_TESTS_STORED_PEERS_H
#define COVEN_TESTS_STORED_PEERS_H

#include "coven-stored/stored.h"

/* A message that a peer got, kept with its own copy of everything. */
struct got {
	TAILQ_ENTRY(got) link;
	enum msg_type	 type;
	struct buf	 raw;
	union msg_any	 m;
	int		 fd;
};

struct peer {
	struct chan	 chan;
	TAILQ_HEAD(, got) in;
	struct got	*last;		/* what peer_expect gave out */
	int		 ended;		/* CHAN_EOF or CHAN_BAD */
};

struct world {
	char		 folder[64];
	struct loop	*loop;
	struct stored	 stored;
	struct chan	 control;	/* stored's end */
	bool		 lied;		/* stored found the monitor lying */
	bool		 without_patterns;
	struct peer	 monitor, apid, runner[4];
	uint64_t	 tag;
	struct msg_store_stats	stats;	/* the last that apid was told */
	const char		*shelf;	/* apid's, once it has one */
};

extern struct world w;

int	world_setup(void **);
int	world_setup_serving(void **);	/* with a stored that serves */
int	world_teardown(void **);
void	stored_up(void);	/* with a control channel, before SERVE */
void	stored_down(void);	/* as if it had been killed */
void	world_serve(uint32_t live);	/* SERVE, RECOVERED, an apid */
void	give_apid(void);
void	give_runner(struct peer *, const char *id);
void	peer_close(struct peer *);

/* Turn the loop until cond holds; fails after five seconds. */
void	pump_until(bool (*cond)(void *), void *ctx);
void	pump_idle(void);	/* until nothing more happens */
/* The next message, which must be of this type. */
struct got	*peer_expect(struct peer *, enum msg_type);
void	peer_expect_nothing(struct peer *);
void	peer_expect_end(struct peer *);
void	peer_send(struct peer *, enum msg_type, const void *);
void	peer_send_record(struct peer *, enum msg_type, const void *,
	    enum msg_type record, const void *);

/* --- what is often said --- */

#define OUT(x)	"{\"data\":\"" x "\"}"
#define EXIT(s, c) "exit{\"status\":\"" s "\",\"exitCode\":" c "}"
#define KILLED	"kill{\"status\":\"killed\"}"

/* Launch to the end of RUN_PREPARE; the id in id. */
void	launch_prepare(const char *conversation, char id[UUID_LEN]);
void	say_prepared(const char *id, enum run_code);
/* All of it: prepared, started, runner resumed and answered with 201. */
void	launch(struct peer *runner, const char *conversation,
	    char id[UUID_LEN]);
void	say_output(struct peer *runner, uint64_t n, const char *payload);
void	say_exit(struct peer *runner, uint64_t n, int code);
void	say_gone(const char *id, const char *cause);
void	expect_ack(struct peer *runner, uint64_t n);
void	expect_code(enum store_code);
void	expect_settled(const char *id);

/* "kind{payload}" of every event, one after another. */
void	expect_events(const char *id, const char *want);
/* "status code", code "null" where there is none. */
void	expect_session(const char *id, const char *want);
void	ask_kill(const char *id);
struct msg_events	events_of(const char *id);
/* Text of a REPLY's rows: as in expect_events. */
void	rows_text(const struct got *, char *out, size_t len);

#endif
