/* diff, apply and discard: what an isolated session left. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base64.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/text.h"

#define TAIL_MAX	64

static int
out(const struct buf *b)
{
	return ctl_write(STDOUT_FILENO, buf_head(b), buf_left(b)) < 0 ?
	    CTL_FAILED : 0;
}

/* The bytes of a name; base64 where it is no text. */
static void
get_bytes(const struct jr *row, const char *name, const char *name64,
    struct buf *b)
{
	const char *s64 = jr_kstr(row, name64), *s;
	size_t n;

	if (s64 != NULL && base64_decode(BASE64_STANDARD, s64, strlen(s64),
	    b) == 0)
		return;
	s = name != NULL ? jr_kstrn(row, name, &n) : NULL;
	if (s != NULL)
		(void)buf_add(b, s, n);
}

/* Always on one line: a name may hold anything. */
static void
put_name(struct buf *line, const struct jr *row)
{
	autobuf struct buf path = { 0 };

	get_bytes(row, "path", "pathBase64", &path);
	text_line(line, buf_head(&path), buf_left(&path), 4096);
	if (strcmp(jr_kstr(row, "kind") != NULL ? jr_kstr(row, "kind") : "",
	    "folder") == 0)
		(void)buf_adds(line, "/");
}

static void
put_reasons(struct buf *line, const struct jr *row)
{
	const struct jr *list = jr_get(row, "reasons");

	for (size_t i = 0; i < jr_count(list); i++) {
		const char *s = jr_text(jr_at(list, i));

		(void)buf_adds(line, i == 0 ? " (" : ", ");
		/* quoted, and of a fixed set */
		text_line(line, s + 1, strlen(s) > 2 ? strlen(s) - 2 : 0, 32);
	}
	if (jr_count(list) != 0)
		(void)buf_adds(line, ")");
}

static char
letter(const struct jr *row)
{
	const char *what = jr_kstr(row, "change");

	return what == NULL ? '?' : what[0] == 'a' ? 'A' : what[0] == 'd' ?
	    'D' : 'M';
}

/* --- the three forms --- */

static int
print_name(const struct jr *row)
{
	autobuf struct buf line = { 0 };

	(void)buf_addf(&line, "%c ", letter(row));
	put_name(&line, row);
	put_reasons(&line, row);
	(void)buf_adds(&line, "\n");
	return out(&line);
}

static int
print_stat(const struct jr *row)
{
	autobuf struct buf line = { 0 }, target = { 0 };
	int64_t size = 0, old = 0, mode = 0;

	(void)jr_ki64(row, "size", &size);
	(void)jr_ki64(row, "oldSize", &old);
	(void)jr_ki64(row, "mode", &mode);
	(void)buf_addf(&line, "%c %03llo %10lld %+11lld ", letter(row),
	    (unsigned long long)mode, (long long)size,
	    (long long)(size - old));
	put_name(&line, row);
	get_bytes(row, "target", "targetBase64", &target);
	if (buf_left(&target) != 0) {
		(void)buf_adds(&line, " -> ");
		text_line(&line, buf_head(&target), buf_left(&target), 4096);
	}
	put_reasons(&line, row);
	(void)buf_adds(&line, "\n");
	return out(&line);
}

/* To a file as it is, so that patch(1) can read it; escaped on a terminal. */
static int
print_patch(const struct jr *row)
{
	autobuf struct buf patch = { 0 }, shown = { 0 };
	struct text_filter filter = { 0 };

	get_bytes(row, NULL, "patchBase64", &patch);
	if (buf_left(&patch) == 0) {
		(void)buf_adds(&shown, "# ");
		(void)buf_addf(&shown, "%c ", letter(row));
		put_name(&shown, row);
		put_reasons(&shown, row);
		(void)buf_adds(&shown, jr_ktrue(row, "binary") ?
		    ": too large, or not text\n" : "\n");
		return out(&shown);
	}
	if (!isatty(STDOUT_FILENO))
		return out(&patch);
	text_filter(&filter, buf_head(&patch), buf_left(&patch), &shown);
	text_filter_end(&filter, &shown);
	return out(&shown);
}

/* --- pages --- */

typedef int	print_fn(const struct jr *);

static int
print_rows(const struct jr *doc, print_fn *print)
{
	const struct jr *rows = jr_get(doc, "changes");
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < jr_count(rows); i++)
		rc = print(jr_at(rows, i));
	return rc;
}

static int
print_json(const struct jr *doc)
{
	return printf("%s\n", jr_text(doc)) < 0 ? CTL_FAILED : 0;
}

