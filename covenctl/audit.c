/* The verbs audit tail and audit export, and what all three share. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "covenctl/audit.h"
#include "covenctl/text.h"

#define HEADS		"audit.heads"
#define PUBLIC		"keys/audit.pub"
#define TAIL		20
#define FOLLOW_MS	25000

/* --- pages -------------------------------------------------------------- */

static int
not_a_page(struct ctl *ctl)
{
	(void)ctl;
	ctl_err("the daemon's reply is not a page of the audit");
	return CTL_UNTRUSTED;
}

static int
read_chain(const struct jr *doc, struct audit_pages *p)
{
	const struct jr *chain = jr_get(doc, "chain");
	const char *id = jr_kstr(chain, "id");
	int64_t count;

	if (id == NULL || strlen(id) != 2 * sizeof(p->chain) ||
	    audit_unhex(id, sizeof(p->chain), p->chain) < 0 ||
	    !jr_ki64(chain, "count", &count) || count < 0 ||
	    !jr_is_array(jr_get(doc, "records")))
		return -EPROTO;
	p->count = (uint64_t)count;
	return 0;
}

static int
one_page(struct ctl *ctl, struct audit_pages *p, struct answer *a)
{
	char target[128];
	struct request q = { .method = "GET", .target = target,
	    .timeout_ms = API_TIMEOUT_MS + (int)p->wait_ms };
	int rc;

	(void)snprintf(target, sizeof(target), API "/audit?after=%" PRIu64
	    "&limit=1000&waitMs=%u", p->after, (unsigned)p->wait_ms);
	rc = api_call(ctl, &q, a);
	if (rc == 0 && !answer_ok(a))
		rc = api_refused(a);
	if (rc == 0 && read_chain(a->doc, p) < 0)
		rc = not_a_page(ctl);
	return rc;
}

int
audit_each(struct ctl *ctl, struct audit_pages *p, audit_cb *cb, void *ctx)
{
	const struct jr *list;
	bool more = true;
	int64_t n;
	int rc;

	while (more) {
		autoanswer struct answer a = { 0 };

		rc = one_page(ctl, p, &a);
		if (rc != 0)
			return rc;
		p->wait_ms = 0;
		list = jr_get(a.doc, "records");
		for (size_t i = 0; i < jr_count(list); i++) {
			if (!jr_ki64(jr_at(list, i), "n", &n) || n < 0 ||
			    (uint64_t)n <= p->after)
				return not_a_page(ctl);
			p->after = (uint64_t)n;
			rc = cb(ctx, jr_at(list, i));
			if (rc != 0)
				return rc;
		}
		more = jr_ktrue(a.doc, "hasMore") && jr_count(list) != 0;
	}
	return 0;
}

int
audit_parse(const struct jr *v, struct audit_parsed *out)
{
	const char *at = jr_kstr(v, "at"), *hex = jr_kstr(v, "digest");
	int64_t n;

	*out = (struct audit_parsed){ .digest = NULL };
	out->record.verb = jr_kstr(v, "verb");
	out->record.session = jr_kstr(v, "sessionId");
	out->record.actor = jr_kstr(v, "actor");
	out->record.detail = jr_kstr(v, "detail");
	if (!jr_ki64(v, "n", &n) || n < 1 || at == NULL ||
	    clock_parse(at, &out->record.at_ns) < 0 || hex == NULL ||
	    out->record.verb == NULL || out->record.detail == NULL)
		return -EPROTO;
	out->record.n = (uint64_t)n;
	if (strlen(hex) == (size_t)2 * DIGEST_LEN &&
	    audit_unhex(hex, DIGEST_LEN, out->bytes) == 0)
		out->digest = out->bytes;
	return 0;
}

/* --- what the monitor keeps --------------------------------------------- */

/* A file of the home, or one that was named: a stream, or NULL with errno. */
static FILE *
open_stream(struct ctl *ctl, const char *path, const char *name)
{
	autoclose int fd = -1;
	struct stat st;
	FILE *f;

	if (path != NULL)
		return fopen(path, "re");
	fd = openat(ctl->home.dir, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		errno = EPERM;
		return NULL;
	}
	f = fdopen(fd, "r");
	if (f != NULL)
		(void)mem_steal_fd(&fd);
	return f;
}

