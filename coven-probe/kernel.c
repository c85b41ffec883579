/* The kernel's own doors. */
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/swap.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

static int
load_module(const struct targets *t)
{
	(void)t;
	/* The kernel looked at the bytes: permission was given. */
	return door_behind(syscall(SYS_init_module, "", 0, ""), ENOEXEC,
	    EINVAL);
}

static int
load_module_file(const struct targets *t)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)t;
	return door_behind(syscall(SYS_finit_module, fd, "", 0), ENOEXEC,
	    ENOEXEC);
}

static int
unload_module(const struct targets *t)
{
	(void)t;
	return door_behind(syscall(SYS_delete_module, "no_such_module", 0),
	    ENOENT, ENOENT);
}

static int
replace_kernel(const struct targets *t)
{
	(void)t;
	/* Flags that no kernel knows. */
	return door_behind(syscall(SYS_kexec_load, 0, 0, NULL, ~0ul), EINVAL,
	    EINVAL);
}

static int
restart(const struct targets *t)
{
	(void)t;
	/* Without the magic that a real one needs. */
	return door_behind(syscall(SYS_reboot, 0, 0, 0, NULL), EINVAL,
	    EINVAL);
}

static int
load_bpf(const struct targets *t)
{
	union bpf_attr attr;

	(void)t;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	return door(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int
sample(const struct targets *t)
{
	struct perf_event_attr attr;

	(void)t;
	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_SOFTWARE;
	attr.size = sizeof(attr);
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	return door(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int
handle_faults(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_userfaultfd, O_CLOEXEC));
}

static int
ring(const struct targets *t)
{
	char params[256] = { 0 };

	(void)t;
	return door(syscall(SYS_io_uring_setup, 1, params));
}

static int
keyring(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID,
	    KEY_SPEC_USER_KEYRING, 0));
}

static int
add_key(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_add_key, "user", "coven-probe", "x", 1,
	    KEY_SPEC_PROCESS_KEYRING));
}

static int
request_key(const struct targets *t)
{
	(void)t;
	return door_behind(syscall(SYS_request_key, "user", "coven-probe",
	    NULL, 0), ENOKEY, ENOKEY);
}

static int
set_clock(const struct targets *t)
{
	(void)t;
	/* To nothing: only permission is asked for. */
	return door(syscall(SYS_settimeofday, NULL, NULL));
}

static int
set_host_name(const struct targets *t)
{
	char name[256] = "";

	(void)t;
	if (gethostname(name, sizeof(name) - 1) == -1)
		return DOOR_UNTRIED;
	return door(sethostname(name, strlen(name)));
}

static int
kernel_log(const struct targets *t)
{
	char text[16];

	(void)t;
	return door(klogctl(3, text, sizeof(text)));
}

static int
account(const struct targets *t)
{
	(void)t;
	return door_behind(acct("/nonexistent/coven-probe"), ENOENT, ENOENT);
}

static int
swap(const struct targets *t)
{
	(void)t;
	return door_behind(swapon("/nonexistent/coven-probe", 0), ENOENT,
	    ENOENT);
}

static int
ports(const struct targets *t)
{
#if defined(__x86_64__) || defined(__i386__)
	(void)t;
	return door(ioperm(0x80, 1, 1));
#else
	(void)t;
	return ENOSYS;
#endif
}

static int
watch_all(const struct targets *t)
{
	(void)t;
	/* A listener of whole mounts needs a capability, others do not. */
	return door(syscall(SYS_fanotify_init, 0, O_RDONLY));
}

static int
segments(const struct targets *t)
{
#ifdef SYS_modify_ldt
	char ldt[16];

	(void)t;
	return door(syscall(SYS_modify_ldt, 0, ldt, sizeof(ldt)));
#else
	(void)t;
	return ENOSYS;
#endif
}

DOOR_PATH(sysrq, "/proc/sysrq-trigger", O_WRONLY)
DOOR_PATH(core_pattern, "/proc/sys/kernel/core_pattern", O_WRONLY)
DOOR_PATH(modprobe, "/proc/sys/kernel/modprobe", O_WRONLY)
DOOR_PATH(caches, "/proc/sys/vm/drop_caches", O_WRONLY)
DOOR_PATH(forward, "/proc/sys/net/ipv4/ip_forward", O_WRONLY)
DOOR_PATH(handlers, "/proc/sys/fs/binfmt_misc/register", O_WRONLY)
DOOR_PATH(kcore, "/proc/kcore", O_RDONLY)
DOOR_PATH(uevent_helper, "/sys/kernel/uevent_helper", O_WRONLY)
DOOR_PATH(security, "/sys/kernel/security", O_RDONLY | O_DIRECTORY)
DOOR_PATH(tracing, "/sys/kernel/tracing/trace", O_RDONLY)
DOOR_PATH(efivars, "/sys/firmware/efi/efivars", O_RDONLY | O_DIRECTORY)

/* It is there empty, covered: only what it says would be the door. */
static int
keys_of_others(const struct targets *t)
{
	int fd = open("/proc/keys", O_RDONLY | O_CLOEXEC);
	char byte;

	(void)t;
	if (fd == -1)
		return errno;
	return read(fd, &byte, 1) == 1 ? DOOR_OPEN : ENODATA;
}

static const struct door doors[] = {
	{ "module", "load a module", load_module, HOST },
	{ "module-file", "load a module from a file", load_module_file,
	    HOST },
	{ "module-unload", "unload a module", unload_module, HOST },
	{ "kexec", "replace the kernel", replace_kernel, HOST },
	{ "reboot", "restart the machine", restart, ROOT },
	{ "bpf", "load programs into it", load_bpf, HOST },
	{ "perf", "sample it", sample, HOST },
	{ "userfaultfd", "stop it in mid-copy", handle_faults, HOST },
	{ "io-uring", "do I/O past filters", ring, HOST },
	{ "keyring", "find the user's keyring", keyring, HOST },
	{ "add-key", "add a key", add_key, HOST },
	{ "request-key", "request a key", request_key, HOST },
	{ "keys", "list the keys of others", keys_of_others, HOST },
	{ "clock", "set the clock", set_clock, ROOT },
	{ "host-name", "set the host's name", set_host_name, ROOT },
	{ "log", "read the kernel's log", kernel_log, ROOT },
	{ "account", "have every exit written down", account, HOST },
	{ "swap", "add swap", swap, HOST },
	{ "ports", "use the machine's ports", ports, HOST },
	{ "fanotify", "watch whole mounts", watch_all, HOST },
	{ "ldt", "16-bit segments", segments, HOST },
	{ "sysrq", "the magic key", sysrq, HOST },
	{ "core-pattern", "choose who takes core files", core_pattern,
	    ROOT },
	{ "modprobe", "choose who loads modules", modprobe, HOST },
	{ "uevent-helper", "choose who hears of devices", uevent_helper,
	    HOST },
	{ "binfmt", "choose who runs programs", handlers, HOST },
	{ "drop-caches", "drop its caches", caches, ROOT },
	{ "ip-forward", "forward packets", forward, ROOT },
	{ "kcore", "read its memory", kcore, HOST },
	{ "securityfs", "see its security modules", security, HOST },
	{ "tracing", "trace it", tracing, HOST },
	{ "efivars", "the firmware's variables", efivars, HOST },
};
FAMILY(kernel_family, KERNEL, doors);
