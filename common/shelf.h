/*
 * A shelf: memory that one role writes and another reads, for answers that
 * are too many bytes to pay for a fresh memfd each.
 *
 * The writer makes it, and hands it over sealed: it keeps its size, and
 * nobody else can ever write it.  The reader must not believe that what it
 * has read once stays so: it passes bytes on, and parses nothing there.
 *
 * What is given is taken in order; the reader says how many it has taken.
 * There are two halves, so that one can be written while the other is read.
 */
#ifndef COVEN_COMMON_SHELF_H
#define COVEN_COMMON_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shelf {
	char		*mem;		/* NULL: there is none */
	int		 fd;
	unsigned	 half;		/* being written */
	struct {
		size_t		used;
		uint64_t	last;	/* given there, by number */
	}		 halves[2];
	uint64_t	 given, taken;
};

/* --- the writer --- */

/* 0 or -errno; fd is to be handed over, and closed with the shelf. */
int	 shelf_make(struct shelf *);
void	 shelf_free(struct shelf *);	/* also of a zeroed one */
/* Where at least least bytes may be written now, and how many; or NULL. */
char	*shelf_room(struct shelf *, size_t least, size_t *room);
/* n of them were: where they lie. */
uint32_t shelf_give(struct shelf *, size_t n);
/* Is that what shelf_room said last? */
bool	 shelf_wrote(const struct shelf *, const char *);
/* Everything up to this number has been taken.  0, or -EPROTO for a lie. */
int	 shelf_taken(struct shelf *, uint64_t count);

/* --- the reader --- */

/* A shelf that came along, to read; NULL when it is not one. */
const char	*shelf_map(int fd);
void		 shelf_unmap(const char *);	/* NULL is fine */
/* Do n bytes at this place lie on it? */
bool		 shelf_holds(uint32_t at, uint32_t n);

/* By its seals and its size. */
bool	 shelf_is(int fd);

#endif
