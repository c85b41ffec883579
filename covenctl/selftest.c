/*
 * selftest: the doors are tried in a real session of the daemon that runs;
 * those that do no harm are tried outside as well, where they must be open,
 * or shutting them shows nothing.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/lifecycle.h"
#include "covenctl/procs.h"
#include "covenctl/selftest.h"

#define PROBE		"libexec/coven/coven-probe"
#define BWRAP		"/usr/bin/bwrap"
#define LINGER		"linger=500"	/* output takes its time */
#define SAID_MAX	((size_t)1 << 20)
#define VARIABLE	"COVEN_SELFTEST_WORD"

void
selftest_arg(struct args *a, const char *s)
{
	if (a->n + 1 < nitems(a->v))
		a->v[a->n++] = s;
	a->v[a->n] = NULL;
}

/* covenctl's own program, or another beside it. */
static int
own_path(const char *name, char out[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return -errno;
	self[n] = '\0';
	for (int up = 0; name != NULL && up < 2; up++)
		if ((slash = strrchr(self, '/')) != NULL)
			*slash = '\0';
	n = snprintf(out, PATH_MAX, "%s%s%s", self, name != NULL ? "/" : "",
	    name != NULL ? name : "");
	return n < PATH_MAX && access(out, X_OK) == 0 ? 0 : -ENOENT;
}

/* "covenctl --home H [--token-file F] exec --project P --": a session. */
void
selftest_session(struct selftest *s, struct world *w, struct args *a)
{
	selftest_arg(a, s->self);
	selftest_arg(a, "--home");
	selftest_arg(a, s->ctl->home.path);
	if (s->ctl->opt[OPT_TOKEN_FILE] != NULL) {
		selftest_arg(a, "--token-file");
		selftest_arg(a, s->ctl->opt[OPT_TOKEN_FILE]);
	}
	selftest_arg(a, "exec");
	selftest_arg(a, "--title");
	selftest_arg(a, "covenctl selftest");
	selftest_arg(a, "--project");
	selftest_arg(a, w->project);
	selftest_arg(a, "--");
}

static void
probe_args(struct world *w, const char *verb, struct args *a)
{
	selftest_arg(a, w->probe);
	selftest_arg(a, verb);
	for (size_t i = 0; i < w->ntargets; i++)
		selftest_arg(a, w->targets[i]);
}

/* --- lines -------------------------------------------------------------- */

struct door_row *
selftest_door(struct selftest *s, const char *family, const char *name)
{
	struct door_row *d;

	for (size_t i = 0; i < s->ndoors; i++)
		if (strcmp(s->doors[i].name, name) == 0 &&
		    strcmp(s->doors[i].family, family) == 0)
			return &s->doors[i];
	if (s->ndoors == DOORS_MAX)
		return NULL;
	d = &s->doors[s->ndoors++];
	(void)snprintf(d->family, sizeof(d->family), "%s", family);
	(void)snprintf(d->name, sizeof(d->name), "%s", name);
	return d;
}

/* A word of the probe's: what it says is printed, so letters alone. */
static bool
plain(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			return false;
	return true;
}

enum place { INSIDE, OUTSIDE, COMPARED };

static void
take_row(struct selftest *s, enum place place, char *line)
{
	static const struct {
		const char		*word;
		enum door_result	 result;
	} known[] = {
		{ "blocked", RESULT_BLOCKED }, { "open", RESULT_OPEN },
		{ "untried", RESULT_UNTRIED },
	};
	char *rest = line, *f[5] = { NULL };
	enum door_result result = RESULT_UNTRIED;
	struct door_row *d;

	for (size_t i = 0; i < nitems(f); i++)
		f[i] = strsep(&rest, "\t");
	if (f[4] == NULL || !plain(line))
		return;
	d = selftest_door(s, f[0], f[1]);
	for (size_t i = 0; d != NULL && i < nitems(known); i++)
		if (strcmp(known[i].word, f[2]) == 0)
			result = known[i].result;
	if (d == NULL)
		return;
	if (place == OUTSIDE)
		d->outside = result;
	else if (place == COMPARED)
		d->compared = result;
	else {
		d->inside = result;
		(void)snprintf(d->how, sizeof(d->how), "%s", f[3]);
	}
	(void)snprintf(d->what, sizeof(d->what), "%s", f[4]);
}

static void
take_output(struct selftest *s, enum place place, struct buf *b)
{
	char *rest = buf_left(b) != 0 ? b->data + b->pos : NULL, *line;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "end\t", 4) == 0)
			s->complete |= place == INSIDE;
		else if (strchr(line, '\t') != NULL)
			take_row(s, place, line);
	}
}

