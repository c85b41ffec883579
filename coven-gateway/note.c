/* Decisions for the audit, and bytes for the budget. */
#include <stdio.h>

#include "common/limits.h"
#include "coven-gateway/gateway.h"

/* A burst of them is a number: what is said is bounded, what is counted not. */
static bool
may_say(struct gateway *g)
{
	int64_t now = loop_now_ns();

	if (now - g->said_ns > (int64_t)LIMIT_GATEWAY_NOTES_MS * 1000000) {
		g->said_ns = now;
		g->said = 0;
	}
	return g->said++ < LIMIT_GATEWAY_NOTES;
}

void
gateway_note(struct gateway *g, const char *host, uint16_t port,
    const struct net_verdict *v)
{
	gateway_note_use(g, host, port, v, &(struct net_use){ "", "" });
}

void
gateway_note_use(struct gateway *g, const char *host, uint16_t port,
    const struct net_verdict *v, const struct net_use *use)
{
	struct msg_gateway_note m = { .allow = v->allow, .host = host,
	    .port = port, .rule = v->rule, .from = v->from, .why = v->why,
	    .what = use->what, .grant = v->allow ? use->grant : "",
	    .unsaid = g->unsaid };

	if (!may_say(g)) {
		g->unsaid++;
		return;
	}
	g->unsaid = 0;
	(void)chan_send(&g->control, MSG_GATEWAY_NOTE, &m, -1);
}

void
gateway_report(struct gateway *g)
{
	struct msg_gateway_used m = { .bytes = g->used };

	if (g->used == 0)
		return;
	g->used = 0;
	(void)chan_send(&g->control, MSG_GATEWAY_USED, &m, -1);
}

bool
gateway_spend(struct gateway *g, size_t n)
{
	/* Nobody counts: the monitor is not woken for a number. */
	if (g->left == UINT64_MAX)
		return true;
	g->used += n;
	if (g->used >= LIMIT_GATEWAY_REPORT)
		gateway_report(g);
	g->left = n < g->left ? g->left - n : 0;
	return g->left != 0;
}
