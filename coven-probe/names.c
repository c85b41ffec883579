/*
 * What a path alone is enough for: no file is opened, so a sandbox that looks
 * at what is opened sees none of it.
 */
#include <sys/inotify.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "coven-probe/probe.h"

static int
look(const struct targets *t)
{
	struct stat st;

	return t->secret == NULL ? DOOR_UNTRIED :
	    door(lstat(t->secret, &st));
}

/* The mode that it has. */
static int
mode(const struct targets *t)
{
	return t->secret == NULL ? DOOR_UNTRIED : door(chmod(t->secret, 0600));
}

static int
group(const struct targets *t)
{
	return t->secret == NULL ? DOOR_UNTRIED :
	    door(chown(t->secret, (uid_t)-1, getegid()));
}

static int
times(const struct targets *t)
{
	const struct timespec keep[2] = { { .tv_nsec = UTIME_OMIT },
	    { .tv_nsec = UTIME_NOW } };

	return t->secret == NULL ? DOOR_UNTRIED :
	    door(utimensat(AT_FDCWD, t->secret, keep, 0));
}

/* "secret\n" and no less. */
static int
cut(const struct targets *t)
{
	return t->secret == NULL ? DOOR_UNTRIED : door(truncate(t->secret, 7));
}

static int
watch(const struct targets *t)
{
	int fd, r;

	if (t->secret == NULL)
		return DOOR_UNTRIED;
	fd = inotify_init1(IN_CLOEXEC);
	if (fd == -1)
		return errno;
	r = door(inotify_add_watch(fd, t->secret, IN_ACCESS));
	(void)close(fd);
	return r;
}

/* git runs it outside, as the owner, with the next push. */
static int
hook(const struct targets *t)
{
	(void)t;
	return door_path(".git/hooks/pre-push", O_WRONLY);
}

static const struct door doors[] = {
	{ "stat-beside", "see its size, owner and dates", look, OWNER },
	{ "mode-beside", "change its mode", mode, OWNER },
	{ "group-beside", "change its group", group, OWNER },
	{ "times-beside", "change its dates", times, OWNER },
	{ "cut-beside", "cut it by its name", cut, OWNER },
	{ "watch-beside", "hear of its being used", watch, OWNER },
	{ "git-hook", "write to a hook of the project's git", hook, OWNER },
};
FAMILY(names_family, FILES, doors);
