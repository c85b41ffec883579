#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/msg.h"

struct msg_header {
	uint32_t	type;
	uint32_t	len;		/* of the fields that follow */
};

/*
 * One function a row, so that each field list has a name for its own struct;
 * they return static tables.
 */
#define MSG(N, n, ...)							\
	static const struct msg_field *					\
	msg_fields_##n(size_t *count)					\
	{								\
		typedef struct msg_##n row;				\
		static const struct msg_field table[] = {
#define U32(f)		{ #f, FIELD_U32, offsetof(row, f), 4 },
#define U64(f)		{ #f, FIELD_U64, offsetof(row, f), 8 },
#define I32(f)		{ #f, FIELD_I32, offsetof(row, f), 4 },
#define STR(f, max)	{ #f, FIELD_STR, offsetof(row, f), max },
#define BIN(f, max)	{ #f, FIELD_BIN, offsetof(row, f), max },
#define END(N, n)							\
		};							\
		*count = nitems(table);					\
		return table;						\
	}
#include "common/msg.def"
#undef MSG
#undef U32
#undef U64
#undef I32
#undef STR
#undef BIN
#undef END

#define MSG(N, n, from, to, states, next, flags, fdkind, summary)	\
	[MSG_##N] = { #N, from, to, states, next, flags, fdkind, summary, \
	    msg_fields_##n },
#define U32(f)
#define U64(f)
#define I32(f)
#define STR(f, max)
#define BIN(f, max)
#define END(N, n)
static const struct msg_row msg_rows[MSG__COUNT] = {
#include "common/msg.def"
};

static const char *const role_names[ROLE__COUNT] = {
	[ROLE_MONITOR] = "monitor",
	[ROLE_APID] = "apid",
	[ROLE_STORED] = "stored",
	[ROLE_RUNNER] = "runner",
	[ROLE_INIT] = "init",
	[ROLE_CONFREAD] = "confread",
	[ROLE_GATEWAY] = "gateway",
	[ROLE_RESOLVER] = "resolver",
	[ROLE_APPLIER] = "applier",
	[ROLE_ARCHIVER] = "archiver",
	[ROLE_EXTRACTOR] = "extractor",
	[ROLE_REMOVER] = "remover",
};

static const char *const fd_kind_names[] = {
	[FD_NONE] = "-",
	[FD_SOCKET] = "socket",
	[FD_LISTENER] = "listener",
	[FD_TCP_LISTENER] = "TCP listener",
	[FD_CONN] = "connection",
	[FD_PIDFD] = "pidfd",
	[FD_MEMFD] = "memfd",
	[FD_MEMFD_OPT] = "memfd?",
	[FD_SHELF] = "shelf",
	[FD_PIPE] = "pipe",
	[FD_FILE] = "file",
	[FD_DIR] = "folder",
	[FD_TREE_OPT] = "tree?",
	[FD_TTY] = "tty",
};

const struct msg_row *
msg_row(uint32_t type)
{
	if (type == MSG_INVALID || type >= MSG__COUNT)
		return NULL;
	return &msg_rows[type];
}

const char *
msg_role_name(enum role r)
{
	return (unsigned)r < ROLE__COUNT ? role_names[r] : "?";
}

const char *
msg_sandbox_name(enum sandbox_mode m)
{
	static const char *const names[SANDBOX_MODES] = {
		[SANDBOX_NAMESPACES] = "namespaces",
		[SANDBOX_LANDLOCK] = "landlock",
	};

	return (unsigned)m < SANDBOX_MODES ? names[m] : "?";
}

static int
field_encode(struct buf *out, const struct msg_field *f, const char *at)
{
	struct msg_bin bin = { 0 };
	uint32_t len;
	const char *s;

	switch (f->type) {
	case FIELD_U32:
	case FIELD_I32:
		return buf_add(out, at, 4);
	case FIELD_U64:
		return buf_add(out, at, 8);
	case FIELD_STR:
		memcpy(&s, at, sizeof(s));
		bin.p = s != NULL ? s : "";
		bin.len = strlen(bin.p);
		break;
	case FIELD_BIN:
		memcpy(&bin, at, sizeof(bin));
		break;
	}
	if (bin.len > f->max)
		return -EMSGSIZE;
	len = (uint32_t)bin.len;
	if (buf_add(out, &len, sizeof(len)) < 0 ||
	    buf_add(out, bin.p, bin.len) < 0)
		return -EMSGSIZE;
	/* A string's NUL travels, so that the receiver can point at it. */
	return f->type == FIELD_STR ? buf_add(out, "", 1) : 0;
}

int
msg_encode(struct buf *out, enum msg_type type, const void *msg)
{
	const struct msg_row *row = msg_row(type);
	const struct msg_field *fields;
	struct msg_header h = { .type = type };
	size_t start = buf_left(out), n, i, left;
	int r;

	if (row == NULL)
		return -EINVAL;
	fields = row->fields(&n);
	r = buf_add(out, &h, sizeof(h));
	for (i = 0; r == 0 && i < n; i++)
		r = field_encode(out, &fields[i],
		    (const char *)msg + fields[i].offset);
	left = buf_left(out) - start;
	if (r == 0 && left - sizeof(h) > LIMIT_BULK)
		r = -EMSGSIZE;
	if (r < 0) {
		out->len -= left;
		return r;
	}
	h.len = (uint32_t)(left - sizeof(h));
	memcpy(out->data + out->pos + start, &h, sizeof(h));
	return 0;
}

/* The cursor of a decode: what is left of one record's fields. */
struct cursor {
	const char	*p;
	size_t		 left;
};

static const char *
take(struct cursor *c, size_t n)
{
	const char *p = c->p;

	if (n > c->left)
		return NULL;
	c->p += n;
	c->left -= n;
	return p;
}

static int
field_decode(struct cursor *c, const struct msg_field *f, char *at)
{
	struct msg_bin bin;
	const char *p;
	uint32_t len;

	if (f->type != FIELD_STR && f->type != FIELD_BIN) {
		p = take(c, f->max);
		if (p == NULL)
			return MSG_BAD;
		memcpy(at, p, f->max);
		return 0;
	}
	p = take(c, sizeof(len));
	if (p == NULL)
		return MSG_BAD;
	memcpy(&len, p, sizeof(len));
	if (len > f->max)
		return MSG_BAD;
	p = take(c, len);
	if (p == NULL)
		return MSG_BAD;
	if (f->type == FIELD_BIN) {
		bin = (struct msg_bin){ .p = p, .len = len };
		memcpy(at, &bin, sizeof(bin));
		return 0;
	}
	if (take(c, 1) == NULL || p[len] != '\0' ||
	    memchr(p, '\0', len) != NULL)
		return MSG_BAD;
	memcpy(at, &p, sizeof(p));
	return 0;
}

int
msg_decode(const void *data, size_t n, uint32_t *type, union msg_any *out,
    size_t *used)
{
	union msg_any msg;
	const struct msg_field *fields;
	const struct msg_row *row;
	struct msg_header h;
	struct cursor c;
	size_t count, i;

	if (n < sizeof(h))
		return MSG_SHORT;
	memcpy(&h, data, sizeof(h));
	row = msg_row(h.type);
	if (row == NULL || h.len > LIMIT_BULK)
		return MSG_BAD;
	if (n - sizeof(h) < h.len)
		return MSG_SHORT;
	c = (struct cursor){ (const char *)data + sizeof(h), h.len };
	memset(&msg, 0, sizeof(msg));
	fields = row->fields(&count);
	for (i = 0; i < count; i++)
		if (field_decode(&c, &fields[i],
		    (char *)&msg + fields[i].offset) != 0)
			return MSG_BAD;
	if (c.left != 0)
		return MSG_BAD;
	*type = h.type;
	*out = msg;
	*used = sizeof(h) + h.len;
	return 0;
}

int
msg_decode_exact(const void *p, size_t n, enum msg_type want,
    union msg_any *msg)
{
	union msg_any got;
	uint32_t type;
	size_t used;

	if (msg_decode(p, n, &type, &got, &used) != 0 || used != n ||
	    type != (uint32_t)want)
		return -EPROTO;
	*msg = got;
	return 0;
}

static void
dump_roles(FILE *f, uint32_t mask)
{
	const char *sep = "";
	int r;

	if (mask == 0)
		fputs("-", f);
	for (r = 0; r < ROLE__COUNT; r++) {
		if (!(mask & (1u << r)))
			continue;
		fprintf(f, "%s%s", sep, role_names[r]);
		sep = ",";
	}
}

static void
dump_states(FILE *f, uint32_t mask)
{
	static const char *const names[] = {
		"new", "hello", "ready", "serving", "stopping",
	};
	const char *sep = "";
	size_t i;

	if (mask == 0)
		fputs("-", f);
	for (i = 0; i < nitems(names); i++) {
		if (!(mask & (1u << i)))
			continue;
		fprintf(f, "%s%s", sep, names[i]);
		sep = ",";
	}
}

static void
dump_row(FILE *f, const struct msg_row *row)
{
	static const char *const types[] = { "u32", "u64", "i32", "str",
	    "bin" };
	const struct msg_field *fields;
	size_t n, i;

	fprintf(f, "\n%s\n    %s\n    ", row->name, row->summary);
	if (row->from == 0) {
		fputs("a record, never sent alone\n", f);
	} else {
		dump_roles(f, row->from);
		fputs(" -> ", f);
		dump_roles(f, row->to);
		fputs("; in ", f);
		dump_states(f, row->states);
		if (row->next != CS_SAME) {
			fputs(" enters ", f);
			dump_states(f, row->next);
		}
		fprintf(f, "; descriptor %s%s\n", fd_kind_names[row->fdkind],
		    row->flags & MSG_ONCE ? "; once" : "");
	}
	fields = row->fields(&n);
	for (i = 0; i < n; i++)
		fprintf(f, "        %s %s <= %zu\n", types[fields[i].type],
		    fields[i].name, fields[i].max);
}

void
msg_dump(FILE *f)
{
	uint32_t t;

	fputs("# The messages between roles, printed from common/msg.def by\n"
	    "# coven-monitor --dump-protocol\n", f);
	for (t = MSG_INVALID + 1; t < MSG__COUNT; t++)
		dump_row(f, &msg_rows[t]);
}

void
msg_table_digest(uint8_t out[MSG_DIGEST_LEN])
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		fatal("digest the message table: out of memory");
	msg_dump(f);
	if (fclose(f) != 0)
		fatal("digest the message table: out of memory");
	digest(text, len, out);
	free(text);
}
