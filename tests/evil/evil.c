#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/evil/evil.h"

#define GOLDEN	2654435761u	/* 2^32 / phi: spreads small numbers */

static char noise[200u << 10];

/* --- who is evil, and which life this is --- */

/* The path of this program up to its last slash, or "". */
static void
own_folder(char path[PATH_MAX], const char **name)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		fatal("evil: who am I: %s", strerror(errno));
	*slash = '\0';
	*name = slash + 1;
}

static bool
read_conf(struct evil *e, const char *folder)
{
	char path[PATH_MAX + 32], line[PATH_MAX], word[32];
	bool evil = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/evil.conf", folder);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "project ", 8) == 0)
			(void)snprintf(e->project, sizeof(e->project), "%s",
			    line + 8);
		else if (strncmp(line, "seed ", 5) == 0)
			e->seed = (uint32_t)strtoul(line + 5, NULL, 10);
		(void)snprintf(word, sizeof(word), "evil %s",
		    msg_role_name(e->role));
		evil |= strcmp(line, word) == 0;
	}
	(void)fclose(f);
	return evil;
}

/* Appending is atomic: the size that it gives is this life's number. */
static unsigned
take_turn(const char *folder, enum role role)
{
	char path[PATH_MAX + 32];
	autoclose int fd = -1;
	off_t at;

	(void)snprintf(path, sizeof(path), "%s/evil.%s", folder,
	    msg_role_name(role));
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd == -1 || flock(fd, LOCK_EX) == -1 || write(fd, ".", 1) != 1)
		return (unsigned)getpid();
	at = lseek(fd, 0, SEEK_CUR);
	return at > 0 ? (unsigned)at - 1 : 0;
}

void
evil_begin(struct evil *e, enum role role, char **argv)
{
	static char *const no_env[] = { NULL };
	char folder[PATH_MAX], good[PATH_MAX + 32];
	const char *name;
	unsigned i;

	*e = (struct evil){ .role = role };
	for (i = 0; i < EVIL_PEERS; i++)
		e->chan[i].source.fd = -1;
	own_folder(folder, &name);
	if (!read_conf(e, folder)) {
		(void)snprintf(good, sizeof(good), "%s/%s.good", folder,
		    name);
		(void)execve(good, argv, no_env);
		fatal("evil: execute %s: %s", good, strerror(errno));
	}
	e->turn = take_turn(folder, role);
	e->seed = (e->seed + e->turn) * GOLDEN | 1;
	e->loop = loop_new();
	log_info("evil %s: life %u, seed %u", msg_role_name(role), e->turn,
	    e->seed);
}

/* --- chance --- */

uint32_t
evil_random(struct evil *e)
{
	/* xorshift32, G. Marsaglia, "Xorshift RNGs" (2003) */
	e->seed ^= e->seed << 13;
	e->seed ^= e->seed >> 17;
	e->seed ^= e->seed << 5;
	return e->seed;
}

unsigned
evil_pick(struct evil *e, unsigned n)
{
	return evil_random(e) % n;
}

bool
evil_once_in(struct evil *e, unsigned n)
{
	return evil_pick(e, n) == 0;
}

/* --- sending past chan_send --- */

