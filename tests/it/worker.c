/*
 * Plays the monitor to a worker, for scripts and for the bench:
 *
 *	worker LIBEXEC remove DIR [MS]
 *	worker LIBEXEC pack DIR FILE [LEVEL]
 *	worker LIBEXEC unpack FILE DIR
 *
 * Prints what the worker answered as key=value; 0 when it answered "done".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/unit/work_driver.h"

static int
must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd == -1)
		fatal("open %s: %s", path, strerror(errno));
	return fd;
}

static int
do_remove(const char *program, char **argv)
{
	struct work w;

	work_remove(&w, program, must_open(argv[0], O_RDONLY | O_DIRECTORY),
	    argv[1] != NULL ? (uint32_t)atol(argv[1]) : 600000);
	if (!w.answered)
		fatal("%s: no answer: status %#x", program, w.status);
	printf("code=%s removed=%llu left=%llu mounts=%llu flagged=%llu "
	    "error=%u name=%s\n", worker_outcome(w.removed.code),
	    (unsigned long long)w.removed.removed,
	    (unsigned long long)w.removed.left,
	    (unsigned long long)w.removed.mounts,
	    (unsigned long long)w.removed.flagged, w.removed.error, w.name);
	return w.removed.code != WORKER_DONE;
}

static int
do_pack(const char *program, char **argv)
{
	struct msg_pack m = { .max_bytes = UINT64_C(1) << 40,
	    .max_entries = 1 << 24, .max_packed = UINT64_C(1) << 40,
	    .ms = 600000, .level = argv[2] != NULL ?
	    (uint32_t)atol(argv[2]) : 2 };
	struct work w;

	work_pack(&w, program, must_open(argv[0], O_RDONLY | O_DIRECTORY),
	    must_open(argv[1], O_WRONLY | O_CREAT | O_TRUNC), &m);
	if (!w.answered)
		fatal("%s: no answer: status %#x", program, w.status);
	printf("code=%s entries=%llu bytes=%llu packed=%llu special=%llu "
	    "unreadable=%llu changed=%llu mounts=%llu deep=%llu large=%llu "
	    "error=%u name=%s\n", worker_outcome(w.packed.code),
	    (unsigned long long)w.packed.entries,
	    (unsigned long long)w.packed.bytes,
	    (unsigned long long)w.packed.packed,
	    (unsigned long long)w.packed.special,
	    (unsigned long long)w.packed.unreadable,
	    (unsigned long long)w.packed.changed,
	    (unsigned long long)w.packed.mounts,
	    (unsigned long long)w.packed.deep,
	    (unsigned long long)w.packed.large, w.packed.error, w.name);
	return w.packed.code != WORKER_DONE;
}

static int
do_unpack(const char *program, char **argv)
{
	struct msg_unpack m = { .max_bytes = UINT64_C(4) << 30,
	    .max_entries = 1 << 20, .ms = 600000 };
	struct work w;

	work_unpack(&w, program, must_open(argv[0], O_RDONLY),
	    must_open(argv[1], O_RDONLY | O_DIRECTORY), &m);
	if (!w.answered)
		fatal("%s: no answer: status %#x", program, w.status);
	printf("code=%s entries=%llu bytes=%llu error=%u why=%s name=%s\n",
	    worker_outcome(w.unpacked.code),
	    (unsigned long long)w.unpacked.entries,
	    (unsigned long long)w.unpacked.bytes, w.unpacked.error, w.why,
	    w.name);
	return w.unpacked.code != WORKER_DONE;
}

static const struct {
	const char	*name, *program;
	int		 args;
	int		(*fn)(const char *, char **);
} verbs[] = {
	{ "remove", "coven-remover", 1, do_remove },
	{ "pack", "coven-archiver", 2, do_pack },
	{ "unpack", "coven-extractor", 2, do_unpack },
};

int
main(int argc, char **argv)
{
	char program[4096];
	size_t i;

	log_init("worker", LOG_LEVEL_INFO);
	for (i = 0; argc > 3 && i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(argv[2], verbs[i].name) != 0 ||
		    argc < 3 + verbs[i].args)
			continue;
		(void)snprintf(program, sizeof(program), "%s/%s", argv[1],
		    verbs[i].program);
		return verbs[i].fn(program, argv + 3);
	}
	fputs("usage: worker LIBEXEC remove|pack|unpack ...\n", stderr);
	return 64;
}
