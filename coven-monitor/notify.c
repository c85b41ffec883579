#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "coven-monitor/notify.h"

static struct sockaddr_un to;
static socklen_t to_len;
static int fd = -1;		/* -1: nobody listens */
static bool watched;

/* WATCHDOG_PID, where it is set, is the one process that is meant. */
static bool
watchdog_asked(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	return usec != NULL && strtoull(usec, NULL, 10) != 0 &&
	    (pid == NULL || strtol(pid, NULL, 10) == (long)getpid());
}

void
notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path != NULL ? strlen(path) : 0;

	watched = watchdog_asked();
	to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* A path, or "@" for the abstract name behind it. */
	if (n > 1 && n < sizeof(to.sun_path) &&
	    (path[0] == '/' || path[0] == '@')) {
		memcpy(to.sun_path, path, n);
		to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		    n + (path[0] == '/'));
		if (path[0] == '@')
			to.sun_path[0] = '\0';
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	} else if (n != 0)
		log_warn("NOTIFY_SOCKET: no socket's name");
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

/* A listener that is gone or full is none of our trouble. */
static void
tell(const char *text)
{
	if (fd != -1 && sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	    (struct sockaddr *)&to, to_len) == -1)
		log_debug("notify: %s", strerror(errno));
}

void
notify_status(const char *fmt, ...)
{
	char text[512] = "STATUS=";
	size_t n = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	tell(text);
}

void
notify_ready(const char *where)
{
	char text[512];

	/* Said by us: whatever was between the starter and us is gone. */
	(void)snprintf(text, sizeof(text),
	    "READY=1\nMAINPID=%d\nSTATUS=serves %s", (int)getpid(), where);
	tell(text);
}

void
notify_stopping(const char *why)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "STOPPING=1\nSTATUS=stops: %s",
	    why);
	tell(text);
}

void
notify_alive(void)
{
	if (watched)
		tell("WATCHDOG=1");
}
