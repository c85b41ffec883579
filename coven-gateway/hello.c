#include <string.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-gateway/hello.h"

#define RECORD_HANDSHAKE	22
#define RECORD_MAX		16384
#define CLIENT_HELLO		1
#define HEAD_LEN		4	/* of a handshake message */
#define RANDOM_LEN		32

enum {
	EXT_SERVER_NAME = 0,
	EXT_ECH = 0xfe0d,	/* RFC 9849 */
	EXT_ESNI = 0xffce,	/* what it was before */
};

/* What is left to read of something. */
struct cur {
	const uint8_t	*p;
	size_t		 n;
};

static int
bad(const char **why, const char *text)
{
	*why = text;
	return HELLO_BAD;
}

static bool
skip(struct cur *c, size_t n)
{
	if (n > c->n)
		return false;
	c->p += n;
	c->n -= n;
	return true;
}

/* A big-endian number of so many bytes. */
static bool
number(struct cur *c, size_t bytes, size_t *out)
{
	size_t v = 0, i;

	if (bytes > c->n)
		return false;
	for (i = 0; i < bytes; i++)
		v = v << 8 | c->p[i];
	*out = v;
	return skip(c, bytes);
}

/* What a length of so many bytes announces. */
static bool
vector(struct cur *c, size_t bytes, struct cur *out)
{
	size_t n;

	if (!number(c, bytes, &n) || n > c->n)
		return false;
	*out = (struct cur){ c->p, n };
	return skip(c, n);
}

/* --- the message --------------------------------------------------------- */

static int
read_name(struct hello *h, struct cur ext, const char **why)
{
	struct cur list, name;
	struct net_host host;
	size_t type;

	if (h->name[0] != '\0')
		return bad(why, "it names a host twice");
	if (!vector(&ext, 2, &list) || ext.n != 0 ||
	    !number(&list, 1, &type) || type != 0 || !vector(&list, 2, &name))
		return bad(why, "its list of names is malformed");
	if (list.n != 0)
		return bad(why, "it names several hosts");
	if (net_host_parse((const char *)name.p, name.n, &host) < 0 ||
	    host.literal)
		return bad(why, "what it names is no host");
	memcpy(h->name, host.name, sizeof(h->name));
	return 0;
}

static int
read_extensions(struct hello *h, struct cur all, const char **why)
{
	struct cur ext;
	size_t type;
	int r;

	while (all.n != 0) {
		if (!number(&all, 2, &type) || !vector(&all, 2, &ext))
			return bad(why, "its extensions are malformed");
		if (type == EXT_SERVER_NAME) {
			r = read_name(h, ext, why);
			if (r != 0)
				return r;
		}
		h->hidden |= type == EXT_ECH || type == EXT_ESNI;
	}
	return 0;
}

static int
read_hello(struct hello *h, struct cur c, const char **why)
{
	struct cur session, suites, methods, extensions = { 0 };

	if (!skip(&c, 2 + RANDOM_LEN) || !vector(&c, 1, &session) ||
	    session.n > 32 || !vector(&c, 2, &suites) || suites.n < 2 ||
	    !vector(&c, 1, &methods) || methods.n == 0)
		return bad(why, "it is malformed");
	/* Without extensions it names nobody: that is its caller's to judge. */
	if (c.n != 0 && (!vector(&c, 2, &extensions) || c.n != 0))
		return bad(why, "it is malformed");
	return read_extensions(h, extensions, why);
}

/* Has the whole message come?  Its own head says how long it is. */
static int
check_body(struct hello *h, const char **why)
{
	struct cur c = { (const uint8_t *)buf_head(&h->body),
	    buf_left(&h->body) };
	size_t type, n;

	if (c.n != 0 && c.p[0] != CLIENT_HELLO)
		return bad(why, "it does not greet");
	if (c.n < HEAD_LEN)
		return HELLO_MORE;
	(void)number(&c, 1, &type);
	(void)number(&c, 3, &n);
	if (n > LIMIT_GATEWAY_HELLO - HEAD_LEN)
		return bad(why, "its greeting is too long");
	if (c.n < n)
		return HELLO_MORE;
	if (c.n > n)
		return bad(why, "it says more than its greeting");
	return read_hello(h, c, why);
}

/* --- records ------------------------------------------------------------- */

static int
begin_record(struct hello *h, const char **why)
{
	struct cur c = { h->head, sizeof(h->head) };
	size_t type, version;

	h->nhead = 0;
	(void)number(&c, 1, &type);
	(void)number(&c, 2, &version);
	(void)number(&c, 2, &h->left);
	if (type != RECORD_HANDSHAKE || version >> 8 != 3)
		return bad(why, "it does not speak TLS");
	/* An empty one would be a way to go on for ever. */
	if (h->left == 0 || h->left > RECORD_MAX)
		return bad(why, "a record has a length that none has");
	return HELLO_MORE;
}

void
hello_init(struct hello *h)
{
	*h = (struct hello){ 0 };
	buf_init(&h->body, LIMIT_GATEWAY_HELLO);
}

void
hello_fini(struct hello *h)
{
	buf_fini(&h->body);
}

/* The part of a record that is there. */
static int
take_body(struct hello *h, const uint8_t *p, size_t n, const char **why)
{
	if (buf_add(&h->body, p, n) < 0)
		return bad(why, "its greeting is too long");
	h->left -= n;
	return check_body(h, why);
}

int
hello_feed(struct hello *h, const void *bytes, size_t n, const char **why)
{
	const uint8_t *p = bytes;
	int r = HELLO_MORE;
	size_t part;

	while (n != 0 && r == HELLO_MORE) {
		if (h->left == 0) {
			h->head[h->nhead++] = *p++;
			n--;
			if (h->nhead == sizeof(h->head))
				r = begin_record(h, why);
			continue;
		}
		part = n < h->left ? n : h->left;
		r = take_body(h, p, part, why);
		p += part;
		n -= part;
	}
	/* Its message must end with a record: nothing may hide behind it. */
	if (r == 0 && h->left != 0)
		r = bad(why, "it says more than its greeting");
	return r;
}
