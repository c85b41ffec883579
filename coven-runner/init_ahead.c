/*
 * A spare's tree: built before there is a launch, in a mount namespace of
 * its own that nobody is in until then (doc/adr/0007).
 *
 * This process stays in the host's mount namespace meanwhile, because a
 * working folder is carried into a new one from there alone, and the project
 * comes as one.  What builds the tree is a short-lived process that shares
 * memory and descriptors with this one, and leaves the namespace's.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"

#define STACK	(256u << 10)

struct apart {
	struct init	*in;
	int		(*fn)(struct init *);
	int		 result;
};

static int
apart(void *arg)
{
	struct apart *a = arg;

	a->result = a->fn(a->in);
	return 0;
}

int
init_apart(struct init *in, int (*fn)(struct init *))
{
	struct apart a = { .in = in, .fn = fn, .result = -ECHILD };
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	int status;
	pid_t pid;

	if (stack == MAP_FAILED)
		return init_fail(in, -errno, "make a stack");
	/* This side waits until the other is gone: one thread at a time. */
	pid = clone(apart, stack + STACK, CLONE_VM | CLONE_VFORK |
	    CLONE_FILES | SIGCHLD, &a);
	if (pid == -1)
		a.result = init_fail(in, -errno, "clone");
	else if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		a.result = init_fail(in, -ECHILD, "wait for the builder");
	(void)munmap(stack, STACK);
	return a.result;
}

/* Its mounts hold what they show; the descriptors go. */
static void
close_rows(struct init *in)
{
	size_t i;

	for (i = 0; i < in->nmounts; i++)
		mem_close(&in->mounts[i].fd);
}

int
init_keep(struct init *in)
{
	if (in->have_project)
		return 0;		/* nothing was built ahead */
	in->tree = openat(in->proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (in->tree == -1)
		return init_fail(in, -errno, "hold on to the tree");
	close_rows(in);
	in->nplaced = in->nmounts;
	in->prepared = true;
	return 0;
}

int
init_enter(struct init *in)
{
	if (in->tree == -1)
		return 0;	/* nothing was built ahead, or it is entered */
	/* Root and working folder become the tree's root with it. */
	if (setns(in->tree, CLONE_NEWNS) == -1)
		return init_fail(in, -errno, "enter the tree");
	mem_close(&in->tree);
	return 0;
}

static void
let_go(struct init *in)
{
	size_t i;

	mem_close(&in->tree);
	mem_close(&in->root);
	mem_close(&in->proc);
	mem_close(&in->store);
	mem_close(&in->mask_file);
	mem_close(&in->mask_dir);
	for (i = 0; i < in->nplaced; i++)
		in->mounts[i].skipped = false;
	in->nplaced = in->nown = in->nstored = in->nmasked = 0;
	in->nwalked = 0;
	in->prepared = false;
}

/*
 * A row that lies in the project goes on top of it, and here it would lie
 * beneath: then everything is built now, as without a spare.
 */
int
init_choose(struct init *in)
{
	size_t n = strlen(in->project.target), i;

	for (i = 0; i < in->nplaced; i++)
		if (strncmp(in->mounts[i].target, in->project.target,
		    n) == 0 && in->mounts[i].target[n] == '/') {
			let_go(in);
			return 0;
		}
	return 0;
}
