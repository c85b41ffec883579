#include <sys/socket.h>
#include <sys/un.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/ctl.h"
#include "covenctl/progress.h"
#include "covenctl/text.h"

#define CLEAR	"\r\033[K"

void
progress_open(struct progress *p)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sun);
	int on = 1;

	*p = (struct progress){ .fd = -1 };
	if (!isatty(STDERR_FILENO))
		return;
	p->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* An address of no length: the kernel finds a free abstract name. */
	if (p->fd == -1 || bind(p->fd, (struct sockaddr *)&sun,
	    sizeof(sun.sun_family)) == -1 || setsockopt(p->fd, SOL_SOCKET,
	    SO_PASSCRED, &on, sizeof(on)) == -1 || getsockname(p->fd,
	    (struct sockaddr *)&sun, &len) == -1) {
		mem_close(&p->fd);
		return;
	}
	(void)snprintf(p->name, sizeof(p->name), "@%.*s",
	    (int)(len - offsetof(struct sockaddr_un, sun_path) - 1),
	    sun.sun_path + 1);
}

/* One datagram from that process into text; false: there is none. */
static bool
receive(struct progress *p, pid_t pid, char *text, size_t len)
{
	union {
		struct cmsghdr	head;
		char		room[CMSG_SPACE(sizeof(struct ucred))];
	} control = { 0 };
	struct iovec iov = { text, len - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	struct ucred who = { 0 };
	ssize_t n = recvmsg(p->fd, &msg, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return false;
	text[n] = '\0';
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_CREDENTIALS)
		memcpy(&who, CMSG_DATA(c), sizeof(who));
	if (who.pid != pid)
		text[0] = '\0';
	return true;
}

void
progress_take(struct progress *p, pid_t pid)
{
	char text[1024], *status;

	while (p->fd != -1 && receive(p, pid, text, sizeof(text))) {
		autobuf struct buf line = { 0 };

		status = strstr(text, "STATUS=");
		if (status == NULL)
			continue;
		status += strlen("STATUS=");
		status[strcspn(status, "\n")] = '\0';
		(void)buf_adds(&line, CLEAR "the daemon ");
		text_line(&line, status, strlen(status), 70);
		(void)ctl_write(STDERR_FILENO, buf_head(&line),
		    buf_left(&line));
		p->shown = true;
	}
}

void
progress_end(struct progress *p)
{
	if (p->shown)
		(void)ctl_write(STDERR_FILENO, CLEAR, strlen(CLEAR));
	p->shown = false;
	mem_close(&p->fd);
}
