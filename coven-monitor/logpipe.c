#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-monitor/logpipe.h"

static enum log_level
level_of(const char **text)
{
	const char *p = *text;

	if (p[0] != '<' || p[1] < '0' || p[1] > '7' || p[2] != '>')
		return LOG_LEVEL_INFO;
	*text = p + 3;
	if (p[1] <= '3')
		return LOG_LEVEL_ERROR;
	if (p[1] == '4')
		return LOG_LEVEL_WARN;
	return p[1] == '7' ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

static void
emit(struct logpipe *p)
{
	const char *text = p->line;
	enum log_level level;

	p->line[p->len] = '\0';
	p->len = 0;
	level = level_of(&text);
	/* log_at escapes control bytes; a NUL has already cut the line. */
	if (log_allowed(&p->limit, p->tag))
		log_at(level, "%s: %s%s", p->tag, text,
		    p->overlong ? " [cut]" : "");
	p->overlong = false;
}

static void
take(struct logpipe *p, const char *data, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (data[i] == '\n')
			emit(p);
		else if (p->len < sizeof(p->line) - 1)
			p->line[p->len++] = data[i];
		else
			p->overlong = true;
	}
}

static bool
drain(struct logpipe *p)
{
	char data[4096];
	ssize_t n;
	int i;

	/* Bounded: a child that floods its log must not hold the loop. */
	for (i = 0; i < 16; i++) {
		n = read(p->source.fd, data, sizeof(data));
		if (n <= 0)
			return n == -1 && (errno == EAGAIN || errno == EINTR);
		take(p, data, (size_t)n);
	}
	return true;
}

static void
on_readable(struct source *s, uint32_t events)
{
	struct logpipe *p = s->ctx;

	(void)events;
	if (!drain(p)) {
		loop_del(p->loop, &p->source);
		mem_close(&p->source.fd);
	}
}

int
logpipe_open(struct logpipe *p, struct loop *l, const char *tag, int *child)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return -errno;
	*p = (struct logpipe){ .loop = l };
	(void)snprintf(p->tag, sizeof(p->tag), "%s", tag);
	p->source = (struct source){ .fd = fds[0], .cb = on_readable,
	    .ctx = p };
	r = loop_add(l, &p->source, EPOLLIN);
	if (r < 0) {
		mem_close(&fds[0]);
		mem_close(&fds[1]);
		p->source.fd = -1;
		return r;
	}
	*child = fds[1];
	return 0;
}

void
logpipe_close(struct logpipe *p)
{
	if (p->loop == NULL || p->source.fd == -1)
		return;
	(void)drain(p);
	if (p->len != 0)
		emit(p);
	loop_del(p->loop, &p->source);
	mem_close(&p->source.fd);
}
