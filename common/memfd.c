#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/memfd.h"

#define SEALS	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008U		/* Linux 6.3; see memfd_create(2) */
#endif

int
memfd_make(const char *name, const void *data, size_t n)
{
	autoclose int fd = memfd_create(name,
	    MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	const char *p = data;
	ssize_t w;

	if (fd == -1 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -errno;
	while (n != 0) {
		w = write(fd, p, n);
		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) == -1)
		return -errno;
	return mem_steal_fd(&fd);
}

bool
memfd_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals != -1 && (seals & SEALS) == SEALS;
}

int
memfd_read(int fd, size_t max, struct buf *out)
{
	struct stat st;
	size_t size, done = 0;
	char *to;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (st.st_size < 0 || (uintmax_t)st.st_size > max)
		return -EMSGSIZE;
	size = (size_t)st.st_size;
	to = buf_reserve(out, size);
	if (to == NULL)
		return -EMSGSIZE;
	while (done < size) {
		n = pread(fd, to + done, size - done, (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EIO : -errno;
		done += (size_t)n;
	}
	buf_commit(out, size);
	return 0;
}
