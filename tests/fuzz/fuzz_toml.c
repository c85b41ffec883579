/*
 * The reader of coven.toml.
 *
 * FUZZ-SOURCES: coven-confread/toml.cc
 * FUZZ-PACKAGES:
 */
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "coven-confread/confread.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Every row must pass its receiver's check. */
static void
on_row(void *ctx, const struct msg_conf_row *row)
{
	char why[CONF_WHY_MAX];

	(void)ctx;
	if (conf_check(row, why) != 0)
		abort();
}

static void
on_harness(void *ctx, const struct msg_harness_row *row)
{
	(void)ctx;
	(void)row;
	abort();	/* a configuration has none */
}

static void
on_familiar(void *ctx, const struct msg_familiar_row *row)
{
	(void)ctx;
	(void)row;
	abort();	/* nor of these */
}

static void
on_error(void *ctx, uint32_t line, const char *key, const char *text)
{
	(void)ctx;
	(void)line;
	if (strlen(key) > 256 || strlen(text) > 1024)
		abort();
}

static void
on_warn(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct confread_sink sink = { on_row, on_harness, on_familiar,
	    on_error, on_warn, NULL };

	confread_toml((const char *)data, n, &sink);
	return 0;
}
