#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/privacy.h"
#include "coven-monitor/reader.h"
#include "coven-monitor/roster.h"

/* The rows of the longest roster. */
#define ROWS_MAX	((size_t)LIMIT_FAMILIARS * 32768)

static struct reader *
reader_of(struct chan *ch)
{
	struct child *c = ch->ctx;

	return (struct reader *)((char *)c - offsetof(struct reader, child));
}

/* --- what is wrong with a file --- */

static void __attribute__((format(printf, 2, 3)))
problem(struct reader *r, const char *fmt, ...)
{
	char text[sizeof(r->first)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (r->first[0] == '\0')
		memcpy(r->first, text, sizeof(text));
	/* The reader's last one counts those that it left out. */
	if (r->errors++ <= LIMIT_CONF_ERRORS)
		log_error("config %s", text);
}

/* --- rows --- */

static int
on_conf_row(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct reader *r = reader_of(ch);
	char why[CONF_WHY_MAX];

	(void)fd;
	if (r->kind != CONF_FILE_TOML)
		return chan_blame(ch, "a key from another kind of file");
	if (conf_apply(&r->child.monitor->conf, &msg->conf_row, r->source,
	    why) != 0)
		problem(r, "%s:%u: %s: %s", r->name, msg->conf_row.line,
		    msg->conf_row.key, why);
	return 0;
}

static int
on_conf_harness(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct reader *r = reader_of(ch);
	int e;

	(void)fd;
	if (r->kind != CONF_FILE_MANIFEST)
		return chan_blame(ch, "an adapter from another kind of file");
	e = harness_table_add(&r->child.monitor->harnesses,
	    msg->conf_harness.harness.p, msg->conf_harness.harness.len);
	if (e == -EPROTO)
		return chan_blame(ch, "an adapter that is no row");
	if (e < 0 && log_allowed(&r->child.monitor->limit, "adapters"))
		log_warn("config %s: an adapter is passed over: %s", r->name,
		    strerror(-e));
	return 0;
}

/* Whoever hears of it decodes it again; here its form is checked. */
static int
on_conf_familiar(struct chan *ch, const union msg_any *msg, int *fd)
{
	const struct msg_bin *in = &msg->conf_familiar.familiar;
	struct reader *r = reader_of(ch);
	union msg_any row;

	(void)fd;
	if (r->kind != CONF_FILE_FAMILIARS || r->nrows == LIMIT_FAMILIARS)
		return chan_blame(ch, "a familiar that is not asked for");
	if (msg_decode_exact(in->p, in->len, MSG_FAMILIAR_ROW, &row) != 0)
		return chan_blame(ch, "a familiar that is no row");
	roster_add(r, &row.familiar_row);
	return 0;
}

static int
on_conf_redactor(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct reader *r = reader_of(ch);

	if (r->kind != CONF_FILE_PRIVACY)
		return chan_blame(ch, "patterns from another kind of file");
	if (privacy_take(r->child.monitor, r->name, &msg->conf_redactor,
	    fd) < 0)
		return chan_blame(ch, "patterns that are none");
	return 0;
}

static int
on_conf_key(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct reader *r = reader_of(ch);

	(void)msg;
	if (r->kind != CONF_FILE_KEY || r->key != -1)
		return chan_blame(ch, "a key from another kind of file");
	r->key = mem_steal_fd(fd);
	return 0;
}

static int
on_conf_error(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct reader *r = reader_of(ch);
	const struct msg_conf_error *m = &msg->conf_error;

	(void)fd;
	problem(r, "%s:%u: %s%s%s", r->name, m->line, m->key,
	    m->key[0] != '\0' ? ": " : "", m->text);
	return 0;
}

static int
on_conf_done(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct reader *r = reader_of(ch);

	(void)msg;
	(void)fd;
	r->done = true;
	r->child.expected = true;
	return 0;
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
	[MSG_CONF_ROW] = on_conf_row,
	[MSG_CONF_HARNESS] = on_conf_harness,
	[MSG_CONF_FAMILIAR] = on_conf_familiar,
	[MSG_CONF_REDACTOR] = on_conf_redactor,
	[MSG_CONF_KEY] = on_conf_key,
	[MSG_CONF_ERROR] = on_conf_error,
	[MSG_CONF_DONE] = on_conf_done,
};

/* --- its life --- */

static void
on_ready(struct child *c)
{
	struct reader *r = reader_of(&c->control);
	struct msg_conf_read msg = { .kind = r->kind, .name = r->name };

	(void)chan_send(&c->control, MSG_CONF_READ, &msg, r->file);
}

static void
on_exit_of_reader(struct child *c)
{
	struct reader *r = reader_of(&c->control);

	timer_stop(c->monitor->loop, &r->deadline);
	mem_close(&r->file);
	r->running = false;
	if (!r->done)
		problem(r, "%s: its reader %s", r->name, r->late ?
		    "took too long" : "died");
	if (r->on_end != NULL)
		r->on_end(r);
}

static const struct child_ops ops = {
	.handlers = handlers,
	.on_ready = on_ready,
	.on_exit = on_exit_of_reader,
};

static void
on_late(struct timer *t)
{
	struct reader *r = t->ctx;

	r->late = true;
	child_kill(&r->child);
}

int
reader_start(struct reader *r, struct monitor *m)
{
	struct uids_role id = uids_role(&m->uids, ROLE_CONFREAD);
	struct child_start st = { .extra = -1, .uid = id.uid, .gid = id.gid };
	int e;

	r->errors = 0;
	r->first[0] = '\0';
	r->done = r->late = false;
	buf_clear(&r->rows);
	r->rows.max = ROWS_MAX;
	r->nrows = 0;
	e = child_spawn(&r->child, m, ROLE_CONFREAD, &ops, &st);
	if (e < 0) {
		problem(r, "%s: start its reader: %s", r->name, strerror(-e));
		mem_close(&r->file);
		return e;
	}
	r->running = true;
	r->deadline = (struct timer){ .cb = on_late, .ctx = r };
	timer_start(m->loop, &r->deadline, LIMIT_CONF_READ_MS);
	return 0;
}

bool
reader_good(const struct reader *r)
{
	return r->done && r->errors == 0;
}

int
reader_run(struct reader *r, struct monitor *m)
{
	if (reader_start(r, m) < 0)
		return EXIT_HOME;
	while (r->running)
		loop_once(m->loop, 100);
	if (r->late)
		return EXIT_LATE;
	return reader_good(r) ? 0 : EXIT_HOME;
}

/* --- files --- */

static int
open_file(const struct monitor *m, int dir, const char *name, bool lax)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_uid != m->owner.uid && st.st_uid != 0)
		return -EPERM;
	if (!lax && (st.st_mode & 022))
		return -EACCES;
	if (st.st_size > LIMIT_CONF_FILE)
		return -EFBIG;
	return mem_steal_fd(&fd);
}

int
reader_open(const struct monitor *m, int dir, const char *name,
    unsigned flags, uint8_t sum[DIGEST_LEN])
{
	autobuf struct buf bytes = { 0 };
	autoclose int fd = -1;
	int r;

	if (flags & READER_AS_OWNER)
		owner_enter(&m->owner);
	fd = open_file(m, dir, name, flags & READER_LAX);
	if (flags & READER_AS_OWNER)
		owner_leave(&m->owner);
	if (fd < 0)
		return fd;
	r = memfd_read(fd, LIMIT_CONF_FILE, &bytes);
	if (r < 0)
		return r;
	digest(buf_head(&bytes), buf_left(&bytes), sum);
	return memfd_make("configuration", buf_head(&bytes),
	    buf_left(&bytes));
}

const char *
reader_why(int e)
{
	switch (e) {
	case -EINVAL:
		return "it is not a regular file";
	case -ELOOP:
		return "it is a link";
	case -EPERM:
		return "it belongs to another user";
	case -EACCES:
		return "others may write it, or it cannot be read";
	case -EFBIG:
	case -EMSGSIZE:
		return "it is larger than 256 KiB";
	default:
		return strerror(-e);
	}
}
