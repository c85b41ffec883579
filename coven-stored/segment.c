#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-stored/segment.h"

static void
name_of(uint32_t number, char out[32])
{
	(void)snprintf(out, 32, SEGMENT_NAME, number);
}

void
segments_init(struct segments *g, const struct place *end)
{
	unsigned i;

	*g = (struct segments){ .fd = -1, .number = end->segment,
	    .at = end->at + end->size };
	g->durable_number = g->number;
	g->durable_at = g->at;
	for (i = 0; i < SEGMENT_FDS; i++)
		g->reads[i].fd = -1;
}

void
segments_fini(struct segments *g)
{
	unsigned i;

	mem_close(&g->fd);
	for (i = 0; i < SEGMENT_FDS; i++)
		mem_close(&g->reads[i].fd);
}

/* --- appending --- */

/* A name is as durable as the folder that holds it. */
static int
sync_folder(void)
{
	autoclose int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 || fsync(fd) == -1 ? -errno : 0;
}

/* Open the one that grows, and drop what no committed row names. */
static int
open_current(struct segments *g)
{
	char name[32];

	name_of(g->number, name);
	g->fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (g->fd == -1 || ftruncate(g->fd, (off_t)g->at) == -1)
		return -errno;
	return g->at == 0 ? sync_folder() : 0;
}

static int
roll(struct segments *g)
{
	int r = segments_sync(g);

	if (r < 0)
		return r;
	mem_close(&g->fd);
	g->number++;
	g->at = 0;
	return 0;
}

int
segments_append(struct segments *g, const void *p, size_t n,
    struct place *out)
{
	size_t done = 0;
	ssize_t w;
	int r = 0;

	if (g->number == 0 || g->at >= LIMIT_STORE_SEGMENT)
		r = roll(g);
	if (r == 0 && g->fd == -1)
		r = open_current(g);
	if (r < 0)
		return r;
	g->unsynced = true;
	while (done < n) {
		w = pwrite(g->fd, (const char *)p + done, n - done,
		    (off_t)(g->at + done));
		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return -errno;
		done += (size_t)w;
	}
	/* The disk may begin; that it has ended is segments_sync's to know. */
	(void)sync_file_range(g->fd, (off_t)g->at, (off_t)n,
	    SYNC_FILE_RANGE_WRITE);
	*out = (struct place){ g->number, g->at, n };
	g->at += n;
	return 0;
}

int
segments_sync(struct segments *g)
{
	if (!g->unsynced)
		return 0;
	if (fdatasync(g->fd) == -1)
		return -errno;
	g->unsynced = false;
	return 0;
}

void
segments_committed(struct segments *g)
{
	g->durable_number = g->number;
	g->durable_at = g->at;
}

void
segments_rolled_back(struct segments *g)
{
	if (g->number == g->durable_number && g->at == g->durable_at &&
	    !g->unsynced)
		return;
	/* On a full disk what was written is what is missing. */
	if (g->fd != -1 && ftruncate(g->fd, g->number == g->durable_number ?
	    (off_t)g->durable_at : 0) == -1)
		log_error("truncate segment %u: %s", g->number,
		    strerror(errno));
	mem_close(&g->fd);
	g->number = g->durable_number;
	g->at = g->durable_at;
	g->unsynced = false;
}

/* --- reading --- */

static int
open_read(struct segments *g, uint32_t number)
{
	unsigned i, slot = g->next_read;
	char name[32];

	for (i = 0; i < SEGMENT_FDS; i++)
		if (g->reads[i].fd != -1 && g->reads[i].number == number)
			return g->reads[i].fd;
	name_of(number, name);
	mem_close(&g->reads[slot].fd);
	g->reads[slot].fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	g->reads[slot].number = number;
	g->next_read = (slot + 1) % SEGMENT_FDS;
	return g->reads[slot].fd != -1 ? g->reads[slot].fd : -errno;
}

int
segments_read(struct segments *g, const struct place *where, struct buf *out)
{
	size_t done = 0, size = (size_t)where->size;
	int fd = open_read(g, where->segment);
	char *to;
	ssize_t n;

	if (fd < 0)
		return fd == -ENOENT ? -EUCLEAN : fd;
	to = buf_reserve(out, size);
	if (to == NULL)
		return -EUCLEAN;
	while (done < size) {
		n = pread(fd, to + done, size - done,
		    (off_t)(where->at + done));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EUCLEAN : -errno;
		done += (size_t)n;
	}
	buf_commit(out, size);
	return 0;
}

/* --- giving space back --- */

static void
forget_read(struct segments *g, uint32_t number)
{
	unsigned i;

	for (i = 0; i < SEGMENT_FDS; i++)
		if (g->reads[i].number == number)
			mem_close(&g->reads[i].fd);
}

int
segments_free(struct segments *g, const struct place *where, bool whole)
{
	autoclose int fd = -1;
	char name[32];

	name_of(where->segment, name);
	if (whole && where->segment != g->number) {
		forget_read(g, where->segment);
		return unlink(name) == -1 && errno != ENOENT ? -errno : 0;
	}
	fd = open(name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return errno == ENOENT ? 0 : -errno;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    (off_t)where->at, (off_t)where->size) == -1 &&
	    errno != EOPNOTSUPP)
		return -errno;
	return 0;
}
