/*
 * coven-extractor: unpacks the one archive that it is given into the one
 * empty folder that it holds, and exits.  covenctl starts it.
 */
#include <string.h>

#include "common/log.h"
#include "coven-archiver/unpack.h"
#include "sandbox/role.h"

struct extractor {
	struct loop	*loop;
	struct chan	 control;
	bool		 done;
};

static int
on_unpack(struct chan *c, const union msg_any *msg, int *fd)
{
	struct extractor *x = c->ctx;
	struct unpack_result r;
	struct msg_unpacked answer;
	int e;

	unpack(*fd, ROLE_FD_FOLDER, &msg->unpack, &r);
	answer = (struct msg_unpacked){ .code = r.code, .entries = r.entries,
	    .bytes = r.bytes, .error = (uint32_t)r.error, .why = r.why,
	    .name = r.name };
	e = chan_send(c, MSG_UNPACKED, &answer, -1);
	if (e < 0)
		fatal("answer: %s", strerror(-e));
	x->done = true;
	if (chan_queued(c) == 0)
		loop_quit(x->loop, 0);
	return 0;
}

static void
on_drain(struct chan *c)
{
	struct extractor *x = c->ctx;

	if (x->done)
		loop_quit(x->loop, 0);
}

static int
on_shutdown(struct chan *c, const union msg_any *msg, int *fd)
{
	struct extractor *x = c->ctx;

	(void)msg;
	(void)fd;
	loop_quit(x->loop, 0);
	return 0;
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_UNPACK] = on_unpack,
	[MSG_SHUTDOWN] = on_shutdown,
};

int
main(int argc, char **argv)
{
	static struct extractor x;

	log_init(NULL, LOG_LEVEL_INFO);
	x.loop = loop_new();
	role_options(argc, argv);
	role_start(ROLE_EXTRACTOR, x.loop, &x.control, handlers, &x);
	x.control.on_drain = on_drain;
	return loop_run(x.loop);
}
