/* The only file that includes archive.h. */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/mem.h"
#include "coven-archiver/archive.h"

#define BLOCK		(256 << 10)	/* read or written at a time */

/* --- writing ------------------------------------------------------------- */

struct tar_out {
	struct archive		*a;
	struct archive_entry	*e;
	int			 fd;
	int			 error;		/* of the first that failed */
	uint64_t		 packed, max;
};

static la_ssize_t
on_write(struct archive *a, void *ctx, const void *p, size_t n)
{
	struct tar_out *t = ctx;
	ssize_t got;

	if (t->packed + n > t->max) {
		t->error = EFBIG;
		archive_set_error(a, EFBIG, "the archive is too large");
		return -1;
	}
	do {
		got = write(t->fd, p, n);
	} while (got == -1 && errno == EINTR);
	if (got == -1) {
		t->error = errno;
		archive_set_error(a, errno, "write");
		return -1;
	}
	t->packed += (uint64_t)got;
	return got;
}

/* A warning would be of a name's translation, of which there is none. */
static int
out_result(struct tar_out *t, la_ssize_t r)
{
	if (r >= ARCHIVE_WARN)
		return 0;
	return t->error != 0 ? -t->error : -EIO;
}

static void
out_free(struct tar_out *t)
{
	archive_entry_free(t->e);
	(void)archive_write_free(t->a);
	free(t);
}

int
tar_out_open(struct tar_out **out, int fd, uint64_t max, unsigned level)
{
	struct tar_out *t = mem_zalloc(1, sizeof(*t));
	char text[4] = { (char)('0' + level / 10 % 10),
	    (char)('0' + level % 10), '\0' };

	t->fd = fd;
	t->max = max;
	t->a = archive_write_new();
	t->e = archive_entry_new();
	if (t->a == NULL || t->e == NULL ||
	    archive_write_add_filter_zstd(t->a) != ARCHIVE_OK ||
	    archive_write_set_filter_option(t->a, "zstd", "compression-level",
	    level < 10 ? text + 1 : text) != ARCHIVE_OK ||
	    /* Names are bytes: neither this format nor we translate them. */
	    archive_write_set_format_gnutar(t->a) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(t->a, BLOCK) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(t->a, 1) != ARCHIVE_OK ||
	    archive_write_open(t->a, t, NULL, on_write, NULL) != ARCHIVE_OK) {
		out_free(t);
		return -ENOTSUP;
	}
	*out = t;
	return 0;
}

int
tar_out_entry(struct tar_out *t, const struct tar_entry *e)
{
	static const mode_t types[] = {
		[TAR_FILE] = AE_IFREG,
		[TAR_FOLDER] = AE_IFDIR,
		[TAR_LINK] = AE_IFLNK,
		[TAR_HARD] = AE_IFREG,
	};

	archive_entry_clear(t->e);
	archive_entry_copy_pathname(t->e, e->path);
	archive_entry_set_mode(t->e, types[e->kind] | (e->mode & 0777));
	archive_entry_set_mtime(t->e, e->mtime, 0);
	archive_entry_set_size(t->e, e->kind == TAR_FILE ?
	    (la_int64_t)e->size : 0);
	if (e->kind == TAR_LINK)
		archive_entry_copy_symlink(t->e, e->target);
	if (e->kind == TAR_HARD)
		archive_entry_copy_hardlink(t->e, e->target);
	return out_result(t, archive_write_header(t->a, t->e));
}

int
tar_out_data(struct tar_out *t, const void *p, size_t n)
{
	return out_result(t, archive_write_data(t->a, p, n));
}

int
tar_out_close(struct tar_out *t, uint64_t *packed)
{
	int r = t->error != 0 ? -t->error : out_result(t,
	    archive_write_close(t->a));

	*packed = t->packed;
	/* What failed once is not tried again by the release. */
	if (r < 0)
		(void)archive_write_fail(t->a);
	out_free(t);
	return r;
}

/* --- reading ------------------------------------------------------------- */

struct tar_in {
	struct archive		*a;
	int			 fd;
	uint64_t		 packed;
	char			 block[BLOCK];
};

static la_ssize_t
on_read(struct archive *a, void *ctx, const void **p)
{
	struct tar_in *t = ctx;
	ssize_t n;

	do {
		n = read(t->fd, t->block, sizeof(t->block));
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		archive_set_error(a, errno, "read");
	else
		t->packed += (uint64_t)n;
	*p = t->block;
	return n;
}

/* One format, one filter: each other one is attack surface. */
int
tar_in_open(struct tar_in **out, int fd)
{
	struct tar_in *t = mem_zalloc(1, sizeof(*t));

	t->fd = fd;
	t->a = archive_read_new();
	if (t->a == NULL ||
	    archive_read_support_filter_zstd(t->a) != ARCHIVE_OK ||
	    archive_read_support_format_tar(t->a) != ARCHIVE_OK ||
	    archive_read_open(t->a, t, NULL, on_read, NULL) != ARCHIVE_OK) {
		tar_in_close(t);
		return -EBADMSG;
	}
	*out = t;
	return 0;
}

static int
bad(const char **why, const char *text)
{
	*why = text;
	return TAR_BAD;
}

int
tar_in_next(struct tar_in *t, struct tar_entry *e, const char **why)
{
	struct archive_entry *ae;
	int r = archive_read_next_header(t->a, &ae);

	if (r == ARCHIVE_EOF)
		return TAR_END;
	if (r != ARCHIVE_OK)
		return bad(why, "it is damaged, or no archive of ours");
	*e = (struct tar_entry){ .path = archive_entry_pathname(ae),
	    .mode = archive_entry_perm(ae) & 0777,
	    .mtime = archive_entry_mtime(ae) };
	if (e->path == NULL)
		return bad(why, "an entry without a name");
	if (archive_entry_hardlink(ae) != NULL) {
		e->kind = TAR_HARD;
		e->target = archive_entry_hardlink(ae);
		return 0;
	}
	switch (archive_entry_filetype(ae)) {
	case AE_IFREG:
		e->kind = TAR_FILE;
		if (!archive_entry_size_is_set(ae) ||
		    archive_entry_size(ae) < 0)
			return bad(why, "a file without a size");
		e->size = (uint64_t)archive_entry_size(ae);
		return 0;
	case AE_IFDIR:
		e->kind = TAR_FOLDER;
		return 0;
	case AE_IFLNK:
		e->kind = TAR_LINK;
		e->target = archive_entry_symlink(ae);
		return e->target != NULL ? 0 : bad(why,
		    "a link to nothing");
	default:
		return bad(why, "neither a file, a folder nor a link");
	}
}

int
tar_in_data(struct tar_in *t, const void **p, size_t *n, int64_t *at)
{
	la_int64_t offset = 0;
	int r = archive_read_data_block(t->a, p, n, &offset);

	*at = offset;
	if (r == ARCHIVE_EOF)
		return TAR_END;
	return r == ARCHIVE_OK ? 0 : TAR_BAD;
}

uint64_t
tar_in_packed(const struct tar_in *t)
{
	return t->packed;
}

void
tar_in_close(struct tar_in *t)
{
	if (t->a != NULL)
		(void)archive_read_free(t->a);
	free(t);
}
