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
open_folder(const struct monitor *m)
{
	autoclose int fd = -1;
	struct stat st;

	if (mkdirat(m->home.fd, FOLDER, 0700) == -1 && errno != EEXIST)
		return -errno;
	fd = openat(m->home.fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return -errno;
	if (st.st_uid != m->owner.uid || (st.st_mode & 077)) {
		log_error("open %s/%s: it must be the owner's, 0700",
		    m->home.path, FOLDER);
		return -EPERM;
	}
	return mem_steal_fd(&fd);
}

int
storefd_open(struct monitor *m, uid_t *uid, gid_t *gid)
{
	autoclose int fd = -1, mapping = -1;
	int mnt;

	owner_enter(&m->owner);
	fd = open_folder(m);
	owner_leave(&m->owner);
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
