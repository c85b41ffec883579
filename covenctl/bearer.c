#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/bearer.h"

#define NAME	"session-token"

static int
refuse(char *why, size_t whylen, const char *file, const char *what)
{
	(void)snprintf(why, whylen, "%s: %s", file, what);
	return -EPERM;
}

static bool
is_token(const char *s)
{
	return strlen(s) == TOKEN_LEN &&
	    (strncmp(s, TOKEN_SESSION, TOKEN_MARK) == 0 ||
	    strncmp(s, TOKEN_PAIRED, TOKEN_MARK) == 0) &&
	    strspn(s + TOKEN_MARK, "0123456789abcdef") ==
	    TOKEN_LEN - TOKEN_MARK;
}

int
bearer_read(const struct home *h, const char *file, char out[BEARER_MAX],
    char *why, size_t whylen)
{
	const char *name = file != NULL ? file : NAME;
	char text[BEARER_MAX + 2] = "";
	autoclose int fd = -1;
	struct stat st;
	ssize_t n;

	/* O_NONBLOCK: somebody may have put a FIFO there. */
	fd = openat(file != NULL ? AT_FDCWD : h->dir, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT && file == NULL) {
		out[0] = '\0';
		return 0;
	}
	if (fd == -1 || fstat(fd, &st) == -1)
		return refuse(why, whylen, name, errno == ELOOP ?
		    "a symbolic link" : strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return refuse(why, whylen, name, "not a file of your own");
	if ((st.st_mode & 077) != 0)
		return refuse(why, whylen, name, "open to others: a token "
		    "that others can read is nobody's; chmod 600 it");
	n = read(fd, text, sizeof(text) - 1);
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	if (n <= 0 || !is_token(text))
		return refuse(why, whylen, name, "it holds no token");
	memcpy(out, text, BEARER_MAX);
	explicit_bzero(text, sizeof(text));
	return 0;
}
