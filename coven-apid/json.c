#include <string.h>

#include <json-c/json.h>

#include "common/json_scan.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-apid/json.h"

static json_object *
of(const struct json *v)
{
	return (json_object *)(uintptr_t)v;
}

/* Members that survived parsing; the scan counted those of the text. */
static size_t
count_members(json_object *o)
{
	size_t n = 0, i;

	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, name, value) {
			(void)name;
			n += 1 + count_members(value);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (i = 0; i < json_object_array_length(o); i++)
			n += count_members(json_object_array_get_idx(o, i));
	}
	return n;
}

/* NULL, or what is wrong with it. */
static const char *
parse(const char *p, size_t n, size_t members, json_object **root)
{
	struct json_tokener *tok = json_tokener_new_ex(LIMIT_JSON_DEPTH);
	const char *why = NULL;
	json_object *o;

	if (tok == NULL)
		fatal("parse JSON: out of memory");
	json_tokener_set_flags(tok, JSON_TOKENER_VALIDATE_UTF8);
	/* With its NUL, or a number at the end would wait for more. */
	o = json_tokener_parse_ex(tok, p, (int)n + 1);
	if (json_tokener_get_error(tok) != json_tokener_success)
		why = json_tokener_error_desc(json_tokener_get_error(tok));
	else if (json_tokener_get_parse_end(tok) < n)
		why = "something behind the value";
	else if (count_members(o) != members)
		why = "a name given twice";
	json_tokener_free(tok);
	if (why != NULL)
		json_object_put(o);
	else
		*root = o;
	return why;
}

int
json_parse(const char *p, size_t n, struct json **root, const char **why)
{
	struct json_scan s = { .max_values = LIMIT_JSON_VALUES };
	json_object *o = NULL;

	if (n >= INT32_MAX)
		*why = "too long a text";
	else if (json_scan(&s, p, n) != 0)
		*why = s.fault;
	else
		*why = parse(p, n, s.members, &o);
	if (*why != NULL)
		return JSON_BAD;
	*root = (struct json *)o;
	return 0;
}

void
json_warm(void)
{
	const char *why;
	struct json *v = NULL;

	if (json_parse("{\"a\":1}", 7, &v, &why) != 0)
		fatal("parse JSON: %s", why);
	json_free(v);
}

void
json_free(struct json *root)
{
	(void)json_object_put(of(root));
}

void
json_freep(struct json **root)
{
	json_free(*root);
}

enum json_kind
json_kind(const struct json *v)
{
	switch (json_object_get_type(of(v))) {
	case json_type_null:
		return JSON_NULL;
	case json_type_boolean:
		return JSON_BOOL;
	case json_type_int:
		return JSON_INT;
	case json_type_double:
		return JSON_NUMBER;
	case json_type_string:
		return JSON_STRING;
	case json_type_array:
		return JSON_ARRAY;
	case json_type_object:
		return JSON_OBJECT;
	}
	return JSON_NULL;
}

static bool
lookup(const struct json *o, const char *name, json_object **v)
{
	return json_kind(o) == JSON_OBJECT &&
	    json_object_object_get_ex(of(o), name, v);
}

const struct json *
json_get(const struct json *o, const char *name)
{
	json_object *v = NULL;

	return lookup(o, name, &v) ? (const struct json *)v : NULL;
}

bool
json_has(const struct json *o, const char *name)
{
	json_object *v = NULL;

	return lookup(o, name, &v);
}

const char *
json_str(const struct json *v, size_t *len)
{
	const char *s;
	size_t n;

	if (json_kind(v) != JSON_STRING)
		return NULL;
	s = json_object_get_string(of(v));
	n = (size_t)json_object_get_string_len(of(v));
	if (len == NULL)
		return strlen(s) == n ? s : NULL;
	*len = n;
	return s;
}

char *
json_trimmed(const struct json *v)
{
	const char *s = json_str(v, NULL);
	char *copy;
	size_t n;

	if (s == NULL)
		return NULL;
	s += strspn(s, " \t\r\n");
	n = strlen(s);
	while (n != 0 && strchr(" \t\r\n", s[n - 1]) != NULL)
		n--;
	if (n == 0)
		return NULL;
	copy = mem_alloc(n + 1);
	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

bool
json_int(const struct json *v, int64_t *n)
{
	if (json_kind(v) != JSON_INT)
		return false;
	*n = json_object_get_int64(of(v));
	return true;
}

bool
json_is_true(const struct json *v)
{
	return json_kind(v) == JSON_BOOL && json_object_get_boolean(of(v));
}

size_t
json_len(const struct json *v)
{
	switch (json_kind(v)) {
	case JSON_ARRAY:
		return json_object_array_length(of(v));
	case JSON_OBJECT:
		return (size_t)json_object_object_length(of(v));
	case JSON_NULL:
	case JSON_BOOL:
	case JSON_INT:
	case JSON_NUMBER:
	case JSON_STRING:
		break;
	}
	return 0;
}

const struct json *
json_at(const struct json *array, size_t i)
{
	if (json_kind(array) != JSON_ARRAY || i >= json_len(array))
		return NULL;
	return (const struct json *)json_object_array_get_idx(of(array), i);
}

bool
json_each(const struct json *o, bool (*cb)(void *, const char *,
    const struct json *), void *ctx)
{
	if (json_kind(o) != JSON_OBJECT)
		return true;
	json_object_object_foreach(of(o), name, value)
		if (!cb(ctx, name, (const struct json *)value))
			return false;
	return true;
}

void
json_remove(struct json *o, const char *name)
{
	if (json_kind(o) == JSON_OBJECT)
		json_object_object_del(of(o), name);
}

int
json_write(const struct json *v, struct buf *out)
{
	size_t n = 0;
	const char *text = json_object_to_json_string_length(of(v),
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);

	if (text == NULL)
		fatal("write JSON: out of memory");
	return buf_add(out, text, n);
}
