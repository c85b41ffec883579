#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/token.h"

#define NAME		"session-token"
#define NEW		"session-token.new"

#define MS		((int64_t)1000000)

/* --- the file ------------------------------------------------------------ */

static int
write_new(const struct home *h, const char *text, struct stat *st)
{
	char line[TOKEN_LEN + 1];
	autoclose int fd = -1;
	int r = 0;

	(void)unlinkat(h->fd, NEW, 0);
	/* The mode is given here: at no time is it another. */
	fd = openat(h->fd, NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd == -1)
		return -errno;
	memcpy(line, text, TOKEN_LEN);
	line[TOKEN_LEN] = '\n';
	errno = EIO;
	if (write(fd, line, sizeof(line)) != (ssize_t)sizeof(line) ||
	    fsync(fd) == -1 || fstat(fd, st) == -1)
		r = -errno;
	explicit_bzero(line, sizeof(line));
	return r;
}

/* Readers see the old one or the new one, whole; 0 is on disk. */
static int
write_file(struct monitor *m, const char *text)
{
	struct tokens *t = &m->tokens;
	const struct home *h = &m->home;
	struct stat st = { 0 };
	int r;

	owner_enter(&m->owner);
	r = write_new(h, text, &st);
	if (r == 0 && renameat(h->fd, NEW, h->fd, NAME) == -1)
		r = -errno;
	if (r < 0)
		(void)unlinkat(h->fd, NEW, 0);
	else if (fsync(h->fd) == -1)
		log_warn("write " NAME " in %s: %s", h->path, strerror(errno));
	owner_leave(&m->owner);
	if (r == 0) {
		t->written = true;
		t->dev = st.st_dev;
		t->ino = st.st_ino;
	}
	return r;
}

/* --- the table ----------------------------------------------------------- */

static void
drop_ended(struct tokens *t)
{
	int64_t now = loop_now_ns();
	size_t i, kept = 0;

	for (i = 0; i < t->n; i++)
		if (t->v[i].end_ns == 0 || t->v[i].end_ns > now)
			t->v[kept++] = t->v[i];
	t->n = kept;
}

static void
add(struct tokens *t, const struct token *token)
{
	struct session_token *s = &t->v[t->n++];

	s->serial = t->serial;
	s->end_ns = 0;
	memcpy(s->digest, token->digest, DIGEST_LEN);
}

/* --- start and end ------------------------------------------------------- */

static void
remove_stale(struct monitor *m)
{
	int r;

	owner_enter(&m->owner);
	r = unlinkat(m->home.fd, NAME, 0);
	owner_leave(&m->owner);
	if (r == 0)
		log_info("remove " NAME ": an earlier start's; no token is "
		    "needed");
}

int
token_open(struct monitor *m)
{
	struct token token;
	int r;

	if (strcmp(m->conf.auth_mode, "token") != 0) {
		remove_stale(m);
		return 0;
	}
	r = token_make(TOKEN_SESSION, &token);
	if (r < 0) {
		log_error("make a token: no random bytes: %s", strerror(-r));
		return EXIT_TOKEN;
	}
	r = write_file(m, token.text);
	token_wipe(&token);
	if (r < 0) {
		log_error("write " NAME " in %s: %s", m->home.path,
		    strerror(-r));
		return EXIT_HOME;
	}
	m->tokens.serial++;
	add(&m->tokens, &token);
	note(m, AUDIT_TOKEN_ISSUE, NULL, "session token %llu, until the stop",
	    (unsigned long long)m->tokens.serial);
	return 0;
}

