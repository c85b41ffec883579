/* config: what the monitor's own reader says of the files. */
#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "covenctl/jsonr.h"
#include "covenctl/lifecycle.h"
#include "covenctl/table.h"
#include "covenctl/text.h"

#define SAID_MAX	((size_t)1 << 20)
#define MONITOR_OPTIONS	8	/* given to it, with the last NULL */
#define CHUNK		((size_t)16 << 10)
#define MARK		"config "

/* A run of the monitor that starts nothing. */
struct check {
	struct buf	out, err;
	int		status;
};

static void __attribute__((noreturn))
become_monitor(struct ctl *ctl, const char *program,
    const char *const *options, const int *out, const int *err)
{
	const char *argv[MONITOR_OPTIONS + 4] = { "coven-monitor", "--home",
	    ctl->home.path };

	for (size_t i = 0; i < MONITOR_OPTIONS && options[i] != NULL; i++)
		argv[i + 3] = options[i];

	(void)dup2(out[1], STDOUT_FILENO);
	(void)dup2(err[1], STDERR_FILENO);
	(void)close_range(3, ~0U, 0);
	(void)execv(program, (char **)(uintptr_t)argv);
	(void)dprintf(STDERR_FILENO, "<3>execute %s: %s\n", program,
	    strerror(errno));
	_exit(CTL_FAILED);
}

/* Both pipes to their ends; what is too long is left out. */
static void
read_both(int out, int err, struct check *c)
{
	struct pollfd p[2] = { { .fd = out, .events = POLLIN },
	    { .fd = err, .events = POLLIN } };
	struct buf *to[2] = { &c->out, &c->err };
	char text[CHUNK];
	ssize_t n;

	while (p[0].fd != -1 || p[1].fd != -1) {
		if (poll(p, 2, -1) == -1 && errno != EINTR)
			return;
		for (int i = 0; i < 2; i++) {
			if (p[i].fd == -1 || p[i].revents == 0)
				continue;
			n = read(p[i].fd, text, sizeof(text));
			if (n <= 0)
				p[i].fd = -1;
			else
				(void)buf_add(to[i], text, (size_t)n);
		}
	}
}

static int
run_monitor(struct ctl *ctl, const char *const *options, struct check *c)
{
	char program[PATH_MAX];
	int out[2], err[2], rc = daemon_program(program);
	pid_t pid;

	if (rc != 0)
		return rc;
	buf_init(&c->out, SAID_MAX);
	buf_init(&c->err, SAID_MAX);
	if (pipe(out) == -1 || pipe(err) == -1 || (pid = fork()) == -1) {
		ctl_err("config: %s", strerror(errno));
		return CTL_FAILED;
	}
	if (pid == 0)
		become_monitor(ctl, program, options, out, err);
	(void)close(out[1]);
	(void)close(err[1]);
	read_both(out[0], err[0], c);
	(void)close(out[0]);
	(void)close(err[0]);
	while (waitpid(pid, &c->status, 0) == -1 && errno == EINTR)
		;
	return 0;
}

#define OPTIONS(...)	(const char *const[MONITOR_OPTIONS]){ __VA_ARGS__ }

static void
check_fini(struct check *c)
{
	buf_fini(&c->out);
	buf_fini(&c->err);
}

/* --- what was wrong ----------------------------------------------------- */

struct fault {
	const char	*file, *line, *key, *rule;	/* "" where none */
};

/* "FILE:LINE: KEY: RULE", "FILE:LINE: RULE" or "FILE: RULE", in place. */
static struct fault
split(char *text)
{
	struct fault f = { "", "", "", text };
	char *at, *end;

	for (at = text; (at = strchr(at, ':')) != NULL; at++)
		if (at[1] == ' ' || strspn(at + 1, "0123456789") != 0)
			break;
	if (at == NULL)
		return f;
	*at++ = '\0';
	f.file = text;
	end = at + strspn(at, "0123456789");
	if (end != at && end[0] == ':') {
		*end = '\0';
		f.line = at;
		at = end + 1;
	}
	at += strspn(at, " ");
	f.rule = at;
	/* A key has no blank in it. */
	end = at + strcspn(at, ": ");
	if (end != at && end[0] == ':' && end[1] == ' ') {
		*end = '\0';
		f.key = at;
		f.rule = end + 2;
	}
	return f;
}

