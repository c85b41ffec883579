/*
 * Adapter manifests through json-c.  What json-c lets through and JSON does
 * not is refused before and after it; what a manifest may say is a table of
 * fields and the contract's rejections.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/harness.h"
#include "common/json_scan.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-confread/confread.h"

#define WHERE_MAX	128

/* A manifest being read. */
struct manifest {
	const struct confread_sink	*sink;
	char				*ids[LIMIT_CONF_ADAPTERS];
	size_t				 nids;
};

/* One adapter being read: the row it becomes, and what backs its fields. */
struct adapter {
	struct manifest		*m;
	struct json_object	*o;
	struct msg_harness_row	 row;
	size_t			 index;
	bool			 failed;
	char			*strings[24];
	size_t			 nstrings;
	struct buf		 lists[8];
	size_t			 nlists;
};

static void refuse(struct adapter *, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
refuse(struct adapter *a, const char *field, const char *fmt, ...)
{
	char where[WHERE_MAX], text[512];
	va_list ap;

	if (a->failed)
		return;
	a->failed = true;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)snprintf(where, sizeof(where), "adapters[%zu]%s%s", a->index,
	    *field != '\0' ? "." : "", field);
	a->m->sink->error(a->m->sink->ctx, 0, where, text);
}

/* --- members by either of their names --- */

/* "session_id_flag" as "sessionIdFlag". */
static void
camel(const char *snake, char *out, size_t len)
{
	size_t n = 0;

	for (; *snake != '\0' && n + 1 < len; snake++) {
		if (*snake == '_' && snake[1] != '\0')
			out[n++] = (char)toupper((unsigned char)*++snake);
		else
			out[n++] = *snake;
	}
	out[n] = '\0';
}

/*
 * The member, or NULL when it is absent or null.  Both names at once are one
 * member twice.
 */
static struct json_object *
member(struct adapter *a, struct json_object *o, const char *name)
{
	struct json_object *v = NULL, *w = NULL;
	char other[64];

	camel(name, other, sizeof(other));
	(void)json_object_object_get_ex(o, name, &v);
	if (strcmp(name, other) == 0 ||
	    !json_object_object_get_ex(o, other, &w))
		return v;
	if (json_object_object_get_ex(o, name, NULL))
		refuse(a, name, "is given twice");
	return w;
}

static bool
has_nul(struct json_object *o)
{
	return strlen(json_object_get_string(o)) !=
	    (size_t)json_object_get_string_len(o);
}

/* A copy without the blanks around it, owned by the adapter. */
static char *
trimmed(struct adapter *a, const char *s)
{
	size_t n;
	char *t;

	while (isascii((unsigned char)*s) && isspace((unsigned char)*s))
		s++;
	n = strlen(s);
	while (n > 0 && isascii((unsigned char)s[n - 1]) &&
	    isspace((unsigned char)s[n - 1]))
		n--;
	t = mem_alloc(n + 1);
	memcpy(t, s, n);
	t[n] = '\0';
	if (a->nstrings == nitems(a->strings))
		fatal("read an adapter: more strings than fields");
	a->strings[a->nstrings++] = t;
	return t;
}

static bool
is_string(struct adapter *a, struct json_object *v, const char *name)
{
	if (json_object_is_type(v, json_type_string) && !has_nul(v))
		return true;
	refuse(a, name, "must be a string without NUL");
	return false;
}

static const char *
required(struct adapter *a, const char *name)
{
	struct json_object *v = member(a, a->o, name);

	if (v == NULL) {
		refuse(a, name, "is missing");
		return "";
	}
	return is_string(a, v, name) ?
	    trimmed(a, json_object_get_string(v)) : "";
}

/* NULL when absent or blank. */
static const char *
optional(struct adapter *a, struct json_object *o, const char *name)
{
	struct json_object *v = member(a, o, name);
	const char *s;

	if (v == NULL || !is_string(a, v, name))
		return NULL;
	s = trimmed(a, json_object_get_string(v));
	return *s != '\0' ? s : NULL;
}

