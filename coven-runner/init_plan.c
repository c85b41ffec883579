#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-runner/init.h"

int
init_add_mount(struct init *in, const struct msg_init_mount *msg, int *fd)
{
	size_t bytes = strlen(msg->source) + strlen(msg->target) +
	    msg->data.len;
	struct init_mount *m;

	if (in->nmounts == LIMIT_PLAN_MOUNTS || msg->op > MOUNT_COPY ||
	    in->plan_bytes + bytes > LIMIT_PLAN_DATA)
		return -E2BIG;
	if (msg->op == MOUNT_COPY ? !memfd_is_sealed(*fd) :
	    *fd >= 0 && msg->op != MOUNT_BIND)
		return -EINVAL;
	in->plan_bytes += bytes;
	in->mounts = mem_realloc(in->mounts, in->nmounts + 1,
	    sizeof(*in->mounts));
	m = &in->mounts[in->nmounts++];
	*m = (struct init_mount){ .op = msg->op, .flags = msg->flags,
	    .source = mem_strdup(msg->source),
	    .target = mem_strdup(msg->target), .dev = msg->dev,
	    .ino = msg->ino, .len = msg->data.len, .fd = mem_steal_fd(fd) };
	if (m->len != 0)
		m->data = mem_dup(msg->data.p, m->len);
	return 0;
}

/* "a\0b\0" as a vector that borrows the strings; NULL when malformed. */
static char **
vector(const struct msg_bin *list)
{
	const char *p = list->p, *end = p + list->len;
	size_t n = 0, i;
	char **v;

	if (list->len != 0 && end[-1] != '\0')
		return NULL;
	for (i = 0; i < list->len; i++)
		n += p[i] == '\0';
	if (n > INIT_LIST_MAX)
		return NULL;
	v = mem_zalloc(n + 1, sizeof(*v));
	for (i = 0; i < n; i++) {
		v[i] = (char *)(uintptr_t)p;
		p += strlen(p) + 1;
	}
	return v;
}

int
init_read_plan(struct init *in, int memfd)
{
	union msg_any msg;
	int r;

	buf_init(&in->plan, LIMIT_BULK);
	r = memfd_read(memfd, LIMIT_BULK, &in->plan);
	if (r < 0)
		return init_fail(in, r, "read the plan");
	r = msg_decode_exact(buf_head(&in->plan), buf_left(&in->plan),
	    MSG_EXEC_PLAN, &msg);
	if (r < 0)
		return init_fail(in, r, "decode the plan");
	in->program = msg.exec_plan.program;
	in->argv = vector(&msg.exec_plan.argv);
	in->envp = vector(&msg.exec_plan.envp);
	if (in->argv == NULL || in->envp == NULL || in->argv[0] == NULL)
		return init_fail(in, -EINVAL,
		    "the argument vector or environment is malformed");
	if (in->program[0] == '\0')
		return init_fail(in, -EINVAL, "the program has no name");
	if (msg.exec_plan.uid != in->ids.uid_in ||
	    msg.exec_plan.gid != in->ids.gid_in)
		return init_fail(in, -EINVAL, "the plan is for uid %u, gid %u",
		    msg.exec_plan.uid, msg.exec_plan.gid);
	in->data = msg.exec_plan.data;
	in->file = msg.exec_plan.file;
	in->cpu_s = msg.exec_plan.cpu_s;
	in->processes = msg.exec_plan.processes;
	in->open_files = msg.exec_plan.open_files;
	in->watch.memory = msg.exec_plan.memory;
	in->watch.disk_free = msg.exec_plan.disk_free;
	in->watch.processes = msg.exec_plan.processes_at;
	in->quota.max_bytes = msg.exec_plan.work_bytes;
	in->quota.max_files = msg.exec_plan.work_files;
	return 0;
}

/* The pipe ends are this side's own open files: flags are not shared. */
static int
check_io(struct init *in)
{
	int i;

	for (i = 0; i < 3; i++) {
		if ((in->io[i] >= 0) == (in->transport == TRANSPORT_PTY))
			return init_fail(in, -EINVAL,
			    "standard descriptor %d does not fit the transport",
			    i);
		if (in->io[i] >= 0 && fcntl(in->io[i], F_SETFL, 0) == -1)
			return init_fail(in, -errno,
			    "make standard descriptor %d block", i);
	}
	return 0;
}

/* What is built ahead is opened by path: there is no session to hold for. */
int
init_check_ahead(struct init *in)
{
	size_t i;

	for (i = 0; i < in->nmounts; i++)
		if (in->mounts[i].fd >= 0)
			return init_fail(in, -EINVAL,
			    "%s belongs to a session", in->mounts[i].target);
	return 0;
}

int
init_check(struct init *in)
{
	size_t i;

	if (!in->have_project)
		return init_fail(in, -EINVAL, "no project was handed over");
	if (in->transport > TRANSPORT_STREAM || in->network > 1 ||
	    in->nested > 1)
		return init_fail(in, -EINVAL, "transport %u, network %u, "
		    "nested %u", in->transport, in->network, in->nested);
	if (!chan_is_open(&in->runner))
		return init_fail(in, -EINVAL, "no runner was handed over");
	for (i = 0; i < in->nmounts; i++)
		if (strcmp(in->mounts[i].target, in->project.target) == 0)
			return init_fail(in, -EINVAL,
			    "%s is the project's own path",
			    in->project.target);
	return check_io(in);
}
