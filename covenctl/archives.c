/*
 * archives extract: an archive of the home into a folder that is made for it.
 * Who reads it is coven-extractor, a role of its own, to which this plays the
 * monitor: the archive's bytes are never looked at here.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/spawn.h"
#include "common/worker.h"
#include "covenctl/ctl.h"

#define EXTRACTOR	"libexec/coven/coven-extractor"
#define MAX_BYTES	(UINT64_C(1) << 40)	/* archive.max_mib's maximum */
#define MAX_ENTRIES	(UINT64_C(1) << 24)	/* archive.max_entries' */

struct extraction {
	struct chan	 chan;
	bool		 lied, answered;
	uint64_t	 entries, bytes;
	uint32_t	 code, error;
	char		 name[WORKER_NAME_MAX], why[64];
};

static int
on_hello(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_verified v = { 0 };
	uint8_t digest[MSG_DIGEST_LEN];

	(void)fd;
	msg_table_digest(digest);
	if (msg->hello.digest.len != sizeof(digest) ||
	    memcmp(msg->hello.digest.p, digest, sizeof(digest)) != 0)
		return chan_blame(c, "it is of another build");
	return chan_send(c, MSG_VERIFIED, &v, -1) < 0 ? CHAN_BAD : 0;
}

/* What it says of the archive's names is made printable once more. */
static int
on_unpacked(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_unpacked *m = &msg->unpacked;
	struct extraction *x = c->ctx;

	(void)fd;
	x->code = m->code;
	x->entries = m->entries;
	x->bytes = m->bytes;
	x->error = m->error;
	worker_name(m->name, x->name);
	(void)snprintf(x->why, sizeof(x->why), "%s", m->why);
	x->answered = true;
	return 0;
}

static void
on_end(struct chan *c, int why)
{
	struct extraction *x = c->ctx;

	x->lied = why == CHAN_BAD;
	chan_close(c);
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_HELLO] = on_hello,
	[MSG_UNPACKED] = on_unpacked,
};

/* Beside covenctl's own program: bin/covenctl, libexec/coven/NAME. */
static int
open_extractor(void)
{
	char self[PATH_MAX], path[PATH_MAX + sizeof(EXTRACTOR)];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	int fd, up;

	if (n <= 0)
		return -errno;
	self[n] = '\0';
	for (up = 0; up < 2; up++)
		if ((slash = strrchr(self, '/')) != NULL)
			*slash = '\0';
	(void)snprintf(path, sizeof(path), "%s/" EXTRACTOR, self);
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd == -1 ? -errno : fd;
}

/* Ask, wait for the answer and for its end.  0 or -errno. */
static int
run(struct extraction *x, int archive, int folder)
{
	static const char *const argv[] = { "coven-extractor", NULL };
	struct msg_unpack m = { .max_bytes = MAX_BYTES,
	    .max_entries = MAX_ENTRIES, .ms = LIMIT_PHASE_MS };
	autoclose int program = open_extractor(), pidfd = -1;
	struct spawn s = { .program = program, .argv = argv, .log = -1,
	    .fds = { -1, folder, -1 }, .uid = SPAWN_KEEP_ID };
	struct loop *loop;
	int fds[2], r;
	pid_t pid;

	if (program < 0)
		return program;
	r = chan_pair(fds);
	if (r < 0)
		return r;
	s.fds[0] = fds[1];
	r = spawn(&s, &pid, &pidfd);
	mem_close(&fds[1]);
	if (r < 0) {
		mem_close(&fds[0]);
		return r;
	}
	loop = loop_new();
	r = chan_open(&x->chan, loop, &fds[0], ROLE_MONITOR, ROLE_EXTRACTOR,
	    CS_NEW, handlers, x, on_end);
	if (r == 0)
		r = chan_wait(&x->chan, LIMIT_VERIFIED_MS);
	if (r == 0)
		r = chan_send(&x->chan, MSG_UNPACK, &m, archive);
	while (r == 0 && !x->answered)
		r = chan_wait(&x->chan, 2 * LIMIT_PHASE_MS);
	chan_close(&x->chan);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	loop_free(loop);
	return r < 0 ? r : x->answered ? 0 : -EPROTO;
}

/* A session's id, which is all that the name of an archive consists of. */
static bool
is_id(const char *s)
{
	return strlen(s) == 36 && strspn(s, "0123456789abcdef-") == 36;
}

static int
open_archive(struct ctl *ctl, const char *id)
{
	char name[64];
	struct stat st;
	int fd;

	(void)snprintf(name, sizeof(name), "archives/%s.tar.zst", id);
	fd = worker_open(ctl->home.dir, name, O_RDONLY | O_NOFOLLOW |
	    O_NONBLOCK, 0);
	if (fd >= 0 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)))
		mem_close(&fd);
	return fd;
}

static int
explain(const struct extraction *x, const char *id, const char *to)
{
	if (x->code == WORKER_DONE) {
		printf("%s: %llu entries, %llu bytes\n", to,
		    (unsigned long long)x->entries,
		    (unsigned long long)x->bytes);
		return CTL_OK;
	}
	ctl_err("archive %s: %s: %s%s%s%s%s; what was unpacked before is in "
	    "%s", id, worker_outcome(x->code), x->why,
	    x->error != 0 ? ": " : "", x->error != 0 ?
	    strerror((int)x->error) : "", x->name[0] != '\0' ? ": " : "",
	    x->name, to);
	return CTL_FAILED;
}

int
verb_archives_extract(struct ctl *ctl)
{
	const char *id = ctl->argv[0], *to = ctl->argv[1];
	autoclose int archive = -1, folder = -1;
	struct extraction x = { .answered = false };
	int r;

	if (!is_id(id)) {
		ctl_err("%s: not the id of a session", id);
		return CTL_USAGE;
	}
	archive = open_archive(ctl, id);
	if (archive < 0) {
		ctl_err("archive %s: there is none", id);
		return CTL_FAILED;
	}
	/* Made here: nothing can be in it, or lie where a link leads. */
	if (mkdir(to, 0700) == -1 || (folder = open(to, O_RDONLY |
	    O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1) {
		ctl_err("%s: %s", to, strerror(errno));
		return CTL_FAILED;
	}
	r = run(&x, archive, folder);
	if (r < 0) {
		ctl_err("archive %s: unpack it: %s", id, x.lied ?
		    "its reader lied" : strerror(-r));
		return CTL_FAILED;
	}
	return explain(&x, id, to);
}
