/*
 * What was read becomes what may be stored: on its way from a descriptor to
 * struct out everything goes through here.
 */
#ifndef COVEN_RUNNER_CLEAN_H
#define COVEN_RUNNER_CLEAN_H

#include "common/loop.h"
#include "coven-runner/out.h"
#include "redact/redact.h"

struct clean {
	struct loop	*loop;
	struct out	*out;
	unsigned	 index;		/* of out's streams */
	struct redact	*redact;
	struct timer	 hold;		/* what may begin a secret waits */
};

/* json: the text is lines of JSON.  Everything is borrowed. */
void	clean_open(struct clean *, struct loop *, struct redactor *,
	    struct out *, unsigned index, bool json);
/*
 * Feed out.  in_place: p is what out_room returned, so that text without
 * secrets is not copied.
 */
void	clean_pass(struct clean *, const char *p, size_t n, bool in_place);
/* No more will come: out gets the rest.  May be called again. */
void	clean_close(struct clean *);

#endif