static int
cannot_open(struct ctl *ctl, const char *path, const char *name)
{
	if (path != NULL)
		ctl_err("%s: %s", path, strerror(errno));
	else
		ctl_err("%s/%s: %s", ctl->home.path, name, strerror(errno));
	return CTL_FAILED;
}

int
audit_key(struct ctl *ctl, const char *path, uint8_t public[AUDIT_PUBLIC_LEN])
{
	char text[2 * AUDIT_PUBLIC_LEN + 2];
	FILE *f = open_stream(ctl, path, PUBLIC);
	bool ok;

	if (f == NULL)
		return cannot_open(ctl, path, PUBLIC);
	ok = fgets(text, sizeof(text), f) != NULL;
	(void)fclose(f);
	if (ok) {
		text[strcspn(text, "\n")] = '\0';
		ok = strlen(text) == (size_t)2 * AUDIT_PUBLIC_LEN &&
		    audit_unhex(text, AUDIT_PUBLIC_LEN, public) == 0;
	}
	if (!ok)
		ctl_err("%s: it holds no public key", path != NULL ? path :
		    PUBLIC);
	return ok ? 0 : CTL_FAILED;
}

int
audit_heads(struct ctl *ctl, const char *path, audit_head_cb *cb, void *ctx)
{
	FILE *f = open_stream(ctl, path, HEADS);
	autofree char *line = NULL;
	struct audit_head head;
	unsigned long odd = 0;
	size_t cap = 0;

	if (f == NULL)
		return path == NULL && errno == ENOENT ? 0 :
		    cannot_open(ctl, path, HEADS);
	while (getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (audit_head_parse(line, &head) == 0)
			cb(ctx, &head);
		else if (*line != '\0')
			odd++;
	}
	(void)fclose(f);
	/* A line that lost power in the middle of being written looks so. */
	if (odd != 0)
		ctl_err("%s: lines that are no head, and are passed over: %lu",
		    path != NULL ? path : HEADS, odd);
	return 0;
}

/* --- audit tail --------------------------------------------------------- */

struct tail {
	const char	*match;		/* NULL: any */
	bool		 json;
	char		**kept;		/* a ring of lines, or NULL: print */
	size_t		 n, next, cap;
};

static void
format_line(const struct jr *v, bool json, struct buf *b)
{
	static const char *const names[] = { "at", "verb", "sessionId",
	    "actor", "detail" };
	int64_t n = 0;
	size_t i;

	if (json) {
		(void)buf_adds(b, jr_text(v));
		return;
	}
	(void)jr_ki64(v, "n", &n);
	(void)buf_addf(b, "%6" PRId64, n);
	for (i = 0; i < nitems(names); i++) {
		const char *s = jr_kstr(v, names[i]);

		(void)buf_adds(b, "  ");
		s = s != NULL ? s : "-";
		text_line(b, s, strlen(s), 4096);
	}
}

static int
print_line(const char *line)
{
	return printf("%s\n", line) < 0 || fflush(stdout) != 0 ? CTL_FAILED :
	    0;
}

static int
on_tail(void *ctx, const struct jr *v)
{
	struct tail *t = ctx;
	autobuf struct buf b = { 0 };
	const char *verb = jr_kstr(v, "verb");

	if (verb == NULL)
		return CTL_UNTRUSTED;
	if (t->match != NULL && fnmatch(t->match, verb, 0) != 0)
		return 0;
	format_line(v, t->json, &b);
	if (t->kept == NULL)
		return print_line(buf_head(&b));
	free(t->kept[t->next]);
	t->kept[t->next] = mem_strdup(buf_head(&b));
	t->next = (t->next + 1) % t->cap;
	t->n += t->n < t->cap;
	return 0;
}

