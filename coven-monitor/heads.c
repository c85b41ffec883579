#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-monitor/monitor.h"

#define NAME	"audit.heads"

static const char *
wrong(const struct monitor *m, int fd, struct stat *st)
{
	if (fd == -1 || fstat(fd, st) == -1)
		return errno == ELOOP ? "it is a link" : strerror(errno);
	if (!S_ISREG(st->st_mode))
		return "it is not a regular file";
	if (st->st_uid != m->owner.uid)
		return "it belongs to another user";
	if (st->st_mode & 077)
		return "it has group or world bits";
	return NULL;
}

/*
 * A line that power or a full disk cut short is ended, so that the next one
 * stands alone.
 */
static bool
is_torn(int fd, const struct stat *st)
{
	char last = '\n';

	return st->st_size > 0 &&
	    pread(fd, &last, 1, st->st_size - 1) == 1 && last != '\n';
}

/* NULL, or the rule that it breaks. */
static const char *
open_file(struct monitor *m)
{
	struct heads *h = &m->heads;
	autoclose int fd = -1;
	const char *rule;
	struct stat st = { 0 };

	owner_enter(&m->owner);
	fd = openat(m->home.fd, NAME, O_RDWR | O_APPEND | O_CREAT |
	    O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	rule = wrong(m, fd, &st);
	owner_leave(&m->owner);
	if (rule != NULL)
		return rule;
	mem_close(&h->fd);
	h->torn = is_torn(fd, &st);
	h->dev = st.st_dev;
	h->ino = st.st_ino;
	h->fd = mem_steal_fd(&fd);
	return NULL;
}

int
heads_open(struct monitor *m)
{
	const char *rule;

	m->heads.fd = -1;
	rule = open_file(m);
	if (rule == NULL)
		return 0;
	log_error("home %s: refused: " NAME ": %s; put it right, or move it "
	    "away", m->home.path, rule);
	return EXIT_HOME;
}

/* --- append -------------------------------------------------------------- */

static bool
is_still_there(struct monitor *m)
{
	struct stat st;
	int r;

	owner_enter(&m->owner);
	r = fstatat(m->home.fd, NAME, &st, AT_SYMLINK_NOFOLLOW);
	owner_leave(&m->owner);
	return r == 0 && st.st_dev == m->heads.dev &&
	    st.st_ino == m->heads.ino;
}

static int
append(struct monitor *m)
{
	struct heads *h = &m->heads;
	autobuf struct buf b = { 0 };
	char line[AUDIT_HEAD_LINE];
	ssize_t n;

	if (h->fd == -1 || !is_still_there(m)) {
		log_warn("audit.heads: it was moved or removed: begun anew");
		if (open_file(m) != NULL)
			return -EPERM;
	}
	audit_head_line(&h->head, line);
	(void)buf_addf(&b, "%s%s\n", h->torn ? "\n" : "", line);
	n = write(h->fd, buf_head(&b), buf_left(&b));
	if (n > 0)
		h->torn = buf_head(&b)[n - 1] != '\n';
	if (n >= 0 && n != (ssize_t)buf_left(&b))
		return -ENOSPC;
	if (n == -1 || fsync(h->fd) == -1)
		return -errno;
	log_info("audit head: %s", line);
	return 0;
}

static void
on_again(struct timer *t)
{
	struct monitor *m = t->ctx;

	if (m->heads.due)
		heads_flush(m);
}

static void
later(struct monitor *m, int64_t ms)
{
	struct heads *h = &m->heads;

	if (timer_running(&h->again))
		return;
	h->again = (struct timer){ .cb = on_again, .ctx = m };
	timer_start(m->loop, &h->again, ms);
}

void
heads_flush(struct monitor *m)
{
	struct heads *h = &m->heads;
	int r;

	if (!h->due)
		return;
	r = append(m);
	if (r == 0 && h->error != 0)
		log_info("audit.heads: it can be written again");
	if (r < 0 && r != h->error)
		log_error("audit.heads: %s: tried again until it works",
		    strerror(-r));
	h->error = r;
	h->due = r < 0;
	h->next_ns = loop_now_ns() +
	    LIMIT_AUDIT_HEAD_FILE_MS * INT64_C(1000000);
	if (r < 0)
		later(m, LIMIT_AUDIT_HEAD_RETRY_MS);
}

void
heads_take(struct monitor *m, const struct audit_head *head)
{
	struct heads *h = &m->heads;

	if (h->head.count != 0 && head->count <= h->head.count &&
	    log_allowed(&m->limit, "children"))
		log_error("audit: head %llu comes after head %llu: covenctl "
		    "audit verify says what is missing",
		    (unsigned long long)head->count,
		    (unsigned long long)h->head.count);
	h->head = *head;
	h->due = true;
	if (loop_now_ns() >= h->next_ns)
		heads_flush(m);
	else
		later(m, LIMIT_AUDIT_HEAD_FILE_MS);
}
