#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/spawn.h"
#include "sandbox/landlock.h"
#include "sandbox/profile.h"
#include "sandbox/role.h"
#include "tests/unit/work_driver.h"

#define WAIT_MS		600000

bool
work_possible(void)
{
	return landlock_abi() != 0 || profile_probe_userns() == 0;
}

static int
on_hello(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_verified v = { 0 };

	(void)msg;
	(void)fd;
	return chan_send(c, MSG_VERIFIED, &v, -1);
}

static void
keep(struct work *w, enum msg_type type, const char *name, const char *why)
{
	(void)snprintf(w->name, sizeof(w->name), "%s", name);
	(void)snprintf(w->why, sizeof(w->why), "%s", why);
	w->answer = type;
	w->answered = true;
}

static int
on_removed(struct chan *c, const union msg_any *msg, int *fd)
{
	struct work *w = c->ctx;

	(void)fd;
	w->removed = msg->removed;
	keep(w, MSG_REMOVED, msg->removed.name, "");
	w->removed.name = w->name;
	return 0;
}

static int
on_packed(struct chan *c, const union msg_any *msg, int *fd)
{
	struct work *w = c->ctx;

	(void)fd;
	w->packed = msg->packed;
	keep(w, MSG_PACKED, msg->packed.name, "");
	w->packed.name = w->name;
	return 0;
}

static int
on_unpacked(struct chan *c, const union msg_any *msg, int *fd)
{
	struct work *w = c->ctx;

	(void)fd;
	w->unpacked = msg->unpacked;
	keep(w, MSG_UNPACKED, msg->unpacked.name, msg->unpacked.why);
	w->unpacked.name = w->name;
	w->unpacked.why = w->why;
	return 0;
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_HELLO] = on_hello,
	[MSG_REMOVED] = on_removed,
	[MSG_PACKED] = on_packed,
	[MSG_UNPACKED] = on_unpacked,
};

static void
on_end(struct chan *c, int why)
{
	if (why == CHAN_BAD)
		fatal("the worker lied: %s", c->blame);
	chan_close(c);
}

void
work_start(struct work *w, const char *program, enum role role, int folder,
    uid_t uid)
{
	const char *argv[] = { program, NULL, NULL };
	autoclose int exe = open(program, O_PATH | O_CLOEXEC);
	struct spawn s = { .program = exe, .argv = argv, .log = -1,
	    .fds = { -1, folder, -1 }, .uid = uid, .gid = (gid_t)uid };
	int fds[2], r;

	*w = (struct work){ .loop = loop_new(), .pidfd = -1 };
	if (exe == -1)
		fatal("open %s: %s", program, strerror(errno));
	if (profile_probe_userns() < 0)
		argv[1] = ROLE_NO_USERNS;
	r = chan_pair(fds);
	s.fds[0] = fds[1];
	if (r == 0)
		r = spawn(&s, &w->pid, &w->pidfd);
	mem_close(&fds[1]);
	if (r == 0)
		r = chan_open(&w->chan, w->loop, &fds[0], ROLE_MONITOR, role,
		    CS_NEW, handlers, w, on_end);
	if (r == 0)
		r = chan_wait(&w->chan, WAIT_MS);
	if (r != 0)
		fatal("start %s: %d", program, r);
}

void
work_end(struct work *w)
{
	while (waitpid(w->pid, &w->status, 0) == -1 && errno == EINTR)
		;
	chan_close(&w->chan);
	mem_close(&w->pidfd);
	loop_free(w->loop);
}

void
work_ask(struct work *w, enum msg_type type, const void *msg, int fd)
{
	int r = chan_send(&w->chan, type, msg, fd);

	while (r == 0 && !w->answered)
		r = chan_wait(&w->chan, WAIT_MS);
	work_end(w);
}

void
work_remove(struct work *w, const char *program, int folder, uint32_t ms)
{
	struct msg_remove m = { .ms = ms };

	work_start(w, program, ROLE_REMOVER, folder, SPAWN_KEEP_ID);
	work_ask(w, MSG_REMOVE, &m, -1);
}

void
work_pack(struct work *w, const char *program, int folder, int out,
    const struct msg_pack *m)
{
	work_start(w, program, ROLE_ARCHIVER, folder, SPAWN_KEEP_ID);
	work_ask(w, MSG_PACK, m, out);
}

void
work_unpack(struct work *w, const char *program, int archive, int folder,
    const struct msg_unpack *m)
{
	work_start(w, program, ROLE_EXTRACTOR, folder, SPAWN_KEEP_ID);
	work_ask(w, MSG_UNPACK, m, archive);
}
