/*
 * Every syscall that a filter names.  HACKING.md says how to add a row; each
 * says why it is there.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>

#include "common/mem.h"
#include "sandbox/syscalls.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x00000080
#endif

#define EQ(a, v)	{ (a), CMP_EQ, (v) }
#define BITS(a, v)	{ (a), CMP_BITS, (v) }
#define ONLY(a, v)	{ (a), CMP_ONLY, (v) }
#define NOT(a, v)	{ (a), CMP_NOT, (v) }
#define OVER(a, v)	{ (a), CMP_OVER, (v) }

#define ALLOW(name, why, ...)	{ name, why, ROW_ALLOW, { __VA_ARGS__ } }
#define KILL(name, why)		{ name, why, ROW_KILL, { { 0 } } }
#define DENY(name, why, ...)	{ name, why, EPERM, { __VA_ARGS__ } }
#define FAIL(e, name, why, ...)	{ name, why, e, { __VA_ARGS__ } }

#define SET(x)		static const struct syscall_row rows_##x[]
#define END_SET(x)	static const struct syscall_set set_##x = \
			    { #x, rows_##x, nitems(rows_##x) }

/* --- denied to everyone: neither the suite nor a payload needs them ------ */

SET(dangerous) = {
	DENY("acct", "writes a file of the host's on every exit", { 0 }),
	DENY("bpf", "programs in the kernel", { 0 }),
	DENY("delete_module", "changes the kernel", { 0 }),
	DENY("fanotify_init", "watches whole mounts of the host", { 0 }),
	DENY("finit_module", "changes the kernel", { 0 }),
	DENY("init_module", "changes the kernel", { 0 }),
	DENY("io_uring_enter", "does I/O that no filter sees", { 0 }),
	DENY("io_uring_register", "does I/O that no filter sees", { 0 }),
	DENY("io_uring_setup", "does I/O that no filter sees", { 0 }),
	DENY("ioperm", "raw ports", { 0 }),
	DENY("iopl", "raw ports", { 0 }),
	DENY("kcmp", "compares kernel pointers of two processes", { 0 }),
	DENY("kexec_file_load", "replaces the kernel", { 0 }),
	DENY("kexec_load", "replaces the kernel", { 0 }),
	DENY("lookup_dcookie", "paths of the host by number", { 0 }),
	FAIL(ENOSYS, "memfd_secret", "memory that nobody can count", { 0 }),
	DENY("modify_ldt", "16-bit segments: attack surface only", { 0 }),
	DENY("name_to_handle_at", "handles that outlive a root", { 0 }),
	DENY("nfsservctl", "removed from the kernel", { 0 }),
	DENY("open_by_handle_at", "opens past every root and rule", { 0 }),
	DENY("perf_event_open", "samples the kernel and other processes",
	    { 0 }),
	DENY("quotactl", "quotas of the host", { 0 }),
	DENY("quotactl_fd", "quotas of the host", { 0 }),
	DENY("reboot", "ends the host", { 0 }),
	DENY("clock_settime", "the host's clock", { 0 }),
	DENY("settimeofday", "the host's clock", { 0 }),
	DENY("swapoff", "memory of the host", { 0 }),
	DENY("swapon", "memory of the host", { 0 }),
	DENY("syslog", "the kernel's log and its addresses", { 0 }),
	DENY("uselib", "maps a library of another format", { 0 }),
	DENY("userfaultfd", "stops the kernel in mid-copy", { 0 }),
	DENY("vhangup", "ends the terminal of somebody else", { 0 }),
};
END_SET(dangerous);

/* Requests are an unsigned int: high bits must not pass an equality test. */
SET(terminal) = {
	DENY("ioctl", "TIOCSTI types into the terminal of its parent",
	    EQ(1, TIOCSTI)),
	DENY("ioctl", "TIOCLINUX pastes into a console", EQ(1, TIOCLINUX)),
	DENY("ioctl", "TIOCSETD loads line disciplines", EQ(1, TIOCSETD)),
};
END_SET(terminal);

/*
 * Families by their numbers: what is listed works, everything else is
 * refused, also those that a newer kernel brings.  A network namespace does
 * not isolate AF_VSOCK.
 */
#define NO_FAMILY(n, what) \
	FAIL(EAFNOSUPPORT, "socket", what, EQ(0, n))

