#include <sys/ioctl.h>

#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/screen.h"
#include "covenctl/tty.h"

#define SIZE_LIMIT	1000	/* the daemon takes no larger terminal */

static struct termios saved;
static int saved_fd = -1;
static pid_t saved_by;
static volatile sig_atomic_t changed;

/* A forked child that exits must not undo its parent's raw mode. */
static void
put_back(int how)
{
	if (saved_fd < 0 || saved_by != getpid())
		return;
	if (changed)
		(void)!write(STDOUT_FILENO, screen_reset,
		    strlen(screen_reset));
	(void)tcsetattr(saved_fd, how, &saved);
}

void
tty_restore(void)
{
	int keep = errno;

	put_back(TCSAFLUSH);
	changed = 0;
	saved_fd = -1;
	errno = keep;
}

void
tty_changed(bool yes)
{
	changed = yes;
}

static void
on_fatal(int sig)
{
	tty_restore();
	(void)raise(sig);	/* SA_RESETHAND: the default action now */
}

static void
guard(void)
{
	static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL,
	    SIGABRT, SIGSYS, SIGALRM, SIGUSR1, SIGUSR2 };
	struct sigaction sa = { .sa_handler = on_fatal,
	    .sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < nitems(fatal_signals); i++)
		(void)sigaction(fatal_signals[i], &sa, NULL);
	(void)atexit(tty_restore);
}

static int
make_raw(int fd)
{
	struct termios t = saved;

	cfmakeraw(&t);
	return tcsetattr(fd, TCSADRAIN, &t) == -1 ? -errno : 0;
}

int
tty_raw(int fd)
{
	static int guarded;

	if (tcgetattr(fd, &saved) == -1)
		return -errno;
	if (!guarded++)
		guard();
	saved_by = getpid();
	saved_fd = fd;
	return make_raw(fd);
}

void
tty_resume(void)
{
	if (saved_fd >= 0)
		(void)make_raw(saved_fd);
}

bool
tty_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* What was typed ahead is for whoever is started again. */
void
tty_stop(void)
{
	put_back(TCSADRAIN);
	(void)raise(SIGSTOP);
	tty_resume();
}

void
tty_size(int fd, unsigned *rows, unsigned *cols)
{
	struct winsize ws;

	*rows = 24;
	*cols = 80;
	if (ioctl(fd, TIOCGWINSZ, &ws) == -1 || ws.ws_row == 0 ||
	    ws.ws_col == 0)
		return;
	*rows = ws.ws_row < SIZE_LIMIT ? ws.ws_row : SIZE_LIMIT;
	*cols = ws.ws_col < SIZE_LIMIT ? ws.ws_col : SIZE_LIMIT;
}
