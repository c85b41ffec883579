/*
 * A store in a folder of its own, and short ways to write to it.
 */
#ifndef COVEN_TESTS_STORE_FIXTURE_H
#define COVEN_TESTS_STORE_FIXTURE_H

#include "coven-stored/store.h"

extern struct store *st;

int	store_setup(void **);
int	store_teardown(void **);
void	open_store(void);
void	reopen(void);

/* By hand, while the store is closed. */
int64_t	sql_number(const char *sql);
int	sql_run(const char *sql);

/* A running session, in a transaction of its own. */
int64_t	add_session(const char *id, const char *created, bool external);
void	add_event_in(int64_t key, const char *payload);
void	add_event(int64_t key, const char *payload);

/* For store_events: next, next + step, ... and nothing else. */
struct expect {
	uint64_t	next;
	uint64_t	step;
	uint64_t	count;
};

int	expect_seq(void *expect, const struct store_event *);

#endif