SET(families) = {
	NO_FAMILY(AF_UNSPEC, "no family"),
	NO_FAMILY(AF_AX25, "amateur radio"),
	NO_FAMILY(AF_IPX, "IPX"),
	NO_FAMILY(AF_APPLETALK, "AppleTalk"),
	NO_FAMILY(AF_NETROM, "amateur radio"),
	NO_FAMILY(AF_BRIDGE, "never a socket's"),
	NO_FAMILY(AF_ATMPVC, "ATM"),
	NO_FAMILY(AF_X25, "X.25"),
	NO_FAMILY(AF_ROSE, "amateur radio"),
	NO_FAMILY(AF_DECnet, "DECnet"),
	NO_FAMILY(AF_NETBEUI, "never a socket's"),
	NO_FAMILY(AF_SECURITY, "never a socket's"),
	NO_FAMILY(AF_KEY, "IPsec keys"),
	FAIL(EAFNOSUPPORT, "socket", "AF_PACKET, AF_ALG, AF_VSOCK and above",
	    OVER(0, AF_NETLINK)),
	FAIL(EPROTONOSUPPORT, "socket", "netlink but route is for the host",
	    EQ(0, AF_NETLINK), NOT(2, 0)),
	FAIL(EAFNOSUPPORT, "socket", "the old spelling of AF_PACKET",
	    EQ(0, AF_INET), BITS(1, SOCK_PACKET)),
	FAIL(EAFNOSUPPORT, "socketpair", "pairs are AF_UNIX", NOT(0, AF_UNIX)),
};
END_SET(families);

/* --- denied to init and payload ------------------------------------------ */

SET(keys) = {
	DENY("add_key", "keyrings are not of one namespace", { 0 }),
	DENY("keyctl", "keyrings are not of one namespace", { 0 }),
	DENY("request_key", "keyrings are not of one namespace", { 0 }),
};
END_SET(keys);

/*
 * The same user may set limits and priorities of another process of his, and
 * PID 1 is one.  Threads and children are named by their own numbers.
 */
#define NOT_PID1(name, what) \
	DENY(name, what, EQ(0, 1))
#define NOT_PID1_WHO(name, which) \
	DENY(name, "holds up the end of the session", EQ(0, which), EQ(1, 1))

SET(init) = {
	NOT_PID1("prlimit64", "takes from PID 1 what it needs"),
	NOT_PID1("sched_setaffinity", "holds up the end of the session"),
	NOT_PID1("sched_setattr", "holds up the end of the session"),
	NOT_PID1("sched_setparam", "holds up the end of the session"),
	NOT_PID1("sched_setscheduler", "holds up the end of the session"),
	NOT_PID1_WHO("setpriority", PRIO_PROCESS),
	NOT_PID1_WHO("setpriority", PRIO_PGRP),
	DENY("setpriority", "everybody's, so PID 1's", EQ(0, PRIO_USER)),
	NOT_PID1_WHO("ioprio_set", 1 /* IOPRIO_WHO_PROCESS */),
	NOT_PID1_WHO("ioprio_set", 2 /* IOPRIO_WHO_PGRP */),
	DENY("ioprio_set", "everybody's, so PID 1's",
	    EQ(0, 3 /* IOPRIO_WHO_USER */)),
	DENY("fcntl", "a lease holds up for 45 s whoever opens the file",
	    EQ(1, F_SETLEASE)),
};
END_SET(init);

SET(new_mounts) = {
	DENY("chroot", "the root is set; only a capability could", { 0 }),
	DENY("fsconfig", "makes mounts", { 0 }),
	DENY("fsmount", "makes mounts", { 0 }),
	DENY("fsopen", "makes mounts", { 0 }),
	DENY("fspick", "changes mounts", { 0 }),
	DENY("mount_setattr", "changes mounts", { 0 }),
	DENY("move_mount", "changes mounts", { 0 }),
	DENY("open_tree", "makes mounts", { 0 }),
};
END_SET(new_mounts);

/* What a sandbox within the sandbox is made of, where a policy grants one. */
SET(mounts) = {
	DENY("mount", "makes mounts", { 0 }),
	DENY("pivot_root", "changes the root", { 0 }),
	DENY("umount", "uncovers what a mount masks", { 0 }),
	DENY("umount2", "uncovers what a mount masks", { 0 }),
};
END_SET(mounts);

