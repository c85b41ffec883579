#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-stored/reserve.h"

int
reserve_take(struct reserve *r)
{
	int error;

	if (r->held)
		return 0;
	if (r->fd == -1)
		r->fd = open(RESERVE_FILE, O_RDWR | O_CREAT | O_CLOEXEC |
		    O_NOFOLLOW, 0600);
	if (r->fd == -1)
		return -errno;
	error = posix_fallocate(r->fd, 0, LIMIT_STORE_RESERVE);
	if (error == 0) {
		r->held = true;
		return 0;
	}
	/* What little it got is not worth keeping from the writer. */
	reserve_release(r);
	return -error;
}

void
reserve_release(struct reserve *r)
{
	if (r->fd != -1 && ftruncate(r->fd, 0) == -1)
		log_error("release the reserve: %s", strerror(errno));
	r->held = false;
}

void
reserve_close(struct reserve *r)
{
	mem_close(&r->fd);
	r->held = false;
}
