/*
 * watch: sessions that live, with what they use, drawn again and again; plain
 * lines where there is no terminal to draw on.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/jsonw.h"
#include "common/loop.h"
#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/human.h"
#include "covenctl/table.h"
#include "covenctl/text.h"
#include "covenctl/tty.h"
#include "covenctl/watch.h"

#define USUAL_S		2
#define LIVE_MAX	1000	/* a page; more are counted */
#define GIVE_UP_NS	(INT64_C(5) * 1000000000)

#define ENTER	"\033[?1049h\033[?25l"
#define LEAVE	"\033[?25h\033[?1049l"
#define HOME	"\033[H"
#define REST	"\033[K\r\n"
#define BELOW	"\033[J"

/* What was known of a session a look ago. */
struct sample {
	char	id[WATCH_ID_MAX + 1];
	int64_t	at_ns;
	int64_t	cpu_us, output;
};

struct live {
	struct watch	 w;		/* signals, the terminal */
	bool		 screen;	/* drawn in place */
	bool		 keys;		/* q quits */
	bool		 stats;		/* the daemon measures */
	long long	 interval_s;
	struct sample	*before;
	size_t		 nbefore;
	struct sample	*now;
	size_t		 nnow;
};

/* One row, in numbers; -1: not known. */
struct numbers {
	int64_t	age_ms;
	int64_t	cpu_percent;	/* of one processor */
	int64_t	memory, processes, rate;
};

/* --- asking ------------------------------------------------------------- */

/* The terminal is its owner's again before anything is said. */
static void
leave(struct live *l)
{
	if (l->screen)
		(void)ctl_write(STDOUT_FILENO, LEAVE, strlen(LEAVE));
	l->screen = false;
	tty_changed(false);
	tty_restore();
}

static int
give_up(struct live *l, int rc, const struct answer *a)
{
	leave(l);
	if (rc == CLIENT_STOPPED)
		return CTL_SIGNAL + l->w.first;
	return rc != 0 ? api_failed(l->w.ctl, rc) : api_refused(a);
}

/* GET; what passes by itself is waited for.  0 or an exit status. */
static int
ask(struct live *l, const char *target, struct answer *a)
{
	struct request q = { .method = "GET", .target = target,
	    .timeout_ms = API_TIMEOUT_MS };
	int64_t since = loop_now_ns();
	int rc;

	for (;;) {
		autoreply struct reply r = { 0 };

		rc = client_exchange(&l->w.ctl->client, &q, &r);
		if (rc == 0)
			rc = answer_from(&l->w.ctl->client, &r, a);
		if (rc == 0 && answer_ok(a))
			return 0;
		if (rc == CLIENT_STOPPED || (rc == 0 && a->status != 503) ||
		    loop_now_ns() - since > GIVE_UP_NS)
			break;
		/* A daemon that was restarted is watched as well. */
		if (rc == CLIENT_CHANGED || rc == CLIENT_ABSENT)
			l->w.ctl->client.peer.known = false;
		else if (rc == CLIENT_UNTRUSTED)
			break;
		if (rc == 0)
			answer_fini(a);
		if (!client_sleep(&l->w.ctl->client, 200)) {
			rc = CLIENT_STOPPED;
			break;
		}
	}
	return give_up(l, rc, a);
}

/* --- numbers ------------------------------------------------------------ */

static const struct sample *
find(const struct sample *v, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].id, id) == 0)
			return &v[i];
	return NULL;
}

/* The row of a session in the answer about what they use; NULL: none. */
static const struct jr *
stats_of(const struct jr *stats, const char *id)
{
	const struct jr *list = jr_get(stats, "sessions");

	for (size_t i = 0; i < jr_count(list); i++) {
		const char *s = jr_kstr(jr_at(list, i), "sessionId");

		if (s != NULL && strcmp(s, id) == 0)
			return jr_at(list, i);
	}
	return NULL;
}

/* Since the last look; at the first, since the session began. */
static void
rates(struct live *l, const char *id, const struct jr *row, struct numbers *n)
{
	struct sample s = { .at_ns = loop_now_ns() };
	const struct sample *b = find(l->before, l->nbefore, id);
	int64_t us = n->age_ms * 1000;
	bool measured = jr_ktrue(row, "measured");

	(void)snprintf(s.id, sizeof(s.id), "%s", id);
	(void)jr_ki64(row, "cpuUs", &s.cpu_us);
	(void)jr_ki64(row, "outputBytes", &s.output);
	if (b != NULL)
		us = (s.at_ns - b->at_ns) / 1000;
	if (us > 0) {
		n->rate = (s.output - (b != NULL ? b->output : 0)) * 1000000 /
		    us;
		n->cpu_percent = measured ? (s.cpu_us - (b != NULL ?
		    b->cpu_us : 0)) * 100 / us : -1;
	}
	if (measured) {
		(void)jr_ki64(row, "memoryBytes", &n->memory);
		(void)jr_ki64(row, "processes", &n->processes);
	}
	l->now = mem_realloc(l->now, l->nnow + 1, sizeof(*l->now));
	l->now[l->nnow++] = s;
}