/* --- lists --- */

static struct buf *
list_new(struct adapter *a)
{
	if (a->nlists == nitems(a->lists))
		fatal("read an adapter: more lists than fields");
	return &a->lists[a->nlists++];
}

static struct msg_bin
list_done(const struct buf *b)
{
	return (struct msg_bin){ buf_head(b), buf_left(b) };
}

static void
list_add(struct adapter *a, struct buf *b, const char *name, const char *s)
{
	if (buf_add(b, s, strlen(s) + 1) < 0)
		refuse(a, name, "is too long");
}

/* Appends the strings of a list; how many of them are not blank. */
static size_t
list_read(struct adapter *a, struct json_object *v, const char *name,
    struct buf *b)
{
	size_t i, n, used = 0;

	if (!json_object_is_type(v, json_type_array)) {
		refuse(a, name, "must be a list of strings");
		return 0;
	}
	n = json_object_array_length(v);
	for (i = 0; i < n && !a->failed; i++) {
		struct json_object *e = json_object_array_get_idx(v, i);
		const char *s;

		if (!is_string(a, e, name))
			break;
		s = json_object_get_string(e);
		list_add(a, b, name, s);
		used += s[strspn(s, " \t\r\n")] != '\0';
	}
	return used;
}

static void
prefix_args(struct adapter *a, const char *name, struct msg_bin *to)
{
	struct json_object *v = member(a, a->o, name);
	struct buf *b = list_new(a);

	if (v == NULL) {
		refuse(a, name, "is missing");
		return;
	}
	(void)list_read(a, v, name, b);
	*to = list_done(b);
}

/* --- one adapter, field by field --- */

static bool
id_is_valid(const char *s)
{
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

	return *s != '\0' && *s != '.' && *s != '_' && *s != '-' &&
	    s[strspn(s, rest)] == '\0';
}

static void
read_id(struct adapter *a)
{
	char *id, *p;

	a->row.id = required(a, "id");
	if (a->failed)
		return;
	id = trimmed(a, a->row.id);
	for (p = id; *p != '\0'; p++)
		if (isascii((unsigned char)*p))
			*p = (char)tolower((unsigned char)*p);
	a->row.id = id;
	if (!id_is_valid(id))
		refuse(a, "id", "must be lower-case letters, digits, '.', '_' "
		    "and '-', the first a letter or digit");
}

static void
read_names(struct adapter *a)
{
	const char *exe = required(a, "executable"), *p;

	a->row.exe = exe;
	a->row.label = required(a, "label");
	a->row.install_hint = required(a, "install_hint");
	if (a->failed)
		return;
	for (p = exe; *p != '\0'; p++)
		if (*p == '/' || *p == '\\' || (unsigned char)*p <= 0x20 ||
		    *p == 0x7f)
			break;
	if (*exe == '\0' || *p != '\0' || strcmp(exe, ".") == 0 ||
	    strcmp(exe, "..") == 0)
		refuse(a, "executable", "must be a bare name that PATH is "
		    "searched for");
	if (*a->row.label == '\0')
		refuse(a, "label", "must not be blank");
	if (*a->row.install_hint == '\0')
		refuse(a, "install_hint", "must not be blank");
}

static void
read_template(struct adapter *a, struct buf *b, const char *template)
{
	const char *blanks = " \t\r\n\f\v";
	size_t n;

	if (strstr(template, "{model}") == NULL) {
		refuse(a, "model_arg_template", "must contain {model}");
		return;
	}
	while (*(template += strspn(template, blanks)) != '\0') {
		n = strcspn(template, blanks);
		if (buf_add(b, template, n) < 0 || buf_add(b, "", 1) < 0)
			refuse(a, "model_arg_template", "is too long");
		template += n;
	}
}

