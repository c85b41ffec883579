#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/mem.h"
#include "sandbox/landlock.h"

/* Syscall numbers are the same on every architecture since Linux 5.1. */
#define NR_CREATE_RULESET	444
#define NR_ADD_RULE		445
#define NR_RESTRICT_SELF	446

#define CREATE_RULESET_VERSION	(1U << 0)
#define RULE_PATH_BENEATH	1
#define RULE_NET_PORT		2

#define PORT_DNS	53

/* File system rights, in the order in which ABIs brought them. */
#define FS_EXECUTE	(1ULL << 0)
#define FS_WRITE_FILE	(1ULL << 1)
#define FS_READ_FILE	(1ULL << 2)
#define FS_READ_DIR	(1ULL << 3)
#define FS_REMOVE_DIR	(1ULL << 4)
#define FS_REMOVE_FILE	(1ULL << 5)
#define FS_MAKE_CHAR	(1ULL << 6)
#define FS_MAKE_DIR	(1ULL << 7)
#define FS_MAKE_REG	(1ULL << 8)
#define FS_MAKE_SOCK	(1ULL << 9)
#define FS_MAKE_FIFO	(1ULL << 10)
#define FS_MAKE_BLOCK	(1ULL << 11)
#define FS_MAKE_SYM	(1ULL << 12)
#define FS_REFER	(1ULL << 13)	/* ABI 2 */
#define FS_TRUNCATE	(1ULL << 14)	/* ABI 3 */
#define FS_IOCTL_DEV	(1ULL << 15)	/* ABI 5 */

#define NET_BIND_TCP	(1ULL << 0)	/* ABI 4 */
#define NET_CONNECT_TCP	(1ULL << 1)

#define SCOPE_ABSTRACT	(1ULL << 0)	/* ABI 6 */
#define SCOPE_SIGNAL	(1ULL << 1)

/* What a rule may grant on something that is not a folder. */
#define FS_OF_FILE	(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | \
			    FS_TRUNCATE | FS_IOCTL_DEV)

#define FS_READ		(FS_READ_FILE | FS_READ_DIR)
#define FS_CHANGE	(FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | \
			    FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK | \
			    FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER | \
			    FS_TRUNCATE | FS_IOCTL_DEV)

/* Layouts of include/uapi/linux/landlock.h; a shorter size is an older ABI. */
struct ruleset_attr {
	uint64_t	fs;
	uint64_t	net;
	uint64_t	scoped;
};

struct path_beneath {
	uint64_t	allowed;
	int32_t		parent_fd;
} __attribute__((packed));

struct net_port {
	uint64_t	allowed;
	uint64_t	port;
};

static const uint64_t access_rights[] = {
	[LANDLOCK_READ] = FS_READ,
	[LANDLOCK_READ_EXEC] = FS_READ | FS_EXECUTE,
	[LANDLOCK_REMOVE] = FS_READ_DIR | FS_REMOVE_DIR | FS_REMOVE_FILE |
	    FS_MAKE_DIR | FS_REFER,
	[LANDLOCK_FILL] = FS_READ_DIR | FS_WRITE_FILE | FS_MAKE_DIR |
	    FS_MAKE_REG | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE,
	[LANDLOCK_WRITE] = FS_READ | FS_CHANGE,
	[LANDLOCK_FULL] = FS_READ | FS_CHANGE | FS_EXECUTE,
};

/* What each ABI handles: everything up to here is denied without a rule. */
static const struct {
	int		abi;
	uint64_t	fs, net, scoped;
	size_t		size;
} abis[] = {
	{ 6, FS_IOCTL_DEV * 2 - 1, NET_BIND_TCP | NET_CONNECT_TCP,
	    SCOPE_ABSTRACT | SCOPE_SIGNAL, sizeof(struct ruleset_attr) },
	{ 5, FS_IOCTL_DEV * 2 - 1, NET_BIND_TCP | NET_CONNECT_TCP, 0,
	    offsetof(struct ruleset_attr, scoped) },
	{ 4, FS_TRUNCATE * 2 - 1, NET_BIND_TCP | NET_CONNECT_TCP, 0,
	    offsetof(struct ruleset_attr, scoped) },
	{ 3, FS_TRUNCATE * 2 - 1, 0, 0, offsetof(struct ruleset_attr, net) },
	{ 2, FS_REFER * 2 - 1, 0, 0, offsetof(struct ruleset_attr, net) },
	{ 1, FS_MAKE_SYM * 2 - 1, 0, 0, offsetof(struct ruleset_attr, net) },
};

int
landlock_abi(void)
{
	long v = syscall(NR_CREATE_RULESET, NULL, (size_t)0,
	    CREATE_RULESET_VERSION);

	/* ENOSYS: not built; EOPNOTSUPP: built and not started. */
	return v > 0 ? (int)v : 0;
}

static int
add_rule(int ruleset, const struct landlock_rule *r, uint64_t handled)
{
	autoclose int opened = -1;
	struct path_beneath pb = { .parent_fd = r->fd };
	struct stat st;

	if (r->fd < 0) {
		opened = open(r->path, O_PATH | O_CLOEXEC);
		if (opened == -1)
			return errno == ENOENT ? 0 : -errno;
		pb.parent_fd = opened;
	}
	if (fstat(pb.parent_fd, &st) == -1)
		return -errno;
	pb.allowed = access_rights[r->access] & handled;
	if (!S_ISDIR(st.st_mode))
		pb.allowed &= FS_OF_FILE;
	if (syscall(NR_ADD_RULE, ruleset, RULE_PATH_BENEATH, &pb, 0U) == -1)
		return -errno;
	return 0;
}

int
landlock_restrict(const struct landlock_rule *rules, size_t n,
    enum landlock_net net)
{
	const struct net_port dns = { NET_CONNECT_TCP, PORT_DNS };
	struct ruleset_attr attr = { 0 };
	autoclose int ruleset = -1;
	int abi = landlock_abi();
	size_t i, row = 0;
	int r;

	if (abi == 0)
		return -ENOSYS;
	while (abis[row].abi > abi)
		row++;
	attr.fs = abis[row].fs;
	attr.net = net != LANDLOCK_NET_ANY ? abis[row].net : 0;
	attr.scoped = abis[row].scoped;
	ruleset = (int)syscall(NR_CREATE_RULESET, &attr, abis[row].size, 0U);
	if (ruleset == -1)
		return -errno;
	for (i = 0; i < n; i++) {
		r = add_rule(ruleset, &rules[i], attr.fs);
		if (r < 0)
			return r;
	}
	if (net == LANDLOCK_NET_DNS && attr.net != 0 && syscall(NR_ADD_RULE,
	    ruleset, RULE_NET_PORT, &dns, 0U) == -1)
		return -errno;
	if (syscall(NR_RESTRICT_SELF, ruleset, 0U) == -1)
		return -errno;
	return 0;
}

int
landlock_scope(void)
{
	const struct ruleset_attr attr = { .scoped = SCOPE_ABSTRACT |
	    SCOPE_SIGNAL };
	autoclose int ruleset = -1;

	if (landlock_abi() < LANDLOCK_ABI_SCOPES)
		return 0;
	ruleset = (int)syscall(NR_CREATE_RULESET, &attr, sizeof(attr), 0U);
	if (ruleset == -1 || syscall(NR_RESTRICT_SELF, ruleset, 0U) == -1)
		return -errno;
	return 0;
}
