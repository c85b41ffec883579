#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-monitor/owner.h"

/* Mounts and comparisons are by canonical paths; tools are told the same. */
static char *
find_home(const struct owner *o)
{
	const char *home = getenv("HOME");
	char *found;

	if (!o->self || home == NULL || home[0] != '/')
		home = o->dir;
	owner_enter(o);
	found = realpath(home, NULL);
	owner_leave(o);
	return found != NULL ? found : mem_strdup(home);
}

void
owner_init(struct owner *o, uid_t uid)
{
	const struct passwd *pw;

	*o = (struct owner){ .uid = uid, .gid = getgid(),
	    .root = geteuid() == 0, .self = uid == getuid() };
	pw = getpwuid(uid);
	if (o->root)
		o->gid = pw != NULL ? pw->pw_gid : (gid_t)uid;
	o->name = mem_strdup(pw != NULL ? pw->pw_name : "coven");
	o->gecos = mem_strdup(pw != NULL ? pw->pw_gecos : "");
	o->dir = mem_strdup(pw != NULL ? pw->pw_dir : "/nonexistent");
	o->gecos[strcspn(o->gecos, ",")] = '\0';
	o->ngroups = (int)nitems(o->groups);
	if (pw == NULL) {
		o->groups[0] = o->gid;
		o->ngroups = 1;
	} else if (o->root && getgrouplist(o->name, o->gid, o->groups,
	    &o->ngroups) == -1) {
		o->ngroups = (int)nitems(o->groups);
	}
	o->home = find_home(o);
}

void
owner_enter(const struct owner *o)
{
	if (!o->root)
		return;
	if (setgroups((size_t)o->ngroups, o->groups) == -1 ||
	    setegid(o->gid) == -1 || seteuid(o->uid) == -1)
		fatal("act as uid %u: %s", o->uid, strerror(errno));
}

void
owner_leave(const struct owner *o)
{
	if (!o->root)
		return;
	if (seteuid(0) == -1 || setegid(0) == -1 || setgroups(0, NULL) == -1)
		fatal("return from uid %u: %s", o->uid, strerror(errno));
}

void
owner_become(const struct owner *o, uid_t uid, gid_t gid)
{
	if (!o->root)
		return;
	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, 0) == -1 ||
	    setresuid(uid, uid, 0) == -1)
		fatal("become uid %u: %s", uid, strerror(errno));
}

void
owner_restore(const struct owner *o)
{
	if (!o->root)
		return;
	if (setresuid(0, 0, 0) == -1 || setresgid(0, 0, 0) == -1)
		fatal("return to root: %s", strerror(errno));
}
