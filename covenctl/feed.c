#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base64.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "covenctl/api.h"
#include "covenctl/feed.h"

#define CHUNK	((size_t)64 << 10)

bool
feed_wanted(void)
{
	struct stat st;

	if (fstat(STDIN_FILENO, &st) == -1)
		return false;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return false;	/* /dev/null */
	/* A job in the background must not be stopped for reading. */
	if (isatty(STDIN_FILENO))
		return tcgetpgrp(STDIN_FILENO) == getpgrp();
	return true;
}

static int
input_body(struct buf *b, const char *p, size_t n, bool eof)
{
	autobuf struct buf coded = { 0 };
	struct jw j;

	jw_init(&j, b);
	jw_object(&j);
	if (utf8_valid(p, n)) {
		jw_name(&j, "data");
		jw_strn(&j, p, n);
	} else {
		if (base64_encode(BASE64_STANDARD, p, n, &coded) < 0)
			return -EMSGSIZE;
		jw_name(&j, "b64");
		jw_strn(&j, buf_head(&coded), buf_left(&coded));
	}
	if (eof)
		jw_kbool(&j, "eof", true);
	jw_object_end(&j);
	return jw_ok(&j) ? 0 : -EMSGSIZE;
}

static bool
retryable(const struct answer *a)
{
	return jr_ktrue(jr_get(jr_get(a->doc, "error"), "details"),
	    "retryable");
}

int
feed_send(struct ctl *ctl, const char *id, const char *p, size_t n, bool eof)
{
	char target[API_TARGET_MAX];
	autobuf struct buf body = { 0 };
	int rc, wait_ms = 5;

	if ((rc = api_session(target, id, "/input")) != 0)
		return rc;
	if (input_body(&body, p, n, eof) < 0) {
		ctl_err("input: it is too long");
		return CTL_FAILED;
	}
	for (;;) {
		struct request q = { .method = "POST", .target = target,
		    .body = buf_head(&body), .body_len = buf_left(&body),
		    .timeout_ms = API_TIMEOUT_MS };
		autoanswer struct answer a = { 0 };

		rc = api_call(ctl, &q, &a);
		if (rc != 0 || answer_ok(&a))
			return rc;
		if (a.status == 409 && strcmp(a.code, "session_not_live") == 0)
			return FEED_OVER;
		/*
		 * Only an answer that says so: after any other failure the
		 * bytes may have arrived, and twice is worse than not.
		 */
		if (!retryable(&a))
			return api_refused(&a);
		(void)poll(NULL, 0, wait_ms);
		wait_ms = wait_ms < 200 ? wait_ms * 2 : 200;
	}
}

/* More of standard input into b: bytes, 0 at its end, or -errno. */
static ssize_t
more(struct buf *b)
{
	char *to = buf_reserve(b, CHUNK);
	ssize_t n;

	if (to == NULL)
		return -EMSGSIZE;
	for (;;) {
		struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

		n = read(STDIN_FILENO, to, CHUNK);
		if (n >= 0)
			break;
		if (errno == EAGAIN)
			(void)poll(&p, 1, -1);
		else if (errno == EIO && isatty(STDIN_FILENO))
			(void)poll(NULL, 0, 500);	/* in the background */
		else if (errno != EINTR)
			return -errno;
	}
	buf_commit(b, (size_t)n);
	return n;
}

/* Send whole lines of b; at the end, what is left without a newline too. */
static int
send_lines(struct ctl *ctl, const char *id, struct buf *b, bool end)
{
	const char *nl;
	size_t n;
	int rc = 0;

	while (rc == 0 && buf_left(b) != 0) {
		nl = memchr(buf_head(b), '\n', buf_left(b));
		if (nl == NULL && !end)
			break;
		n = nl != NULL ? (size_t)(nl - buf_head(b)) : buf_left(b);
		if (n != 0)
			rc = feed_send(ctl, id, buf_head(b), n, false);
		buf_consume(b, n + (nl != NULL));
	}
	return rc;
}

/* Whole code points, so that text stays text in the session's record. */
static int
send_bytes(struct ctl *ctl, const char *id, struct buf *b, bool end)
{
	size_t n = buf_left(b), tail = end ? 0 : utf8_tail(buf_head(b), n);
	int rc = 0;

	if (n != tail)
		rc = feed_send(ctl, id, buf_head(b), n - tail, false);
	buf_consume(b, n - tail);
	return rc;
}

/* The n bytes that were added last, less the keys that leave. */
static bool
leaves(struct detach *d, struct buf *b, size_t n)
{
	autobuf struct buf typed = { 0 };
	bool left;

	if (d == NULL || n == 0)
		return false;
	left = detach_feed(d, b->data + b->len - n, n, &typed);
	b->len -= n;
	b->data[b->len] = '\0';
	/* Never more than there was but what an earlier read held back. */
	(void)buf_add(b, buf_head(&typed), buf_left(&typed));
	return left;
}

static int
feed(struct ctl *ctl, const char *id, unsigned flags, struct detach *d)
{
	autobuf struct buf b = { 0 };
	bool left;
	ssize_t n;
	int rc;

	buf_init(&b, FEED_LINE_MAX + CHUNK);
	do {
		n = more(&b);
		if (n < 0) {
			ctl_err("standard input: %s", strerror((int)-n));
			return CTL_FAILED;
		}
		left = leaves(d, &b, (size_t)n);
		rc = (flags & FEED_LINES) != 0 ?
		    send_lines(ctl, id, &b, n == 0) :
		    send_bytes(ctl, id, &b, n == 0);
	} while (rc == 0 && n != 0 && !left);
	if (left)
		return FEED_DETACHED;
	if (rc == 0 && (flags & FEED_EOF) != 0)
		rc = feed_send(ctl, id, "", 0, true);
	return rc == FEED_OVER ? 0 : rc;
}

pid_t
feed_start(struct ctl *ctl, const char *id, unsigned flags,
    struct detach *detach)
{
	int rc;

	pid_t parent = getpid(), pid = fork();
	sigset_t none;

	if (pid != 0)
		return pid == -1 ? -errno : pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* A ^C is the parent's to pass on; it ends this child when due. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTTIN, SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	ctl->client.wake_fd = -1;
	rc = feed(ctl, id, flags, detach);
	_exit(rc == 0 || rc == FEED_DETACHED ? rc : 1);
}

void
feed_stop(pid_t *pid)
{
	if (*pid <= 0)
		return;
	(void)kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) == -1 && errno == EINTR)
		;
	*pid = 0;
}