/* clone and unshare of anything else (threads, file tables) stay. */
#define NO_NS(flag, what) \
	DENY("clone", what, BITS(0, flag)), \
	DENY("unshare", what, BITS(0, flag))

SET(namespaces) = {
	NO_NS(CLONE_NEWUSER, "a user namespace gives every capability in it"),
	NO_NS(CLONE_NEWNS, "mounts are attack surface"),
	NO_NS(CLONE_NEWPID, "hides processes from its init"),
	NO_NS(CLONE_NEWNET, "network set-up is attack surface"),
	NO_NS(CLONE_NEWIPC, "namespaces are for the init"),
	NO_NS(CLONE_NEWUTS, "namespaces are for the init"),
	NO_NS(CLONE_NEWCGROUP, "namespaces are for the init"),
};
END_SET(namespaces);

/* Refused whatever a policy grants. */
SET(hidden) = {
	DENY("unshare", "namespaces are for the init", BITS(0, CLONE_NEWTIME)),
	DENY("setns", "namespaces are for the init", { 0 }),
	FAIL(ENOSYS, "clone3", "its flags are in memory; libc uses clone",
	    { 0 }),
	FAIL(ENOSYS, "openat2", "its mode is in memory; callers use openat",
	    { 0 }),
};
END_SET(hidden);

/*
 * Set-id bits wherever a mode is given.  mkdir is not here: the kernel drops
 * them by itself, and tools that copy a folder pass on the mode it has.
 */
#define NO_SETID(name, arg) \
	DENY(name, "set-user-id", BITS(arg, S_ISUID)), \
	DENY(name, "set-group-id", BITS(arg, S_ISGID))
#define NO_SETID_OPEN(name, flags, arg) \
	DENY(name, "set-user-id", BITS(flags, O_CREAT), BITS(arg, S_ISUID)), \
	DENY(name, "set-group-id", BITS(flags, O_CREAT), BITS(arg, S_ISGID)), \
	DENY(name, "set-user-id", BITS(flags, O_TMPFILE), \
	    BITS(arg, S_ISUID)), \
	DENY(name, "set-group-id", BITS(flags, O_TMPFILE), BITS(arg, S_ISGID))

SET(setid) = {
	NO_SETID("chmod", 1),
	NO_SETID("fchmod", 1),
	NO_SETID("fchmodat", 2),
	NO_SETID("fchmodat2", 2),
	NO_SETID("creat", 1),
	NO_SETID("mknod", 1),
	NO_SETID("mknodat", 2),
	NO_SETID_OPEN("open", 1, 2),
	NO_SETID_OPEN("openat", 2, 3),
	DENY("mq_open", "set-user-id", BITS(1, O_CREAT), BITS(2, S_ISUID)),
	DENY("mq_open", "set-group-id", BITS(1, O_CREAT), BITS(2, S_ISGID)),
};
END_SET(setid);

/* --- denied where a payload has no namespaces (doc/adr/0025) ------------- */

/*
 * Landlock sees files that are opened, made, removed and executed.  What it
 * does not see is refused here: sockets, System V objects, other processes of
 * the same user, and what a path alone is enough for.  Through a descriptor,
 * which Landlock let be opened, the same is allowed.
 */
#define NO_SOCKET(name) \
	FAIL(EACCES, name, "there is no network of its own", { 0 })
#define NO_IPC(name) \
	DENY(name, "there is no System V namespace of its own", { 0 })
#define OWN_ONLY(name, arg) \
	DENY(name, "another process of the same user", NOT(arg, 0))
#define NO_PATH(name) \
	DENY(name, "by a path, where no rule is asked", { 0 })