static void
read_model(struct adapter *a)
{
	const char *flag = optional(a, a->o, "model_flag");
	const char *template = optional(a, a->o, "model_arg_template");
	const char *how = optional(a, a->o, "model_id_transform");
	struct buf *b = list_new(a);

	if (template != NULL) {
		read_template(a, b, template);
	} else if (flag != NULL) {
		list_add(a, b, "model_flag", flag);
		list_add(a, b, "model_flag", "{model}");
	}
	a->row.model_args = list_done(b);
	a->row.model_strip = how == NULL || strcmp(how, "preserve") != 0;
	if (how != NULL && strcmp(how, "preserve") != 0 &&
	    strcmp(how, "strip_provider") != 0)
		refuse(a, "model_id_transform", "must be strip_provider or "
		    "preserve");
	if (!a->row.model_strip && flag == NULL && template == NULL)
		refuse(a, "model_id_transform", "is preserve without a "
		    "model_flag or model_arg_template");
}

static void
read_capabilities(struct adapter *a)
{
	static const struct {
		const char	*name;
		uint32_t	 bit;
	} caps[] = {
		{ "stream", HARNESS_STREAM },
		{ "preassigned_session_id", HARNESS_PREASSIGNED },
		{ "think", HARNESS_THINK },
		{ "speed", HARNESS_SPEED },
	};
	struct json_object *o, *v;
	size_t i;

	if (!json_object_object_get_ex(a->o, "capabilities", &o))
		return;
	if (!json_object_is_type(o, json_type_object)) {
		refuse(a, "capabilities", "must be an object");
		return;
	}
	for (i = 0; i < nitems(caps); i++) {
		v = member(a, o, caps[i].name);
		if (v == NULL)
			continue;
		if (!json_object_is_type(v, json_type_boolean))
			refuse(a, "capabilities", "`%s` must be true or false",
			    caps[i].name);
		else if (json_object_get_boolean(v))
			a->row.caps |= caps[i].bit;
	}
}

/* An optional object; false when it is not there. */
static bool
object(struct adapter *a, const char *name, struct json_object **o)
{
	*o = member(a, a->o, name);
	if (*o == NULL)
		return false;
	if (json_object_is_type(*o, json_type_object))
		return true;
	refuse(a, name, "must be an object");
	return false;
}

static void
read_stream(struct adapter *a)
{
	bool wanted = a->row.caps & HARNESS_STREAM;
	struct buf *b = list_new(a);
	struct json_object *o, *v;

	if (!object(a, "stream_args", &o)) {
		if (wanted)
			refuse(a, "capabilities", "`stream` needs stream_args");
		return;
	}
	if (!wanted) {
		refuse(a, "stream_args", "is given, but capabilities.stream is "
		    "not true");
		return;
	}
	v = member(a, o, "prefix_args");
	if (v == NULL || list_read(a, v, "stream_args", b) == 0)
		refuse(a, "stream_args", "must have prefix_args that are not "
		    "blank");
	a->row.stream_args = list_done(b);
	a->row.session_id_flag = optional(a, o, "session_id_flag");
	a->row.resume_flag = optional(a, o, "resume_flag");
}

/* A launch that continues a conversation: its prefix, then its flag. */
static bool
read_form(struct adapter *a, struct json_object *o, const char *prefix,
    const char *flag, struct buf *b)
{
	struct json_object *v = member(a, o, prefix);
	bool usable = flag != NULL;

	if (v != NULL && list_read(a, v, prefix, b) > 0)
		usable = true;
	if (flag != NULL)
		list_add(a, b, prefix, flag);
	return usable;
}

static void
read_continuity(struct adapter *a)
{
	struct buf *init = list_new(a), *resume = list_new(a);
	bool can_init, can_resume, preassigned;
	const char *flag, *rflag;
	struct json_object *o;

	preassigned = a->row.caps & HARNESS_PREASSIGNED;
	flag = NULL;
	if (object(a, "continuity_args", &o)) {
		flag = optional(a, o, "session_id_flag");
		rflag = optional(a, o, "resume_flag");
		can_init = read_form(a, o, "init_prefix_args", flag, init);
		can_resume = read_form(a, o, "resume_prefix_args", rflag,
		    resume);
		if (!can_init && !can_resume)
			refuse(a, "continuity_args", "has no usable launch");
		if (flag != NULL && !preassigned)
			refuse(a, "continuity_args", "has a session_id_flag, "
			    "but capabilities.preassigned_session_id is not "
			    "true");
		/* Without the flag nothing would carry the id. */
		if (flag != NULL)
			a->row.continuity_init = list_done(init);
		if (can_resume)
			a->row.continuity_resume = list_done(resume);
	}
	if (preassigned && flag == NULL && a->row.session_id_flag == NULL)
		refuse(a, "capabilities", "`preassigned_session_id` needs a "
		    "session_id_flag");
}

