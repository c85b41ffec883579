/*
 * The schema, as forward steps.
 */
#ifndef COVEN_STORED_MIGRATE_H
#define COVEN_STORED_MIGRATE_H

#include "coven-stored/sqlite.h"

#define STORE_APPLICATION_ID	0x636f7673	/* "covs" */
#define STORE_SCHEMA		7

/*
 * Bring the file to STORE_SCHEMA, each step in a transaction of its own.
 * Refuses a newer schema, one of the first builds and a file of another
 * program, by name, in why; what is refused is not changed.
 */
int	migrate(struct db *, char *why, size_t whylen);

#endif
