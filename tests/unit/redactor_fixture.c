#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/memfd.h"
#include "redact/compile.h"
#include "tests/unit/redactor_fixture.h"

static void
refused(void *ctx, size_t index, const char *why)
{
	(void)ctx;
	fail_msg("pattern %zu: %s", index, why);
}

int
redactor_fixture(bool with_pattern)
{
	static const char *const extra[] = { FIXTURE_PATTERN };
	static int fd = -1;
	struct buf image = { 0 };

	if (fd != -1)
		return fd;
	assert_int_equal(compile_patterns(extra, with_pattern, &image,
	    refused, NULL), 0);
	fd = memfd_make("patterns", buf_head(&image), buf_left(&image));
	assert_true(fd >= 0);
	buf_fini(&image);
	return fd;
}
