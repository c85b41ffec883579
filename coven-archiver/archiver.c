/*
 * coven-archiver: packs the one folder that it holds into the one file that
 * it is given, says what is in it, and exits.
 */
#include <sys/stat.h>

#include <string.h>

#include "common/failpoint.h"
#include "common/log.h"
#include "coven-archiver/pack.h"
#include "sandbox/role.h"

struct archiver {
	struct loop	*loop;
	struct chan	 control;
	bool		 done;
};

static int
on_pack(struct chan *c, const union msg_any *msg, int *fd)
{
	struct archiver *a = c->ctx;
	struct pack_result r;
	struct msg_packed answer;
	struct stat st;
	int e;

	if (fstat(*fd, &st) == -1 || st.st_size != 0)
		return chan_blame(c, "a file that is not empty");
	pack_tree(ROLE_FD_FOLDER, *fd, &msg->pack, &r);
	FAILPOINT("archiver.work-packed");
	answer = (struct msg_packed){ .code = r.code, .entries = r.entries,
	    .bytes = r.bytes, .packed = r.packed, .special = r.special,
	    .unreadable = r.unreadable, .changed = r.changed,
	    .mounts = r.mounts, .deep = r.deep, .large = r.large,
	    .error = (uint32_t)r.error, .name = r.name };
	e = chan_send(c, MSG_PACKED, &answer, -1);
	if (e < 0)
		fatal("answer the monitor: %s", strerror(-e));
	a->done = true;
	if (chan_queued(c) == 0)
		loop_quit(a->loop, 0);
	return 0;
}

static void
on_drain(struct chan *c)
{
	struct archiver *a = c->ctx;

	if (a->done)
		loop_quit(a->loop, 0);
}

static int
on_shutdown(struct chan *c, const union msg_any *msg, int *fd)
{
	struct archiver *a = c->ctx;

	(void)msg;
	(void)fd;
	loop_quit(a->loop, 0);
	return 0;
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_PACK] = on_pack,
	[MSG_SHUTDOWN] = on_shutdown,
};

int
main(int argc, char **argv)
{
	static struct archiver a;

	log_init(NULL, LOG_LEVEL_INFO);
	a.loop = loop_new();
	role_options(argc, argv);
	role_start(ROLE_ARCHIVER, a.loop, &a.control, handlers, &a);
	a.control.on_drain = on_drain;
	return loop_run(a.loop);
}
