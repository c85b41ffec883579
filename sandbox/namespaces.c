#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "sandbox/role.h"
#include "sandbox/steps.h"

/* --- descriptors --------------------------------------------------------- */

/*
 * Whatever was inherited beyond the row goes.  An inherited descriptor came
 * through an exec and so is not close-on-exec; what this program has opened
 * since then always is (the loop's descriptors are among those).
 */
static void
close_inherited(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags == -1 || (flags & FD_CLOEXEC))
		return;
	log_warn("close descriptor %d: inherited, and not in the row", fd);
	(void)close(fd);
}

int
step_descriptors(struct entry *e)
{
	int last = e->profile->last_fd, fd;
	struct dirent *d;
	DIR *dir;

	for (fd = 0; fd <= last; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			return -errno;
	dir = opendir("/proc/self/fd");
	if (dir == NULL) {	/* no /proc: as many as a program may expect */
		for (fd = last + 1; fd < 1024; fd++)
			close_inherited(fd);
		return 0;
	}
	while ((d = readdir(dir)) != NULL) {
		fd = (int)strtol(d->d_name, NULL, 10);
		if (fd > last && fd != dirfd(dir))
			close_inherited(fd);
	}
	(void)closedir(dir);
	return 0;
}

/* --- namespaces ---------------------------------------------------------- */

/* How hosts say no: capability, quota, LSM, not built. */
static bool
is_refusal(int error)
{
	return error == EPERM || error == ENOSPC || error == EACCES ||
	    error == EUSERS || error == EINVAL || error == ENOSYS;
}

static bool
has_folder(const struct entry *e)
{
	return e->profile->root == ROOT_FOLDER ||
	    e->profile->root == ROOT_FOLDERS;
}

/* There is one working directory: the second folder is found by its name. */
static void
note_beside(struct entry *e)
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d",
	    ROLE_FD_FOLDER2);
	n = readlink(link, e->beside, sizeof(e->beside) - 1);
	e->beside[n > 0 ? n : 0] = '\0';
}

int
step_namespaces(struct entry *e)
{
	int flags = e->profile->namespaces;

	e->uid = geteuid();	/* inside, before the maps, they are nobody's */
	e->gid = getegid();
	/*
	 * A descriptor cannot be mounted across mount namespaces, but a
	 * working directory is carried into a new one.
	 */
	if (has_folder(e) && fchdir(ROLE_FD_FOLDER) == -1)
		return -errno;
	if (e->profile->root == ROOT_FOLDERS)
		note_beside(e);
	if (!e->userns)
		flags &= ~CLONE_NEWUSER;
	if (unshare(flags) == -1) {
		if (!is_refusal(errno))
			return -errno;
		log_warn("enter namespaces: %s: %s goes on without them",
		    strerror(errno), msg_role_name(e->role));
		e->userns = false;
		return 0;
	}
	e->mounts = true;
	return 0;
}

static int
write_file(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		return -errno;
	return 0;
}

/* One id each: a process may map no more than itself. */
int
step_maps(struct entry *e)
{
	unsigned inside = e->uid;
	char line[64];
	int r;

	if (e->profile->sees_clients)
		inside = profile_owner_inside(e->uid);
	r = write_file("/proc/self/setgroups", "deny");
	if (r < 0 && r != -ENOENT)
		return r;
	(void)snprintf(line, sizeof(line), "%u %u 1", inside, e->uid);
	r = write_file("/proc/self/uid_map", line);
	if (r < 0)
		return r;
	(void)snprintf(line, sizeof(line), "%u %u 1", e->gid, e->gid);
	return write_file("/proc/self/gid_map", line);
}

/* --- the root ------------------------------------------------------------ */

#define QUIET_MOUNT	(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | \
			    MOUNT_ATTR_NOEXEC)

/*
 * A tmpfs that is not mounted anywhere yet: a descriptor or -errno.  Its
 * maker may write, for without a user namespace no right overrides the mode;
 * until it is mounted read-only.
 */
static int
make_root(void)
{
	static const char *const options[][2] = {
		{ "mode", "0755" }, { "size", "4k" }, { "nr_inodes", "16" },
	};
	autoclose int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	size_t i;
	int root;

	if (fs == -1)
		return -errno;
	for (i = 0; i < nitems(options); i++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, options[i][0],
		    options[i][1], 0) == -1)
			return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
		return -errno;
	root = fsmount(fs, FSMOUNT_CLOEXEC, QUIET_MOUNT);
	return root == -1 ? -errno : root;
}

/*
 * Attach the folder below the new root.  The monitor may have handed over a
 * detached mount; an ordinary folder is refused with EINVAL, and then the
 * working directory is cloned.  tree is that clone, made before the pivot.
 */
static int
attach_folder(int root, int fd, int tree, const char *name)
{
	struct mount_attr quiet = { .attr_set = QUIET_MOUNT };

	if (move_mount(fd, "", root, name, MOVE_MOUNT_F_EMPTY_PATH) == -1) {
		if (errno != EINVAL)
			return -errno;
		if (move_mount(tree, "", root, name,
		    MOVE_MOUNT_F_EMPTY_PATH) == -1)
			return -errno;
	}
	if (mount_setattr(root, name, AT_RECURSIVE, &quiet,
	    sizeof(quiet)) == -1)
		return -errno;
	return 0;
}

