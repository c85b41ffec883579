#include <sys/stat.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-monitor/applying.h"
#include "coven-monitor/ending.h"
#include "coven-monitor/idmap.h"
#include "coven-monitor/session.h"
#include "coven-monitor/work.h"

struct applying {
	struct child		 child;
	struct applying		*next;
	struct monitor		*monitor;
	char			 id[UUID_LEN];
	uint64_t		 serial;
	enum work_verb		 verb;
	int64_t			 made_ns;
	int			 spec;		/* memfd, or -1 */
	int			 slot;		/* an id of the range, or -1 */
	bool			 done;
	struct msg_work_done	 outcome;	/* where it has said one */
	char			 text[512];
	int			 rows;		/* memfd, or -1 */
	struct timer		 deadline;
};

static void
tell_all(struct monitor *m, const struct msg_work_done *done, int rows)
{
	if (chan_is_open(&m->stored.control) && m->recovered &&
	    chan_send(&m->stored.control, MSG_WORK_DONE, done, rows) < 0)
		log_warn("tell stored what became of a work: not heard");
}

static void
tell(struct monitor *m, uint64_t serial, enum work_code code,
    const char *text)
{
	struct msg_work_done done = { .serial = serial, .code = code,
	    .text = text };

	tell_all(m, &done, -1);
}

/* --- its life --- */

static struct applying *
applying_of(struct child *c)
{
	return (struct applying *)((char *)c -
	    offsetof(struct applying, child));
}

static void
applying_free(struct applying *a)
{
	struct monitor *m = a->monitor;
	struct applying **at;

	for (at = &m->applying; *at != NULL && *at != a; at = &(*at)->next)
		;
	if (*at == a) {
		*at = a->next;
		m->napplying--;
	}
	timer_stop(m->loop, &a->deadline);
	uids_give(&m->uids, a->slot);
	mem_close(&a->spec);
	mem_close(&a->rows);
	free(a);
}

static void
on_ready(struct child *c)
{
	struct applying *a = applying_of(c);
	struct msg_apply_go go = { .verb = a->verb,
	    .made_ns = (uint64_t)a->made_ns };

	(void)chan_send(&c->control, MSG_APPLY_GO, &go, a->spec);
	mem_close(&a->spec);
}

/*
 * Rows are passed on as they came: they are about a payload's work.  And when
 * the helper is gone, so that who hears of it can ask for the next thing.
 */
static int
on_apply_done(struct chan *ch, const union msg_any *msg, int *fd)
{
	const struct msg_apply_done *m = &msg->apply_done;
	struct applying *a = applying_of(ch->ctx);

	if (m->code != WORK_OK && m->code != WORK_FAILED)
		return chan_blame(ch, "an outcome that is none");
	a->done = true;
	a->child.expected = true;
	a->outcome = (struct msg_work_done){ .serial = a->serial,
	    .code = m->code, .rows = m->rows, .more = m->more,
	    .text = a->text };
	(void)snprintf(a->text, sizeof(a->text), "%s", m->text);
	a->rows = mem_steal_fd(fd);
	return 0;
}

static void
on_exit_of_applier(struct child *c)
{
	struct applying *a = applying_of(c);
	struct monitor *m = a->monitor;

	if (!a->done)
		tell(m, a->serial, WORK_FAILED, "its helper died; what it had "
		    "begun is taken up by the next one");
	else if (a->outcome.serial != 0) {
		if (a->verb == WORK_DISCARD && a->outcome.code == WORK_OK)
			(void)work_drop_empty(&m->home, &m->owner, a->id);
		tell_all(m, &a->outcome, a->rows);
	}
	applying_free(a);
	ending_resume(m);
	supervise_check_stop(m);
}

static void
on_deadline(struct timer *t)
{
	struct applying *a = t->ctx;

	log_warn("the work of %s: not done in time", a->id);
	child_kill(&a->child);
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
	[MSG_APPLY_DONE] = on_apply_done,
};

static const struct child_ops ops = {
	.handlers = handlers,
	.on_ready = on_ready,
	.on_exit = on_exit_of_applier,
};

/* --- its two folders --- */

/* The project must be the folder that it was. */
static int
open_project(struct monitor *m, int work, struct root *root, int64_t *made_ns,
    char *why, size_t len)
{
	struct work_origin from = { 0 };
	autofree char *path = NULL;
	struct stat st;
	int r = work_read_origin(work, &m->owner, &from);
	const struct judge rules = { &m->home, &m->owner, &m->conf };
	enum run_code code;

	path = from.path;
	if (r < 0) {
		(void)snprintf(why, len, "it does not say whose it is");
		return r;
	}
	owner_enter(&m->owner);
	code = root_open(root, path, "", &rules, why, len);
	owner_leave(&m->owner);
	if (code != RUN_OK)
		return -EACCES;
	if (fstat(root->fd, &st) == -1 || st.st_dev != from.dev ||
	    st.st_ino != from.ino) {
		(void)snprintf(why, len, "%s is another folder now", path);
		return -ESTALE;
	}
	*made_ns = from.made_ns;
	return 0;
}