static struct numbers
measure(struct live *l, const struct jr *session, const struct jr *stats)
{
	struct numbers n = { -1, -1, -1, -1, -1 };
	const char *id = jr_kstr(session, "id");
	const struct jr *row = id != NULL ? stats_of(stats, id) : NULL;

	n.age_ms = human_age_ms(jr_kstr(session, "created_at"));
	if (row == NULL)
		return n;
	(void)jr_ki64(row, "ageMs", &n.age_ms);
	rates(l, id, row, &n);
	return n;
}

/* A daemon that does not sort them out lists all. */
static bool
is_live(const struct jr *s)
{
	const char *status = jr_kstr(s, "status");

	return status != NULL && (strcmp(status, "running") == 0 ||
	    strcmp(status, "created") == 0);
}

/* --- showing ------------------------------------------------------------ */

static const struct table_column columns[] = {
	{ "ID", false }, { "STATUS", false }, { "HARNESS", false },
	{ "AGE", false }, { "CPU", false }, { "MEMORY", false },
	{ "PROCS", false }, { "OUTPUT", false }, { "TITLE", true },
};

#define CELL_MAX	160

static void
cells_of(const struct jr *s, const struct numbers *n,
    char cells[nitems(columns)][CELL_MAX])
{
	static const char *const names[] = { "id", "status", "harness" };

	for (size_t i = 0; i < nitems(names); i++)
		human_text(jr_kstr(s, names[i]), 64, cells[i], CELL_MAX);
	human_age(n->age_ms, cells[3], CELL_MAX);
	human_percent(n->cpu_percent, cells[4], CELL_MAX);
	human_bytes(n->memory, "", cells[5], CELL_MAX);
	human_count(n->processes, cells[6], CELL_MAX);
	human_bytes(n->rate, "/s", cells[7], CELL_MAX);
	human_text(jr_kstr(s, "title"), 100, cells[8], CELL_MAX);
}

/* One frame's text: a head, the table, what does not fit. */
static void
draw(char *table, size_t count)
{
	autobuf struct buf b = { 0 };
	unsigned rows, cols;
	char *line, when[16];
	time_t now = time(NULL);
	struct tm tm;
	size_t shown = 0;

	tty_size(STDOUT_FILENO, &rows, &cols);
	(void)strftime(when, sizeof(when), "%H:%M:%S",
	    localtime_r(&now, &tm));
	(void)buf_addf(&b, HOME "%zu live session%s   %s   q quits" REST REST,
	    count, count == 1 ? "" : "s", when);
	while ((line = strsep(&table, "\n")) != NULL && *line != '\0') {
		if (++shown + 3 > rows)
			break;
		(void)buf_addf(&b, "%s" REST, line);
	}
	if (shown != 0 && shown - 1 < count)
		(void)buf_addf(&b, "and %zu more\033[K", count - shown + 2);
	(void)buf_adds(&b, BELOW);
	(void)ctl_write(STDOUT_FILENO, buf_head(&b), buf_left(&b));
}

static void
print_plain(char cells[nitems(columns)][CELL_MAX])
{
	time_t now = time(NULL);
	struct tm tm;
	char when[32];

	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ",
	    gmtime_r(&now, &tm));
	(void)printf("%s", when);
	for (size_t i = 0; i < nitems(columns); i++)
		(void)printf(" %s", cells[i]);
	(void)printf("\n");
}

static void
put_number(struct jw *j, const char *name, int64_t v)
{
	if (v >= 0)
		jw_ki64(j, name, v);
	else
		jw_kstr(j, name, NULL);
}

static void
put_json(struct jw *j, const struct jr *s, const struct numbers *n)
{
	static const char *const names[] = { "id", "status", "harness",
	    "title", "project_root" };

	jw_object(j);
	for (size_t i = 0; i < nitems(names); i++)
		jw_kstr(j, names[i], jr_kstr(s, names[i]));
	put_number(j, "age_ms", n->age_ms);
	put_number(j, "cpu_percent", n->cpu_percent);
	put_number(j, "memory_bytes", n->memory);
	put_number(j, "processes", n->processes);
	put_number(j, "output_bytes_per_s", n->rate);
	jw_object_end(j);
}

