#include <stdlib.h>
#include <string.h>

#include <llhttp.h>

#include "common/mem.h"
#include "coven-apid/http.h"

struct http {
	llhttp_t		 parser;
	struct buf		 head;		/* as received */
	struct head_scan	 scan;
	size_t			 head_max;
	http_head_fn		*ask;		/* or NULL */
	void			*ask_ctx;
	bool			 headed;	/* the head has been parsed */
	bool			 done, too_large;
	struct buf		 target;
	char			*last_event_id;
	uint64_t		 length, fed;	/* of the body */
	const char		*why;
	struct http_request	 request;
};

static int
on_url(llhttp_t *parser, const char *p, size_t n)
{
	struct http *h = parser->data;

	return buf_add(&h->target, p, n) < 0 ? -1 : 0;
}

static int
on_headers_complete(llhttp_t *parser)
{
	struct http *h = parser->data;

	h->request.method = llhttp_method_name((llhttp_method_t)parser->method);
	if (parser->flags & F_CONTENT_LENGTH)
		h->length = parser->content_length;
	h->too_large = h->length > HTTP_BODY_MAX;
	return h->too_large ? -1 : 0;
}

static int
on_body(llhttp_t *parser, const char *p, size_t n)
{
	struct http *h = parser->data;

	return buf_add(&h->request.body, p, n) < 0 ? -1 : 0;
}

/* Paused, or pipelined bytes would run through these functions again. */
static int
on_message_complete(llhttp_t *parser)
{
	struct http *h = parser->data;

	h->done = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

struct http *
http_new(void)
{
	struct http *h = mem_zalloc(1, sizeof(*h));

	llhttp_init(&h->parser, HTTP_REQUEST, &settings);
	h->parser.data = h;
	h->head_max = HEAD_MAX;
	buf_init(&h->head, HEAD_MAX);
	buf_init(&h->target, HEAD_MAX);
	buf_init(&h->request.body, HTTP_BODY_MAX);
	return h;
}

void
http_ask(struct http *h, size_t head_max, http_head_fn *cb, void *ctx)
{
	h->head_max = head_max;
	h->ask = cb;
	h->ask_ctx = ctx;
}

/* It may hold a token. */
static void
forget_head(struct http *h)
{
	if (h->head.data != NULL)
		explicit_bzero(h->head.data, h->head.cap);
	buf_fini(&h->head);
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	forget_head(h);
	buf_fini(&h->target);
	buf_fini(&h->request.body);
	free(h->last_event_id);
	free(h);
}

static int
parse(struct http *h, const char *p, size_t n)
{
	llhttp_errno_t e = llhttp_execute(&h->parser, p, n);

	if (h->done) {
		h->request.target = buf_head(&h->target);
		return 0;
	}
	if (h->too_large)
		return HTTP_TOO_LARGE;
	if (e == HPE_OK)
		return HTTP_MORE;
	h->why = "the request is malformed";
	return HTTP_BAD;
}

/* Fields that handlers look at, copied out of the head. */
static void
keep_fields(struct http *h, const struct head_info *info)
{
	h->request.origin = info->origins != 0;
	h->request.strange_host = info->strange_host;
	if (info->last_event_id == NULL)
		return;
	h->last_event_id = mem_alloc(info->last_event_id_n + 1);
	memcpy(h->last_event_id, info->last_event_id, info->last_event_id_n);
	h->last_event_id[info->last_event_id_n] = '\0';
	h->request.last_event_id = h->last_event_id;
}

static int
parse_head(struct http *h, size_t end)
{
	static struct buf strict = { .max = 2 * HEAD_MAX };
	struct head_info info;

	buf_clear(&strict);
	if (head_rewrite(buf_head(&h->head), end, &strict, &info,
	    &h->why) != 0)
		return HTTP_BAD;
	keep_fields(h, &info);
	if (h->ask != NULL && !h->ask(h->ask_ctx, &info))
		return HTTP_REFUSED;
	h->headed = true;
	forget_head(h);
	return parse(h, buf_head(&strict), buf_left(&strict));
}

static int
parse_body(struct http *h, const char *p, size_t n)
{
	h->fed += n;
	return n != 0 ? parse(h, p, n) : HTTP_MORE;
}

int
http_feed(struct http *h, const char *p, size_t n)
{
	size_t before = buf_left(&h->head), add = h->head_max - before, end;
	int r;

	if (h->headed)
		return parse_body(h, p, n);
	if (add > n)
		add = n;
	(void)buf_add(&h->head, p, add);
	if (head_find_end(&h->scan, buf_head(&h->head), before + add,
	    &end) != 0) {
		h->why = "the head is too large";
		return before + add < h->head_max ? HTTP_MORE : HTTP_BAD;
	}
	p += end - before;
	n -= end - before;
	r = parse_head(h, end);
	if (r == HTTP_MORE)
		return parse_body(h, p, n);
	h->fed += n;
	return r;
}

const char *
http_why(const struct http *h)
{
	return h->why != NULL ? h->why : "the request is malformed";
}

uint64_t
http_unread(const struct http *h)
{
	return h->length > h->fed ? h->length - h->fed : 0;
}

const struct http_request *
http_request(const struct http *h)
{
	return &h->request;
}
