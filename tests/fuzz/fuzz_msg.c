/*
 * The message decoder: what decodes must encode to the same bytes.
 *
 * FUZZ-SOURCES:
 * FUZZ-PACKAGES:
 */
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/msg.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_again(enum msg_type type, const union msg_any *msg, const uint8_t *data,
    size_t used)
{
	struct buf b = { .max = LIMIT_BULK + 64 };

	if (msg_encode(&b, type, msg) != 0 || buf_left(&b) != used ||
	    memcmp(buf_head(&b), data, used) != 0)
		abort();
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	union msg_any msg;
	uint32_t type;
	size_t used;

	/* Records follow one another, as they do in a memfd. */
	while (msg_decode(data, n, &type, &msg, &used) == 0) {
		if (used == 0 || used > n || msg_row(type) == NULL)
			abort();
		check_again((enum msg_type)type, &msg, data, used);
		data += used;
		n -= used;
	}
	return 0;
}
