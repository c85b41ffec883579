#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <linux/capability.h>
#include <linux/securebits.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "sandbox/role.h"
#include "sandbox/steps.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE			65	/* Linux 6.3 */
#define PR_MDWE_REFUSE_EXEC_GAIN	(1UL << 0)
#endif

/* The monitor may have died before the signal was asked for: its channel. */
int
step_death_signal(struct entry *e)
{
	struct pollfd control = { .fd = ROLE_FD_CONTROL, .events = 0 };

	(void)e;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		return -errno;
	if (poll(&control, 1, 0) == -1)
		return -errno;
	return (control.revents & (POLLHUP | POLLERR)) ? -EPIPE : 0;
}

int
step_limits(struct entry *e)
{
	size_t i;

	for (i = 0; i < e->profile->nlimits; i++) {
		const struct profile_limit *l = &e->profile->limits[i];
		struct rlimit rl;

		if (getrlimit((__rlimit_resource_t)l->resource, &rl) == -1)
			return -errno;
		if (rl.rlim_max > l->value)
			rl.rlim_max = l->value;
		rl.rlim_cur = rl.rlim_max;
		if (setrlimit((__rlimit_resource_t)l->resource, &rl) == -1)
			return -errno;
	}
	return 0;
}

/* --- capabilities: every drop is read back ------------------------------- */

struct caps {
	struct __user_cap_data_struct	half[_LINUX_CAPABILITY_U32S_3];
};

static int
caps_get(struct caps *c)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &h, c->half) == -1 ? -errno : 0;
}

static bool
has_setpcap(void)
{
	struct caps c;

	return caps_get(&c) == 0 &&
	    (c.half[0].effective & (1U << CAP_SETPCAP)) != 0;
}

#define SECUREBITS	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | \
			    SECBIT_NO_SETUID_FIXUP | \
			    SECBIT_NO_SETUID_FIXUP_LOCKED | \
			    SECBIT_KEEP_CAPS_LOCKED | \
			    SECBIT_NO_CAP_AMBIENT_RAISE | \
			    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

int
step_securebits(struct entry *e)
{
	(void)e;
	if (!has_setpcap())
		return 0;	/* without it there is nothing to keep */
	if (prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) == -1)
		return -errno;
	return prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) == SECUREBITS ? 0 : -EPERM;
}

/* Not from /proc/sys/kernel/cap_last_cap: /proc is gone by now. */
int
step_bounding(struct entry *e)
{
	int cap, set;

	(void)e;
	if (!has_setpcap())
		return 0;
	for (cap = 0; cap < 64; cap++) {
		set = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (set == -1 && errno == EINVAL)
			break;	/* the last one was the last */
		if (set == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return -errno;
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
			return -EPERM;
	}
	return 0;
}

int
step_capabilities(struct entry *e)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct caps none = { 0 }, now;
	int cap, r;

	(void)e;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		return -errno;
	if (syscall(SYS_capset, &h, none.half) == -1)
		return -errno;
	r = caps_get(&now);
	if (r < 0)
		return r;
	if (memcmp(&now, &none, sizeof(now)) != 0)
		return -EPERM;
	for (cap = 0; cap < 64; cap++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0,
		    0) == 1)
			return -EPERM;
	return 0;
}

int
step_no_new_privs(struct entry *e)
{
	(void)e;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -errno;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -EPERM;
}

/* Memory that was writable never becomes executable; kernels before 6.3: no. */
int
step_no_exec_gain(struct entry *e)
{
	(void)e;
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == -1 &&
	    errno != EINVAL)
		return -errno;
	return 0;
}

/* --- Landlock and the filter --------------------------------------------- */

int
step_landlock(struct entry *e)
{
	static const enum landlock_net nets[] = {
		[NET_NONE] = LANDLOCK_NET_NONE,
		[NET_HOST] = LANDLOCK_NET_ANY,
		[NET_DNS] = LANDLOCK_NET_DNS,
	};
	int r = landlock_restrict(e->profile->rules, e->profile->nrules,
	    nets[e->profile->net]);

	if (r != -ENOSYS || !e->mounts)
		return r;
	log_warn("restrict by Landlock: it is not to be had: %s has its root",
	    msg_role_name(e->role));
	return 0;
}

static char trap_text[64];
static size_t trap_len;

/*
 * Name the call on the log pipe, then run it once more: SA_RESETHAND has put
 * the default action back, so that this process still dies of SIGSYS and the
 * kernel's own record shows the call.
 */
static void
on_sigsys(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	char line[sizeof(trap_text) + 16], digits[12];
	unsigned nr = (unsigned)si->si_syscall;
	size_t n = trap_len, d = 0;

	(void)sig;
	memcpy(line, trap_text, n);
	do {
		digits[d++] = (char)('0' + nr % 10);
		nr /= 10;
	} while (nr != 0);
	while (d != 0)
		line[n++] = digits[--d];
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) == -1) {
		/* nothing more can be said */
	}
#if defined(__x86_64__)
	uc->uc_mcontext.gregs[REG_RIP] -= 2;	/* the syscall instruction */
#elif defined(__aarch64__)
	uc->uc_mcontext.pc -= 4;
#else
	(void)uc;
	(void)syscall(SYS_ptrace, 0, 0, 0, 0);	/* killed in every role */
#endif
}

int
step_trap(struct entry *e)
{
	struct sigaction sa = { .sa_sigaction = on_sigsys,
	    .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER };
	sigset_t set;
	int n;

	n = snprintf(trap_text, sizeof(trap_text),
	    "<%d>%s: refused syscall ", (int)LOG_LEVEL_ERROR,
	    msg_role_name(e->role));
	trap_len = n > 0 ? (size_t)n : 0;
	sigemptyset(&sa.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	if (sigaction(SIGSYS, &sa, NULL) == -1 ||
	    sigprocmask(SIG_UNBLOCK, &set, NULL) == -1)
		return -errno;
	return 0;
}

int
step_filter(struct entry *e)
{
	return filter_load(e->profile->filter);
}
