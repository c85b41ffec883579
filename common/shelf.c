#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/shelf.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE	0x0010	/* Linux 5.1: uapi/linux/fcntl.h */
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL		0x0008U	/* Linux 6.3; see memfd_create(2) */
#endif

#define HALF	((size_t)LIMIT_SHELF / 2)
#define SEALS	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | \
		    F_SEAL_FUTURE_WRITE)

int
shelf_make(struct shelf *s)
{
	autoclose int fd = memfd_create("shelf",
	    MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	char *mem;

	*s = (struct shelf){ .fd = -1 };
	if (fd == -1 && errno == EINVAL)
		fd = memfd_create("shelf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || ftruncate(fd, LIMIT_SHELF) == -1)
		return -errno;
	/* The last mapping that may write: the seal forbids any other. */
	mem = mmap(NULL, LIMIT_SHELF, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	if (mem == MAP_FAILED)
		return -errno;
	s->mem = mem;
	if (fcntl(fd, F_ADD_SEALS, SEALS) == -1) {
		int error = errno;

		shelf_free(s);
		return -error;
	}
	s->fd = mem_steal_fd(&fd);
	return 0;
}

void
shelf_free(struct shelf *s)
{
	if (s->mem == NULL)
		return;
	(void)munmap(s->mem, LIMIT_SHELF);
	mem_close(&s->fd);
	*s = (struct shelf){ .fd = -1 };
}

char *
shelf_room(struct shelf *s, size_t least, size_t *room)
{
	unsigned other = !s->half;

	if (s->mem == NULL || least > HALF)
		return NULL;
	/* Where it begins anew, it uses memory that is there already. */
	if (s->taken == s->given)
		s->half = s->halves[0].used = s->halves[1].used = 0;
	if (HALF - s->halves[s->half].used < least) {
		if (s->halves[other].last > s->taken)
			return NULL;
		s->half = other;
		s->halves[other].used = 0;
	}
	*room = HALF - s->halves[s->half].used;
	return s->mem + s->half * HALF + s->halves[s->half].used;
}

bool
shelf_wrote(const struct shelf *s, const char *p)
{
	return s->mem != NULL && p == s->mem + s->half * HALF +
	    s->halves[s->half].used;
}

uint32_t
shelf_give(struct shelf *s, size_t n)
{
	size_t at = s->half * HALF + s->halves[s->half].used;

	s->halves[s->half].used += n;
	s->halves[s->half].last = ++s->given;
	return (uint32_t)at;
}

int
shelf_taken(struct shelf *s, uint64_t count)
{
	if (count < s->taken || count > s->given)
		return -EPROTO;
	s->taken = count;
	return 0;
}

bool
shelf_is(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals != -1 && (seals & SEALS) == SEALS &&
	    fstat(fd, &st) == 0 && st.st_size == LIMIT_SHELF;
}

const char *
shelf_map(int fd)
{
	void *mem;

	if (!shelf_is(fd))
		return NULL;
	mem = mmap(NULL, LIMIT_SHELF, PROT_READ, MAP_SHARED, fd, 0);
	return mem != MAP_FAILED ? mem : NULL;
}

void
shelf_unmap(const char *mem)
{
	if (mem != NULL)
		(void)munmap((void *)(uintptr_t)mem, LIMIT_SHELF);
}

bool
shelf_holds(uint32_t at, uint32_t n)
{
	return at <= LIMIT_SHELF && n <= LIMIT_SHELF - at;
}
