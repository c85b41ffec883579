/* The roster of familiars, as the monitor has read it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/memfd.h"
#include "coven-apid/request.h"

/* What this daemon does not follow. */
#define UNKNOWN_TIME	"\xe2\x80\x94"

static void
roster_fini(struct roster *r)
{
	free(r->v);
	free(r->bad);
	buf_fini(&r->rows);
	buf_fini(&r->reply);
	*r = (struct roster){ 0 };
}

/* --- GET /familiars, made when the roster comes --- */

static void
optional(struct jw *j, const char *name, const char *value)
{
	if (*value != '\0')
		jw_kstr(j, name, value);
}

static void
put_familiar(struct jw *j, const struct msg_familiar_row *f)
{
	jw_object(j);
	jw_kstr(j, "id", f->id);
	jw_kstr(j, "name", f->name);
	jw_kstr(j, "display_name", f->display_name);
	jw_kstr(j, "emoji", f->emoji);
	optional(j, "icon", f->icon);
	jw_kstr(j, "role", f->role);
	jw_kstr(j, "description", f->description);
	optional(j, "pronouns", f->pronouns);
	jw_kstr(j, "status", "offline");
	optional(j, "active_channel", f->active_channel);
	jw_kstr(j, "last_seen", UNKNOWN_TIME);
	jw_ku64(j, "active_sessions", 0);
	jw_kstr(j, "memory_freshness", UNKNOWN_TIME);
	optional(j, "workspace", f->workspace);
	jw_object_end(j);
}

static void
make_reply(struct roster *r)
{
	autobuf struct buf body = { 0 };
	struct jw j;
	size_t i;

	jw_init(&j, &body);
	jw_array(&j);
	for (i = 0; i < r->n; i++)
		put_familiar(&j, &r->v[i]);
	jw_array_end(&j);
	conn_format_reply(&r->reply, 200, buf_head(&body), buf_left(&body));
}

void
familiars_init(struct apid *apid)
{
	make_reply(&apid->roster);
}

void
familiars_fini(struct apid *apid)
{
	roster_fini(&apid->roster);
}

void
on_familiars(struct request *r)
{
	if (r->apid->roster.bad != NULL)
		answer_error(r, API_FAMILIAR_LOOKUP, "%s",
		    r->apid->roster.bad);
	else
		answer_whole(r, &r->apid->roster.reply);
}

/* --- the roster --- */

static bool
take_rows(struct roster *r, uint32_t n)
{
	union msg_any any;
	size_t at = 0, used;
	uint32_t type;

	if (n > LIMIT_FAMILIARS)
		return false;
	r->v = mem_zalloc(n + 1, sizeof(*r->v));
	for (; r->n < n; r->n++) {
		if (msg_decode(buf_head(&r->rows) + at, buf_left(&r->rows) -
		    at, &type, &any, &used) != 0 || type != MSG_FAMILIAR_ROW)
			return false;
		r->v[r->n] = any.familiar_row;
		at += used;
	}
	return at == buf_left(&r->rows);
}

int
familiars_on_roster(struct chan *c, const union msg_any *msg, int *fd)
{
	struct apid *apid = c->ctx;
	struct roster *r = &apid->roster;

	roster_fini(r);
	buf_init(&r->rows, LIMIT_BULK);
	if (memfd_read(*fd, LIMIT_BULK, &r->rows) != 0 ||
	    !take_rows(r, msg->familiars.rows))
		return chan_blame(c, "a roster that is none");
	if (msg->familiars.bad[0] != '\0')
		r->bad = mem_strdup(msg->familiars.bad);
	make_reply(r);
	return 0;
}

const struct msg_familiar_row *
familiar_find(const struct apid *apid, const char *id)
{
	size_t i;

	for (i = 0; i < apid->roster.n; i++)
		if (strcmp(apid->roster.v[i].id, id) == 0)
			return &apid->roster.v[i];
	return NULL;
}

void
familiar_preamble(const struct msg_familiar_row *f, struct buf *out)
{
	const char *role = f->role + strspn(f->role, " \t\r\n");
	size_t n = strlen(role);

	while (n != 0 && strchr(" \t\r\n", role[n - 1]) != NULL)
		n--;
	(void)buf_addf(out, "[Identity: You are %s", f->display_name);
	if (n != 0)
		(void)buf_addf(out, ", a %.*s", (int)n, role);
	(void)buf_addf(out, ". Respond as %s, not as the underlying tool.]",
	    f->display_name);
}
