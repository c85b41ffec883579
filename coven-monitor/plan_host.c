/*
 * What every sandbox has, whatever it runs: of the host, and made for it.  A
 * spare's tree is built of these rows before there is a session.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/harness_host.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-monitor/plan.h"
#include "coven-monitor/root.h"

#define RO	MOUNT_F_RO
#define OPT	MOUNT_F_OPTIONAL

/* System folders, in mount order.  A link on the host is a link inside. */
static const char *const system_folders[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
	"/opt",
	/* not /nix: the socket of its daemon lies in there */
	"/nix/store", "/nix/var/nix/profiles",
};

/* What of /etc tools need, each with its reason. */
static const char *const etc_files[] = {
	"/etc/alternatives",		/* Debian's choice of cc, awk */
	"/etc/ld.so.cache",		/* the loader */
	"/etc/ld.so.conf",
	"/etc/ld.so.conf.d",
	"/etc/ssl",			/* certificates; keys are cut */
	"/etc/pki",
	"/etc/ca-certificates.conf",
	"/etc/ca-certificates",
	"/etc/localtime",
	"/etc/timezone",
	"/etc/nsswitch.conf",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/protocols",
	"/etc/services",
	"/etc/mime.types",
	"/etc/magic",
	"/etc/os-release",
	"/etc/debian_version",
	"/etc/bash.bashrc",
	"/etc/inputrc",
	"/etc/terminfo",
	"/etc/locale.alias",
	"/etc/fonts",
	"/etc/perl",
	"/etc/python3",
	"/etc/python3.11",
	"/etc/python3.13",
	"/etc/java-17-openjdk",
	"/etc/java-21-openjdk",
	"/etc/maven",
};

static int
plan_system(struct pair *p)
{
	char link[PATH_MAX];
	struct stat st;
	size_t i;
	ssize_t n;
	int r = 0;

	for (i = 0; r == 0 && i < nitems(system_folders); i++) {
		struct plan_row row = { .op = MOUNT_BIND, .flags = RO | OPT,
		    .source = system_folders[i], .target = system_folders[i] };

		if (lstat(row.source, &st) == -1)
			continue;
		if (S_ISLNK(st.st_mode)) {
			n = readlink(row.source, link, sizeof(link) - 1);
			if (n <= 0)
				continue;
			link[n] = '\0';
			row = (struct plan_row){ .op = MOUNT_SYMLINK,
			    .source = link, .target = system_folders[i] };
		}
		r = plan_row(p, &row);
	}
	return r;
}

static int
plan_file(struct pair *p, const char *target, const struct buf *b)
{
	struct plan_row row = { .op = MOUNT_FILE, .flags = RO,
	    .target = target, .data = buf_head(b), .len = buf_left(b) };

	return plan_row(p, &row);
}

/* A quoted value in git's configuration; control bytes are dropped. */
static void
git_string(struct buf *b, const char *s)
{
	(void)buf_adds(b, "\"");
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20)
			continue;
		if (*s == '"' || *s == '\\')
			(void)buf_adds(b, "\\");
		(void)buf_add(b, s, 1);
	}
	(void)buf_adds(b, "\"");
}

/* Files that are made, not shown: nobody else's name is in them. */
static int
plan_made(struct pair *p)
{
	const struct owner *o = &p->monitor->owner;
	const struct conf *c = &p->monitor->conf;
	const char *name = pair_user(p);
	autobuf struct buf pw = { 0 }, gr = { 0 }, git = { 0 }, hosts = { 0 };
	int r;

	(void)buf_addf(&pw, "%s:x:%u:%u:%s:%s:/bin/sh\n"
	    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
	    name, p->uid_in, p->gid_in, o->gecos, plan_home(p));
	(void)buf_addf(&gr, "%s:x:%u:\nnogroup:x:65534:\n", name, p->gid_in);
	(void)buf_adds(&git, "[user]\n\tname = ");
	git_string(&git, c->git_name[0] != '\0' ? c->git_name :
	    o->gecos[0] != '\0' ? o->gecos : o->name);
	(void)buf_adds(&git, "\n\temail = ");
	git_string(&git, c->git_email[0] != '\0' ? c->git_email :
	    "coven@localhost");
	(void)buf_adds(&git, "\n[safe]\n\tdirectory = *\n");
	(void)buf_adds(&hosts, "127.0.0.1\tlocalhost\n::1\tlocalhost\n"
	    "127.0.0.1\tcoven\n");
	r = plan_file(p, "/etc/passwd", &pw);
	if (r == 0)
		r = plan_file(p, "/etc/group", &gr);
	if (r == 0)
		r = plan_file(p, "/etc/gitconfig", &git);
	if (r == 0)
		r = plan_file(p, "/etc/hosts", &hosts);
	return r;
}

/* A spare does not know yet whose it will be: each tool looks for its own. */
static int
plan_told(struct pair *p)
{
	const struct harness_told *told;
	size_t n, i;
	int r = 0;

	told = harness_told(&n);
	for (i = 0; r == 0 && i < n; i++) {
		autobuf struct buf b = { 0 };

		/* Its own can be made, and is. */
		if (conf_list_has(&p->monitor->conf.nested, told[i].id))
			continue;
		(void)buf_adds(&b, told[i].text);
		r = plan_file(p, told[i].path, &b);
	}
	return r;
}

