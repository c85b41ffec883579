#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/sign.h"
#include "covenctl/verify.h"

void
verify_init(struct verify *v, const uint8_t chain[AUDIT_CHAIN_LEN])
{
	*v = (struct verify){ .n = 0 };
	memcpy(v->chain, chain, sizeof(v->chain));
	audit_chain_start(chain, v->digest);
}

void
verify_fini(struct verify *v)
{
	free(v->heads);
	*v = (struct verify){ .n = 0 };
}

/* The first one found is the one that is told. */
static void
blame(struct verify *v, enum verify_fault fault, uint64_t first,
    uint64_t last)
{
	if (v->fault != VERIFY_HOLDS)
		return;
	v->fault = fault;
	v->first = first;
	v->last = last;
}

/* --- heads -------------------------------------------------------------- */

/* They come in order, unless somebody went back: then it is put in place. */
static void
insert(struct verify *v, const struct audit_head *head)
{
	size_t i;

	if (v->nheads == v->cap) {
		v->cap = v->cap != 0 ? 2 * v->cap : 64;
		v->heads = mem_realloc(v->heads, v->cap, sizeof(*v->heads));
	}
	for (i = v->nheads; i > 0 && v->heads[i - 1].head.count >
	    head->count; i--)
		v->heads[i] = v->heads[i - 1];
	v->heads[i] = (struct known_head){ .head = *head,
	    .late = head->count < v->highest };
	if (head->count > v->highest)
		v->highest = head->count;
	v->nheads++;
}

/* The earliest of those that cover as much or more. */
static void
find_ages(struct verify *v)
{
	uint64_t ns = UINT64_MAX;
	size_t i;

	for (i = v->nheads; i-- > 0; ) {
		if (v->heads[i].head.at_ns < ns)
			ns = v->heads[i].head.at_ns;
		v->heads[i].until_ns = ns;
	}
}

void
verify_head(struct verify *v, const struct audit_head *head,
    const uint8_t public[AUDIT_PUBLIC_LEN])
{
	if (!sign_check_head(public, head)) {
		if (v->fault == VERIFY_HOLDS)
			v->head = *head;
		blame(v, VERIFY_FORGED, 0, 0);
		return;
	}
	if (memcmp(head->chain, v->chain, sizeof(v->chain)) == 0)
		insert(v, head);
	else
		v->other = *head;
}

/* --- records ------------------------------------------------------------ */

/*
 * The record is not what its digest says.  Is it another one, which was put
 * here with its digest or without?  The rest may tell.
 */
static void
suspect(struct verify *v, uint64_t n, const uint8_t *digest)
{
	blame(v, VERIFY_CHANGED, n, n);
	memcpy(v->before, v->digest, sizeof(v->before));
	memset(v->claimed, 0, sizeof(v->claimed));
	if (digest != NULL)
		memcpy(v->claimed, digest, sizeof(v->claimed));
}

static bool
look_for_moved(struct verify *v, const struct audit_record *r,
    const uint8_t *digest)
{
	struct audit_record there = *r;
	uint8_t would_be[DIGEST_LEN];

	there.n = v->first;
	memcpy(would_be, v->before, sizeof(would_be));
	audit_chain_next(would_be, &there);
	if (memcmp(would_be, v->claimed, DIGEST_LEN) != 0 &&
	    (digest == NULL || memcmp(would_be, digest, DIGEST_LEN) != 0))
		return true;
	v->fault = VERIFY_MOVED;
	v->last = r->n;
	return false;
}

/* Only a file can hold records in another order than their numbers'. */
static bool
look_for_late(struct verify *v, const struct audit_record *r)
{
	if (r->n == v->first) {
		v->fault = VERIFY_LATE;
		v->last = v->seen;
		return false;
	}
	v->seen = r->n;
	return true;
}

/* A head over records that are older than one of them was made up later. */
static void
rewritten(struct verify *v, const struct audit_head *head)
{
	if (v->fault == VERIFY_HOLDS)
		v->head = *head;
	if (v->young != 0 && v->young <= head->count) {
		memcpy(v->at, v->young_at, sizeof(v->at));
		blame(v, VERIFY_REWRITTEN, v->young, v->young);
	} else {
		blame(v, VERIFY_REWRITTEN, v->proven.count + 1, head->count);
	}
}

/* Every head over exactly the records so far. */
static void
compare_heads(struct verify *v)
{
	const struct known_head *h;

	for (; v->next_head < v->nheads; v->next_head++) {
		h = &v->heads[v->next_head];
		if (h->head.count > v->n)
			break;
		if (memcmp(h->head.digest, v->digest, DIGEST_LEN) != 0) {
			rewritten(v, &h->head);
			return;
		}
		if (!h->late)
			v->proven = h->head;
	}
}

