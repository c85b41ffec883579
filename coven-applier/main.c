#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-applier/applier.h"
#include "sandbox/role.h"

#define FLUSH_TURNS	50
#define FLUSH_MS	100

int
fail(struct applier *a, int err, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	if (a->why[0] != '\0')		/* the first is the cause */
		return err;
	va_start(ap, fmt);
	(void)vsnprintf(a->why, sizeof(a->why) - 64, fmt, ap);
	va_end(ap);
	n = strlen(a->why);
	(void)snprintf(a->why + n, sizeof(a->why) - n, ": %s",
	    strerror(-err));
	return err;
}

static int
discard(struct applier *a)
{
	static const char *const names[] = { "upper", "work", "origin" };
	size_t i;
	int r = 0;

	tree_alone();
	for (i = 0; r == 0 && i < nitems(names); i++) {
		r = tree_remove(a->work, names[i]);
		if (r < 0)
			return fail(a, r, "remove %s", names[i]);
	}
	return r;
}

static int
work(struct applier *a)
{
	int r;

	if (a->verb == WORK_DISCARD)
		return discard(a);
	a->upper = tree_folder(a->work, "upper");
	if (a->upper < 0)
		return fail(a, a->upper, "open its folder");
	r = lead_find(a);
	return r < 0 ? r : walk(a);
}

static void
answer(struct applier *a, int r)
{
	struct msg_apply_done done = { .code = r == 0 ? WORK_OK : WORK_FAILED,
	    .rows = a->nrows, .more = a->more, .text = a->why };
	autoclose int fd = -1;
	int i;

	if (a->nrows != 0) {
		fd = memfd_make("changes", buf_head(&a->rows),
		    buf_left(&a->rows));
		if (fd < 0)
			fatal("make a memfd: %s", strerror(-fd));
	}
	if (chan_send(&a->control, MSG_APPLY_DONE, &done, fd) < 0)
		return;
	for (i = 0; i < FLUSH_TURNS && chan_queued(&a->control) != 0; i++)
		loop_once(a->loop, FLUSH_MS);
}

static int
on_apply_go(struct chan *c, const union msg_any *msg, int *fd)
{
	struct applier *a = c->ctx;
	union msg_any any;
	int r;

	a->verb = msg->apply_go.verb;
	a->made_ns = (int64_t)msg->apply_go.made_ns;
	buf_init(&a->spec_bytes, LIMIT_BULK);
	if (a->verb > WORK_DISCARD ||
	    memfd_read(*fd, LIMIT_BULK, &a->spec_bytes) < 0 ||
	    msg_decode_exact(buf_head(&a->spec_bytes),
	    buf_left(&a->spec_bytes), MSG_CHANGES_SPEC, &any) != 0)
		return chan_blame(c, "APPLY_GO without what to do");
	a->spec = any.changes_spec;
	r = work(a);
	answer(a, r);
	exit(0);
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_APPLY_GO] = on_apply_go,
};

int
main(int argc, char **argv)
{
	static struct applier a = { .work = APPLIER_FD_WORK,
	    .project = APPLIER_FD_PROJECT, .upper = -1 };

	if (isatty(0)) {
		fprintf(stderr,
		    "coven-applier is started by coven-monitor\n");
		return 64;
	}
	log_init("applier", LOG_LEVEL_INFO);
	role_options(argc, argv);
	a.rows.max = LIMIT_BULK;
	a.loop = loop_new();
	role_start(ROLE_APPLIER, a.loop, &a.control, handlers, &a);
	return loop_run(a.loop);
}
