#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"

void
mem_freep(void *p)
{
	free(*(void **)p);
}

void
mem_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

void
mem_closep(int *fd)
{
	mem_close(fd);
}

int
mem_steal_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

void *
mem_alloc(size_t n)
{
	void *p = malloc(n != 0 ? n : 1);

	if (p == NULL)
		fatal("allocate: %zu bytes: out of memory", n);
	return p;
}

void *
mem_zalloc(size_t n, size_t size)
{
	void *p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);

	if (p == NULL)
		fatal("allocate: %zu x %zu bytes: out of memory", n, size);
	return p;
}

void *
mem_realloc(void *old, size_t n, size_t size)
{
	void *p;

	if (n == 0 || size == 0 || n > SIZE_MAX / size)
		fatal("allocate: %zu x %zu bytes: bad size", n, size);
	p = realloc(old, n * size);
	if (p == NULL)
		fatal("allocate: %zu x %zu bytes: out of memory", n, size);
	return p;
}

void *
mem_dup(const void *src, size_t n)
{
	void *p = mem_alloc(n);

	if (n != 0)
		memcpy(p, src, n);
	return p;
}

char *
mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}