SET(alone) = {
	NO_SOCKET("socket"),
	NO_SOCKET("bind"),
	NO_SOCKET("connect"),
	NO_SOCKET("listen"),
	FAIL(EACCES, "socketpair", "a datagram may name another's socket",
	    BITS(1, SOCK_DGRAM)),
	NO_IPC("shmget"),
	NO_IPC("shmat"),
	NO_IPC("shmctl"),
	NO_IPC("msgget"),
	NO_IPC("msgsnd"),
	NO_IPC("msgrcv"),
	NO_IPC("msgctl"),
	NO_IPC("semget"),
	NO_IPC("semop"),
	NO_IPC("semtimedop"),
	NO_IPC("semctl"),
	NO_IPC("mq_open"),
	NO_IPC("mq_unlink"),
	OWN_ONLY("prlimit64", 0),
	OWN_ONLY("sched_setaffinity", 0),
	OWN_ONLY("sched_setattr", 0),
	OWN_ONLY("sched_setparam", 0),
	OWN_ONLY("sched_setscheduler", 0),
	OWN_ONLY("setpriority", 1),
	OWN_ONLY("ioprio_set", 1),
	NO_PATH("chmod"),
	NO_PATH("fchmodat"),
	NO_PATH("fchmodat2"),
	NO_PATH("chown"),
	NO_PATH("lchown"),
	NO_PATH("fchownat"),
	NO_PATH("utime"),
	NO_PATH("utimes"),
	NO_PATH("futimesat"),
	DENY("utimensat", "by a path, where no rule is asked", NOT(1, 0)),
	NO_PATH("setxattr"),
	NO_PATH("lsetxattr"),
	NO_PATH("removexattr"),
	NO_PATH("lremovexattr"),
	DENY("inotify_add_watch", "names that no rule lets be listed",
	    { 0 }),
};
END_SET(alone);

/* What Landlock sees since ABI 6, and truncate(2) since ABI 3. */
#define NO_SIGNAL(name, what) \
	DENY(name, what, { 0 })

SET(unscoped) = {
	DENY("kill", "any process of the owner's; a group's own stays",
	    NOT(0, 0)),
	NO_SIGNAL("tkill", "any thread of the owner's"),
	NO_SIGNAL("tgkill", "any thread of the owner's"),
	NO_SIGNAL("rt_sigqueueinfo", "any process of the owner's"),
	NO_SIGNAL("rt_tgsigqueueinfo", "any thread of the owner's"),
	NO_SIGNAL("pidfd_send_signal", "any process of the owner's"),
	DENY("fcntl", "has the owner's processes signalled",
	    EQ(1, F_SETOWN)),
	DENY("fcntl", "has the owner's processes signalled",
	    EQ(1, F_SETOWN_EX)),
	DENY("ioctl", "has the owner's processes signalled",
	    EQ(1, FIOSETOWN)),
	NO_PATH("truncate"),
};
END_SET(unscoped);

/* --- our own roles: closed sets ------------------------------------------ */

/* A confined role never needs these: there is nothing to debug, kill. */
SET(killed) = {
	KILL("add_key", "keyrings"),
	KILL("bpf", "programs in the kernel"),
	KILL("chroot", "roots"),
	KILL("delete_module", "modules"),
	KILL("execve", "a role never becomes another program"),
	KILL("execveat", "a role never becomes another program"),
	KILL("finit_module", "modules"),
	KILL("fsconfig", "mounts"),
	KILL("fsmount", "mounts"),
	KILL("fsopen", "mounts"),
	KILL("fspick", "mounts"),
	KILL("init_module", "modules"),
	KILL("io_uring_enter", "I/O that no filter sees"),
	KILL("io_uring_register", "I/O that no filter sees"),
	KILL("io_uring_setup", "I/O that no filter sees"),
	KILL("kexec_file_load", "the kernel itself"),
	KILL("kexec_load", "the kernel itself"),
	KILL("keyctl", "keyrings"),
	KILL("mount", "mounts"),
	KILL("mount_setattr", "mounts"),
	KILL("move_mount", "mounts"),
	KILL("open_by_handle_at", "opens past every root and rule"),
	KILL("open_tree", "mounts"),
	KILL("perf_event_open", "samples other processes"),
	KILL("pidfd_getfd", "takes another process's descriptors"),
	KILL("pivot_root", "roots"),
	KILL("process_vm_readv", "another process's memory"),
	KILL("process_vm_writev", "another process's memory"),
	KILL("ptrace", "another process's memory"),
	KILL("reboot", "the host itself"),
	KILL("request_key", "keyrings"),
	KILL("setns", "namespaces"),
	KILL("umount2", "mounts"),
	KILL("unshare", "namespaces"),
	KILL("userfaultfd", "stops the kernel in mid-copy"),
};
END_SET(killed);

#define RW	((uint64_t)(PROT_READ | PROT_WRITE))

