#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-monitor/notify.h"
#include "coven-monitor/watch.h"

#define CLOCK_SECOND_NS	INT64_C(1000000000)
#define CLOCK_JUMP_NS	(2 * CLOCK_SECOND_NS)	/* more than any slewing */
#define PROBE_EVERY	10		/* looks at the name between probes */

/* Any first byte of any answer is proof of life: nothing here is parsed. */
static const char question[] = "GET /health HTTP/1.1\r\nHost: coven\r\n\r\n";

static void
probe_end(struct monitor *m)
{
	timer_stop(m->loop, &m->probe_deadline);
	if (m->probe.fd == -1)
		return;
	loop_del(m->loop, &m->probe);
	mem_close(&m->probe.fd);
}

static void
on_answer(struct source *s, uint32_t events)
{
	struct monitor *m = s->ctx;
	char byte;
	ssize_t n = recv(s->fd, &byte, 1, MSG_DONTWAIT);

	(void)events;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	/* A close without a word is an apid that restarts: not this time. */
	if (n == 1)
		m->probe_misses = 0;
	probe_end(m);
}

/* It accepts nothing or answers nothing: clients would wait for ever. */
static void
on_no_answer(struct timer *t)
{
	struct monitor *m = t->ctx;

	probe_end(m);
	if (++m->probe_misses < 2)
		return;
	m->probe_misses = 0;
	log_error("watch %s: no answer within %d ms, twice: apid is started "
	    "again", m->sock.path, LIMIT_PROBE_MS);
	child_kill(&m->apid);
}

/*
 * The kernel refuses connections although the name is ours: the listener was
 * shut down, which nothing undoes.  A new one is a new instance.
 */
static void
renew(struct monitor *m)
{
	int r;

	log_error("watch %s: the listener is dead: it is made anew",
	    m->sock.path);
	note(m, AUDIT_SOCKET_RENEW, NULL, "the listener was shut down");
	owner_enter(&m->owner);
	sock_close(&m->sock);
	r = sock_open(&m->sock, &m->home);
	if (r == 0 && sock_announce(&m->sock, &m->home) < 0)
		r = EXIT_HOME;
	owner_leave(&m->owner);
	if (r != 0)
		fatal("watch: the socket cannot be made anew");
	child_kill(&m->apid);
}

static void
probe(struct monitor *m)
{
	int r;

	if (m->probe.fd != -1 || !child_alive(&m->apid) || !m->apid.ready)
		return;
	owner_enter(&m->owner);
	r = sock_connect(&m->home);
	owner_leave(&m->owner);
	if (r == -ECONNREFUSED) {
		renew(m);
		return;
	}
	/* -EAGAIN is a full backlog: busy, not dead; the next probe tells. */
	if (r < 0)
		return;
	m->probe = (struct source){ .fd = r, .cb = on_answer, .ctx = m };
	m->probe_deadline = (struct timer){ .cb = on_no_answer, .ctx = m };
	timer_start(m->loop, &m->probe_deadline, LIMIT_PROBE_MS);
	if (send(r, question, sizeof(question) - 1, MSG_NOSIGNAL) == -1 ||
	    loop_add(m->loop, &m->probe, EPOLLIN) < 0)
		probe_end(m);
}

static void
say_restored(struct monitor *m, enum sock_state was, int r)
{
	const char *what = was == SOCK_ABSENT ? "removed" : "replaced";
	const char *now = r == 0 ? "restored" : strerror(-r);
	bool again = r < 0 && r == m->watch_error;

	/* It is tried every second; what does not change is said once. */
	m->watch_error = r;
	if (again)
		return;
	log_warn("watch %s: %s; %s", m->sock.path, what, now);
	note(m, AUDIT_SOCKET_RESTORE, NULL, "%s; %s", what, now);
}

/*
 * Nothing is done about it: what is there now is not ours.  Sessions go on in
 * the folder that was opened, and clients find it when it is put back.
 */
static void
look_at_home(struct monitor *m)
{
	static const char *const what[] = { "", "another folder lies there",
	    "nothing lies there" };
	enum home_path now;

	owner_enter(&m->owner);
	now = home_look(&m->home);
	owner_leave(&m->owner);
	if (now == m->home_path)
		return;
	m->home_path = now;
	if (now == HOME_HERE) {
		log_info("home %s: it is back", m->home.path);
		note(m, AUDIT_HOME_BACK, NULL, "the path leads to it");
		return;
	}
	log_error("home %s: it was moved, and %s: no client finds this suite "
	    "until it is put back; sessions go on", m->home.path, what[now]);
	note(m, AUDIT_HOME_LOST, NULL, "%s", what[now]);
}

/*
 * Both clocks at one time: a monitor that was kept from running between the
 * reads would see a clock that was set.
 */
static int64_t
wall_offset(void)
{
	uint64_t before, wall;

	do {
		before = clock_boot_ns();
		wall = clock_wall_ns();
	} while ((int64_t)(clock_boot_ns() - before) > CLOCK_JUMP_NS / 4);
	return (int64_t)(wall - before);
}

/*
 * Deadlines are on another clock.  What the wall clock says is in times of
 * records alone, and whoever reads those has to know.
 */
static void
look_at_clock(struct monitor *m)
{
	int64_t offset = wall_offset();
	int64_t by = offset - m->wall_offset_ns;
	const char *way = by < 0 ? "back" : "forward";

	if (m->wall_offset_ns != 0 && llabs(by) >= CLOCK_JUMP_NS) {
		by = (llabs(by) + CLOCK_SECOND_NS / 2) / CLOCK_SECOND_NS;
		log_warn("watch the clock: it was set %s by %lld s", way,
		    (long long)by);
		note(m, AUDIT_CLOCK_SET, NULL, "%s by %lld s", way,
		    (long long)by);
	}
	m->wall_offset_ns = offset;
}

static void
on_watch(struct timer *t)
{
	struct monitor *m = t->ctx;
	enum sock_state st;
	int r = 0;

	notify_alive();
	owner_enter(&m->owner);
	st = sock_look(&m->sock, &m->home);
	if (st != SOCK_OURS)
		r = sock_restore(&m->sock, &m->home);
	owner_leave(&m->owner);
	if (st != SOCK_OURS)
		say_restored(m, st, r);
	else
		m->watch_error = 0;
	if (st == SOCK_OURS && ++m->looks % PROBE_EVERY == 0)
		probe(m);
	look_at_home(m);
	look_at_clock(m);
	roster_look(m);
	timer_start(m->loop, t, LIMIT_WATCHDOG_MS);
}

void
watch_start(struct monitor *m)
{
	m->probe.fd = -1;
	m->watch = (struct timer){ .cb = on_watch, .ctx = m };
	timer_start(m->loop, &m->watch, LIMIT_WATCHDOG_MS);
}

void
watch_stop(struct monitor *m)
{
	probe_end(m);
	timer_stop(m->loop, &m->watch);
}
