/* Terminals and descriptors. */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "coven-probe/probe.h"

int
own_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	char name[64];

	(void)setsid();
	if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1 ||
	    ptsname_r(master, name, sizeof(name)) != 0)
		return -1;
	return open(name, O_RDWR);
}

static int
inject(unsigned long request)
{
	int fd = own_terminal();
	char c = 'x';

	if (fd == -1)
		return DOOR_UNTRIED;
	return door(syscall(SYS_ioctl, fd, request, &c));
}

static int
inject_own(const struct targets *t)
{
	(void)t;
	return inject(TIOCSTI);
}

/* The kernel looks at 32 bits only. */
static int
inject_high(const struct targets *t)
{
	(void)t;
	return inject(TIOCSTI | 1ul << 32);
}

static int
inject_standard(const struct targets *t)
{
	char c = 'x';
	int r = ENOTTY;

	(void)t;
	for (int fd = 0; fd < 3 && r != DOOR_OPEN; fd++)
		r = door(ioctl(fd, TIOCSTI, &c));
	return r;
}

static int
paste(const struct targets *t)
{
	char c = 3;
	int fd = own_terminal();

	(void)t;
	return fd == -1 ? DOOR_UNTRIED : door_behind(ioctl(fd, TIOCLINUX, &c),
	    ENOTTY, ENOTTY);
}

static int
paste_high(const struct targets *t)
{
	char c = 3;
	int fd = own_terminal();

	(void)t;
	return fd == -1 ? DOOR_UNTRIED : door_behind(syscall(SYS_ioctl, fd,
	    TIOCLINUX | 1ul << 32, &c), ENOTTY, ENOTTY);
}

static int
discipline(const struct targets *t)
{
	int fd = own_terminal(), n = 0;

	(void)t;
	return fd == -1 ? DOOR_UNTRIED : door(ioctl(fd, TIOCSETD, &n));
}

static int
console(const struct targets *t)
{
	int fd = own_terminal();

	(void)t;
	return fd == -1 ? DOOR_UNTRIED : door(ioctl(fd, TIOCCONS, NULL));
}

static int
hang_up(const struct targets *t)
{
	int fd = own_terminal();

	(void)t;
	return fd == -1 ? DOOR_UNTRIED : door(vhangup());
}

#define TERMINAL(name, path)						\
	static int							\
	name(const struct targets *t)					\
	{								\
		(void)t;						\
		return door_path(path, O_RDWR);				\
	}

TERMINAL(virtual_terminal, "/dev/tty0")
TERMINAL(first_terminal, "/dev/tty1")
TERMINAL(machine_console, "/dev/console")
TERMINAL(client_terminal, "/dev/tty")
TERMINAL(screen, "/dev/fb0")
TERMINAL(keyboard, "/dev/input/event0")
TERMINAL(mice, "/dev/input/mice")
TERMINAL(serial, "/dev/ttyS0")

/* Terminals of others: any beside those that were made in here. */
static int
others(const struct targets *t)
{
	char path[32];
	int r = ENOENT;

	(void)t;
	for (int n = 0; n < 64 && r != DOOR_OPEN; n++) {
		(void)snprintf(path, sizeof(path), "/dev/pts/%d", n);
		if (door_path(path, O_RDWR) == DOOR_OPEN)
			r = DOOR_OPEN;
	}
	return r;
}

/* Descriptors of others, by their links. */
static int
descriptors(const struct targets *t)
{
	char path[64];
	struct stat st;

	(void)t;
	for (int fd = 0; fd < 3; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return DOOR_OPEN;
	}
	return ENOTDIR;
}

static const struct door doors[] = {
	{ "inject", "type into a terminal of its own", inject_own, ROOT },
	{ "inject-high", "the same with bit 32 set", inject_high, ROOT },
	{ "inject-standard", "type into standard input", inject_standard,
	    ROOT },
	{ "paste", "paste into a console", paste, OWNER },
	{ "paste-high", "the same with bit 32 set", paste_high, OWNER },
	{ "discipline", "load a line discipline", discipline, OWNER },
	{ "take-console", "take the console's messages", console, NEVER },
	{ "hang-up", "end a terminal", hang_up, ROOT },
	{ "dev-tty", "open the client's terminal", client_terminal, OWNER },
	{ "dev-tty0", "open the current console", virtual_terminal, HOST },
	{ "dev-tty1", "open another console", first_terminal, HOST },
	{ "dev-console", "open the machine's console", machine_console,
	    HOST },
	{ "dev-screen", "open the screen", screen, HOST },
	{ "dev-keyboard", "open the keyboard", keyboard, HOST },
	{ "dev-mouse", "open the mouse", mice, HOST },
	{ "dev-serial", "open a serial line", serial, HOST },
	{ "terminals-of-others", "open a terminal that was not made here",
	    others, OWNER },
	{ "folder-descriptor", "a folder as standard input or output",
	    descriptors, OWNER },
};
FAMILY(terminals_family, TERMINALS, doors);