/* What the loop, a channel, the log and malloc need in every role. */
SET(base) = {
	ALLOW("brk", "malloc", { 0 }),
	ALLOW("clock_gettime", "deadlines, where the vdso cannot", { 0 }),
	ALLOW("close", "descriptors", { 0 }),
	ALLOW("epoll_ctl", "the loop", { 0 }),
	ALLOW("epoll_pwait", "the loop, where there is no epoll_wait", { 0 }),
	ALLOW("epoll_wait", "the loop", { 0 }),
	ALLOW("exit", "the end", { 0 }),
	ALLOW("exit_group", "the end", { 0 }),
	ALLOW("fcntl", "is that memfd sealed", EQ(1, F_GET_SEALS)),
	ALLOW("fcntl", "a queued packet keeps a copy of its descriptor",
	    EQ(1, F_DUPFD_CLOEXEC)),
	ALLOW("fcntl", "is that pipe writable", EQ(1, F_GETFL)),
	ALLOW("fstat", "what kind of descriptor came along", { 0 }),
	ALLOW("futex", "libc's locks", { 0 }),
	ALLOW("getpid", "log lines", { 0 }),
	ALLOW("getrandom", "malloc's and json-c's seeds, ids", { 0 }),
	ALLOW("getsockopt", "what kind of socket came along, who calls",
	    { 0 }),
	ALLOW("gettimeofday", "times, where the vdso cannot", { 0 }),
	ALLOW("madvise", "malloc gives memory back", { 0 }),
	ALLOW("mmap", "malloc, buffers; never executable", ONLY(2, RW)),
	ALLOW("mremap", "malloc; keeps the protection", { 0 }),
	ALLOW("munmap", "malloc, buffers", { 0 }),
	ALLOW("poll", "the wait for VERIFIED; is there more", { 0 }),
	ALLOW("ppoll", "the same, where there is no poll", { 0 }),
	ALLOW("prctl", "not dumpable, once verified",
	    EQ(0, PR_SET_DUMPABLE), EQ(1, 0)),
	ALLOW("pread64", "memfds", { 0 }),
	ALLOW("read", "the timer, signals, pipes", { 0 }),
	ALLOW("recvmsg", "channels", { 0 }),
	ALLOW("restart_syscall", "the kernel resumes a wait by it", { 0 }),
	ALLOW("rt_sigprocmask", "libc", { 0 }),
	ALLOW("rt_sigreturn", "the handler of SIGSYS returns", { 0 }),
	ALLOW("sendmsg", "channels", { 0 }),
	ALLOW("sysinfo", "qsort asks how large a buffer may be", { 0 }),
	ALLOW("time", "times, where the vdso cannot", { 0 }),
	ALLOW("timerfd_settime", "deadlines", { 0 }),
	ALLOW("write", "the log, pipes, memfds", { 0 }),
	ALLOW("writev", "libc's last words", { 0 }),
};
END_SET(base);

/* fstat() of newer C libraries; the path itself is out of a filter's sight. */
SET(fstat) = {
	ALLOW("newfstatat", "fstat", BITS(3, AT_EMPTY_PATH)),
};
END_SET(fstat);

SET(memfd) = {
	ALLOW("memfd_create", "bulk to another role", { 0 }),
	ALLOW("fcntl", "seals it", EQ(1, F_ADD_SEALS)),
};
END_SET(memfd);

/*
 * Not here, and never to be: shutdown, listen, bind, connect, dup,
 * setsockopt.  One shutdown() of the listener would kill it for good.
 */
SET(apid) = {
	ALLOW("accept4", "clients", { 0 }),
	ALLOW("recvfrom", "recv() from clients", { 0 }),
	ALLOW("sendto", "send() to clients", { 0 }),
};
END_SET(apid);

