#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/spawn.h"
#include "coven-monitor/uids.h"

#define FOLDER	"/run/coven"

int
uids_claim(struct uids *u, const struct owner *o)
{
	char name[64];
	unsigned i;

	*u = (struct uids){ .lock = -1 };
	if (!o->root)
		return 0;
	if (mkdir(FOLDER, 0755) == -1 && errno != EEXIST)
		return -errno;
	for (i = 0; i < UIDS_RANGES; i++) {
		autoclose int fd = -1;

		(void)snprintf(name, sizeof(name), FOLDER "/uids.%u", i);
		fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		    0600);
		if (fd == -1)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) == -1)
			continue;
		u->lock = mem_steal_fd(&fd);
		u->base = UIDS_BASE + i * UIDS_PER_RANGE;
		return 0;
	}
	return -EUSERS;
}

uid_t
uids_role(const struct uids *u, enum role r)
{
	return u->base != 0 ? u->base + (uid_t)r : SPAWN_KEEP_ID;
}

int
uids_take(struct uids *u, const struct owner *o, uid_t *uid, int *slot)
{
	size_t i;

	*slot = -1;
	if (!o->root || o->uid != 0) {
		*uid = o->uid;
		return 0;
	}
	for (i = 0; i < nitems(u->used); i++) {
		if (u->used[i])
			continue;
		u->used[i] = 1;
		*slot = (int)i;
		*uid = u->base + UIDS_SLOT0 + (uid_t)i;
		return 0;
	}
	return -EUSERS;
}

void
uids_give(struct uids *u, int slot)
{
	if (slot >= 0)
		u->used[slot] = 0;
}
