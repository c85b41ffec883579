/* What the API process may ask of the monitor: four things. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/pair.h"
#include "coven-monitor/session.h"

/* The process of a pidfd, by proc(5)'s fdinfo; -1 when it is gone. */
static pid_t
pid_of(int pidfd)
{
	char path[64], text[1024], *at;
	autoclose int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd != -1 ? read(fd, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return -1;
	text[n] = '\0';
	at = strstr(text, "\nPid:\t");
	return at != NULL ? (pid_t)strtol(at + 6, NULL, 10) : -1;
}

/*
 * In how many pid namespaces, from ours inwards, the process has a number:
 * the fields of NSpid in its status, which anyone may read.  0: gone; -1: the
 * kernel has no such field, and no such namespaces.
 */
static int
pid_depth(pid_t pid)
{
	char path[64], text[4096], *at;
	autoclose int fd = -1;
	int depth = 0;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd != -1 ? read(fd, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return 0;
	text[n] = '\0';
	at = strstr(text, "\nNSpid:");
	if (at == NULL)
		return -1;
	for (at += strlen("\nNSpid:"); *at != '\n' && *at != '\0'; at++)
		depth += *at == '\t';
	return depth;
}

/* Its pid namespace; 0 when we may not look. */
static ino_t
pid_namespace(const struct monitor *m, pid_t pid)
{
	char path[64];
	struct stat st;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	owner_enter(&m->owner);
	r = stat(path, &st);
	owner_leave(&m->owner);
	return r == 0 ? st.st_ino : 0;
}

/*
 * Does the peer live in the pid namespace of a session?  One that is gone or
 * cannot be looked at counts as inside: the answer guards changing routes.
 */
static enum who_code
lives_inside(struct monitor *m, int pidfd)
{
	pid_t pid = pid_of(pidfd);
	struct session *s;
	struct pair *p;
	ino_t theirs;
	int depth = pid > 0 ? pid_depth(pid) : 0;

	if (depth < 0)
		return WHO_UNKNOWN;
	if (depth <= 1)
		return depth == 0 ? WHO_INSIDE : WHO_OUTSIDE;
	theirs = pid_namespace(m, pid);
	if (theirs == 0)
		return WHO_INSIDE;
	for (s = m->sessions; s != NULL; s = s->next)
		if (s->pair != NULL && s->pair->init_pidns == theirs)
			return WHO_INSIDE;
	for (p = m->spares; p != NULL; p = p->next)
		if (p->init_pidns == theirs)
			return WHO_INSIDE;
	return WHO_OUTSIDE;
}

static int
on_who(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct msg_who_reply reply = { .tag = msg->who.tag };

	reply.inside = lives_inside(c->monitor, *fd);
	child_tell(c, MSG_WHO_REPLY, &reply);
	return 0;
}

/*
 * The route has compared the identity before; compared again here, because
 * the sender may be the attacker.  The worst a captured API process gains is
 * an orderly stop.
 */
static int
on_stop(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct monitor *m = c->monitor;

	if (msg->stop.pid != (uint32_t)getpid() ||
	    strcmp(msg->stop.started_at, m->sock.started_at) != 0 ||
	    strcmp(msg->stop.socket, m->sock.path) != 0)
		return chan_blame(ch, "a stop for another daemon");
	if (m->stop_conn == -1)
		m->stop_conn = mem_steal_fd(fd);
	supervise_stop(m, "asked by the owner");
	return 0;
}

/*
 * Its word ends nobody: were it the liar, it could end stored at will.  It
 * gets a new channel, and if stored lies there too, that is all it gets.
 */
static int
on_peer_end(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct monitor *m = c->monitor;

	(void)fd;
	if (msg->peer_end.role != ROLE_STORED)
		return chan_blame(ch, "the end of a channel it never had");
	if (msg->peer_end.lied && log_allowed(&m->limit, "children"))
		log_error("child %s[%d]: refused by apid",
		    msg_role_name(ROLE_STORED), (int)m->stored.pid);
	supervise_join_again(m);
	return 0;
}

chan_handler *const on_apid_handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
	[MSG_WHO] = on_who,
	[MSG_STOP] = on_stop,
	[MSG_PEER_END] = on_peer_end,
	[MSG_TOKEN_ROTATE] = token_on_rotate,
	[MSG_TOKEN_SEEN] = token_on_seen,
};