/* What SQLite does in the one folder that Landlock leaves. */
SET(stored) = {
	ALLOW("access", "is there a journal", { 0 }),
	ALLOW("clock_nanosleep", "waits for a lock", { 0 }),
	ALLOW("faccessat", "is there a journal", { 0 }),
	ALLOW("faccessat2", "is there a journal", { 0 }),
	ALLOW("fallocate", "the reserve for a full disk", { 0 }),
	ALLOW("fchmod", "the log gets the database's mode",
	    ONLY(1, 0777)),
	ALLOW("fchown", "the log gets the database's owner", { 0 }),
	ALLOW("fcntl", "locks", EQ(1, F_SETLK)),
	ALLOW("fcntl", "locks", EQ(1, F_SETLKW)),
	ALLOW("fcntl", "who holds a lock", EQ(1, F_GETLK)),
	ALLOW("fcntl", "close-on-exec is set", EQ(1, F_GETFD)),
	ALLOW("fcntl", "close-on-exec", EQ(1, F_SETFD)),
	ALLOW("fdatasync", "commits", { 0 }),
	ALLOW("fstatfs", "how much room is left", { 0 }),
	ALLOW("fsync", "commits", { 0 }),
	ALLOW("ftruncate", "the write-ahead log", { 0 }),
	ALLOW("getcwd", "full names", { 0 }),
	ALLOW("getegid", "may it change owners", { 0 }),
	ALLOW("geteuid", "may it change owners", { 0 }),
	ALLOW("getuid", "ids", { 0 }),
	ALLOW("lseek", "sizes", { 0 }),
	ALLOW("lstat", "is the name a link", { 0 }),
	ALLOW("nanosleep", "waits for a lock", { 0 }),
	ALLOW("newfstatat", "is the name a link, a file's size", { 0 }),
	ALLOW("open", "the database, its log, its index", { 0 }),
	ALLOW("openat", "the database, its log, its index", { 0 }),
	ALLOW("pwrite64", "pages", { 0 }),
	ALLOW("readlink", "is the name a link", { 0 }),
	ALLOW("readlinkat", "is the name a link", { 0 }),
	ALLOW("stat", "is it the same file still", { 0 }),
	ALLOW("sync_file_range", "bulk goes to disk while more is made",
	    EQ(3, SYNC_FILE_RANGE_WRITE)),
	ALLOW("unlink", "journals, the reserve", { 0 }),
	ALLOW("unlinkat", "journals, the reserve", { 0 }),
};
END_SET(stored);

/* No open, no socket, no kill: it has pipes, a terminal and its channels. */
SET(runner) = {
	ALLOW("fcntl", "pipes do not block", EQ(1, F_SETFL)),
	ALLOW("ioctl", "the terminal's settings", EQ(1, TCGETS)),
	ALLOW("ioctl", "the terminal's settings", EQ(1, TCSETS)),
	ALLOW("ioctl", "the terminal's settings", EQ(1, TCSETSW)),
	ALLOW("ioctl", "the terminal's settings", EQ(1, TCSETSF)),
	ALLOW("ioctl", "the terminal's size", EQ(1, TIOCGWINSZ)),
	ALLOW("ioctl", "the terminal's size", EQ(1, TIOCSWINSZ)),
	ALLOW("readv", "pipes", { 0 }),
};
END_SET(runner);

/*
 * The one role with a network: TCP out, and nothing that listens.  Routes are
 * asked through a socket that it opened before it was confined.
 */
SET(gateway) = {
	ALLOW("accept4", "the session's connections", { 0 }),
	ALLOW("connect", "an address that was judged", { 0 }),
	ALLOW("recvfrom", "both sides, routes", { 0 }),
	ALLOW("sendto", "both sides, routes", { 0 }),
	ALLOW("setsockopt", "TCP_NODELAY and the like", EQ(1, IPPROTO_TCP)),
	ALLOW("shutdown", "half of a connection has ended", { 0 }),
	ALLOW("socket", "upstreams: TCP alone", EQ(0, AF_INET),
	    EQ(1, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC), EQ(2, 0)),
	ALLOW("socket", "upstreams: TCP alone", EQ(0, AF_INET6),
	    EQ(1, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC), EQ(2, 0)),
};
END_SET(gateway);

