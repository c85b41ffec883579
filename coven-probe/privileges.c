/* Privileges: held, kept or gained. */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

/* The value behind a name in our status; false: it is not there. */
static bool
status(const char *name, char *out, size_t len)
{
	FILE *f = fopen("/proc/self/status", "re");
	size_t n = strlen(name);
	char line[512];
	bool ok = false;

	while (f != NULL && !ok && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, n) == 0 && line[n] == ':') {
			line[strcspn(line, "\n")] = '\0';
			(void)snprintf(out, len, "%s", line + n + 1 +
			    strspn(line + n + 1, " \t"));
			ok = true;
		}
	if (f != NULL)
		(void)fclose(f);
	return ok;
}

/* By calls, where there is no /proc to read; a set of three of capget(2). */
static bool
ask(const char *set, unsigned long long *out)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	bool bounding = strcmp(set, "CapBnd") == 0;
	int r;

	*out = 0;
	if (bounding || strcmp(set, "CapAmb") == 0) {
		for (int cap = 0; cap < 64; cap++) {
			r = bounding ? prctl(PR_CAPBSET_READ, cap) :
			    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap,
			    0, 0);
			*out |= r == 1 ? 1ULL << cap : 0;
		}
		return true;
	}
	if (syscall(SYS_capget, &head, d) == -1)
		return false;
	*out = strcmp(set, "CapEff") == 0 ? d[0].effective | d[1].effective :
	    strcmp(set, "CapPrm") == 0 ? d[0].permitted | d[1].permitted :
	    d[0].inheritable | d[1].inheritable;
	return true;
}

static int
capabilities(const char *set)
{
	unsigned long long have;
	char text[64];

	if (status(set, text, sizeof(text)))
		have = strtoull(text, NULL, 16);
	else if (!ask(set, &have))
		return DOOR_UNTRIED;
	return have != 0 ? DOOR_OPEN : EPERM;
}

#define CAPS(name, set)							\
	static int							\
	name(const struct targets *t)					\
	{								\
		(void)t;						\
		return capabilities(set);				\
	}

CAPS(effective, "CapEff")
CAPS(permitted, "CapPrm")
CAPS(inheritable, "CapInh")
CAPS(bounding, "CapBnd")
CAPS(ambient, "CapAmb")

static int
new_privileges(const struct targets *t)
{
	(void)t;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? EPERM :
	    DOOR_OPEN;
}

static int
unfiltered(const struct targets *t)
{
	char text[64];

	(void)t;
	if (!status("Seccomp", text, sizeof(text)))
		return prctl(PR_GET_SECCOMP) == 2 ? EPERM : DOOR_UNTRIED;
	return strcmp(text, "2") == 0 ? EPERM : DOOR_OPEN;
}

static int
become_root(const struct targets *t)
{
	(void)t;
	return door(setresuid(0, 0, 0));
}

static int
other_groups(const struct targets *t)
{
	gid_t none = 0;

	(void)t;
	return door(setgroups(1, &none));
}

static int
root_group(const struct targets *t)
{
	(void)t;
	return door(setresgid(0, 0, 0));
}

static int
secure_bits(const struct targets *t)
{
	int now = prctl(PR_GET_SECUREBITS);

	(void)t;
	return now == -1 ? errno : door(prctl(PR_SET_SECUREBITS, now));
}

/* One that it may not even have had. */
static int
take_capability(const struct targets *t)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	(void)t;
	memset(data, 0, sizeof(data));
	data[0].permitted = data[0].effective = 1u << CAP_SYS_PTRACE;
	return door(syscall(SYS_capset, &head, data));
}

static const struct door doors[] = {
	{ "effective", "capabilities in force", effective, ROOT },
	{ "permitted", "capabilities to put in force", permitted, ROOT },
	{ "inheritable", "capabilities to pass on", inheritable, ROOT },
	{ "bounding", "capabilities to gain", bounding, ROOT },
	{ "ambient", "capabilities that an exec keeps", ambient, ROOT },
	{ "new-privileges", "gain by executing", new_privileges, OWNER },
	{ "unfiltered", "system calls without a filter", unfiltered, OWNER },
	{ "become-root", "become root", become_root, ROOT },
	{ "set-groups", "enter a group", other_groups, ROOT },
	{ "root-group", "enter root's group", root_group, ROOT },
	{ "secure-bits", "set how capabilities are kept", secure_bits, ROOT },
	{ "take-capability", "take a capability", take_capability, ROOT },
};
FAMILY(privileges_family, PROCESSES, doors);