/* --- running the probe -------------------------------------------------- */

static void __attribute__((noreturn))
become(const struct args *a, const struct world *w, int out)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)dup2(null, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)setenv(VARIABLE, w->word, 1);
	(void)close_range(3, ~0U, 0);
	if (chdir(w->project) == 0)
		(void)execv(a->v[0], (char **)(uintptr_t)a->v);
	_exit(127);
}

int
selftest_run(const struct args *a, const struct world *w, struct buf *b,
    void (*first)(struct selftest *), struct selftest *s)
{
	char text[4096];
	int p[2], status = 0;
	ssize_t n;
	pid_t pid;

	buf_init(b, SAID_MAX);
	if (pipe2(p, O_CLOEXEC) == -1 || (pid = fork()) == -1)
		return -errno;
	if (pid == 0)
		become(a, w, p[1]);
	(void)close(p[1]);
	while ((n = read(p[0], text, sizeof(text))) > 0 ||
	    (n == -1 && errno == EINTR)) {
		if (n > 0 && buf_left(b) == 0 && first != NULL)
			first(s);
		if (n > 0)
			(void)buf_add(b, text, (size_t)n);
	}
	(void)close(p[0]);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return status;
}

static int
try_inside(struct selftest *s, struct world *w)
{
	autobuf struct buf b = { 0 };
	struct args a = { .n = 0 };
	int status;

	selftest_session(s, w, &a);
	probe_args(w, "doors", &a);
	selftest_arg(&a, LINGER);
	/* While it runs, there is a runner and an init to look at. */
	status = selftest_run(&a, w, &b, selftest_roles, s);
	take_output(s, INSIDE, &b);
	if (status == 0 && s->ndoors != 0)
		return 0;
	ctl_err("selftest: the session %s", status > 0 &&
	    WIFEXITED(status) ? "did not start or failed: covenctl doctor "
	    "says what a launch needs" : "could not be followed");
	return CTL_FAILED;
}

static void
try_outside(struct selftest *s, struct world *w)
{
	autobuf struct buf b = { 0 };
	struct args a = { .n = 0 };
	char first[32];

	probe_args(w, "control", &a);
	/* There the owner's process is what PID 1 is inside. */
	(void)snprintf(first, sizeof(first), "first=%d", (int)w->victim);
	if (w->victim > 0)
		selftest_arg(&a, first);
	(void)selftest_run(&a, w, &b, NULL, s);
	take_output(s, OUTSIDE, &b);
}

/* What else there is, with every namespace and nothing of the host but /. */
static void
try_bwrap(struct selftest *s, struct world *w)
{
	static const char *const options[] = { BWRAP, "--unshare-all",
	    "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev",
	    "--proc", "/proc", "--tmpfs", "/tmp", "--bind" };
	autobuf struct buf b = { 0 };
	struct args a = { .n = 0 };

	if (access(BWRAP, X_OK) == -1) {
		ctl_err("selftest: --compare: bwrap is not installed");
		return;
	}
	for (size_t i = 0; i < nitems(options); i++)
		selftest_arg(&a, options[i]);
	selftest_arg(&a, w->project);
	selftest_arg(&a, w->project);
	selftest_arg(&a, "--chdir");
	selftest_arg(&a, w->project);
	selftest_arg(&a, "--");
	probe_args(w, "doors", &a);
	s->compared = selftest_run(&a, w, &b, NULL, s) == 0;
	take_output(s, COMPARED, &b);
}

int
verb_selftest(struct ctl *ctl)
{
	struct selftest *s = mem_zalloc(1, sizeof(*s));
	struct world *w = mem_zalloc(1, sizeof(*w));
	char probe[PATH_MAX];
	int rc = CTL_FAILED;

	struct daemon *d = mem_zalloc(1, sizeof(*d));

	s->ctl = ctl;
	if (daemon_probe(ctl, d) == 0)
		(void)snprintf(s->mode, sizeof(s->mode), "%s", d->sandbox);
	free(d);
	if (own_path(PROBE, probe) < 0 || own_path(NULL, s->self) < 0)
		ctl_err("selftest: %s: it is not installed", PROBE);
	else {
		rc = world_begin(s, w, probe);
		if (rc == 0)
			rc = try_inside(s, w);
		if (rc == 0)
			try_outside(s, w);
		if (rc == 0)
			selftest_leftovers(s, w);
		if (rc == 0 && ctl->opt[OPT_COMPARE] != NULL)
			try_bwrap(s, w);
		world_end(w);
	}
	if (rc == 0)
		rc = selftest_print(s);
	free(w);
	free(s);
	return rc;
}
