/*
 * coven-confread: reads one file that the monitor opened, answers rows and
 * exits.  It opens nothing itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/conf.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-confread/confread.h"
#include "sandbox/role.h"

struct reading {
	struct loop	*loop;
	struct chan	*control;
	uint32_t	 rows, errors;
	bool		 done;
};

/* A lost row would be a file half in force; the answers are bounded. */
static void
answer(struct reading *r, enum msg_type type, const void *msg)
{
	int e = chan_send(r->control, type, msg, -1);

	if (e < 0 && e != -EPIPE)
		fatal("answer the monitor: %s", strerror(-e));
}

static void
on_row(void *ctx, const struct msg_conf_row *row)
{
	struct reading *r = ctx;

	answer(r, MSG_CONF_ROW, row);
	r->rows++;
}

static void
on_error(void *ctx, uint32_t line, const char *key, const char *text)
{
	struct msg_conf_error e = { .line = line, .key = key, .text = text };
	struct reading *r = ctx;

	if (r->errors++ < LIMIT_CONF_ERRORS)
		answer(r, MSG_CONF_ERROR, &e);
}

static void
on_harness(void *ctx, const struct msg_harness_row *row)
{
	struct reading *r = ctx;
	struct buf record = { .max = LIMIT_PACKET };
	struct msg_conf_harness m = { 0 };

	/* The reader has tried the encoding: only memory can be missing. */
	if (msg_encode(&record, MSG_HARNESS_ROW, row) < 0)
		fatal("encode an adapter");
	m.harness = (struct msg_bin){ buf_head(&record), buf_left(&record) };
	answer(r, MSG_CONF_HARNESS, &m);
	buf_fini(&record);
	r->rows++;
}

static void
on_familiar(void *ctx, const struct msg_familiar_row *row)
{
	struct reading *r = ctx;
	autobuf struct buf record = { .max = LIMIT_PACKET };
	struct msg_conf_familiar m = { 0 };

	/* The reader has held every field to its length. */
	if (msg_encode(&record, MSG_FAMILIAR_ROW, row) < 0)
		fatal("encode a familiar");
	m.familiar = (struct msg_bin){ buf_head(&record), buf_left(&record) };
	answer(r, MSG_CONF_FAMILIAR, &m);
	r->rows++;
}

static void
on_warn(void *ctx, const char *text)
{
	(void)ctx;
	log_warn("%s", text);
}

/*
 * By offset: whoever wrote the copy that this is has left its position at the
 * end.  0, or an error has been reported.
 */
static int
read_file(struct reading *r, int fd, struct buf *b)
{
	ssize_t n;
	char *to;

	for (;;) {
		to = buf_reserve(b, 65536);
		if (to == NULL || buf_left(b) > LIMIT_CONF_FILE) {
			on_error(r, 0, "", "is longer than 256 KiB");
			return -EMSGSIZE;
		}
		n = pread(fd, to, 65536, (off_t)buf_left(b));
		if (n == 0)
			return 0;
		if (n > 0)
			buf_commit(b, (size_t)n);
		else if (errno != EINTR) {
			on_error(r, 0, "", "cannot be read");
			return -errno;
		}
	}
}

static void
finish(struct reading *r)
{
	struct msg_conf_done done = { .rows = r->rows };
	char more[64];

	if (r->errors > LIMIT_CONF_ERRORS) {
		struct msg_conf_error e = { .text = more };

		(void)snprintf(more, sizeof(more), "and %u more errors",
		    r->errors - LIMIT_CONF_ERRORS);
		answer(r, MSG_CONF_ERROR, &e);
	}
	answer(r, MSG_CONF_DONE, &done);
	r->done = true;
	if (chan_queued(r->control) == 0)
		loop_quit(r->loop, 0);
}

/* The patterns in a memfd of their own: whoever looks for them maps it. */
static void
answer_redactor(struct reading *r, const struct privacy *p,
    const struct buf *image)
{
	struct msg_conf_redactor m = p->numbers;
	autoclose int fd = memfd_make("patterns", buf_head(image),
	    buf_left(image));
	int e;

	if (fd < 0)
		fatal("answer patterns: %s", strerror(-fd));
	m.patterns = (uint32_t)p->npatterns;
	e = chan_send(r->control, MSG_CONF_REDACTOR, &m, fd);
	if (e < 0 && e != -EPIPE)
		fatal("answer the monitor: %s", strerror(-e));
	r->rows++;
}

