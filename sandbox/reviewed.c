/*
 * A small second program beside the deny rows, in the instructions of the
 * kernel's own filter machine, for two things that libseccomp has no row
 * for: a comparison of the number itself, and an argument compared twice.
 * (A list of every known number says the first, and takes 3 ms to compile
 * on each launch; this takes none.)
 *
 * Calls above SYSCALL_NEWEST that nobody has looked at fail with ENOSYS, on
 * which libc and tools fall back.  Numbers from 424 on are the same on every
 * architecture.  A foreign architecture is killed by the other program, and
 * of two answers the kernel takes the sterner, so none is told apart here.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "common/mem.h"
#include "sandbox/syscalls.h"

#define LOAD(offset) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
/* yes and no count the instructions to skip */
#define IF_EQ(v, yes, no) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (v), (yes), (no))
#define IF_OVER(v, yes, no) \
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (v), (yes), (no))
#define ANSWER(v) \
	BPF_STMT(BPF_RET | BPF_K, (v))

#define NUMBER	offsetof(struct seccomp_data, nr)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARG0	offsetof(struct seccomp_data, args[0])
#else
#define ARG0	(offsetof(struct seccomp_data, args[0]) + 4)
#endif

#define NR_MSEAL	462	/* forbids changes of one's own mappings */

static struct sock_filter program[] = {
	LOAD(NUMBER),
	IF_EQ(SYS_personality, 4, 0),
	IF_OVER(SYSCALL_NEWEST, 0, 1),
	IF_EQ(NR_MSEAL, 0, 1),
	ANSWER(SECCOMP_RET_ALLOW),
	ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
	/* personality: the default, and the question which it is */
	LOAD(ARG0),
	IF_EQ(0, 2, 0),
	IF_EQ(0xffffffff, 1, 0),
	ANSWER(SECCOMP_RET_ERRNO | EPERM),
	ANSWER(SECCOMP_RET_ALLOW),
};

int
reviewed_load(void)
{
	struct sock_fprog p = { .len = nitems(program), .filter = program };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0U, &p) == -1)
		return -errno;
	return 0;
}

int
reviewed_export(int fd)
{
	size_t i;

	for (i = 0; i < nitems(program); i++)
		if (dprintf(fd, "# reviewed %2zu: %04x %3u %3u %#010x\n", i,
		    program[i].code, program[i].jt, program[i].jf,
		    program[i].k) < 0)
			return -EIO;
	return 0;
}