/*
 * As whom: the owner, who owns both.  For owner root an id of the range, to
 * which both are mapped, so that the helper is root nowhere.
 */
static int
map_both(struct applying *a, struct child_start *st, int *work, int *project)
{
	struct monitor *m = a->monitor;
	autoclose int mapping = -1, w = -1, p = -1;
	uid_t uid;
	int r;

	if (!m->owner.root)
		return 0;
	r = uids_take(&m->uids, &m->owner, false, &uid, &a->slot);
	if (r < 0)
		return r;
	st->uid = uid;
	st->gid = a->slot >= 0 ? (gid_t)uid : m->owner.gid;
	if (a->slot < 0)
		return 0;
	mapping = r = idmap_open(m->owner.uid, m->owner.gid, st->uid,
	    st->gid);
	if (r >= 0)
		w = r = idmap_mount(*work, mapping);
	if (r >= 0)
		p = r = idmap_mount(*project, mapping);
	if (r < 0)
		return r;
	mem_close(work);
	mem_close(project);
	*work = mem_steal_fd(&w);
	*project = mem_steal_fd(&p);
	return 0;
}

/* For reading: an O_PATH descriptor would carry no rule of Landlock's. */
static int
start(struct applying *a, int *work, char *why, size_t len)
{
	struct child_start st = { .extra = -1,
	    .uid = SPAWN_KEEP_ID };
	struct root root = { .fd = -1 };
	int r = 0;

	if (a->verb == WORK_DISCARD)
		root.fd = dup(*work);
	else
		r = open_project(a->monitor, *work, &root, &a->made_ns, why,
		    len);
	if (r == 0)
		r = map_both(a, &st, work, &root.fd);
	if (r == 0) {
		st.extra = *work;
		st.extra2 = root.fd;
		r = child_spawn(&a->child, a->monitor, ROLE_APPLIER, &ops,
		    &st);
	}
	root_close(&root);
	return r;
}

bool
applying_has(const struct monitor *m, const char *id, enum work_verb *verb)
{
	const struct applying *a;

	for (a = m->applying; a != NULL && strcmp(a->id, id) != 0; a = a->next)
		;
	if (a != NULL)
		*verb = a->verb;
	return a != NULL;
}

static enum work_code
check(struct monitor *m, const char *id, enum work_verb verb, char *why,
    size_t len)
{
	enum work_verb other;

	if (m->stopping || m->napplying >= LIMIT_CHANGES_AT_ONCE) {
		(void)snprintf(why, len, "too much is under way");
		return WORK_BUSY;
	}
	/* Two at once would undo each other's beginnings. */
	if (applying_has(m, id, &other)) {
		(void)snprintf(why, len,
		    "another request about it is under way");
		return WORK_BUSY;
	}
	if (ending_forbids(m, id, verb)) {
		(void)snprintf(why, len, "it is being packed, or removed");
		return WORK_BUSY;
	}
	if (session_find(m, id) != NULL) {
		(void)snprintf(why, len, "it has not ended");
		return WORK_BUSY;
	}
	return WORK_OK;
}

void
applying_none(struct monitor *m, const struct msg_work_do *msg)
{
	tell(m, msg->serial, WORK_NONE, "");
}

void
applying_start(struct monitor *m, const struct msg_work_do *msg, int *spec)
{
	char why[512] = "";
	enum work_code code = check(m, msg->id, msg->verb, why,
	    sizeof(why));
	autoclose int work = -1;
	struct applying *a;
	int r;

	if (code != WORK_OK) {
		tell(m, msg->serial, code, why);
		return;
	}
	work = r = work_open(&m->home, &m->owner, msg->id);
	/* A task's has no project beside it. */
	if (r >= 0 && work_is_task(&m->home, &m->owner, msg->id))
		r = -ENOENT;
	if (r < 0) {
		tell(m, msg->serial, WORK_NONE, strerror(-r));
		return;
	}
	a = mem_zalloc(1, sizeof(*a));
	a->monitor = m;
	a->serial = msg->serial;
	a->verb = msg->verb;
	a->slot = -1;
	a->rows = -1;
	a->spec = mem_steal_fd(spec);
	a->child.pidfd.fd = -1;
	(void)snprintf(a->id, sizeof(a->id), "%s", msg->id);
	r = start(a, &work, why, sizeof(why));
	if (r < 0) {
		tell(m, msg->serial, WORK_FAILED, why[0] != '\0' ? why :
		    strerror(-r));
		applying_free(a);
		return;
	}
	a->next = m->applying;
	m->applying = a;
	m->napplying++;
	a->deadline = (struct timer){ .cb = on_deadline, .ctx = a };
	timer_start(m->loop, &a->deadline, LIMIT_CHANGES_MS);
}

void
applying_stop(struct monitor *m)
{
	struct applying *a;

	for (a = m->applying; a != NULL; a = a->next) {
		a->done = true;		/* nobody is to be told */
		a->child.expected = true;
		child_kill(&a->child);
	}
}