static int
plan_etc(struct pair *p)
{
	struct plan_row cut = { .op = MOUNT_TMPFS, .flags = RO,
	    .target = "/etc/ssl/private", .data = "size=4k,mode=0700",
	    .len = strlen("size=4k,mode=0700") };
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < nitems(etc_files); i++) {
		struct plan_row row = { .op = MOUNT_BIND, .flags = RO | OPT,
		    .source = etc_files[i], .target = etc_files[i] };

		/* A dangling link is as good as nothing. */
		if (access(row.source, F_OK) == -1)
			continue;
		r = plan_row(p, &row);
	}
	if (r == 0 && access(cut.target, F_OK) == 0)
		r = plan_row(p, &cut);
	if (r == 0)
		r = plan_made(p);
	return r == 0 ? plan_told(p) : r;
}

/* A file without a byte takes a kilobyte of the kernel's all the same. */
static unsigned
inodes_of(unsigned mib)
{
	return mib > UINT_MAX / 128 ? UINT_MAX : mib < 32 ? 4096 : mib * 128;
}

static int
plan_scratch(struct pair *p)
{
	static const struct {
		const char	*target;
		unsigned	 mode;
		bool		 big;
	} rows[] = {
		{ "/tmp", 01777, true }, { "/var/tmp", 01777, true },
		{ "/run", 0755, false },
	};
	char options[96];
	unsigned mib;
	size_t i;
	int r = 0, n;

	for (i = 0; r == 0 && i <= nitems(rows); i++) {
		bool home = i == nitems(rows);
		struct plan_row row = { .op = MOUNT_TMPFS,
		    .target = home ? plan_home(p) : rows[i].target,
		    .data = options };

		mib = home || rows[i].big ? p->monitor->conf.tmp_mib : 64;
		n = snprintf(options, sizeof(options),
		    "size=%uM,mode=%04o,nr_inodes=%u", mib,
		    home ? 0700 : rows[i].mode, inodes_of(mib));
		row.len = (size_t)n;
		if (home && (strcmp(row.target, "/") == 0 ||
		    row.target[0] != '/'))
			continue;
		r = plan_row(p, &row);
	}
	return r;
}


int
plan_host(struct pair *p)
{
	int r = plan_system(p);

	if (r == 0)
		r = plan_etc(p);
	return r == 0 ? plan_scratch(p) : r;
}

/* --- is it still what it was? --- */

static void
view_path(struct buf *b, const char *path)
{
	char link[PATH_MAX];
	struct stat is, at;
	ssize_t n = 0;

	if (lstat(path, &is) == -1)
		is = (struct stat){ 0 };
	if (S_ISLNK(is.st_mode))
		n = readlink(path, link, sizeof(link));
	if (!S_ISLNK(is.st_mode) || stat(path, &at) == -1)
		at = is;
	(void)buf_addf(b, "%s %ju:%ju %o %ju:%ju %o %.*s\n", path,
	    (uintmax_t)is.st_dev, (uintmax_t)is.st_ino, is.st_mode,
	    (uintmax_t)at.st_dev, (uintmax_t)at.st_ino, at.st_mode,
	    n > 0 ? (int)n : 0, link);
}

static bool
near(const char *place, const char *path)
{
	return path_within(place, path) || path_within(path, place);
}

static bool
is_shown(const char *place)
{
	size_t i;

	for (i = 0; i < nitems(system_folders); i++)
		if (near(place, system_folders[i]))
			return true;
	for (i = 0; i < nitems(etc_files); i++)
		if (near(place, etc_files[i]))
			return true;
	return false;
}

/* Lines of mounts over, in and above what is shown; proc_pid_mountinfo(5). */
static void
view_mounts(struct buf *b, char *text)
{
	char *line, *save = NULL, *fields, *place, *copy;
	int k;

	for (line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save)) {
		copy = fields = mem_strdup(line);
		place = NULL;
		for (k = 0; k < 5; k++)
			place = strsep(&fields, " ");
		if (place == NULL || is_shown(place))
			(void)buf_addf(b, "%s\n", line);
		free(copy);
	}
}

static int
read_mounts(int fd, struct buf *b)
{
	ssize_t n = -1;
	char *to;

	if (lseek(fd, 0, SEEK_SET) == -1)
		return -errno;
	while ((to = buf_reserve(b, 65536)) != NULL &&
	    (n = read(fd, to, 65536)) > 0)
		buf_commit(b, (size_t)n);
	return n == 0 && buf_left(b) != 0 ? 0 : -EIO;
}

/*
 * The kernel tells by POLLPRI that the table has changed since it was asked;
 * only then is it read again.  What cannot be read is never the same.
 */
static int
look_at_mounts(struct host_view *v)
{
	struct pollfd p = { .events = POLLPRI };
	autobuf struct buf text = { .max = 16 << 20 }, b = { 0 };
	bool first = v->mounts <= 0;

	if (first)
		v->mounts = open("/proc/self/mountinfo",
		    O_RDONLY | O_CLOEXEC);
	if (v->mounts == -1)
		return -errno;
	p.fd = v->mounts;
	if (poll(&p, 1, 0) == 0 && !first)
		return 0;
	if (read_mounts(v->mounts, &text) < 0)
		return -EIO;
	view_mounts(&b, text.data);
	digest(buf_head(&b), buf_left(&b), v->mounted);
	return 0;
}

int
plan_host_view(struct monitor *m, uint8_t out[DIGEST_LEN])
{
	autobuf struct buf b = { 0 };
	size_t i;
	int r = look_at_mounts(&m->view);

	if (r < 0)
		return r;
	(void)buf_add(&b, m->view.mounted, DIGEST_LEN);
	for (i = 0; i < nitems(system_folders); i++)
		view_path(&b, system_folders[i]);
	for (i = 0; i < nitems(etc_files); i++)
		view_path(&b, etc_files[i]);
	view_path(&b, "/etc/ssl/private");
	digest(buf_head(&b), buf_left(&b), out);
	return 0;
}
