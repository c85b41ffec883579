/*
 * The check that every event payload passes, whoever wrote it.
 */
#ifndef COVEN_STORED_ON_RUNNER_H
#define COVEN_STORED_ON_RUNNER_H

#include <stdbool.h>
#include <stddef.h>

/* UTF-8 without control characters, from '{' to '}'. */
bool	payload_is_sound(const char *, size_t);

#endif
