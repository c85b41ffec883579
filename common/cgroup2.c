#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cgroup2.h"

#define LINE_MAX_LEN	8192

/* "36 25 0:30 / /sys/fs/cgroup rw,... - cgroup2 cgroup2 rw": the fifth word. */
static int
take_mount(char *line, char out[PATH_MAX])
{
	char *rest = line, *word = NULL;

	if (strstr(line, " - cgroup2 ") == NULL)
		return -ENOENT;
	for (int i = 0; i < 5; i++)
		word = strsep(&rest, " ");
	/* A blank would be written \040: such a mount is not one we know. */
	if (word == NULL || word[0] != '/' || strchr(word, '\\') != NULL ||
	    strlen(word) >= PATH_MAX)
		return -ENOENT;
	memcpy(out, word, strlen(word) + 1);
	return 0;
}

/* The first line of a file of /proc that take accepts. */
static int
find_line(const char *path, int (*take)(char *, char *), char out[PATH_MAX])
{
	char line[LINE_MAX_LEN];
	FILE *f = fopen(path, "re");
	int r = -ENOENT;

	if (f == NULL)
		return -errno;
	while (r != 0 && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		r = take(line, out);
	}
	(void)fclose(f);
	return r;
}

int
cgroup2_mount(char out[PATH_MAX])
{
	return find_line("/proc/self/mountinfo", take_mount, out);
}

/* "0::/user.slice/..."; outside this namespace's root it climbs by "..". */
static int
take_own(char *line, char out[PATH_MAX])
{
	if (strncmp(line, "0::/", 4) != 0 || strstr(line, "/..") != NULL ||
	    strlen(line) >= PATH_MAX)
		return -ENOENT;
	memcpy(out, line + 3, strlen(line + 3) + 1);
	return 0;
}

int
cgroup2_own(char out[PATH_MAX])
{
	return cgroup2_of(getpid(), out);
}

int
cgroup2_of(pid_t pid, char out[PATH_MAX])
{
	char mount[PATH_MAX], own[PATH_MAX], path[64];
	int r = cgroup2_mount(mount);

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (r == 0)
		r = find_line(path, take_own, own);
	if (r == 0 && snprintf(out, PATH_MAX, "%s%s", mount,
	    strcmp(own, "/") == 0 ? "" : own) >= PATH_MAX)
		r = -ENAMETOOLONG;
	return r;
}

void
cgroup2_name(const struct stat *st, char out[CGROUP2_NAME_MAX])
{
	(void)snprintf(out, CGROUP2_NAME_MAX, "coven-%jx-%jx",
	    (uintmax_t)st->st_dev, (uintmax_t)st->st_ino);
}