static void
read_privacy(const char *text, size_t n, const struct confread_sink *sink)
{
	autobuf struct buf image = { .max = LIMIT_REDACTOR };
	struct reading *r = sink->ctx;
	struct privacy p = { 0 };

	confread_privacy(text, n, &p, sink);
	/* Also when it is refused already: everything wrong is said at once. */
	confread_compile(&p, &image, sink);
	if (r->errors == 0)
		answer_redactor(r, &p, &image);
	privacy_fini(&p);
}

/*
 * One line of visible characters.  NULs at the end are what a command left of
 * its file.
 */
static void
read_key(const char *text, size_t n, const struct confread_sink *sink)
{
	struct msg_conf_key m = { 0 };
	struct reading *r = sink->ctx;
	autoclose int fd = -1;
	size_t i;
	int e;

	while (n > 0 && (text[n - 1] == '\0' || text[n - 1] == '\n' ||
	    text[n - 1] == '\r'))
		n--;
	for (i = 0; i < n && text[i] > 0x20 && text[i] < 0x7f; i++)
		;
	if (n == 0 || n > LIMIT_GRANT_KEY || i < n) {
		on_error(r, 0, "", n == 0 ? "is empty" : i < n ? "is not one "
		    "line of visible characters" : "is too long for a key");
		return;
	}
	fd = memfd_make("key", text, n);
	if (fd < 0)
		fatal("answer a key: %s", strerror(-fd));
	e = chan_send(r->control, MSG_CONF_KEY, &m, fd);
	if (e < 0 && e != -EPIPE)
		fatal("answer the monitor: %s", strerror(-e));
	r->rows++;
}

static void (*const readers[CONF_FILE__COUNT])(const char *, size_t,
    const struct confread_sink *) = {
	[CONF_FILE_TOML] = confread_toml,
	[CONF_FILE_MANIFEST] = confread_manifest,
	[CONF_FILE_PRIVACY] = read_privacy,
	[CONF_FILE_FAMILIARS] = confread_familiars,
	[CONF_FILE_KEY] = read_key,
};

static int
on_conf_read(struct chan *c, const union msg_any *msg, int *fd)
{
	struct reading *r = c->ctx;
	const struct confread_sink sink = { on_row, on_harness, on_familiar,
	    on_error, on_warn, r };
	autobuf struct buf b = { .max = LIMIT_CONF_FILE + 2 * 65536 };

	if (msg->conf_read.kind >= CONF_FILE__COUNT)
		return chan_blame(c, "a file of kind %u", msg->conf_read.kind);
	if (read_file(r, *fd, &b) == 0)
		readers[msg->conf_read.kind](buf_head(&b), buf_left(&b),
		    &sink);
	finish(r);
	return 0;
}

static void
on_drain(struct chan *c)
{
	struct reading *r = c->ctx;

	if (r->done)
		loop_quit(r->loop, 0);
}

static int
on_shutdown(struct chan *c, const union msg_any *msg, int *fd)
{
	struct reading *r = c->ctx;

	(void)msg;
	(void)fd;
	loop_quit(r->loop, 0);
	return 0;
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_CONF_READ] = on_conf_read,
	[MSG_SHUTDOWN] = on_shutdown,
};

/*
 * What the first use of a library would ask of the kernel: json-c's seed
 * comes from getrandom and a hash of the environment, C++'s locale and
 * emergency pool from the allocator.
 */
static void
warm_up(void)
{
	static const char toml[] = "x = [1.5, \"a\", 1979-05-27]\n";
	static const char json[] = "{\"adapters\":[{\"id\":\"codex\"}]}";
	struct reading none = { .errors = LIMIT_CONF_ERRORS };
	struct confread_sink sink = { on_row, on_harness, on_familiar,
	    on_error, on_warn, &none };

	log_init("confread", LOG_LEVEL_ERROR);
	confread_toml(toml, sizeof(toml) - 1, &sink);
	confread_manifest(json, sizeof(json) - 1, &sink);
	log_init("confread", LOG_LEVEL_INFO);
}

int
main(int argc, char **argv)
{
	static struct chan control;
	struct reading r = { .control = &control };

	warm_up();
	r.loop = loop_new();
	role_options(argc, argv);
	role_start(ROLE_CONFREAD, r.loop, &control, handlers, &r);
	control.on_drain = on_drain;
	return loop_run(r.loop);
}