static int
clone_cwd(void)
{
	int tree = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | AT_RECURSIVE |
	    OPEN_TREE_CLOEXEC);

	/* A detached mount is no place of this namespace: it is not needed. */
	return tree == -1 && errno != EINVAL ? -errno : tree;
}

/* The same of the second folder, if its name still leads to it. */
static int
clone_beside(const struct entry *e)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_NO_SYMLINKS };
	autoclose int fd = (int)syscall(SYS_openat2, AT_FDCWD, e->beside,
	    &how, sizeof(how));
	struct stat a, b;
	int tree;

	/* A detached mount has no name, and needs no clone. */
	if (fd == -1 || fstat(fd, &a) == -1 ||
	    fstat(ROLE_FD_FOLDER2, &b) == -1 || a.st_dev != b.st_dev ||
	    a.st_ino != b.st_ino)
		return -1;
	tree = open_tree(fd, "", OPEN_TREE_CLONE | AT_RECURSIVE |
	    AT_EMPTY_PATH | OPEN_TREE_CLOEXEC);
	return tree == -1 ? -errno : tree;
}

/* Clones of what can be cloned, while the old root is there. */
static int
make_places(const struct entry *e, int root, int *tree, int *beside)
{
	if (!has_folder(e))
		return 0;
	if (mkdirat(root, PROFILE_FOLDER + 1, 0555) == -1)
		return -errno;
	*tree = clone_cwd();
	if (*tree < -1)
		return *tree;
	if (e->profile->root != ROOT_FOLDERS)
		return 0;
	if (mkdirat(root, PROFILE_FOLDER2 + 1, 0555) == -1)
		return -errno;
	*beside = clone_beside(e);
	return *beside < -1 ? *beside : 0;
}

/*
 * A second folder whose name this user may not follow, where the monitor may,
 * stays what it is: then Landlock bounds it, and the filter.
 */
static int
attach_places(struct entry *e, int root, int tree, int beside)
{
	int r = 0;

	if (has_folder(e))
		r = attach_folder(root, ROLE_FD_FOLDER, tree,
		    PROFILE_FOLDER + 1);
	if (r < 0 || e->profile->root != ROOT_FOLDERS)
		return r;
	r = attach_folder(root, ROLE_FD_FOLDER2, beside, PROFILE_FOLDER2 + 1);
	e->placed = r == 0;
	if (r != -EBADF)
		return r;
	log_warn("place %s: its name does not lead there", e->beside);
	return 0;
}

/*
 * The files that the profile's rules name, each as a mount of its own on an
 * empty one.  What is not there, or leads nowhere, is left out.
 */
static int
attach_file(int root, const char *path)
{
	struct mount_attr quiet = { .attr_set = QUIET_MOUNT |
	    MOUNT_ATTR_RDONLY };
	autoclose int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE |
	    OPEN_TREE_CLOEXEC), at = -1;

	if (tree == -1)
		return errno == ENOENT ? 0 : -errno;
	at = openat(root, path + 1, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0444);
	if (at == -1 || mount_setattr(tree, "", AT_EMPTY_PATH, &quiet,
	    sizeof(quiet)) == -1)
		return -errno;
	return move_mount(tree, "", root, path + 1,
	    MOVE_MOUNT_F_EMPTY_PATH) == -1 ? -errno : 0;
}

static int
attach_files(const struct profile *p, int root)
{
	size_t i;
	int r = 0;

	if (mkdirat(root, "etc", 0555) == -1)
		return -errno;
	for (i = 0; r == 0 && i < p->nrules; i++)
		r = attach_file(root, p->rules[i].path);
	return r;
}

int
step_root(struct entry *e)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	autoclose int root = -1, tree = -1, beside = -1;
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return -errno;
	root = make_root();
	if (root < 0)
		return root;
	r = make_places(e, root, &tree, &beside);
	if (r < 0)
		return r;
	if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) == -1)
		return -errno;
	if (e->profile->root == ROOT_FILES) {
		r = attach_files(e->profile, root);
		if (r < 0)
			return r;
	}
	if (mount_setattr(root, "", AT_EMPTY_PATH, &ro, sizeof(ro)) == -1)
		return -errno;
	r = attach_places(e, root, tree, beside);
	if (r < 0)
		return r;
	/* Old and new root in one place: then the old one is on top. */
	if (fchdir(root) == -1 || syscall(SYS_pivot_root, ".", ".") == -1 ||
	    umount2(".", MNT_DETACH) == -1 || chdir("/") == -1)
		return -errno;
	return 0;
}

static int
replace(const char *path, int fd)
{
	autoclose int inside = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return inside == -1 || dup3(inside, fd, O_CLOEXEC) == -1 ? -errno : 0;
}

/*
 * The working directory is the folder, whether or not there is a root of its
 * own; with one, the descriptor from outside is replaced, because it would
 * read the host's tree.
 */
int
step_folder(struct entry *e)
{
	int r = 0;

	if (e->mounts)
		r = replace(PROFILE_FOLDER, ROLE_FD_FOLDER);
	if (r == 0 && e->placed)
		r = replace(PROFILE_FOLDER2, ROLE_FD_FOLDER2);
	if (r == 0 && fchdir(ROLE_FD_FOLDER) == -1)
		r = -errno;
	return r;
}