static bool
is_filled(struct adapter *a, struct json_object *o, const char *name)
{
	struct json_object *v = member(a, o, name);
	struct buf b = { 0 };
	bool filled;

	if (json_object_is_type(v, json_type_string))
		return optional(a, o, name) != NULL;
	filled = json_object_is_type(v, json_type_array) &&
	    list_read(a, v, "sandbox", &b) > 0;
	buf_fini(&b);
	return filled;
}

/* Checked and dropped: the daemon's socket cannot ask for a permission. */
static void
check_sandbox(struct adapter *a)
{
	static const char *const flags[] = { "flag", "full", "read_only" };
	static const char *const args[] = { "full_args", "read_only_args" };
	bool by_args;
	struct json_object *o;
	size_t i;

	if (!object(a, "sandbox", &o))
		return;
	by_args = member(a, o, "flag") == NULL;
	for (i = 0; i < (by_args ? nitems(args) : nitems(flags)); i++) {
		const char *name = by_args ? args[i] : flags[i];

		if (json_object_is_type(member(a, o, name), by_args ?
		    json_type_array : json_type_string) &&
		    is_filled(a, o, name))
			continue;
		refuse(a, "sandbox", "is incomplete: it needs flag, full and "
		    "read_only, or full_args and read_only_args");
	}
}

static void
read_rest(struct adapter *a)
{
	read_names(a);
	prefix_args(a, "interactive_prompt_prefix_args", &a->row.interactive);
	prefix_args(a, "non_interactive_prompt_prefix_args",
	    &a->row.noninteractive);
	a->row.system_flag = optional(a, a->o, "system_prompt_flag");
	a->row.prompt_flag = optional(a, a->o, "prompt_flag");
	a->row.interactive_prompt_flag = optional(a, a->o,
	    "interactive_prompt_flag");
	(void)optional(a, a->o, "add_dir_flag");
	read_model(a);
	read_capabilities(a);
	read_stream(a);
	read_continuity(a);
	check_sandbox(a);
}

/* --- the file --- */

static bool
is_builtin(const char *id)
{
	const struct msg_harness_row *h;
	size_t n, i;

	h = harness_builtins(&n);
	for (i = 0; i < n; i++)
		if (strcmp(h[i].id, id) == 0)
			return true;
	return false;
}

/* The first of two with one id wins, and a built-in before both. */
static bool
is_shadowed(struct manifest *m, const char *id)
{
	const char *by = is_builtin(id) ? "a built-in harness" : NULL;
	char text[256];
	size_t i;

	for (i = 0; i < m->nids && by == NULL; i++)
		if (strcmp(m->ids[i], id) == 0)
			by = "an earlier adapter";
	if (by == NULL) {
		m->ids[m->nids++] = mem_strdup(id);
		return false;
	}
	(void)snprintf(text, sizeof(text), "skip adapter %.64s: %s has its id",
	    id, by);
	m->sink->warn(m->sink->ctx, text);
	return true;
}

static void
pass_on(struct adapter *a)
{
	struct buf record = { .max = 32768 };	/* CONF_HARNESS.harness */

	if (msg_encode(&record, MSG_HARNESS_ROW, &a->row) < 0)
		refuse(a, "", "has a field that is too long");
	else
		a->m->sink->harness(a->m->sink->ctx, &a->row);
	buf_fini(&record);
}

