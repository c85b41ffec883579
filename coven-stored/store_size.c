/*
 * What the store takes on disk.  coven.db itself is never opened for this: to
 * close it would give up the locks that SQLite holds on it.
 */
#include <sys/stat.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/mem.h"
#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

static uint64_t
bytes_of(const char *name)
{
	struct stat st;

	/* What it takes: a segment may have holes. */
	return stat(name, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

static int
on_number(void *ctx, const struct db_row *row)
{
	*(int64_t *)ctx = db_int(row, 0);
	return 1;
}

int
store_size(struct store *s, struct store_size *out)
{
	autoclose int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[sizeof(SEGMENT_NAME) + 16];
	struct store_size size = { .database = bytes_of("coven.db"),
	    .log = bytes_of("coven.db-wal") };
	struct statfs fs;
	int64_t i = 0;
	int r;

	if (here == -1 || fstatfs(here, &fs) == -1)
		return -errno;
	size.free = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	r = db_query(s->db, SQL_SEGMENT_FIRST, on_number, &i, "");
	for (; r == 0 && i != 0 && i <= (int64_t)s->segments.number; i++) {
		(void)snprintf(name, sizeof(name), SEGMENT_NAME, (unsigned)i);
		size.database += bytes_of(name);
	}
	if (r == 0)
		*out = size;
	return r;
}

uint64_t
store_checkpointed_ns(const struct store *s)
{
	return db_checkpointed_ns(s->db);
}