/* The first record that is younger than the next head, which covers it. */
static void
look_at_age(struct verify *v, const struct audit_record *r)
{
	if (v->next_head == v->nheads)
		return;
	if (v->young > v->proven.count)
		return;
	v->young = 0;
	if (r->at_ns <= v->heads[v->next_head].until_ns)
		return;
	v->young = r->n;
	clock_format(r->at_ns, v->young_at);
}

bool
verify_record(struct verify *v, const struct audit_record *r,
    const uint8_t *digest)
{
	uint8_t next[DIGEST_LEN];

	if (v->fault == VERIFY_CHANGED)
		return look_for_moved(v, r, digest);
	if (v->fault == VERIFY_REMOVED)
		return look_for_late(v, r);
	if (v->fault != VERIFY_HOLDS)
		return false;
	if (r->n <= v->n) {
		blame(v, VERIFY_LATE, r->n, v->n);
		return false;
	}
	if (r->n != v->n + 1) {
		blame(v, VERIFY_REMOVED, v->n + 1, r->n - 1);
		v->seen = r->n;
		return true;
	}
	if (v->n == 0)
		find_ages(v);
	look_at_age(v, r);
	memcpy(next, v->digest, sizeof(next));
	audit_chain_next(next, r);
	if (digest == NULL || memcmp(next, digest, DIGEST_LEN) != 0) {
		suspect(v, r->n, digest);
		return true;
	}
	memcpy(v->digest, next, sizeof(next));
	v->n = r->n;
	compare_heads(v);
	return v->fault == VERIFY_HOLDS;
}

enum verify_fault
verify_end(struct verify *v)
{
	const struct audit_head *last = v->nheads != 0 ?
	    &v->heads[v->nheads - 1].head : NULL;

	if (v->fault == VERIFY_HOLDS && last != NULL && last->count > v->n) {
		v->head = *last;
		blame(v, VERIFY_REMOVED, v->n + 1, last->count);
	}
	if (v->fault == VERIFY_HOLDS && v->other.count != 0) {
		v->head = v->other;
		blame(v, VERIFY_OTHER_CHAIN, 1, v->other.count);
	}
	if (last == NULL)
		blame(v, VERIFY_NO_HEAD, 1, v->n);
	return v->fault;
}

/* --- in words ----------------------------------------------------------- */

static void
records(const struct verify *v, char *out, size_t len)
{
	if (v->first == v->last)
		(void)snprintf(out, len, "record %llu",
		    (unsigned long long)v->first);
	else
		(void)snprintf(out, len, "records %llu to %llu",
		    (unsigned long long)v->first,
		    (unsigned long long)v->last);
}

void
verify_explain(const struct verify *v, char *out, size_t len)
{
	char which[64], at[RFC3339_LEN], head[128] = "";
	char chain[2 * AUDIT_CHAIN_LEN + 1];
	const char *verb = v->first == v->last ? "was" : "were";

	records(v, which, sizeof(which));
	clock_format(v->head.at_ns, at);
	if (v->head.count != 0)
		(void)snprintf(head, sizeof(head), "head %llu of %s",
		    (unsigned long long)v->head.count, at);
	audit_hex(v->head.chain, sizeof(v->head.chain), chain);
	out[0] = '\0';
	switch (v->fault) {
	case VERIFY_HOLDS:
		break;
	case VERIFY_FORGED:
		(void)snprintf(out, len, "%s is not signed with this key",
		    head);
		break;
	case VERIFY_OTHER_CHAIN:
		(void)snprintf(out, len, "%s is of chain %s, which is not "
		    "here: the store was exchanged", head, chain);
		break;
	case VERIFY_NO_HEAD:
		(void)snprintf(out, len, "there is no head: nothing is "
		    "proven");
		break;
	case VERIFY_CHANGED:
		(void)snprintf(out, len, "%s was changed", which);
		break;
	case VERIFY_MOVED:
		(void)snprintf(out, len, "record %llu was moved: what belongs "
		    "there stands at %llu", (unsigned long long)v->first,
		    (unsigned long long)v->last);
		break;
	case VERIFY_LATE:
		(void)snprintf(out, len, "record %llu was moved: it comes "
		    "after record %llu", (unsigned long long)v->first,
		    (unsigned long long)v->last);
		break;
	case VERIFY_REMOVED:
		(void)snprintf(out, len, "%s %s removed%s%s%s", which, verb,
		    *head != '\0' ? ": " : "", head, *head != '\0' ?
		    " covers what is not here" : "");
		break;
	case VERIFY_REWRITTEN:
		if (v->at[0] != '\0')
			(void)snprintf(out, len, "%s of %s is younger than "
			    "%s, which covers it: another stood there",
			    which, v->at, head);
		else
			(void)snprintf(out, len, "%s %s changed and chained "
			    "anew: %s knows others", which, verb, head);
		break;
	}
}