/* What getaddrinfo(3) does for hosts and DNS; Landlock leaves four files. */
SET(resolver) = {
	ALLOW("bind", "netlink: which families are there", { 0 }),
	ALLOW("close_range", "libc", { 0 }),
	ALLOW("connect", "name servers; which source an address has", { 0 }),
	ALLOW("getpeername", "libc", { 0 }),
	ALLOW("getsockname", "which source an address has", { 0 }),
	ALLOW("getuid", "libc's hosts", { 0 }),
	ALLOW("ioctl", "how much of an answer is there", EQ(1, FIONREAD)),
	ALLOW("lseek", "hosts", { 0 }),
	ALLOW("newfstatat", "has resolv.conf changed", { 0 }),
	ALLOW("open", "hosts, resolv.conf, host.conf, gai.conf", { 0 }),
	ALLOW("openat", "hosts, resolv.conf, host.conf, gai.conf", { 0 }),
	ALLOW("recvfrom", "answers", { 0 }),
	ALLOW("sendmmsg", "two questions at once", { 0 }),
	ALLOW("sendto", "questions", { 0 }),
	ALLOW("setsockopt", "errors of UDP", { 0 }),
	/* Landlock knows ports of TCP alone: not MPTCP's, nor SMC's. */
	ALLOW("socket", "DNS", EQ(0, AF_INET), EQ(2, 0)),
	ALLOW("socket", "DNS", EQ(0, AF_INET6), EQ(2, 0)),
	ALLOW("socket", "which families are there", EQ(0, AF_NETLINK),
	    EQ(2, 0)),
	FAIL(EAFNOSUPPORT, "socket", "a daemon that keeps names (nscd)",
	    EQ(0, AF_UNIX)),
	ALLOW("stat", "has resolv.conf changed", { 0 }),
	ALLOW("uname", "the local domain", { 0 }),
};
END_SET(resolver);

SET(confread) = {
	ALLOW("lseek", "the file's size", { 0 }),
};
END_SET(confread);

/*
 * Two trees, by descriptor.  openat2 with RESOLVE_* for what was there before,
 * which a filter cannot see (Landlock is the floor); openat for what it makes.
 */
SET(applier) = {
	ALLOW("fchmod", "the bits of a mode that mean permission",
	    ONLY(1, 0777)),
	ALLOW("fchmodat", "the same, before Linux 6.6", EQ(2, 0700)),
	ALLOW("fchmodat2", "a folder that shuts its owner out, by descriptor",
	    EQ(2, 0700)),
	ALLOW("fgetxattr", "what the overlay wrote beside a file", { 0 }),
	ALLOW("fsync", "what was brought over", { 0 }),
	ALLOW("getdents64", "lists", { 0 }),
	ALLOW("lseek", "lists again, comparisons", { 0 }),
	ALLOW("mkdirat", "new folders", { 0 }),
	ALLOW("newfstatat", "what lies there", { 0 }),
	ALLOW("openat", "new files, under names of ours",
	    BITS(2, O_CREAT | O_EXCL | O_NOFOLLOW), ONLY(3, 0777)),
	ALLOW("openat2", "both trees", { 0 }),
	ALLOW("readlinkat", "links", { 0 }),
	ALLOW("renameat", "what lies too deep", { 0 }),
	ALLOW("renameat2", "into their places", { 0 }),
	ALLOW("symlinkat", "links", { 0 }),
	ALLOW("unlinkat", "what was removed, names of ours", { 0 }),
};
END_SET(applier);

/* openat2: what it is given lies in memory, but Landlock bounds it. */
SET(archiver) = {
	ALLOW("fdatasync", "the archive is on disk before that is said",
	    { 0 }),
	ALLOW("getdents64", "the names in a folder", { 0 }),
	ALLOW("newfstatat", "what a name is", { 0 }),
	ALLOW("openat2", "one name of the folder, never a link", { 0 }),
	ALLOW("readlinkat", "links are kept as links", { 0 }),
};
END_SET(archiver);

SET(extractor) = {
	ALLOW("fchmod", "modes, without a set-id bit", ONLY(1, 0777)),
	ALLOW("linkat", "hard links; following none", EQ(4, 0)),
	ALLOW("lseek", "the archive", { 0 }),
	ALLOW("mkdirat", "folders", ONLY(2, 0777)),
	ALLOW("newfstatat", "what a hard link is of", { 0 }),
	ALLOW("openat2", "one name beneath the folder, never a link", { 0 }),
	ALLOW("pwrite64", "files", { 0 }),
	ALLOW("ftruncate", "files that end in a hole", { 0 }),
	ALLOW("symlinkat", "links", { 0 }),
};
END_SET(extractor);

SET(remover) = {
	ALLOW("fchmod", "folders that forbid their owner", EQ(1, 0700)),
	ALLOW("fchmodat", "the same, before Linux 6.6", EQ(2, 0700)),
	ALLOW("fchmodat2", "the same, by a descriptor", EQ(2, 0700)),
	ALLOW("getdents64", "the names in a folder", { 0 }),
	ALLOW("lseek", "the names once more", { 0 }),
	ALLOW("newfstatat", "is the root its own", { 0 }),
	ALLOW("openat2", "one folder deeper, never a link", { 0 }),
	ALLOW("renameat2", "what lies deep comes up", EQ(4, RENAME_NOREPLACE)),
	ALLOW("statx", "is it an immutable flag that keeps it", { 0 }),
	ALLOW("unlinkat", "what it is for", { 0 }),
};
END_SET(remover);