static int
show_json(struct live *l, const struct jr *list, const struct jr *stats)
{
	autobuf struct buf b = { 0 };
	struct jw j;

	jw_init(&j, &b);
	jw_object(&j);
	jw_name(&j, "sessions");
	jw_array(&j);
	for (size_t i = 0; i < jr_count(list); i++) {
		struct numbers n;

		if (!is_live(jr_at(list, i)))
			continue;
		n = measure(l, jr_at(list, i), stats);
		put_json(&j, jr_at(list, i), &n);
	}
	jw_array_end(&j);
	jw_object_end(&j);
	(void)buf_adds(&b, "\n");
	return ctl_print(&b);
}

static int
show(struct live *l, const struct jr *list, const struct jr *stats)
{
	struct table *t = l->screen ? table_new(columns, nitems(columns)) :
	    NULL;
	char *text = NULL;
	size_t count = 0;

	for (size_t i = 0; i < jr_count(list); i++) {
		char cells[nitems(columns)][CELL_MAX];
		const char *row[nitems(columns)];
		struct numbers n;

		if (!is_live(jr_at(list, i)))
			continue;
		count++;
		n = measure(l, jr_at(list, i), stats);
		cells_of(jr_at(list, i), &n, cells);
		for (size_t k = 0; k < nitems(columns); k++)
			row[k] = cells[k];
		if (t != NULL)
			(void)table_row(t, row, nitems(columns), 0, NULL);
		else
			print_plain(cells);
	}
	if (t == NULL)
		return fflush(stdout) == 0 ? 0 : CTL_FAILED;
	text = table_text(t);
	draw(text, count);
	free(text);
	table_free(t);
	return 0;
}

/* One look.  0 or an exit status. */
static int
look(struct live *l)
{
	autoanswer struct answer sessions = { 0 }, stats = { 0 };
	char target[API_TARGET_MAX];
	const struct jr *list;
	int rc;

	(void)snprintf(target, sizeof(target), API "/sessions?limit=%d&"
	    "includeArchived=false&status=live", LIVE_MAX);
	rc = ask(l, target, &sessions);
	if (rc == 0 && l->stats)
		rc = ask(l, API "/stats", &stats);
	if (rc != 0)
		return rc;
	list = jr_get(sessions.doc, "sessions");
	rc = l->w.ctl->opt[OPT_JSON] != NULL ?
	    show_json(l, list, stats.doc) : show(l, list, stats.doc);
	free(l->before);
	l->before = l->now;
	l->nbefore = l->nnow;
	l->now = NULL;
	l->nnow = 0;
	return rc;
}

/* --- the loop ----------------------------------------------------------- */

/* q, ^C and ^D on a raw terminal. */
static bool
quits(void)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n <= 0)
		return n == 0;
	for (ssize_t i = 0; i < n; i++)
		if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == 3 ||
		    keys[i] == 4)
			return true;
	return false;
}

/* Until the next look; false: it is over. */
static bool
pause_for(struct live *l)
{
	struct client *c = &l->w.ctl->client;
	struct pollfd p[2] = {
		{ .fd = l->keys ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = c->wake_fd, .events = POLLIN },
	};
	int n = poll(p, 2, (int)l->interval_s * 1000);

	if (n > 0 && p[1].revents != 0)
		return c->wake(c->wake_ctx);
	return n <= 0 || p[0].revents == 0 || !quits();
}

int
verb_watch(struct ctl *ctl)
{
	struct live l = { .interval_s = USUAL_S };
	bool once = ctl->opt[OPT_ONCE] != NULL, capable;
	int rc;

	if ((rc = ctl_number(ctl, OPT_INTERVAL, 1, 3600, &l.interval_s)) != 0 ||
	    (rc = watch_able(ctl, "sessionStats", &capable)) != 0)
		return rc;
	l.stats = capable;
	watch_init(&l.w, ctl, false);
	watch_signals(&l.w);
	l.screen = !once && isatty(STDOUT_FILENO) &&
	    ctl->opt[OPT_JSON] == NULL;
	l.keys = l.screen && isatty(STDIN_FILENO);
	if (l.keys)
		(void)tty_raw(STDIN_FILENO);
	if (l.screen) {
		(void)ctl_write(STDOUT_FILENO, ENTER, strlen(ENTER));
		tty_changed(true);
	}
	do
		rc = look(&l);
	while (rc == 0 && !once && pause_for(&l));
	leave(&l);
	watch_fini(&l.w);
	free(l.before);
	if (rc == 0 && l.w.signals != 0)
		rc = CTL_SIGNAL + l.w.first;
	return rc;
}
