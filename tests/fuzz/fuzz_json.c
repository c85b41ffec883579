/*
 * JSON with its guards: what is accepted writes a text that is accepted
 * again and writes itself.  And base64, strict: one text for each value.
 *
 * FUZZ-SOURCES: coven-apid/json.c
 * FUZZ-PACKAGES: json-c
 */
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "coven-apid/json.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_json(const char *text, size_t n)
{
	struct buf one = { 0 }, two = { 0 };
	struct json *v = NULL, *again = NULL;
	const char *why = NULL;

	if (json_parse(text, n, &v, &why) != 0) {
		if (why == NULL)
			abort();
		return;
	}
	if (json_write(v, &one) != 0 ||
	    json_parse(buf_head(&one), buf_left(&one), &again, &why) != 0 ||
	    json_write(again, &two) != 0 ||
	    strcmp(buf_head(&one), buf_head(&two)) != 0)
		abort();
	json_free(v);
	json_free(again);
	buf_fini(&one);
	buf_fini(&two);
}

static void
check_base64(enum base64_form form, const char *text, size_t n)
{
	struct buf bytes = { 0 }, again = { 0 };

	if (base64_decode(form, text, n, &bytes) == 0 &&
	    (base64_encode(form, buf_head(&bytes), buf_left(&bytes),
	    &again) != 0 || buf_left(&again) != n ||
	    memcmp(buf_head(&again), text, n) != 0))
		abort();
	buf_fini(&bytes);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);

	if (text == NULL)
		return 0;
	if (n != 0)
		memcpy(text, data, n);
	text[n] = '\0';
	check_json(text, n);
	check_base64(BASE64_STANDARD, text, n);
	check_base64(BASE64_URL, text, n);
	free(text);
	return 0;
}
