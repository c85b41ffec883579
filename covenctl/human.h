/* Numbers and texts as people read them; -1 is "-". */
#ifndef COVEN_COVENCTL_HUMAN_H
#define COVEN_COVENCTL_HUMAN_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds since an RFC 3339 time in UTC; -1: it is none. */
int64_t	human_age_ms(const char *created_at);

void	human_age(int64_t ms, char *out, size_t len);	/* "3d", "5s" */
/* "512", "1.5K", "3.2M", and what follows the unit. */
void	human_bytes(int64_t, const char *after, char *out, size_t len);
void	human_percent(int64_t, char *out, size_t len);
void	human_count(int64_t, char *out, size_t len);
/* One line without controls, at most max bytes of it; NULL is "-". */
void	human_text(const char *, size_t max, char *out, size_t len);

#endif