static void
send_packet(struct evil *e, unsigned to, const void *p, size_t len,
    const int *fds, size_t nfds)
{
	union {
		struct cmsghdr	align;
		char		space[CMSG_SPACE(8 * sizeof(int))];
	} ctl;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p,
	    .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (to >= e->npeers || !chan_is_open(&e->chan[to]))
		return;
	if (nfds != 0) {
		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = ctl.space;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	/* Refused, gone or full: all the same to it. */
	(void)sendmsg(e->chan[to].source.fd, &mh,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
evil_send_raw(struct evil *e, unsigned to, const void *p, size_t len,
    int nfds)
{
	int fds[8], i;

	for (i = 0; i < nfds && i < (int)nitems(fds); i++)
		fds[i] = e->nkept != 0 && evil_once_in(e, 2) ?
		    e->kept[evil_pick(e, e->nkept)] : (int)evil_pick(e, 4);
	send_packet(e, to, p, len, fds, (size_t)i);
}

void
evil_send_fd(struct evil *e, unsigned to, enum msg_type type,
    const void *msg, int fd)
{
	autobuf struct buf b = { 0 };

	if (msg_encode(&b, type, msg) == 0)
		send_packet(e, to, buf_head(&b), buf_left(&b), &fd,
		    fd >= 0 ? 1 : 0);
}

void
evil_send(struct evil *e, unsigned to, enum msg_type type, const void *msg)
{
	evil_send_fd(e, to, type, msg, -1);
}

/* --- acts that any twin has --- */

static void
fill(struct evil *e, const struct msg_field *f, char *at)
{
	static const char *const strings[] = { "", "a", "../../etc/passwd",
	    "%s%n", "00000000-0000-4000-8000-000000000000", "\x1b[2J" };
	const char *s = strings[evil_pick(e, nitems(strings))];
	struct msg_bin bin = { noise, evil_pick(e, 200) };
	uint64_t v = evil_once_in(e, 2) ? evil_pick(e, 8) :
	    (uint64_t)evil_random(e) << 32 | evil_random(e);

	switch (f->type) {
	case FIELD_U32:
	case FIELD_I32:
		memcpy(at, &v, 4);
		break;
	case FIELD_U64:
		memcpy(at, &v, 8);
		break;
	case FIELD_STR:
		memcpy(at, &s, sizeof(s));
		break;
	case FIELD_BIN:
		bin.len = bin.len < f->max ? bin.len : f->max;
		memcpy(at, &bin, sizeof(bin));
		break;
	}
}

static enum msg_type
any_type(struct evil *e)
{
	return (enum msg_type)(1 + evil_pick(e, MSG__COUNT - 1));
}

static void
encode_any(struct evil *e, enum msg_type type, struct buf *out)
{
	const struct msg_field *fields;
	union msg_any m;
	size_t n, i;

	memset(&m, 0, sizeof(m));
	fields = msg_row(type)->fields(&n);
	for (i = 0; i < n; i++)
		fill(e, &fields[i], (char *)&m + fields[i].offset);
	(void)msg_encode(out, type, &m);
}

/* Any row of the table to anyone, with anything attached. */
void
evil_any_row(struct evil *e)
{
	autobuf struct buf b = { 0 };

	encode_any(e, any_type(e), &b);
	evil_send_raw(e, evil_pick(e, e->npeers), buf_head(&b), buf_left(&b),
	    evil_once_in(e, 2) ? 0 : (int)(1 + evil_pick(e, 6)));
}

/* A good packet with a byte changed, cut short or made longer. */
void
evil_broken_packet(struct evil *e)
{
	autobuf struct buf b = { 0 };
	size_t len;

	encode_any(e, any_type(e), &b);
	(void)buf_adds(&b, "more");
	len = evil_pick(e, (unsigned)buf_left(&b) + 1);
	b.data[evil_pick(e, (unsigned)buf_left(&b))] ^=
	    (char)(1 + evil_pick(e, 255));
	evil_send_raw(e, evil_pick(e, e->npeers), buf_head(&b), len, 0);
}

void
evil_random_packet(struct evil *e)
{
	size_t i, len = evil_once_in(e, 2) ? evil_pick(e, 64) :
	    evil_pick(e, sizeof(noise));

	for (i = 0; i < len; i++)
		noise[i] = (char)evil_random(e);
	evil_send_raw(e, evil_pick(e, e->npeers), noise, len,
	    (int)evil_pick(e, 4));
}

void
evil_empty_packet(struct evil *e)
{
	evil_send_raw(e, evil_pick(e, e->npeers), "", 0,
	    (int)evil_pick(e, 2));
}

void
evil_hang_up(struct evil *e)
{
	unsigned to = evil_pick(e, e->npeers);

	if (to != EVIL_MONITOR)
		chan_close(&e->chan[to]);
}

void
evil_stop_listening(struct evil *e)
{
	unsigned to = evil_pick(e, e->npeers);

	if (chan_is_open(&e->chan[to]))
		chan_pause(&e->chan[to]);
}

/* --- hearing --- */

int
evil_hear(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	(void)m;
	if (*fd >= 0 && e->nkept < nitems(e->kept))
		e->kept[e->nkept++] = mem_steal_fd(fd);
	return 0;
}

void
evil_on_end(struct chan *c, int why)
{
	(void)why;
	chan_close(c);
}

/* --- the walk --- */

static void
on_timer(struct timer *t)
{
	struct evil *e = t->ctx;

	e->started = true;
}

void
evil_await(struct evil *e, int64_t ms)
{
	e->timer = (struct timer){ .cb = on_timer, .ctx = e };
	timer_start(e->loop, &e->timer, ms);
	while (!e->started)
		loop_once(e->loop, -1);
	timer_stop(e->loop, &e->timer);
}

static void
act(struct evil *e, const struct evil_act *acts, unsigned n, bool allowed)
{
	unsigned i, sum = 0, at;

	for (i = 0; i < n; i++)
		if (acts[i].allowed || !allowed)
			sum += acts[i].weight;
	at = evil_pick(e, sum);
	for (i = 0; i < n; i++) {
		if (!acts[i].allowed && allowed)
			continue;
		if (at < acts[i].weight) {
			acts[i].act(e);
			return;
		}
		at -= acts[i].weight;
	}
}

/*
 * A first lie ends the conversation, so later lives may behave for a while
 * first, and half of all stay with what the table allows.
 */
void
evil_walk(struct evil *e, const struct evil_act *acts, unsigned n,
    unsigned steps)
{
	const struct evil_act *first = &acts[e->turn % n];
	unsigned i, honest = e->turn >= n ? evil_pick(e, 20) : 0;
	bool allowed = evil_once_in(e, 2);

	for (i = 0; i < honest; i++) {
		act(e, acts, n, true);
		loop_once(e->loop, 0);
	}
	log_info("evil %s: %s", msg_role_name(e->role), first->name);
	for (i = 0; i < 3; i++) {
		first->act(e);
		loop_once(e->loop, 5);
	}
	for (i = 0; i < steps; i++) {
		act(e, acts, n, allowed);
		loop_once(e->loop, evil_once_in(e, 8) ? 5 : 0);
	}
	/* Some leave, some stay until they are ended. */
	if (evil_once_in(e, 2))
		exit((int)evil_pick(e, 4));
	evil_stay(e);
}

void
evil_stay(struct evil *e)
{
	for (;;)
		loop_once(e->loop, -1);
}

/* --- specs --- */

int
evil_memfd(const void *p, size_t n, unsigned seals)
{
	autoclose int fd = memfd_create("evil",
	    MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1 || (n != 0 && write(fd, p, n) != (ssize_t)n) ||
	    (seals != 0 && fcntl(fd, F_ADD_SEALS, seals) == -1))
		return -1;
	return mem_steal_fd(&fd);
}

void
evil_spec(struct evil *e, const char *name, const struct msg_run_spec *odd,
    struct buf *out)
{
	autobuf struct buf args = { 0 };
	struct msg_run_spec spec = { 0 };

	if (odd != NULL)
		spec = *odd;
	(void)buf_add(&args, "sh\0-c", 6);
	(void)buf_addf(&args, ": >ran/%s", name);
	(void)buf_add(&args, "", 1);
	if (spec.harness == NULL)
		spec.harness = "exec";
	if (spec.project_root == NULL)
		spec.project_root = e->project;
	if (spec.transport == 0)
		spec.transport = TRANSPORT_PIPES;
	if (spec.args.len == 0)
		spec.args = (struct msg_bin){ buf_head(&args),
		    buf_left(&args) };
	spec.title = name;
	spec.labels = "[]";
	spec.stdin_eof = 1;
	spec.rows = spec.rows != 0 ? spec.rows : 24;
	spec.cols = 80;
	(void)msg_encode(out, MSG_RUN_SPEC, &spec);
}
