/*
 * The manifest reader.
 *
 * FUZZ-SOURCES: coven-confread/manifest.c
 * FUZZ-PACKAGES: json-c
 */
#include <stdlib.h>
#include <string.h>

#include "coven-confread/confread.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
on_row(void *ctx, const struct msg_conf_row *row)
{
	(void)ctx;
	(void)row;
	abort();	/* a manifest has none */
}

static void
on_harness(void *ctx, const struct msg_harness_row *row)
{
	(void)ctx;
	/* What the receiver relies on. */
	if (row->id[0] == '\0' || row->exe[0] == '\0' ||
	    strchr(row->exe, '/') != NULL || row->builtin || row->available)
		abort();
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
	(void)line;
	if (strlen(key) > 256 || strlen(text) > 1024)
		abort();
	(*(unsigned *)ctx)++;
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
	unsigned errors = 0;
	const struct confread_sink sink = { on_row, on_harness, on_familiar,
	    on_error, on_warn, &errors };

	confread_manifest((const char *)data, n, &sink);
	return 0;
}
