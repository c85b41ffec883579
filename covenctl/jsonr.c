#include <errno.h>
#include <limits.h>
#include <string.h>

#include <json-c/json.h>

#include "common/json_scan.h"
#include "common/limits.h"
#include "covenctl/jsonr.h"

/* json-c's getters do not change the value, but not all say so. */
static struct json_object *
as_c(const struct jr *v)
{
	return (struct json_object *)(uintptr_t)v;
}

static size_t
count_members(struct json_object *o)
{
	size_t n = 0;

	if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			n += count_members(json_object_array_get_idx(o, i));
	} else if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, name, value) {
			(void)name;
			n += 1 + count_members(value);
		}
	}
	return n;
}

int
jr_parse(const char *s, size_t n, struct jr **out)
{
	struct json_tokener *tok;
	struct json_object *o;
	struct json_scan scan = { .line = 0 };
	size_t end;
	int rc = -EPROTO;

	if (n > INT_MAX / 2 || json_scan(&scan, s, n) != 0)
		return -EPROTO;
	while (n != 0 && strchr(" \t\r\n", s[n - 1]) != NULL)
		n--;
	tok = json_tokener_new_ex(LIMIT_JSON_DEPTH);
	if (tok == NULL)
		return -ENOMEM;
	json_tokener_set_flags(tok, JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, s, (int)n);
	/* A bare number ends only at the end of the text. */
	if (json_tokener_get_error(tok) == json_tokener_continue)
		o = json_tokener_parse_ex(tok, "", 1);
	end = json_tokener_get_parse_end(tok);
	if (json_tokener_get_error(tok) == json_tokener_success && o != NULL &&
	    (end == n || end == 0) && count_members(o) == scan.members) {
		*out = (struct jr *)o;
		o = NULL;
		rc = 0;
	}
	json_object_put(o);
	json_tokener_free(tok);
	return rc;
}

void
jr_free(struct jr *v)
{
	json_object_put((struct json_object *)v);
}

void
jr_freep(struct jr **v)
{
	jr_free(*v);
}

const struct jr *
jr_get(const struct jr *v, const char *name)
{
	struct json_object *o = NULL;

	if (!json_object_is_type(as_c(v), json_type_object) ||
	    !json_object_object_get_ex(as_c(v), name, &o))
		return NULL;
	return (const struct jr *)o;
}

bool
jr_is_array(const struct jr *v)
{
	return json_object_is_type(as_c(v), json_type_array);
}

size_t
jr_count(const struct jr *v)
{
	return jr_is_array(v) ? json_object_array_length(as_c(v)) : 0;
}

const struct jr *
jr_at(const struct jr *v, size_t i)
{
	if (i >= jr_count(v))
		return NULL;
	return (const struct jr *)json_object_array_get_idx(as_c(v), i);
}

const char *
jr_kstrn(const struct jr *v, const char *name, size_t *n)
{
	struct json_object *o = as_c(jr_get(v, name));

	if (!json_object_is_type(o, json_type_string))
		return NULL;
	*n = (size_t)json_object_get_string_len(o);
	return json_object_get_string(o);
}

const char *
jr_kstr(const struct jr *v, const char *name)
{
	size_t n;
	const char *s = jr_kstrn(v, name, &n);

	return s != NULL && memchr(s, '\0', n) == NULL ? s : NULL;
}

bool
jr_ki64(const struct jr *v, const char *name, int64_t *out)
{
	struct json_object *o = as_c(jr_get(v, name));

	if (!json_object_is_type(o, json_type_int))
		return false;
	*out = json_object_get_int64(o);
	return true;
}

bool
jr_ktrue(const struct jr *v, const char *name)
{
	struct json_object *o = as_c(jr_get(v, name));

	return json_object_is_type(o, json_type_boolean) &&
	    json_object_get_boolean(o);
}

const char *
jr_text(const struct jr *v)
{
	return json_object_to_json_string_ext(as_c(v),
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

const char *
jr_pretty(const struct jr *v)
{
	return json_object_to_json_string_ext(as_c(v), JSON_C_TO_STRING_PRETTY |
	    JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
}
