/*
 * One run of coven-confread: a file that was opened here, its rows, its end.
 */
#ifndef COVEN_MONITOR_READER_H
#define COVEN_MONITOR_READER_H

#include "common/conf.h"
#include "common/digest.h"
#include "coven-monitor/child.h"

struct reader {
	struct child		 child;
	const char		*name;		/* for messages; borrowed */
	int			 file;		/* owned: closed at the end */
	enum conf_file_kind	 kind;
	enum conf_source	 source;	/* of CONF_FILE_TOML */
	unsigned		 errors;
	char			 first[1024];	/* of them, as it was logged */
	bool			 done, running, late;
	struct timer		 deadline;
	/* CONF_FILE_FAMILIARS: its rows, one after the other */
	struct buf		 rows;
	uint32_t		 nrows;
	int			 key;		/* of CONF_FILE_KEY, or -1 */
	/* called at its end; may be NULL */
	void			(*on_end)(struct reader *);
	void			*ctx;
};

#define READER_AS_OWNER	1u
/* Others may write it.  In a home that nobody else enters they cannot. */
#define READER_LAX	2u

/*
 * The bytes of dir/name in a sealed memfd: what is parsed is what its digest
 * says.  The file is regular, the owner's or root's, bounded, opened following
 * nothing.  Else -errno.
 */
int	reader_open(const struct monitor *, int dir, const char *name,
	    unsigned flags, uint8_t digest[DIGEST_LEN]);
/* Why reader_open refused, in words. */
const char	*reader_why(int e);

/*
 * Start it on r->file, whose other named members the caller has set.  0, or
 * -errno with the file closed and on_end not called.
 */
int	reader_start(struct reader *, struct monitor *);
/*
 * Start it and wait for its end.  0, or after logging why EXIT_HOME, or
 * EXIT_LATE for one that took too long, which another time it may not.
 */
int	reader_run(struct reader *, struct monitor *);
/* It answered the whole file, and nothing was wrong with it. */
bool	reader_good(const struct reader *);

#endif