void
token_close(struct monitor *m)
{
	struct tokens *t = &m->tokens;
	struct stat st;

	token_forget_rotation(m);
	if (!t->written)
		return;
	owner_enter(&m->owner);
	if (fstatat(m->home.fd, NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == t->dev && st.st_ino == t->ino)
		(void)unlinkat(m->home.fd, NAME, 0);
	owner_leave(&m->owner);
	t->written = false;
}

int
token_tell(struct monitor *m)
{
	struct tokens *t = &m->tokens;
	int64_t now = loop_now_ns();
	size_t i;
	int r = 0;

	drop_ended(t);
	for (i = 0; r == 0 && i < t->n; i++) {
		struct session_token *s = &t->v[i];
		struct msg_token msg = { .serial = s->serial,
		    .digest = { s->digest, DIGEST_LEN } };

		if (s->end_ns != 0)
			msg.left_ms = (uint64_t)((s->end_ns - now) / MS) + 1;
		r = chan_send(&m->apid.control, MSG_TOKEN, &msg, -1);
	}
	return r;
}

/* --- rotation ------------------------------------------------------------ */

static void
answer(struct monitor *m, uint64_t tag, enum token_code code)
{
	struct msg_token_rotated reply = { .tag = tag, .code = code };

	child_tell(&m->apid, MSG_TOKEN_ROTATED, &reply);
}

void
token_forget_rotation(struct monitor *m)
{
	struct tokens *t = &m->tokens;

	if (!t->rotating)
		return;
	timer_stop(m->loop, &t->pause);
	token_wipe(&t->next);
	t->rotating = false;
}

static void
finish(struct monitor *m, enum token_code code)
{
	uint64_t tag = m->tokens.tag;

	token_forget_rotation(m);
	answer(m, tag, code);
}

/* Step one: apid hears of a token that lies nowhere yet. */
static void
begin(struct timer *timer)
{
	struct monitor *m = timer->ctx;
	struct tokens *t = &m->tokens;
	struct msg_token_new msg;
	int r;

	drop_ended(t);
	if (t->n == LIMIT_TOKENS) {
		finish(m, TOKEN_BUSY);
		return;
	}
	r = token_make(TOKEN_SESSION, &t->next);
	if (r < 0) {
		log_error("make a token: no random bytes: %s", strerror(-r));
		finish(m, TOKEN_FAILED);
		return;
	}
	msg = (struct msg_token_new){ .serial = ++t->serial,
	    .digest = { t->next.digest, DIGEST_LEN } };
	child_tell(&m->apid, MSG_TOKEN_NEW, &msg);
}

int
token_on_rotate(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct monitor *m = c->monitor;
	struct tokens *t = &m->tokens;
	int64_t wait_ns = t->not_before_ns - loop_now_ns();

	(void)fd;
	if (t->n == 0 || t->rotating || m->stopping) {
		answer(m, msg->token_rotate.tag, t->n == 0 ? TOKEN_OFF :
		    TOKEN_BUSY);
		return 0;
	}
	t->rotating = true;
	t->tag = msg->token_rotate.tag;
	t->next = (struct token){ .text = "" };
	t->pause = (struct timer){ .cb = begin, .ctx = m };
	timer_start(m->loop, &t->pause, wait_ns > 0 ? wait_ns / MS + 1 : 0);
	return 0;
}

/* Step two: it may be found; from now on the old one has an end. */
int
token_on_seen(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct monitor *m = c->monitor;
	struct tokens *t = &m->tokens;
	struct msg_token_end end = { .left_ms = LIMIT_TOKEN_OVERLAP_MS };
	int r;

	(void)fd;
	if (!t->rotating || t->next.text[0] == '\0' ||
	    msg->token_seen.serial != t->serial)
		return chan_blame(ch, "a token that is not being made");
	r = write_file(m, t->next.text);
	t->not_before_ns = loop_now_ns() + LIMIT_TOKEN_PAUSE_MS * MS;
	if (r < 0) {
		log_error("write " NAME " in %s: %s", m->home.path,
		    strerror(-r));
		end = (struct msg_token_end){ .serial = t->serial };
		child_tell(c, MSG_TOKEN_END, &end);
		finish(m, TOKEN_FAILED);
		return 0;
	}
	t->v[t->n - 1].end_ns = loop_now_ns() + LIMIT_TOKEN_OVERLAP_MS * MS;
	end.serial = t->v[t->n - 1].serial;
	add(t, &t->next);
	note(m, AUDIT_TOKEN_ISSUE, NULL, "session token %llu, until the stop",
	    (unsigned long long)t->serial);
	note(m, AUDIT_TOKEN_END, NULL, "session token %llu, in %d s",
	    (unsigned long long)end.serial, LIMIT_TOKEN_OVERLAP_MS / 1000);
	child_tell(c, MSG_TOKEN_END, &end);
	finish(m, TOKEN_OK);
	return 0;
}
