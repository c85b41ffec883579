#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-monitor/conf_load.h"

/* One run of the reader. */
struct reading {
	struct child	 child;
	const char	*name;
	int		 file;
	enum conf_file_kind kind;
	enum conf_source source;
	unsigned	 errors;
	bool		 done, dead;
};

static struct reading *
reading_of(struct chan *ch)
{
	struct child *c = ch->ctx;

	return (struct reading *)((char *)c - offsetof(struct reading, child));
}

static int
on_conf_row(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct reading *r = reading_of(ch);
	char why[CONF_WHY_MAX];

	(void)fd;
	if (r->kind != CONF_FILE_TOML)
		return chan_blame(ch, "a key from a manifest");
	if (conf_apply(&r->child.monitor->conf, &msg->conf_row, r->source,
	    why) == 0)
		return 0;
	if (r->errors++ < LIMIT_CONF_ERRORS)
		log_error("config %s:%u: %s %s", r->name, msg->conf_row.line,
		    msg->conf_row.key, why);
	return 0;
}

static int
on_conf_harness(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct reading *r = reading_of(ch);
	int e;

	(void)fd;
	if (r->kind != CONF_FILE_MANIFEST)
		return chan_blame(ch, "an adapter from a configuration");
	e = harness_table_add(&r->child.monitor->harnesses,
	    msg->conf_harness.harness.p, msg->conf_harness.harness.len);
	if (e == -EPROTO)
		return chan_blame(ch, "an adapter that is no row");
	if (e < 0 && log_allowed(&r->child.monitor->limit, "adapters"))
		log_warn("config %s: an adapter is passed over: %s", r->name,
		    strerror(-e));
	return 0;
}

static int
on_conf_error(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct reading *r = reading_of(ch);

	(void)fd;
	/* Its last one counts those that it left out. */
	if (r->errors++ <= LIMIT_CONF_ERRORS)
		log_error("config %s:%u: %s%s%s", r->name,
		    msg->conf_error.line, msg->conf_error.key,
		    msg->conf_error.key[0] != '\0' ? ": " : "",
		    msg->conf_error.text);
	return 0;
}

static int
on_conf_done(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct reading *r = reading_of(ch);

	(void)msg;
	(void)fd;
	r->done = true;
	r->child.expected = true;
	return 0;
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
	[MSG_CONF_ROW] = on_conf_row,
	[MSG_CONF_HARNESS] = on_conf_harness,
	[MSG_CONF_ERROR] = on_conf_error,
	[MSG_CONF_DONE] = on_conf_done,
};

static void
on_ready(struct child *c)
{
	struct reading *r = reading_of(&c->control);
	struct msg_conf_read msg = { .kind = r->kind, .name = r->name };

	(void)chan_send(&c->control, MSG_CONF_READ, &msg, r->file);
}

static void
on_exit_of_reader(struct child *c)
{
	reading_of(&c->control)->dead = true;
}

static const struct child_ops ops = {
	.handlers = handlers,
	.on_ready = on_ready,
	.on_exit = on_exit_of_reader,
};

static int
read_file(struct monitor *m, int file, const char *name,
    enum conf_file_kind kind, enum conf_source source)
{
	struct reading r = { .name = name, .file = file, .kind = kind,
	    .source = source };
	struct child_start st = { .extra = -1,
	    .uid = uids_role(&m->uids, ROLE_CONFREAD) };
	int64_t until = loop_now_ns() + LIMIT_CONF_READ_MS * 1000000ll;
	int e;

	st.gid = (gid_t)st.uid;
	e = child_spawn(&r.child, m, ROLE_CONFREAD, &ops, &st);
	if (e < 0) {
		log_error("config %s: start its reader: %s", name,
		    strerror(-e));
		return EXIT_HOME;
	}
	while (!r.dead) {
		loop_once(m->loop, 100);
		if (loop_now_ns() > until)
			child_kill(&r.child);
	}
	if (!r.done)
		log_error("config %s: its reader died", name);
	return r.done && r.errors == 0 ? 0 : EXIT_HOME;
}

/* Regular, the owner's or root's, bounded, opened following nothing. */
static int
open_file(const struct monitor *m, int dir, const char *name)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_uid != m->owner.uid && st.st_uid != 0)
		return -EPERM;
	if (st.st_mode & 022)
		return -EACCES;
	if (st.st_size > LIMIT_CONF_FILE)
		return -EFBIG;
	return mem_steal_fd(&fd);
}

static const char *
open_error(int e)
{
	switch (e) {
	case -EINVAL:
		return "it is not a regular file";
	case -ELOOP:
		return "it is a link";
	case -EPERM:
		return "it belongs to another user";
	case -EACCES:
		return "others may write it, or it cannot be read";
	case -EFBIG:
	case -EMSGSIZE:
		return "it is larger than 256 KiB";
	default:
		return strerror(-e);
	}
}

