/*
 * A growable byte buffer with a hard maximum.
 *
 * data[pos..len) is the content: buf_consume moves pos, so a buffer serves as
 * a queue as well.  data is always followed by a NUL that is not content.
 */
#ifndef COVEN_COMMON_BUF_H
#define COVEN_COMMON_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	char	*data;
	size_t	 pos, len, cap;
	size_t	 max;		/* 0: BUF_MAX_DEFAULT */
};

#define BUF_MAX_DEFAULT	((size_t)64 << 20)
#define autobuf		__attribute__((cleanup(buf_fini)))

void	 buf_init(struct buf *, size_t max);
void	 buf_fini(struct buf *);		/* frees; may be used again */
void	 buf_clear(struct buf *);		/* empties, keeps the memory */

const char	*buf_head(const struct buf *);	/* first content byte */
size_t		 buf_left(const struct buf *);	/* content bytes */
void		 buf_consume(struct buf *, size_t);

/* Room for n more bytes at the returned address, or NULL when over max. */
char	*buf_reserve(struct buf *, size_t n);
void	 buf_commit(struct buf *, size_t n);	/* n of them were written */

/* 0, or -EMSGSIZE with nothing appended. */
int	 buf_add(struct buf *, const void *, size_t);
int	 buf_adds(struct buf *, const char *);
int	 buf_addf(struct buf *, const char *fmt, ...)
	     __attribute__((format(printf, 2, 3)));

#endif
