#include <string.h>
#include <strings.h>

#include "common/http_line.h"

int
head_find_end(struct head_scan *s, const char *p, size_t n, size_t *end)
{
	const char *lf;
	size_t at;

	while ((lf = memchr(p + s->at, '\n', n - s->at)) != NULL) {
		at = (size_t)(lf - p);
		if (at == s->line || (at == s->line + 1 && lf[-1] == '\r')) {
			*end = at + 1;
			return 0;
		}
		s->line = s->at = at + 1;
	}
	s->at = n;
	return HEAD_MORE;
}

struct line
line_next(const char **p, const char *end)
{
	struct line l = { .p = *p };
	const char *lf = memchr(*p, '\n', (size_t)(end - *p));

	if (lf == NULL)
		lf = end;
	l.n = (size_t)(lf - *p);
	if (l.n != 0 && l.p[l.n - 1] == '\r')
		l.n--;
	*p = lf < end ? lf + 1 : end;
	return l;
}

bool
line_has_control(struct line l)
{
	size_t i;

	for (i = 0; i < l.n; i++) {
		unsigned char c = (unsigned char)l.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

/* Length of the run of visible ASCII at p. */
size_t
line_visible(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && (unsigned char)*q > 0x20 && (unsigned char)*q < 0x7f)
		q++;
	return (size_t)(q - p);
}

struct line
line_trimmed(struct line v)
{
	while (v.n != 0 && (*v.p == ' ' || *v.p == '\t'))
		v.p++, v.n--;
	while (v.n != 0 && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

bool
line_is_number(struct line v)
{
	size_t i;

	v = line_trimmed(v);
	for (i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return v.n != 0 && v.n <= 18;
}

bool
line_is(struct line l, const char *name)
{
	return l.n == strlen(name) && strncasecmp(l.p, name, l.n) == 0;
}
