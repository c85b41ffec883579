/*
 * An isolated session's project: an overlay, with the project below and a
 * folder of ours above.  The payload writes there alone.
 *
 * Layers are named by paths, on kernels before 6.13 by nothing else: so both
 * are attached in our own tmpfs for as long as the overlay is made.  It keeps
 * mounts of its own of them; the names go.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-runner/init.h"

#define LOWER	"lower"
#define OVER	"over"
#define STORE	"/.coven"

static int
attach_at(struct init *in, int mnt, const char *name)
{
	if (mkdirat(in->store, name, 0700) == -1)
		return -errno;
	return mount_attach(mnt, in->store, name);
}

static int
detach(struct init *in, const char *path, const char *name)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == -1 ||
	    unlinkat(in->store, name, AT_REMOVEDIR) == -1)
		return -errno;
	return 0;
}

/*
 * userxattr is what a user namespace may have.  No redirects and no metadata
 * alone: each thing in the upper layer is whole, and where it was made.
 */
static int
make(struct init *in)
{
	static const char *const options[] = {
		"lowerdir=" STORE "/" LOWER,
		"upperdir=" STORE "/" OVER "/upper",
		"workdir=" STORE "/" OVER "/work",
		"userxattr", "index=off", "metacopy=off",
		"redirect_dir=nofollow", NULL,
	};
	int mnt = mount_new("overlay", options,
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

	return mnt < 0 ? init_fail(in, mnt, "mount an overlay over %s: the "
	    "file system of COVEN_HOME must take user attributes",
	    in->project.target) : mnt;
}

/* In the project itself: an overlay's folders have numbers of their own. */
static int
check_cwd(struct init *in)
{
	autoclose int fd = init_open_beneath(in->project.fd, in->cwd);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) == -1)
		return init_fail(in, fd < 0 ? fd : -errno, "open %s in %s",
		    in->cwd, in->project.target);
	if (st.st_dev != in->cwd_dev || st.st_ino != in->cwd_ino)
		return init_fail(in, -ESTALE,
		    "%s in %s is not what was checked any more", in->cwd,
		    in->project.target);
	return 0;
}

int
init_overlay(struct init *in, struct init_mount *upper)
{
	int mnt, r = check_cwd(in);

	if (r < 0)
		return r;
	r = attach_at(in, in->project.fd, LOWER);
	if (r == 0)
		r = attach_at(in, upper->fd, OVER);
	if (r < 0)
		return init_fail(in, r, "attach the layers of %s",
		    in->project.target);
	mnt = make(in);
	if (mnt < 0)
		return mnt;
	in->quota.folder = open(STORE "/" OVER "/upper", O_RDONLY |
	    O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	mem_close(&in->project.fd);
	mem_close(&upper->fd);
	in->project.fd = mnt;
	upper->skipped = true;		/* it has no place of its own */
	r = detach(in, STORE "/" LOWER, LOWER);
	if (r == 0)
		r = detach(in, STORE "/" OVER, OVER);
	if (r < 0)
		return init_fail(in, r, "let go of the layers of %s",
		    in->project.target);
	return 0;
}
