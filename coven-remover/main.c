/*
 * coven-remover: empties the one folder that it holds, says what stays, and
 * exits.  The monitor removes the empty folder.
 */
#include <sys/stat.h>

#include <string.h>

#include "common/failpoint.h"
#include "common/log.h"
#include "coven-remover/remove.h"
#include "sandbox/profile.h"
#include "sandbox/role.h"

struct remover {
	struct loop	*loop;
	struct chan	 control;
	bool		 done;
};

/* Where the profile gave it a root, the folder is all that is in there. */
static bool
has_own_root(void)
{
	struct stat in, held;

	return stat(PROFILE_FOLDER, &in) == 0 &&
	    fstat(ROLE_FD_FOLDER, &held) == 0 && in.st_dev == held.st_dev &&
	    in.st_ino == held.st_ino;
}

static int
on_remove(struct chan *c, const union msg_any *msg, int *fd)
{
	struct remover *r = c->ctx;
	struct remove_result got;
	struct msg_removed answer;
	int e;

	(void)fd;
	remove_tree(ROLE_FD_FOLDER, msg->remove.ms, has_own_root(), &got);
	FAILPOINT("remover.work-emptied");
	answer = (struct msg_removed){ .code = got.code,
	    .removed = got.removed, .left = got.left, .mounts = got.mounts,
	    .flagged = got.flagged, .error = (uint32_t)got.error,
	    .name = got.name };
	e = chan_send(c, MSG_REMOVED, &answer, -1);
	if (e < 0)
		fatal("answer the monitor: %s", strerror(-e));
	r->done = true;
	if (chan_queued(c) == 0)
		loop_quit(r->loop, 0);
	return 0;
}

static void
on_drain(struct chan *c)
{
	struct remover *r = c->ctx;

	if (r->done)
		loop_quit(r->loop, 0);
}

static int
on_shutdown(struct chan *c, const union msg_any *msg, int *fd)
{
	struct remover *r = c->ctx;

	(void)msg;
	(void)fd;
	loop_quit(r->loop, 0);
	return 0;
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_REMOVE] = on_remove,
	[MSG_SHUTDOWN] = on_shutdown,
};

int
main(int argc, char **argv)
{
	static struct remover r;

	log_init(NULL, LOG_LEVEL_INFO);
	r.loop = loop_new();
	role_options(argc, argv);
	role_start(ROLE_REMOVER, r.loop, &r.control, handlers, &r);
	r.control.on_drain = on_drain;
	return loop_run(r.loop);
}
