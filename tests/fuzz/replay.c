/*
 * Runs every file of a corpus through one fuzz target, for make check.  The
 * program is named replay_X and its corpus tests/fuzz/corpus/X; files or
 * folders may be given instead.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static unsigned replayed;

static void
die(const char *what, const char *path)
{
	(void)fprintf(stderr, "%s %s: %s\n", what, path, strerror(errno));
	exit(1);
}

static void
replay_file(const char *path, size_t n)
{
	/* Exactly n bytes, so that a sanitizer sees a read past them. */
	uint8_t *data = malloc(n != 0 ? n : 1);
	FILE *f = fopen(path, "r");

	if (data == NULL || f == NULL || fread(data, 1, n, f) != n)
		die("read", path);
	(void)fclose(f);
	(void)LLVMFuzzerTestOneInput(data, n);
	free(data);
	replayed++;
}

static void	replay(const char *);

static void
replay_folder(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char below[4096];

	if (d == NULL)
		die("open", path);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(below, sizeof(below), "%s/%s", path,
		    e->d_name) >= sizeof(below))
			die("open", path);
		replay(below);
	}
	(void)closedir(d);
}

static void
replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		die("stat", path);
	if (S_ISDIR(st.st_mode))
		replay_folder(path);
	else
		replay_file(path, (size_t)st.st_size);
}

int
main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir"), *name = strrchr(argv[0], '_');
	char path[4096];
	int i;

	(void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s",
	    srcdir != NULL ? srcdir : ".", name != NULL ? name + 1 : "");
	if (argc < 2)
		replay(path);
	for (i = 1; i < argc; i++)
		replay(argv[i]);
	(void)printf("%u inputs replayed\n", replayed);
	/* A corpus that was not found is no pass. */
	return replayed == 0;
}
