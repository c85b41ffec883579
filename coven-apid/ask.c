/* Questions to stored and their answers. */
#include <errno.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "common/shelf.h"
#include "coven-apid/request.h"
#include "coven-apid/stream.h"

#define ROWS_MAX	((size_t)64 << 20)	/* bytes of one answer */

struct rows {
	const char	*p;
	size_t		 left;
	bool		 json;		/* the whole answer; not rows */
	bool		 bad;		/* stored wrote nonsense */
};

static void
unavailable(struct request *r)
{
	answer_error(r, API_UNAVAILABLE, "The store is restarting; try again.");
}

void
ask(struct request *r, enum msg_type type, const void *msg, int fd,
    reply_fn *cb)
{
	struct msg_reply none = { .code = STORE_NOT_FOUND, .text = "" };
	int e;

	if (!chan_is_open(&r->apid->stored)) {
		unavailable(r);
		return;
	}
	e = chan_send(&r->apid->stored, type, msg, fd);
	if (e == 0)
		r->on_reply = cb;
	else if (e == -EMSGSIZE)	/* an id that no session can have */
		answer_store_code(r, &none);
	else
		unavailable(r);
}

void
ask_with_record(struct request *r, enum msg_type type, const void *msg,
    enum msg_type record_type, const void *record, reply_fn *cb)
{
	autobuf struct buf b = { 0 };
	autoclose int fd = -1;

	if (msg_encode(&b, record_type, record) < 0) {
		answer_error(r, API_INVALID, "A field is too long.");
		return;
	}
	fd = memfd_make("coven-request", buf_head(&b), buf_left(&b));
	if (fd < 0) {
		log_error("make a memfd: %s", strerror(-fd));
		answer_error(r, API_INTERNAL, "No room for the request.");
		return;
	}
	ask(r, type, msg, fd, cb);
}

const char *
rows_json(const struct rows *rows, size_t *n)
{
	*n = rows->left;
	return rows->json ? rows->p : NULL;
}

bool
rows_next(struct rows *rows, enum msg_type want, union msg_any *row)
{
	uint32_t type;
	size_t used;

	if (rows->bad || rows->left == 0)
		return false;
	if (rows->json ||
	    msg_decode(rows->p, rows->left, &type, row, &used) != 0 ||
	    type != (uint32_t)want) {
		rows->bad = true;
		return false;
	}
	rows->p += used;
	rows->left -= used;
	return true;
}

/* The request that asked, as long as its client is there. */
static struct request *
asker(struct apid *apid, uint64_t tag)
{
	struct conn *conn = NULL;
	struct request *r;

	if (apid->server != NULL)
		conn = server_find(apid->server, tag);
	r = conn != NULL ? conn_user(conn) : NULL;
	return r != NULL && r->on_reply != NULL ? r : NULL;
}

/*
 * Bytes on the shelf are passed on and not looked at: stored could change
 * them meanwhile.  Only what is the whole answer may therefore lie there.
 */
static int
take_shelf(struct apid *apid, const struct msg_reply *reply,
    struct rows *rows)
{
	if (reply->shelf_len == 0)
		return 0;
	if (apid->shelf == NULL || !reply->json ||
	    !shelf_holds(reply->shelf_at, reply->shelf_len))
		return -EPROTO;
	rows->p = apid->shelf + reply->shelf_at;
	rows->left = reply->shelf_len;
	apid->shelf_taken++;
	apid->shelf_due += reply->shelf_len;
	return 0;
}

/* What lay there has been sent, or copied for a client that is slow. */
static void
shelf_told(struct apid *apid)
{
	struct msg_shelf_taken m = { .count = apid->shelf_taken };

	if (apid->shelf_due < LIMIT_SHELF_DUE || !chan_is_open(&apid->stored))
		return;
	if (chan_send(&apid->stored, MSG_SHELF_TAKEN, &m, -1) == 0)
		apid->shelf_due = 0;
}

static int
on_shelf(struct chan *c, const union msg_any *msg, int *fd)
{
	struct apid *apid = c->ctx;

	if (msg->shelf.size != LIMIT_SHELF)
		return chan_blame(c, "a shelf of %u bytes", msg->shelf.size);
	shelf_unmap(apid->shelf);
	apid->shelf = shelf_map(*fd);
	apid->shelf_taken = apid->shelf_due = 0;
	return apid->shelf != NULL ? 0 : chan_blame(c,
	    "a shelf that cannot be mapped");
}

/* Of the answer that is being taken: its memory is used again. */
static struct buf bytes = { .max = ROWS_MAX };

void
ask_fini(void)
{
	buf_fini(&bytes);
}

static int
on_reply(struct chan *c, const union msg_any *msg, int *fd)
{
	struct apid *apid = c->ctx;
	const struct msg_reply *reply = &msg->reply;
	struct rows rows = { .json = reply->json != 0 };
	struct request *r = asker(apid, reply->tag);
	struct feed *feed = streams_feed(apid->streams, reply->tag);
	reply_fn *cb;

	if (take_shelf(apid, reply, &rows) != 0)
		return chan_blame(c, "an answer beside the shelf");
	if (r == NULL && feed == NULL && reply->tag != 0) {
		shelf_told(apid);
		return 0;		/* its client has left */
	}
	if (*fd >= 0) {
		if (memfd_read(*fd, ROWS_MAX, &bytes) < 0) {
			if (r != NULL)
				unavailable(r);
			return chan_blame(c, "rows that cannot be read");
		}
		rows.p = buf_head(&bytes);
		rows.left = buf_left(&bytes);
	}
	if (reply->tag == 0) {
		pairings_on_list(apid, reply, &rows);
	} else if (feed != NULL) {
		streams_on_page(apid->streams, feed, reply, &rows);
	} else {
		cb = r->on_reply;
		r->on_reply = NULL;
		cb(r, reply, &rows);
	}
	buf_clear(&bytes);
	if (bytes.cap > 1u << 20)
		buf_fini(&bytes);
	shelf_told(apid);
	return rows.bad ? chan_blame(c, "rows that are malformed") : 0;
}

static void
fail_one(void *ctx, struct conn *c)
{
	struct request *r = conn_user(c);

	(void)ctx;
	if (r != NULL && r->on_reply != NULL)
		unavailable(r);
}

void
ask_fail_all(struct apid *apid)
{
	if (apid->server != NULL)
		server_each_waiting(apid->server, fail_one, NULL);
}

static void
on_lost(struct timer *t)
{
	struct apid *apid = t->ctx;
	struct msg_peer_end m = { .role = ROLE_STORED,
	    .lied = apid->stored_lied };

	(void)chan_send(&apid->control, MSG_PEER_END, &m, -1);
}

/*
 * When stored was started again the monitor hands over another one by itself.
 * If none comes, stored is still there and gave this one up, or lied on it.
 */
void
ask_on_end(struct chan *c, int why)
{
	struct apid *apid = c->ctx;

	apid->stored_lied = why == CHAN_BAD;
	if (why == CHAN_BAD)
		log_error("drop stored: it sent %s", c->blame);
	chan_close(c);
	ask_fail_all(apid);
	streams_lost(apid->streams);
	apid->lost = (struct timer){ .cb = on_lost, .ctx = apid };
	timer_start(apid->loop, &apid->lost, LIMIT_APID_LOST_MS);
}

chan_handler *const ask_handlers[MSG__COUNT] = {
	[MSG_REPLY] = on_reply,
	[MSG_SHELF] = on_shelf,
	[MSG_STORE_STATS] = health_on_stats,
};
