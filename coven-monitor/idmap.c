#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/sched.h>
#include <sched.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-monitor/idmap.h"

static int
write_map(pid_t pid, const char *file, uid_t inside, uid_t outside)
{
	char path[64], line[64];
	autoclose int fd = -1;
	int n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	n = snprintf(line, sizeof(line), "%u %u 1", inside, outside);
	return write(fd, line, (size_t)n) == n ? 0 : -errno;
}

/*
 * A mapping is named by a user namespace, and a namespace needs a process to
 * be born in: a child that only waits to be killed.
 */
int
idmap_open(uid_t from_uid, gid_t from_gid, uid_t to_uid, gid_t to_gid)
{
	struct clone_args args = { .flags = CLONE_NEWUSER,
	    .exit_signal = SIGCHLD };
	int pipefd[2], fd, r = 0;
	char path[64], byte;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) == -1)
		return -errno;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		/* Its namespace can be opened only while it is dumpable. */
		if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 &&
		    write(pipefd[1], "", 1) == 1)
			(void)pause();
		_exit(0);
	}
	mem_close(&pipefd[1]);
	if (pid == -1 || read(pipefd[0], &byte, 1) != 1)
		r = -EAGAIN;
	mem_close(&pipefd[0]);
	if (pid == -1)
		return r;
	if (r == 0)
		r = write_map(pid, "uid_map", from_uid, to_uid);
	if (r == 0)
		r = write_map(pid, "gid_map", from_gid, to_gid);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = r == 0 ? open(path, O_RDONLY | O_CLOEXEC) : r;
	if (fd == -1)
		fd = -errno;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return fd;
}

int
idmap_mount(int fd, int mapping)
{
	/*
	 * Private: where the root is shared, as systemd makes it, whatever the
	 * init mounts beneath the clone would appear on the host as well.
	 */
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
	    .propagation = MS_PRIVATE, .userns_fd = (uint64_t)mapping };
	autoclose int tree = -1;

	tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE |
	    OPEN_TREE_CLOEXEC);
	if (tree == -1 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr,
	    sizeof(attr)) == -1)
		return -errno;
	return mem_steal_fd(&tree);
}
