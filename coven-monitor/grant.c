#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-monitor/grant.h"
#include "coven-monitor/grant_command.h"
#include "coven-monitor/pair.h"
#include "coven-monitor/reader.h"

struct got {
	int	roots, key;		/* memfds, or -1 */
};

struct granting {
	struct monitor		*monitor;
	struct pair		*pair;		/* NULL: dropped */
	void			(*on_end)(struct pair *);
	struct net_policy	 policy;
	struct got		*got;		/* of each upstream */
	size_t			 at;		/* the one being seen to */
	bool			 done;
	char			 name[80];	/* "grant.NAME" */
	struct reader		 reader;
	struct command		 command;
	struct timer		 begin;
};

static void	next(struct granting *);

static void
granting_free(struct granting *g)
{
	size_t i;

	timer_stop(g->monitor->loop, &g->begin);
	for (i = 0; i < g->policy.nup; i++) {
		mem_close(&g->got[i].roots);
		mem_close(&g->got[i].key);
	}
	mem_close(&g->reader.key);
	free(g->got);
	net_policy_fini(&g->policy);
	free(g);
}

static bool
is_busy(const struct granting *g)
{
	return g->reader.running || command_runs(&g->command);
}

/* --- files ---------------------------------------------------------------- */

/* A key is nobody's but its owner's: no bit for anybody else. */
static int
open_owned(const struct owner *o, const char *path, mode_t refused)
{
	autoclose int fd = -1;
	struct stat st;

	owner_enter(o);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
	    O_NOCTTY);
	if (fd == -1)
		fd = -errno;
	owner_leave(o);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_uid != o->uid && st.st_uid != 0)
		return -EPERM;
	if (st.st_mode & refused)
		return -EACCES;
	return mem_steal_fd(&fd);
}

/* Public bytes, which nothing here looks at. */
static int
copy_roots(const struct owner *o, const char *path)
{
	autobuf struct buf b = { .max = LIMIT_ROOTS };
	autoclose int fd = open_owned(o, path, 022);
	int r;

	if (fd < 0)
		return fd;
	r = memfd_read(fd, LIMIT_ROOTS, &b);
	return r < 0 ? r : memfd_make("roots", buf_head(&b), buf_left(&b));
}

/* --- one key -------------------------------------------------------------- */

static void
on_read(struct reader *r)
{
	struct granting *g = r->ctx;

	if (g->pair == NULL) {
		granting_free(g);
		return;
	}
	if (reader_good(r))
		g->got[g->at].key = mem_steal_fd(&r->key);
	g->at++;
	next(g);
}

/* False: it has ended already. */
static bool
start_reader(struct granting *g, int file)
{
	g->reader = (struct reader){ .name = g->name, .file = file,
	    .kind = CONF_FILE_KEY, .on_end = on_read, .ctx = g, .key = -1 };
	return reader_start(&g->reader, g->monitor) == 0;
}

static bool
cannot(const struct granting *g, const char *what, const char *why)
{
	if (log_allowed(&g->monitor->limit, "grants"))
		log_error("%s: %s: %s", g->name, what, why);
	return false;
}

static void
on_command(struct command *c, int output, const char *why)
{
	struct granting *g = c->ctx;

	if (g->pair == NULL) {
		mem_close(&output);
		granting_free(g);
		return;
	}
	if (why == NULL && start_reader(g, output))
		return;
	if (why != NULL)
		(void)cannot(g, "its command", why);
	g->at++;
	next(g);
}

/* True: it is under way. */
static bool
get_key(struct granting *g, const char *grant)
{
	const struct conf *c = &g->monitor->conf;
	const char *path = conf_part_last(&c->grant_file, grant);
	int r;

	(void)snprintf(g->name, sizeof(g->name), "grant.%s", grant);
	if (path == NULL) {
		g->command = (struct command){ .on_end = on_command,
		    .ctx = g };
		r = command_start(&g->command, g->monitor, grant);
		return r == 0 || cannot(g, "its command", strerror(-r));
	}
	r = open_owned(&g->monitor->owner, path, 077);
	if (r >= 0)
		return start_reader(g, r);
	return cannot(g, path, r == -EACCES ? "it cannot be read, or others "
	    "may read it: chmod 0400" : reader_why(r));
}

/* --- all of them ---------------------------------------------------------- */

static void
next(struct granting *g)
{
	const struct msg_net_upstream *up;
	int r;

	for (; g->at < g->policy.nup; g->at++) {
		up = &g->policy.up[g->at].row;
		if (*up->ca != '\0') {
			r = copy_roots(&g->monitor->owner, up->ca);
			if (r >= 0)
				g->got[g->at].roots = r;
			else if (log_allowed(&g->monitor->limit, "grants"))
				log_error("%s: %s: %s", up->name, up->ca,
				    reader_why(r));
		}
		if (*up->grant != '\0' && get_key(g, up->grant))
			return;
	}
	g->done = true;
	g->on_end(g->pair);
}

static void
on_begin(struct timer *t)
{
	next(t->ctx);
}

struct granting *
granting_start(struct pair *p, int rules, void (*on_end)(struct pair *))
{
	struct granting *g = mem_zalloc(1, sizeof(*g));
	autobuf struct buf b = { .max = LIMIT_BULK };
	size_t i;

	g->monitor = p->monitor;
	g->pair = p;
	g->on_end = on_end;
	g->reader.key = -1;
	/* They are our own words. */
	if (memfd_read(rules, LIMIT_BULK, &b) < 0 ||
	    net_policy_decode(&g->policy, buf_head(&b), buf_left(&b)) < 0)
		fatal("read a session's rules again");
	g->got = mem_alloc((g->policy.nup + 1) * sizeof(*g->got));
	for (i = 0; i < g->policy.nup; i++)
		g->got[i] = (struct got){ -1, -1 };
	g->begin = (struct timer){ .cb = on_begin, .ctx = g };
	if (g->policy.nup == 0)
		g->done = true;
	else
		timer_start(g->monitor->loop, &g->begin, 0);
	return g;
}

bool
granting_done(const struct granting *g)
{
	return g->done;
}

int
granting_tell(struct granting *g, struct chan *c)
{
	struct msg_gateway_roots roots;
	struct msg_gateway_grant grant;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < g->policy.nup; i++) {
		roots.upstream = g->policy.up[i].row.name;
		grant.name = g->policy.up[i].row.grant;
		if (g->got[i].roots != -1)
			r = chan_send(c, MSG_GATEWAY_ROOTS, &roots,
			    g->got[i].roots);
		if (r == 0 && g->got[i].key != -1)
			r = chan_send(c, MSG_GATEWAY_GRANT, &grant,
			    g->got[i].key);
	}
	return r;
}

void
granting_drop(struct granting **at)
{
	struct granting *g = *at;

	*at = NULL;
	if (g == NULL)
		return;
	g->pair = NULL;
	if (!is_busy(g)) {
		granting_free(g);
		return;
	}
	/* Whichever ends frees it. */
	if (g->reader.running)
		child_kill(&g->reader.child);
	command_kill(&g->command);
}