/* What was kept, the oldest first; from now on each is printed as it comes. */
static int
print_kept(struct tail *t)
{
	size_t i, at;
	int rc = 0;

	for (i = 0; i < t->n; i++) {
		at = (t->next + t->cap - t->n + i) % t->cap;
		if (rc == 0)
			rc = print_line(t->kept[at]);
		free(t->kept[at]);
	}
	free(t->kept);
	t->kept = NULL;
	return rc;
}

int
verb_audit_tail(struct ctl *ctl)
{
	struct audit_pages pages = { .after = INT64_MAX };
	struct tail t = { .match = ctl->opt[OPT_MATCH],
	    .json = ctl->opt[OPT_JSON] != NULL };
	long long limit = TAIL;
	int rc, rc2;

	if ((rc = ctl_number(ctl, OPT_LIMIT, 0, 1000000, &limit)) != 0)
		return rc;
	t.cap = limit != 0 ? (size_t)limit : 1;
	t.kept = mem_zalloc(t.cap, sizeof(*t.kept));
	/* How many are there?  Those that match may be anywhere. */
	rc = audit_each(ctl, &pages, on_tail, &t);
	pages.after = limit == 0 ? pages.count : t.match != NULL ||
	    pages.count < t.cap ? 0 : pages.count - t.cap;
	if (rc == 0)
		rc = audit_each(ctl, &pages, on_tail, &t);
	rc2 = print_kept(&t);
	rc = rc != 0 ? rc : rc2;
	while (rc == 0 && ctl->opt[OPT_FOLLOW] != NULL) {
		pages.wait_ms = FOLLOW_MS;
		rc = audit_each(ctl, &pages, on_tail, &t);
	}
	return rc;
}

/* --- audit export ------------------------------------------------------- */

static void
export_head(void *ctx, const struct audit_head *head)
{
	char line[AUDIT_HEAD_LINE];

	audit_head_line(head, line);
	(void)fprintf(ctx, "{\"head\":\"%s\"}\n", line);
}

static int
export_record(void *ctx, const struct jr *v)
{
	return fprintf(ctx, "%s\n", jr_text(v)) < 0 ? CTL_FAILED : 0;
}

/* Its first line says which chain, and what the heads are signed with. */
static int
export_to(struct ctl *ctl, FILE *f)
{
	struct audit_pages pages = { .after = INT64_MAX };
	uint8_t public[AUDIT_PUBLIC_LEN];
	char chain[2 * AUDIT_CHAIN_LEN + 1], key[2 * AUDIT_PUBLIC_LEN + 1];
	int rc;

	/* Heads before records: what they cover is then there. */
	if ((rc = audit_each(ctl, &pages, export_record, f)) != 0 ||
	    (rc = audit_key(ctl, NULL, public)) != 0)
		return rc;
	audit_hex(pages.chain, sizeof(pages.chain), chain);
	audit_hex(public, sizeof(public), key);
	(void)fprintf(f, "{\"audit\":1,\"chain\":\"%s\",\"publicKey\":\"%s\"}"
	    "\n", chain, key);
	rc = audit_heads(ctl, NULL, export_head, f);
	pages.after = 0;
	return rc != 0 ? rc : audit_each(ctl, &pages, export_record, f);
}

int
verb_audit_export(struct ctl *ctl)
{
	const char *path = ctl->argc > 0 ? ctl->argv[0] : NULL;
	FILE *f = stdout;
	int fd, rc;

	if (path != NULL) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		f = fd != -1 ? fdopen(fd, "w") : NULL;
		if (f == NULL) {
			ctl_err("%s: %s%s", path, strerror(errno),
			    errno == EEXIST ? ", and is left alone; give "
			    "another name" : "");
			return CTL_FAILED;
		}
	}
	rc = export_to(ctl, f);
	if (ferror(f) || fflush(f) != 0 || (path != NULL &&
	    (fsync(fileno(f)) == -1 || fclose(f) != 0))) {
		ctl_err("%s: %s", path != NULL ? path : "standard output",
		    strerror(errno));
		rc = CTL_FAILED;
	}
	if (rc != 0 && path != NULL)
		(void)unlink(path);
	return rc;
}
