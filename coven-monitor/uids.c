#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/spawn.h"
#include "coven-monitor/idmap.h"
#include "coven-monitor/uids.h"

#define FOLDER	"/run/coven"

/* Roles that a payload never shares an id with. */
static const enum role own[] = { ROLE_APID, ROLE_STORED, ROLE_CONFREAD,
    ROLE_GATEWAY, ROLE_RESOLVER };

/* Why this account is none of a role's; NULL: it is one. */
static const char *
unfit(const struct uids *u, const struct owner *o, const struct passwd *pw)
{
	size_t i;

	if (pw == NULL)
		return "there is no such user";
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		return "it is root";
	if (pw->pw_uid == o->uid)
		return "it is the owner";
	for (i = 0; i < nitems(own); i++)
		if (u->roles[own[i]].uid == pw->pw_uid)
			return "another role has its number";
	return NULL;
}

/* All or none: which of two rules is in force must be told in a word. */
static bool
find_users(struct uids *u, const struct owner *o)
{
	const char *why = NULL, *missing = NULL;
	size_t i, found = 0;
	char name[32];

	for (i = 0; i < nitems(own); i++) {
		const struct passwd *pw;

		(void)snprintf(name, sizeof(name), "coven-%s",
		    msg_role_name(own[i]));
		pw = getpwnam(name);
		found += pw != NULL;
		why = unfit(u, o, pw);
		if (why != NULL || pw == NULL) {
			missing = msg_role_name(own[i]);
			log_debug("user %s: %s", name,
			    why != NULL ? why : "it is gone");
			continue;
		}
		u->roles[own[i]] = (struct uids_role){ pw->pw_uid,
		    pw->pw_gid };
	}
	if (missing != NULL && found != 0)
		log_warn("user coven-%s cannot be used: roles have ids of "
		    "the claimed range", missing);
	return missing == NULL;
}

static int
claim_range(struct uids *u)
{
	char name[64];
	unsigned i;

	if (mkdir(FOLDER, 0755) == -1 && errno != EEXIST)
		return -errno;
	for (i = 0; i < UIDS_RANGES; i++) {
		autoclose int fd = -1;

		(void)snprintf(name, sizeof(name), FOLDER "/uids.%u", i);
		fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		    0600);
		if (fd == -1)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) == -1)
			continue;
		u->lock = mem_steal_fd(&fd);
		u->base = UIDS_BASE + i * UIDS_PER_RANGE;
		return 0;
	}
	return -EUSERS;
}

int
uids_claim(struct uids *u, const struct owner *o)
{
	uid_t id;
	int r;

	*u = (struct uids){ .lock = -1, .trial = -1 };
	for (r = 0; r < ROLE__COUNT; r++)
		u->roles[r] = (struct uids_role){ SPAWN_KEEP_ID,
		    (gid_t)SPAWN_KEEP_ID };
	if (!o->root)
		return 0;
	u->system = find_users(u, o);
	r = claim_range(u);
	for (id = 0; r == 0 && !u->system && id < ROLE__COUNT; id++)
		u->roles[id] = (struct uids_role){ u->base + id,
		    (gid_t)(u->base + id) };
	if (r == 0 && u->system)
		log_info("roles have users of their own, payloads ids from "
		    "%u", u->base + UIDS_SLOT0);
	return r;
}

struct uids_role
uids_role(const struct uids *u, enum role r)
{
	return u->roles[r];
}

/*
 * Only the owner's ids are mapped: a folder of another group would refuse
 * every new file, where the owner himself could be in that group.
 */
bool
uids_can_range(struct uids *u, const struct owner *o, int folder)
{
	uid_t id = u->base + UIDS_SLOT0 - 1;	/* nobody's */
	struct stat st;
	int mnt;

	if (!o->root || o->uid == 0)
		return o->root;
	if (!u->system || fstat(folder, &st) == -1 || st.st_uid != o->uid ||
	    st.st_gid != o->gid)
		return false;
	if (u->trial == -1)
		u->trial = idmap_open(o->uid, o->gid, id, (gid_t)id);
	mnt = u->trial >= 0 ? idmap_mount(folder, u->trial) : u->trial;
	if (mnt < 0)
		return false;
	mem_close(&mnt);
	return true;
}

int
uids_take(struct uids *u, const struct owner *o, bool range, uid_t *uid,
    int *slot)
{
	size_t i;

	*slot = -1;
	if (!o->root || (o->uid != 0 && !range)) {
		*uid = o->uid;
		return 0;
	}
	for (i = 0; i < nitems(u->used); i++) {
		if (u->used[i])
			continue;
		u->used[i] = 1;
		*slot = (int)i;
		*uid = u->base + UIDS_SLOT0 + (uid_t)i;
		return 0;
	}
	return -EUSERS;
}

void
uids_give(struct uids *u, int slot)
{
	if (slot >= 0)
		u->used[slot] = 0;
}