int
verb_diff(struct ctl *ctl)
{
	bool patch = ctl->opt[OPT_PATCH] != NULL;
	print_fn *print = patch ? print_patch : ctl->opt[OPT_STAT] != NULL ?
	    print_stat : print_name;
	int64_t after = 0;
	int rc = 0;

	if ((patch != 0) + (ctl->opt[OPT_STAT] != NULL) +
	    (ctl->opt[OPT_NAMES] != NULL) > 1) {
		ctl_err("--names, --stat and --patch exclude each other");
		return CTL_USAGE;
	}
	while (rc == 0) {
		autoanswer struct answer a = { 0 };
		char target[API_TARGET_MAX], tail[TAIL_MAX];
		int64_t next;

		(void)snprintf(tail, sizeof(tail), "/changes?after=%lld&"
		    "patch=%d", (long long)after, patch ? 1 : 0);
		if ((rc = api_session(target, ctl->argv[0], tail)) != 0 ||
		    (rc = api_get(ctl, target, &a)) != 0)
			return rc;
		rc = ctl->opt[OPT_JSON] != NULL ? print_json(a.doc) :
		    print_rows(a.doc, print);
		if (!jr_ki64(a.doc, "next", &next) || next <= after)
			break;
		after = next;
	}
	return rc;
}

/* --- apply --- */

static void
put_paths(struct jw *j, const struct ctl *ctl, const char *name)
{
	jw_name(j, name);
	jw_array(j);
	for (int i = 1; i < ctl->argc; i++)
		jw_str(j, ctl->argv[i]);
	jw_array_end(j);
}

/* What was not brought over is said by name; the rest in a sum. */
static int
print_unapplied(const struct jr *row)
{
	const char *result = jr_kstr(row, "result");
	autobuf struct buf line = { 0 };

	if (result != NULL && strcmp(result, "applied") == 0)
		return 0;
	text_line(&line, result != NULL ? result : "?",
	    result != NULL ? strlen(result) : 1, 32);
	(void)buf_adds(&line, ": ");
	put_name(&line, row);
	put_reasons(&line, row);
	(void)buf_adds(&line, "\n");
	return out(&line);
}

static int
print_sum(const struct jr *doc)
{
	static const char *const names[] = { "applied", "conflict", "refused",
	    "failed" };
	const char *message = jr_kstr(doc, "message");
	autobuf struct buf line = { 0 };
	bool whole = true;

	for (size_t i = 0; i < nitems(names); i++) {
		int64_t n = 0;

		(void)jr_ki64(doc, names[i], &n);
		(void)buf_addf(&line, "%s%lld %s", i != 0 ? ", " : "",
		    (long long)n, names[i]);
		whole &= i == 0 || n == 0;
	}
	(void)buf_adds(&line, "\n");
	if (message != NULL)
		ctl_err("%s", message);
	if (out(&line) != 0)
		return CTL_FAILED;
	return whole ? CTL_OK : CTL_FAILED;
}

int
verb_apply(struct ctl *ctl)
{
	autobuf struct buf body = { 0 };
	autoanswer struct answer a = { 0 };
	char target[API_TARGET_MAX];
	struct jw j;
	int rc = api_session(target, ctl->argv[0], "/apply");

	if (rc != 0)
		return rc;
	jw_init(&j, &body);
	jw_object(&j);
	put_paths(&j, ctl, "allow");
	if (ctl->opt[OPT_FORCE] != NULL)
		put_paths(&j, ctl, "force");
	jw_object_end(&j);
	rc = api_post(ctl, target, &body, API_SLOW_MS, &a);
	if (rc != 0)
		return rc;
	if (ctl->opt[OPT_JSON] == NULL) {
		rc = print_rows(a.doc, print_unapplied);
		return rc != 0 ? rc : print_sum(a.doc);
	}
	return print_json(a.doc);
}

int
verb_discard(struct ctl *ctl)
{
	autoanswer struct answer a = { 0 };
	char target[API_TARGET_MAX];
	struct request q = { .method = "DELETE", .target = target,
	    .timeout_ms = API_SLOW_MS };
	int rc = api_session(target, ctl->argv[0], "/changes");

	if (rc == 0)
		rc = ctl_confirm(ctl, "throw away what session %s did",
		    ctl->argv[0]);
	if (rc == 0)
		rc = api_call(ctl, &q, &a);
	if (rc != 0)
		return rc;
	if (!answer_ok(&a))
		return api_refused(&a);
	return ctl->opt[OPT_JSON] != NULL ? print_json(a.doc) : CTL_OK;
}