static void
put_fault(struct jw *j, char *text)
{
	struct fault f = split(text);

	jw_object(j);
	jw_kstr(j, "file", f.file);
	if (*f.line != '\0')
		jw_ki64(j, "line", strtoll(f.line, NULL, 10));
	jw_kstr(j, "key", *f.key != '\0' ? f.key : NULL);
	jw_kstr(j, "rule", f.rule);
	jw_object_end(j);
}

/*
 * Calls take for every line about a file, without its mark and level; what
 * else it complained of goes to standard error.
 */
static void
each_fault(struct check *c, void (*take)(void *, char *), void *to)
{
	char *rest = buf_left(&c->err) != 0 ? c->err.data + c->err.pos :
	    NULL, *line;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		char level = '3';

		if (line[0] == '<' && line[1] != '\0' && line[2] == '>') {
			level = line[1];
			line += 3;
		}
		if (*line == '\0' || level > '4')
			continue;
		if (level <= '3' && strncmp(line, MARK, strlen(MARK)) == 0)
			take(to, line + strlen(MARK));
		else
			ctl_err("%s", line);
	}
}

static void
print_fault(void *to, char *text)
{
	autobuf struct buf b = { 0 };

	(void)to;
	text_line(&b, text, strlen(text), 4096);
	(void)buf_adds(&b, "\n");
	(void)ctl_print(&b);
}

static void
json_fault(void *to, char *text)
{
	put_fault(to, text);
}

static int
status_of(const struct check *c)
{
	if (!WIFEXITED(c->status))
		return CTL_FAILED;
	return WEXITSTATUS(c->status) == 0 ? CTL_OK :
	    WEXITSTATUS(c->status) == CTL_CONFIG ? CTL_CONFIG : CTL_FAILED;
}

static int
print_check(struct ctl *ctl, struct check *c)
{
	autobuf struct buf b = { 0 };
	int status = status_of(c);
	struct jw j;

	if (ctl->opt[OPT_JSON] == NULL) {
		each_fault(c, print_fault, NULL);
		if (status == CTL_OK)
			(void)buf_addf(&b, "the configuration of %s is "
			    "valid\n", ctl->home.path);
	} else {
		jw_init(&j, &b);
		jw_object(&j);
		jw_kbool(&j, "ok", status == CTL_OK);
		jw_name(&j, "errors");
		jw_array(&j);
		each_fault(c, json_fault, &j);
		jw_array_end(&j);
		jw_object_end(&j);
		(void)buf_adds(&b, "\n");
	}
	return ctl_print(&b) == CTL_OK ? status : CTL_FAILED;
}

int
verb_config_check(struct ctl *ctl)
{
	struct check c = { 0 };
	int rc = run_monitor(ctl, OPTIONS("--check-config"), &c);

	if (rc == 0)
		rc = print_check(ctl, &c);
	check_fini(&c);
	return rc;
}

/* --- what is in force --------------------------------------------------- */

static const struct table_column columns[] = {
	{ "KEY", false }, { "VALUE", true }, { "FROM", false },
};

/* Strings bare, lists with commas, nothing as what it is. */
static void
put_value(struct buf *b, const struct jr *row)
{
	const struct jr *v = jr_get(row, "value");
	const char *s = jr_kstr(row, "value");

	if (s != NULL && *s == '\0')
		(void)buf_adds(b, "(empty)");
	else if (s != NULL)
		text_line(b, s, strlen(s), 1024);
	else if (jr_is_array(v) && jr_count(v) == 0)
		(void)buf_adds(b, "(none)");
	else {
		s = jr_text(v);
		text_line(b, s, strlen(s), 4096);
	}
}

static void
add_row(struct table *t, const struct jr *row)
{
	autobuf struct buf value = { 0 }, from = { 0 };
	const char *key = jr_kstr(row, "key"), *origin = jr_kstr(row, "from");
	const char *cells[nitems(columns)];
	bool locked = jr_ktrue(row, "locked");

	put_value(&value, row);
	(void)buf_addf(&from, "%s%s", origin != NULL ? origin : "-",
	    locked ? ", locked" : "");
	cells[0] = key != NULL ? key : "-";
	cells[1] = buf_head(&value);
	cells[2] = buf_head(&from);
	(void)table_row(t, cells, nitems(cells), 2, locked ? "magenta" :
	    origin != NULL && strcmp(origin, "default") != 0 ? "green" :
	    NULL);
}

