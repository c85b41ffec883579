#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-monitor/idmap.h"
#include "coven-monitor/storefd.h"

#define FOLDER	"store"

static int
refuse(const struct monitor *m, const char *rule, const char *repair)
{
	log_error("home %s: refused: " FOLDER ": %s; %s", m->home.path, rule,
	    repair);
	return STOREFD_REFUSED;
}

/* A link or a file is nobody's accident. */
static int
check(const struct monitor *m, const struct stat *st)
{
	if (S_ISLNK(st->st_mode))
		return refuse(m, "it is a link", "put the folder itself there");
	if (!S_ISDIR(st->st_mode))
		return refuse(m, "it is not a folder", "move it away");
	if (st->st_uid != m->owner.uid)
		return refuse(m, "it belongs to another user",
		    "move it away, or chown it");
	if (st->st_mode & 077)
		return refuse(m, "it has group or world bits", "chmod 700 it");
	return 0;
}

/*
 * Made once: a suite that has a record does not begin another one because
 * its folder was moved.
 */
static int
open_folder(struct monitor *m)
{
	autoclose int fd = -1;
	struct stat st;
	int r;

	if (m->store_ino == 0 && mkdirat(m->home.fd, FOLDER, 0700) == -1 &&
	    errno != EEXIST)
		return -errno;
	if (fstatat(m->home.fd, FOLDER, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -errno;
	r = check(m, &st);
	if (r < 0)
		return r;
	fd = openat(m->home.fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return -errno;
	r = check(m, &st);
	if (r == 0 && m->store_ino != 0 &&
	    (st.st_dev != m->store_dev || st.st_ino != m->store_ino))
		r = -ESTALE;
	if (r < 0)
		return r;
	m->store_dev = st.st_dev;
	m->store_ino = st.st_ino;
	return mem_steal_fd(&fd);
}

/* It is tried again and again; what does not change is said once. */
static void
say(struct monitor *m, int error)
{
	const char *what = strerror(-error);

	if (error == m->store_error)
		return;
	m->store_error = error;
	if (error == 0) {
		log_info("open %s/" FOLDER ": it is back", m->home.path);
		return;
	}
	if (error == -ESTALE)
		what = "it is another folder than at the start";
	log_error("open %s/" FOLDER ": %s: clients are told to wait, sessions "
	    "keep what they print, and it is tried again", m->home.path,
	    what);
}

int
storefd_open(struct monitor *m, uid_t *uid, gid_t *gid)
{
	autoclose int fd = -1, mapping = -1;
	int mnt;

	owner_enter(&m->owner);
	fd = open_folder(m);
	owner_leave(&m->owner);
	if (fd != STOREFD_REFUSED)
		say(m, fd < 0 ? fd : 0);
	if (fd < 0 || !m->owner.root)
		return fd < 0 ? fd : mem_steal_fd(&fd);
	mapping = idmap_open(m->owner.uid, m->owner.gid, *uid, *gid);
	mnt = mapping < 0 ? mapping : idmap_mount(fd, mapping);
	if (mnt >= 0)
		return mnt;
	log_warn("open %s/%s: cannot be id-mapped (%s): stored runs as the "
	    "owner", m->home.path, FOLDER, strerror(-mnt));
	*uid = m->owner.uid;
	*gid = m->owner.gid;
	return mem_steal_fd(&fd);
}
