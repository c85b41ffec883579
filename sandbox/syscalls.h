/*
 * Syscall rows: what each filter says, and why.  Data only; sandbox/filter.c
 * turns it into programs.
 */
#ifndef COVEN_SANDBOX_SYSCALLS_H
#define COVEN_SANDBOX_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/filter.h"

/* Row actions: 0 allow, < 0 kill the process, > 0 fail with this errno. */
enum { ROW_ALLOW = 0, ROW_KILL = -1, ROW_TRAP = -2 };

/*
 * Comparisons of one argument.  Only EQ and BITS look at the low 32 bits
 * alone, as the kernel does for an int: the high half must neither hide a
 * denied request nor spoil an allowed one.  The others look at all 64, where
 * a stray high bit can only lead to refusal.
 */
enum cmp_op {
	CMP_NONE,
	CMP_EQ,			/* the low 32 bits are v */
	CMP_BITS,		/* every bit of v is set */
	CMP_ONLY,		/* no bit outside v is set */
	CMP_NOT,		/* not v */
	CMP_OVER,		/* above v, unsigned */
};

struct syscall_cmp {
	uint32_t	arg;
	enum cmp_op	op;
	uint64_t	v;
};

#define SYSCALL_CMPS	3

/*
 * Comparisons of one row are ANDed (an argument at most once); rows of one
 * name are ORed, so a row without comparisons would void the others.
 */
struct syscall_row {
	const char		*name;
	const char		*why;
	int			 action;
	struct syscall_cmp	 cmp[SYSCALL_CMPS];
};

struct syscall_set {
	const char			*name;
	const struct syscall_row	*rows;
	size_t				 n;
};

#define SYSCALL_SETS	10

struct filter_def {
	const char			*name;
	int				 fallback;	/* action without row */
	const struct syscall_set	*sets[SYSCALL_SETS];
	/* With sandbox/reviewed.c: ENOSYS to calls nobody has looked at. */
	bool				 reviewed_only;
};

const struct filter_def	*syscall_filter(enum filter_id);

/*
 * Above this number a call is allowed only if sandbox/reviewed.c lists it: a
 * newer kernel's calls are not a payload's before somebody has looked.
 */
#define SYSCALL_NEWEST	456	/* futex_requeue, Linux 6.7 */

int	reviewed_load(void);		/* 0 or -errno */
int	reviewed_export(int fd);	/* 0 or -errno */

#endif