/* Every line is one object; add is called with each. */
static int
each_row(struct check *c, void (*add)(void *, const struct jr *), void *to)
{
	char *rest = buf_left(&c->out) != 0 ? c->out.data + c->out.pos :
	    NULL, *line;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		autojr struct jr *row = NULL;

		if (*line == '\0')
			continue;
		if (jr_parse(line, strlen(line), &row) < 0) {
			ctl_err("config: the monitor's answer is not valid");
			return CTL_FAILED;
		}
		add(to, row);
	}
	return CTL_OK;
}

static void
table_add(void *to, const struct jr *row)
{
	add_row(to, row);
}

static void
json_add(void *to, const struct jr *row)
{
	const char *text = jr_text(row);

	jw_raw(to, text, strlen(text));
}

static int
print_show(struct ctl *ctl, struct check *c)
{
	autobuf struct buf b = { 0 };
	struct table *t;
	struct jw j;
	int rc;

	if (ctl->opt[OPT_JSON] != NULL) {
		jw_init(&j, &b);
		jw_array(&j);
		rc = each_row(c, json_add, &j);
		jw_array_end(&j);
		(void)buf_adds(&b, "\n");
		return rc == CTL_OK ? ctl_print(&b) : rc;
	}
	t = table_new(columns, nitems(columns));
	rc = each_row(c, table_add, t);
	if (rc == CTL_OK && table_print(t) < 0)
		rc = CTL_FAILED;
	table_free(t);
	return rc;
}

int
verb_config_show(struct ctl *ctl)
{
	struct check c = { 0 };
	int rc = run_monitor(ctl, OPTIONS("--show-config"), &c);

	if (rc == 0 && status_of(&c) != CTL_OK) {
		ctl_err("nothing is in force: the configuration is refused");
		rc = print_check(ctl, &c);
	} else if (rc == 0)
		rc = print_show(ctl, &c);
	check_fini(&c);
	return rc;
}

/* --- what a session may reach -------------------------------------------- */

static int
print_verdict(struct ctl *ctl, struct check *c)
{
	const char *rule, *from, *why, *word;
	autobuf struct buf b = { 0 };
	autojr struct jr *v = NULL;
	bool allow;

	if (jr_parse(buf_head(&c->out), buf_left(&c->out), &v) < 0 ||
	    (why = jr_kstr(v, "why")) == NULL) {
		ctl_err("policy: the monitor's answer is not valid");
		return CTL_FAILED;
	}
	allow = jr_ktrue(v, "allow");
	word = allow ? "allow" : "deny";
	rule = jr_kstr(v, "rule");
	from = jr_kstr(v, "from");
	if (ctl->opt[OPT_JSON] != NULL)
		(void)buf_adds(&b, buf_head(&c->out));
	else if (rule != NULL)
		(void)buf_addf(&b, "%s: %s, by the rule \"%s\" (%s)\n", word,
		    why, rule, from != NULL ? from : "");
	else
		(void)buf_addf(&b, "%s: %s\n", word, why);
	if (ctl_print(&b) != CTL_OK)
		return CTL_FAILED;
	return allow ? CTL_OK : CTL_FAILED;
}

int
verb_policy_explain(struct ctl *ctl)
{
	const char *harness = ctl->opt[OPT_HARNESS], *at =
	    ctl->opt[OPT_PROJECT];
	struct check c = { 0 };
	char root[PATH_MAX];
	int rc;

	if (realpath(at != NULL ? at : ".", root) == NULL) {
		ctl_err("--project %s: %s", at != NULL ? at : ".",
		    strerror(errno));
		return CTL_FAILED;
	}
	rc = run_monitor(ctl, OPTIONS("--explain", ctl->argv[0], "--harness",
	    harness != NULL ? harness : "codex", "--project", root), &c);
	if (rc == 0 && status_of(&c) != CTL_OK)
		rc = print_check(ctl, &c);
	else if (rc == 0)
		rc = print_verdict(ctl, &c);
	check_fini(&c);
	return rc;
}
