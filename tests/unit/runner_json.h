/*
 * Reading an event's payload back, for the runner's tests: the reverse of
 * coven-runner/out.c, written apart from it.
 */
#ifndef COVEN_TESTS_RUNNER_JSON_H
#define COVEN_TESTS_RUNNER_JSON_H

#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/buf.h"

/* The closing quote of the string whose first byte is s, or NULL. */
static inline const char *
json_string_end(const char *s, const char *end)
{
	for (; s < end && *s != '"'; s++) {
		if ((unsigned char)*s < 0x20)
			return NULL;
		if (*s == '\\')
			s++;
	}
	return s < end ? s : NULL;
}

/* The raw inside of member name of the flat object p, or NULL. */
static inline const char *
json_member(const char *p, size_t n, const char *name, size_t *len)
{
	const char *end = p + n, *s = p + 1, *e, *v, *ve;

	*len = 0;
	if (n < 2 || *p != '{')
		return NULL;
	while (s < end && *s == '"') {
		e = json_string_end(s + 1, end);
		if (e == NULL || e + 2 >= end || e[1] != ':')
			return NULL;
		v = e + 3;
		if (e[2] == '"') {
			ve = json_string_end(v, end);
		} else {
			v = e + 2;
			ve = v + strcspn(v, ",}") - 1;
		}
		if (ve == NULL)
			return NULL;
		if ((size_t)(e - s - 1) == strlen(name) &&
		    memcmp(s + 1, name, strlen(name)) == 0) {
			*len = (size_t)(ve - v);
			return v;
		}
		s = ve + 2;	/* the quote and a comma */
	}
	return NULL;
}

/* Undo JSON's escapes of ASCII; others are there as they are. */
static inline void
json_unescape(const char *s, size_t n, struct buf *out)
{
	static const char from[] = "bfnrt\"\\", to[] = "\b\f\n\r\t\"\\";
	char hex[5] = "";
	size_t i;
	char c;

	for (i = 0; i < n; i++) {
		c = s[i];
		if (c == '\\' && s[++i] == 'u') {
			memcpy(hex, s + i + 1, 4);
			c = (char)strtol(hex, NULL, 16);
			i += 4;
		} else if (s[i] != c) {
			c = to[strchr(from, s[i]) - from];
		} else if (c == '\\') {
			c = '\\';
		}
		(void)buf_add(out, &c, 1);
	}
}

/* The bytes that an output event stands for. */
static inline int
payload_bytes(const char *p, size_t n, struct buf *out)
{
	size_t len = 0;
	const char *v = json_member(p, n, "b64", &len);

	if (v != NULL)
		return base64_decode(BASE64_STANDARD, v, len, out);
	v = json_member(p, n, "data", &len);
	if (v == NULL)
		return -1;
	json_unescape(v, len, out);
	return 0;
}

#endif
