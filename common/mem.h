/*
 * Ownership in declarations: autofree, autoclose and steal(), and
 * allocations that end the process instead of returning NULL.
 *
 * Parameters are borrowed.  A callee that takes ownership takes the address
 * and clears it.  "No descriptor" is -1.
 */
#ifndef COVEN_COMMON_MEM_H
#define COVEN_COMMON_MEM_H

#include <stddef.h>

void	 mem_freep(void *);		/* for autofree: free(*(void **)p) */
void	 mem_closep(int *);		/* for autoclose: close if >= 0 */
void	 mem_close(int *);		/* if >= 0; then -1; keeps errno */
int	 mem_steal_fd(int *);		/* hand a descriptor over */

#define autofree	__attribute__((cleanup(mem_freep)))
#define autoclose	__attribute__((cleanup(mem_closep)))

/* Hand a pointer over: yields it and clears the variable. */
#define steal(pp) __extension__({					\
	__typeof__(*(pp)) steal_p_ = *(pp);				\
	*(pp) = NULL;							\
	steal_p_;							\
})

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

/* Never NULL: out of memory ends the process.  Freed with free(). */
void	*mem_alloc(size_t) __attribute__((malloc, returns_nonnull));
void	*mem_zalloc(size_t, size_t) __attribute__((malloc, returns_nonnull));
void	*mem_realloc(void *, size_t, size_t) __attribute__((returns_nonnull));
char	*mem_strdup(const char *) __attribute__((malloc, returns_nonnull));
void	*mem_dup(const void *, size_t) __attribute__((malloc, returns_nonnull));

#endif