static void
read_adapter(struct manifest *m, struct json_object *o, size_t index)
{
	struct adapter a = { .m = m, .o = o, .index = index };
	size_t i;

	if (!json_object_is_type(o, json_type_object))
		refuse(&a, "", "must be an object");
	else
		read_id(&a);
	if (!a.failed && !is_shadowed(m, a.row.id)) {
		read_rest(&a);
		if (!a.failed)
			pass_on(&a);
	}
	for (i = 0; i < a.nstrings; i++)
		free(a.strings[i]);
	for (i = 0; i < a.nlists; i++)
		buf_fini(&a.lists[i]);
}

/* Members of all objects below o; the tokener has bounded the depth. */
static size_t
count_members(struct json_object *o, size_t *widest)
{
	size_t n = 0, i, len;

	if (json_object_is_type(o, json_type_array)) {
		len = json_object_array_length(o);
		for (i = 0; i < len; i++)
			n += count_members(json_object_array_get_idx(o, i),
			    widest);
		return n;
	}
	if (!json_object_is_type(o, json_type_object))
		return 0;
	len = (size_t)json_object_object_length(o);
	if (len > *widest)
		*widest = len;
	json_object_object_foreach(o, key, value) {
		(void)key;
		n += 1 + count_members(value, widest);
	}
	return n;
}

static uint32_t
line_at(const char *text, size_t n)
{
	uint32_t line = 1;
	size_t i;

	for (i = 0; i < n; i++)
		line += text[i] == '\n';
	return line;
}

static struct json_object *
parse(const struct manifest *m, const char *text, size_t n)
{
	struct json_tokener *tok = json_tokener_new_ex(LIMIT_JSON_DEPTH);
	enum json_tokener_error e;
	struct json_object *o;
	size_t end;

	if (tok == NULL)
		fatal("read a manifest: out of memory");
	json_tokener_set_flags(tok, JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, text, (int)n);
	e = json_tokener_get_error(tok);
	end = json_tokener_get_parse_end(tok);
	if (e != json_tokener_success || end != n) {
		m->sink->error(m->sink->ctx, line_at(text, end), "",
		    e == json_tokener_success ? "text after the value" :
		    e == json_tokener_continue ? "the value has no end" :
		    json_tokener_error_desc(e));
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(tok);
	return o;
}

static void
read_adapters(struct manifest *m, struct json_object *root)
{
	struct json_object *list;
	size_t i, n;

	if (!json_object_is_type(root, json_type_object)) {
		m->sink->error(m->sink->ctx, 1, "", "must be an object");
		return;
	}
	if (!json_object_object_get_ex(root, "adapters", &list))
		return;
	if (!json_object_is_type(list, json_type_array)) {
		m->sink->error(m->sink->ctx, 0, "adapters", "must be a list");
		return;
	}
	n = json_object_array_length(list);
	if (n > LIMIT_CONF_ADAPTERS) {
		m->sink->error(m->sink->ctx, 0, "adapters", "has too many "
		    "entries");
		return;
	}
	for (i = 0; i < n; i++)
		read_adapter(m, json_object_array_get_idx(list, i), i);
}

void
confread_manifest(const char *text, size_t n, const struct confread_sink *sink)
{
	struct manifest m = { .sink = sink };
	struct json_scan scan = { .line = 0 };
	struct json_object *root;
	size_t widest = 0;

	while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL &&
	    text[n - 1] != '\0')
		n--;
	if (n > LIMIT_CONF_FILE) {
		sink->error(sink->ctx, 0, "", "is too long");
		return;
	}
	if (json_scan(&scan, text, n) != 0) {
		sink->error(sink->ctx, scan.line, "", scan.fault);
		return;
	}
	root = parse(&m, text, n);
	if (root == NULL)
		return;
	if (count_members(root, &widest) != scan.members)
		sink->error(sink->ctx, 0, "", "a member is given twice");
	else if (widest > LIMIT_CONF_MEMBERS)
		sink->error(sink->ctx, 0, "", "an object has too many members");
	else
		read_adapters(&m, root);
	json_object_put(root);
	while (m.nids > 0)
		free(m.ids[--m.nids]);
}