/*
 * A copy that nobody can change: what is parsed is what its digest says.
 * A sealed memfd, which replaces *fd; or -errno.
 */
static int
seal(int *fd, uint8_t out[DIGEST_LEN])
{
	autobuf struct buf bytes = { 0 };
	int copy, r;

	r = memfd_read(*fd, LIMIT_CONF_FILE, &bytes);
	if (r < 0)
		return r;
	copy = memfd_make("configuration", buf_head(&bytes),
	    buf_left(&bytes));
	if (copy < 0)
		return copy;
	/* Who reads it does so from where it stands. */
	if (lseek(copy, 0, SEEK_SET) == -1) {
		r = -errno;
		mem_close(&copy);
		return r;
	}
	digest(buf_head(&bytes), buf_left(&bytes), out);
	mem_close(fd);
	*fd = copy;
	return 0;
}

/* For the audit: "coven.toml DIGEST, /etc/coven/coven.toml absent". */
static void
add_seen(struct monitor *m, const char *shown, const uint8_t *sum)
{
	size_t home = strlen(m->home.path);
	char hex[2 * DIGEST_LEN + 1] = "absent";

	if (strncmp(shown, m->home.path, home) == 0 && shown[home] == '/')
		shown += home + 1;
	if (sum != NULL)
		audit_hex(sum, DIGEST_LEN, hex);
	(void)buf_addf(&m->conf_seen, "%s%s %s",
	    buf_left(&m->conf_seen) != 0 ? ", " : "", shown, hex);
}

static int
load(struct monitor *m, int dir, const char *name, const char *shown,
    enum conf_file_kind kind, enum conf_source source)
{
	autoclose int fd = -1;
	uint8_t sum[DIGEST_LEN];
	int r;

	if (source == CONF_OWNER)
		owner_enter(&m->owner);
	fd = open_file(m, dir, name);
	if (source == CONF_OWNER)
		owner_leave(&m->owner);
	if (fd == -ENOENT) {
		add_seen(m, shown, NULL);
		return 0;
	}
	r = fd < 0 ? fd : seal(&fd, sum);
	if (r < 0) {
		log_error("config %s: %s", shown, open_error(r));
		return EXIT_HOME;
	}
	add_seen(m, shown, sum);
	return read_file(m, fd, shown, kind, source);
}

static int
json_only(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && strcmp(d->d_name + n - 5, ".json") == 0;
}

static int
load_folder(struct monitor *m, const char *folder)
{
	struct dirent **names = NULL;
	int n, i, e = 0, r;

	owner_enter(&m->owner);
	n = scandir(folder, &names, json_only, alphasort);
	owner_leave(&m->owner);
	for (i = 0; i < n; i++) {
		autobuf struct buf path = { 0 };

		(void)buf_addf(&path, "%s/%s", folder, names[i]->d_name);
		r = load(m, AT_FDCWD, buf_head(&path), buf_head(&path),
		    CONF_FILE_MANIFEST, CONF_OWNER);
		if (r != 0)
			e = r;
		free(names[i]);
	}
	free(names);
	return e;
}

static int
load_manifests(struct monitor *m)
{
	const char *one = getenv("COVEN_HARNESS_ADAPTER_MANIFEST");
	const char *list = getenv("COVEN_HARNESS_ADAPTER_DIRS");
	autofree char *copy = mem_strdup(list != NULL ? list : "");
	char *rest = copy, *dir;
	int e = 0, r;

	if (one != NULL && *one != '\0')
		e = load(m, AT_FDCWD, one, one, CONF_FILE_MANIFEST,
		    CONF_OWNER);
	while ((dir = strsep(&rest, ":")) != NULL) {
		if (dir[0] != '/')
			continue;
		r = load_folder(m, dir);
		if (r != 0)
			e = r;
	}
	return e;
}

int
conf_load(struct monitor *m)
{
	autobuf struct buf own = { 0 };
	int system, owner, manifests;

	conf_init(&m->conf);
	(void)buf_addf(&own, "%s/coven.toml", m->home.path);
	system = load(m, AT_FDCWD, "/etc/coven/coven.toml",
	    "/etc/coven/coven.toml", CONF_FILE_TOML, CONF_SYSTEM);
	owner = load(m, m->home.fd, "coven.toml", buf_head(&own),
	    CONF_FILE_TOML, CONF_OWNER);
	manifests = load_manifests(m);
	note(m, AUDIT_CONFIG_READ, NULL, "%s", buf_head(&m->conf_seen));
	buf_fini(&m->conf_seen);
	return system != 0 ? system : owner != 0 ? owner : manifests;
}
