/*
 * Archives of folders: tar in zstd.  archive.c is the only file that includes
 * libarchive's header; these are its two halves.
 *
 * What is written is what is read again and nothing else: regular files,
 * folders, links as links, hard links within the tree; modes of nine bits,
 * no owner, no name of one, no attribute.
 */
#ifndef COVEN_ARCHIVER_ARCHIVE_H
#define COVEN_ARCHIVER_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- writing --- */

struct tar_out;

enum tar_kind { TAR_FILE, TAR_FOLDER, TAR_LINK, TAR_HARD };

struct tar_entry {
	enum tar_kind	 kind;
	const char	*path;		/* relative, without "." and ".." */
	const char	*target;	/* of a link, hard or not */
	unsigned	 mode;		/* & 0777 */
	int64_t		 mtime;
	uint64_t	 size;		/* of a file */
};

/* To fd, which is borrowed, at most max bytes.  level: zstd's. */
int	tar_out_open(struct tar_out **, int fd, uint64_t max, unsigned level);
/* 0; -EFBIG when max is reached; or -errno of the writing. */
int	tar_out_entry(struct tar_out *, const struct tar_entry *);
int	tar_out_data(struct tar_out *, const void *, size_t);
/* The rest and the end: 0 or -errno; *packed: the file's size. */
int	tar_out_close(struct tar_out *, uint64_t *packed);

/* --- reading --- */

struct tar_in;

/* Named outcomes of tar_in_next and tar_in_data. */
enum { TAR_END = 1, TAR_BAD = 2 };

/* From fd, which is borrowed. */
int	tar_in_open(struct tar_in **, int fd);
/*
 * The next entry.  0; TAR_END; TAR_BAD with a word in why, also for a kind
 * that is not one of ours.  What *e points to lives until the next call.
 */
int	tar_in_next(struct tar_in *, struct tar_entry *e, const char **why);
/* The next run of a file's bytes, and where it belongs.  As above. */
int	tar_in_data(struct tar_in *, const void **, size_t *, int64_t *at);
uint64_t tar_in_packed(const struct tar_in *);	/* bytes read of fd */
void	tar_in_close(struct tar_in *);

#endif
