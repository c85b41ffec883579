/*
 * The patterns that every runner and stored needs, as coven-confread makes
 * them of no privacy.toml and one pattern of an owner's.
 */
#ifndef COVEN_TESTS_REDACTOR_FIXTURE_H
#define COVEN_TESTS_REDACTOR_FIXTURE_H

#include <stdbool.h>

#define FIXTURE_PATTERN	"corp-[0-9]{8}"

/*
 * A sealed memfd, made once; not to be closed.  Its pattern makes the last
 * line of output wait (redact/redact.h), so not everybody wants it.
 */
int	redactor_fixture(bool with_pattern);

#endif