#ifdef COVEN_SANITIZE
/* The runtimes of the sanitizers, in a build that is for tests alone. */
SET(sanitizer) = {
	ALLOW("getrlimit", "sanitizer: stack bounds", { 0 }),
	ALLOW("gettid", "sanitizer: reports", { 0 }),
	ALLOW("ioctl", "sanitizer: is the report on a terminal",
	    EQ(1, TCGETS)),
	ALLOW("lseek", "sanitizer: reads its maps", { 0 }),
	ALLOW("mprotect", "sanitizer: guards", { 0 }),
	ALLOW("newfstatat", "sanitizer: reports", { 0 }),
	ALLOW("open", "sanitizer: reads its maps", { 0 }),
	ALLOW("openat", "sanitizer: reads its maps", { 0 }),
	ALLOW("pipe2", "sanitizer: is that memory readable", { 0 }),
	ALLOW("pipe", "sanitizer: is that memory readable", { 0 }),
	ALLOW("prctl", "sanitizer: names, dumpable", { 0 }),
	ALLOW("prlimit64", "sanitizer: stack bounds", { 0 }),
	ALLOW("readlink", "sanitizer: its own name", { 0 }),
	ALLOW("rt_sigaction", "sanitizer: the end", { 0 }),
	ALLOW("sched_getaffinity", "sanitizer: allocator", { 0 }),
	ALLOW("sched_yield", "sanitizer: locks", { 0 }),
	ALLOW("sigaltstack", "sanitizer: the end", { 0 }),
	ALLOW("tgkill", "sanitizer: abort", { 0 }),
};
END_SET(sanitizer);
#define SANITIZER	&set_sanitizer
#else
#define SANITIZER	NULL
#endif

#define ROLE_FILTER(n, ...) { \
	n, ROW_TRAP, \
	{ &set_killed, &set_base, __VA_ARGS__, SANITIZER }, false \
}

/* --- the table ----------------------------------------------------------- */

static const struct filter_def filters[FILTER__COUNT] = {
	[FILTER_MONITOR] = { "monitor", ROW_ALLOW,
	    { &set_dangerous, &set_terminal, &set_families }, false },
	[FILTER_APID] = ROLE_FILTER("apid", &set_fstat, &set_memfd, &set_apid),
	[FILTER_STORED] = ROLE_FILTER("stored", &set_memfd, &set_stored),
	[FILTER_RUNNER] = ROLE_FILTER("runner", &set_fstat, &set_runner),
	[FILTER_CONFREAD] = ROLE_FILTER("confread", &set_fstat, &set_memfd,
	    &set_confread),
	[FILTER_GATEWAY] = ROLE_FILTER("gateway", &set_fstat, &set_gateway),
	[FILTER_RESOLVER] = ROLE_FILTER("resolver", &set_resolver),
	[FILTER_APPLIER] = ROLE_FILTER("applier", &set_memfd, &set_applier),
	[FILTER_ARCHIVER] = ROLE_FILTER("archiver", &set_archiver),
	[FILTER_EXTRACTOR] = ROLE_FILTER("extractor",
	    &set_extractor),
	[FILTER_REMOVER] = ROLE_FILTER("remover", &set_remover),
	[FILTER_PAYLOAD] = { "payload", ROW_ALLOW,
	    { &set_dangerous, &set_terminal, &set_families, &set_keys,
	    &set_new_mounts, &set_mounts, &set_namespaces, &set_hidden,
	    &set_setid, &set_init }, true },
	[FILTER_NESTED] = { "nested", ROW_ALLOW,
	    { &set_dangerous, &set_terminal, &set_families, &set_keys,
	    &set_new_mounts, &set_hidden, &set_setid, &set_init }, true },
	[FILTER_ALONE] = { "alone", ROW_ALLOW, { &set_alone }, false },
	[FILTER_UNSCOPED] = { "unscoped", ROW_ALLOW, { &set_unscoped },
	    false },
};

const struct filter_def *
syscall_filter(enum filter_id id)
{
	return &filters[id];
}
