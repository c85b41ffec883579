/* Between the two stand-ins of routes_store.h. */
#ifndef COVEN_TESTS_ROUTES_IMPL_H
#define COVEN_TESTS_ROUTES_IMPL_H

#include "common/chan.h"
#include "tests/unit/routes_store.h"

extern chan_handler	*const stored_handlers[MSG__COUNT];

/* Nobody waits for events; who orders it about, and is told. */
void	stored_begin(struct shared *);
/* What waits for events of "grow" gets those that there are by now. */
void	stored_grow(struct chan *);

#endif
