#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/failpoint.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/worker.h"
#include "coven-monitor/applying.h"
#include "coven-monitor/ending.h"
#include "coven-monitor/idmap.h"
#include "coven-monitor/point.h"
#include "coven-monitor/session.h"
#include "coven-monitor/work.h"

#define FOLDER	(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define PART	".part"

struct ending {
	struct child		 child;
	struct monitor		*monitor;
	char			 id[UUID_LEN];
	uint32_t		 phase;
	int			 out;		/* the archive, or -1 */
	int			 slot;		/* an id of the range, or -1 */
	bool			 answered;
	struct msg_phased	 result;
	char			 text[WORKER_NAME_MAX + 64];
	struct timer		 deadline, look;
};

static struct ending *
ending_of(struct child *c)
{
	return (struct ending *)((char *)c - offsetof(struct ending, child));
}

static void
tell(struct monitor *m, enum msg_type type, const void *msg)
{
	if (chan_is_open(&m->stored.control) && m->recovered)
		child_tell(&m->stored, type, msg);
}

static void
tell_outcome(struct monitor *m, const char *id, uint32_t phase,
    enum worker_code code, const char *text)
{
	struct msg_phased p = { .id = id, .phase = phase, .code = code,
	    .text = text };

	tell(m, MSG_PHASED, &p);
}

/* --- which folders there are --- */

static uint32_t
policy(const struct monitor *m)
{
	if (strcmp(m->conf.archive_policy, "always") == 0)
		return POLICY_ALWAYS;
	return strcmp(m->conf.archive_policy, "failed") == 0 ?
	    POLICY_FAILED : POLICY_NEVER;
}

void
ending_announce(struct monitor *m, const char *id)
{
	bool scratch = work_is_scratch(&m->home, &m->owner, id);
	struct msg_workspace w = { .id = id, .policy = scratch ?
	    POLICY_SCRATCH : policy(m),
	    .task = work_is_task(&m->home, &m->owner, id) };

	tell(m, MSG_WORKSPACE, &w);
}

/* The names are ours: the monitor made each of these folders. */
void
ending_announce_all(struct monitor *m)
{
	struct dirent *e;
	DIR *d;
	int fd;

	owner_enter(&m->owner);
	fd = openat(m->home.fd, "work", FOLDER);
	d = fd == -1 ? NULL : fdopendir(fd);
	owner_leave(&m->owner);
	if (d == NULL) {
		mem_close(&fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (strlen(e->d_name) == UUID_LEN - 1 &&
		    session_find(m, e->d_name) == NULL)
			ending_announce(m, e->d_name);
	(void)closedir(d);
}

/* --- names in the home, as the owner --- */

static void
name_of(const char *id, const char *suffix, char out[64])
{
	(void)snprintf(out, 64, "%s%s", id, suffix);
}

/* A new file, in the place of what a kill has left. */
static int
open_part(struct monitor *m, const char *id)
{
	char name[64];
	int dir, fd = -1, r = 0;

	name_of(id, PART, name);
	owner_enter(&m->owner);
	dir = point_folder(m->home.fd, ARCHIVES);
	if (dir >= 0) {
		(void)unlinkat(dir, name, 0);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL |
		    O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (fd == -1)
		r = dir < 0 ? dir : -errno;
	mem_close(&dir);
	owner_leave(&m->owner);
	return r < 0 ? r : fd;
}

/* The archive gets its name, durably; or what there is of it goes. */
static int
name_archive(struct monitor *m, const char *id, bool good)
{
	char part[64], name[64];
	int dir, r = 0;

	name_of(id, PART, part);
	name_of(id, ARCHIVE_SUFFIX, name);
	owner_enter(&m->owner);
	dir = openat(m->home.fd, ARCHIVES, FOLDER);
	if (dir == -1)
		r = -errno;
	else if (!good)
		(void)unlinkat(dir, part, 0);
	else if (renameat(dir, part, dir, name) == -1 || fsync(dir) == -1)
		r = -errno;
	mem_close(&dir);
	owner_leave(&m->owner);
	return r;
}

static int
unlink_archive(struct monitor *m, const char *id)
{
	char name[64];
	int dir, r = 0;

	name_of(id, ARCHIVE_SUFFIX, name);
	owner_enter(&m->owner);
	dir = openat(m->home.fd, ARCHIVES, FOLDER);
	if (dir == -1 || (unlinkat(dir, name, 0) == -1 && errno != ENOENT) ||
	    fsync(dir) == -1)
		r = errno == ENOENT ? 0 : -errno;
	mem_close(&dir);
	owner_leave(&m->owner);
	return r;
}

static int
remove_folder(struct monitor *m, const char *id)
{
	int dir, r = 0;

	owner_enter(&m->owner);
	dir = openat(m->home.fd, "work", FOLDER);
	if (dir == -1 || unlinkat(dir, id, AT_REMOVEDIR) == -1 ||
	    fsync(dir) == -1)
		r = -errno;
	mem_close(&dir);
	owner_leave(&m->owner);
	return r;
}

/* --- the worker's life --- */

static void
on_ready(struct child *c)
{
	struct ending *e = ending_of(c);
	const struct conf *conf = &e->monitor->conf;
	struct msg_remove r = { .ms = LIMIT_PHASE_MS };
	struct msg_pack p = {
		.max_bytes = (uint64_t)conf->archive_max_mib << 20,
		.max_entries = conf->archive_max_entries,
		.max_packed = (uint64_t)conf->archive_max_mib << 20,
		.ms = LIMIT_PHASE_MS, .level = conf->archive_level };

	if (e->phase == PHASE_ARCHIVE)
		FAILPOINT("monitor.work-before-pack");
	if (e->phase == PHASE_ARCHIVE)
		(void)chan_send(&c->control, MSG_PACK, &p, e->out);
	else
		(void)chan_send(&c->control, MSG_REMOVE, &r, -1);
}

/* A name is a payload's: the worker has made it printable, or it lies. */
static int
keep(struct ending *e, struct chan *ch, uint32_t code, uint32_t error,
    const char *name)
{
	char clean[WORKER_NAME_MAX];

	worker_name(name, clean);
	if (code >= WORKER__COUNT || error > 4095 ||
	    strcmp(clean, name) != 0)
		return chan_blame(ch, "an outcome that is none");
	e->result.code = code;
	(void)snprintf(e->text, sizeof(e->text), "%s%s%s", clean,
	    clean[0] != '\0' && error != 0 ? ": " : "",
	    error != 0 ? strerror((int)error) : "");
	e->answered = true;
	e->child.expected = true;
	return 0;
}

static int
on_packed(struct chan *ch, const union msg_any *msg, int *fd)
{
	const struct msg_packed *m = &msg->packed;
	struct ending *e = ending_of(ch->ctx);

	(void)fd;
	e->result.entries = m->entries & INT64_MAX;
	e->result.bytes = m->bytes & INT64_MAX;
	e->result.packed = m->packed & INT64_MAX;
	e->result.left = (m->special + m->unreadable + m->changed +
	    m->mounts + m->deep + m->large) & INT64_MAX;
	return keep(e, ch, m->code, m->error, m->name);
}

static int
on_removed(struct chan *ch, const union msg_any *msg, int *fd)
{
	const struct msg_removed *m = &msg->removed;
	struct ending *e = ending_of(ch->ctx);

	(void)fd;
	e->result.left = m->left & INT64_MAX;
	return keep(e, ch, m->code, m->error, m->name);
}

/* What it says of the file is what the file says, or it is none. */
static bool
is_sized(const struct ending *e)
{
	struct stat st;

	return fstat(e->out, &st) == 0 &&
	    (uint64_t)st.st_size == e->result.packed;
}

static void
finish_archive(struct ending *e)
{
	bool good = e->answered && (e->result.code == WORKER_DONE ||
	    e->result.code == WORKER_LEFT || e->result.code == WORKER_LIMIT ||
	    e->result.code == WORKER_LATE);
	int r;

	if (good && !is_sized(e)) {
		good = false;
		e->result.code = WORKER_FAILED;
		(void)snprintf(e->text, sizeof(e->text),
		    "its size is not what was said");
	}
	FAILPOINT("monitor.work-before-name");
	r = name_archive(e->monitor, e->id, good);
	FAILPOINT("monitor.work-named");
	if (r < 0) {
		e->result.code = WORKER_FAILED;
		(void)snprintf(e->text, sizeof(e->text), "its name: %s",
		    strerror(-r));
	}
}

static void
finish_remove(struct ending *e)
{
	int r;

	if (e->result.code != WORKER_DONE)
		return;
	FAILPOINT("monitor.work-before-folder");
	r = remove_folder(e->monitor, e->id);
	FAILPOINT("monitor.work-removed");
	if (r == 0 || r == -ENOENT)
		return;
	e->result.code = WORKER_LEFT;
	(void)snprintf(e->text, sizeof(e->text), "the folder itself: %s",
	    strerror(-r));
}

static void
ending_free(struct ending *e)
{
	struct monitor *m = e->monitor;

	timer_stop(m->loop, &e->deadline);
	timer_stop(m->loop, &e->look);
	uids_give(&m->uids, e->slot);
	mem_close(&e->out);
	m->ending = NULL;
	free(e);
}

static void
on_exit_of_worker(struct child *c)
{
	struct ending *e = ending_of(c);
	struct monitor *m = e->monitor;

	if (!e->answered) {
		e->result.code = WORKER_FAILED;
		(void)snprintf(e->text, sizeof(e->text), "the %s died",
		    msg_role_name(c->role));
	}
	if (e->phase == PHASE_ARCHIVE)
		finish_archive(e);
	else
		finish_remove(e);
	if (e->result.code != WORKER_DONE && (e->phase == PHASE_REMOVE ||
	    e->result.code == WORKER_FAILED) && log_allowed(&m->limit,
	    "workspaces"))
		log_warn("workspace %s: %s: %s: %s", e->id, e->phase ==
		    PHASE_ARCHIVE ? "pack" : "remove",
		    worker_outcome(e->result.code), e->text);
	e->result.id = e->id;
	e->result.phase = e->phase;
	e->result.text = e->text;
	tell(m, MSG_PHASED, &e->result);
	ending_free(e);
}

static void
on_deadline(struct timer *t)
{
	child_kill(&((struct ending *)t->ctx)->child);
}

/* It has its own bound, and what is no archiver any more has this one. */
static void
on_look(struct timer *t)
{
	struct ending *e = t->ctx;
	struct monitor *m = e->monitor;
	struct stat st;

	if (fstat(e->out, &st) == 0 && (uint64_t)st.st_size >
	    (uint64_t)m->conf.archive_max_mib << 20) {
		log_warn("workspace %s: its archive is too large: its "
		    "archiver is killed", e->id);
		child_kill(&e->child);
		return;
	}
	timer_start(m->loop, t, LIMIT_WATCH_MS);
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
	[MSG_PACKED] = on_packed,
	[MSG_REMOVED] = on_removed,
};

static const struct child_ops ops = {
	.handlers = handlers,
	.on_ready = on_ready,
	.on_exit = on_exit_of_worker,
};

/* --- the beginning --- */

/*
 * As whom: the owner, whose everything in there is.  For owner root an id of
 * the range, to which the folder is mapped, so that the worker is root
 * nowhere.
 */
static int
map_folder(struct ending *e, struct child_start *st, int *folder)
{
	struct monitor *m = e->monitor;
	autoclose int mapping = -1;
	uid_t uid;
	int r, mnt;

	if (!m->owner.root)
		return 0;
	r = uids_take(&m->uids, &m->owner, false, &uid, &e->slot);
	if (r < 0)
		return r;
	st->uid = uid;
	st->gid = e->slot >= 0 ? (gid_t)uid : m->owner.gid;
	if (e->slot < 0)
		return 0;
	mapping = idmap_open(m->owner.uid, m->owner.gid, st->uid, st->gid);
	mnt = mapping < 0 ? mapping : idmap_mount(*folder, mapping);
	if (mnt < 0)
		return mnt;
	mem_close(folder);
	*folder = mnt;
	return 0;
}

/* What is packed is what it wrote: an overlay's upper layer, a task's files. */
static int
open_folder(struct ending *e)
{
	struct monitor *m = e->monitor;
	int work = work_open(&m->home, &m->owner, e->id), upper, r;

	if (work < 0 || e->phase == PHASE_REMOVE)
		return work;
	owner_enter(&m->owner);
	upper = openat(work, "upper", FOLDER);
	if (upper == -1 && errno == ENOENT)
		upper = openat(work, WORK_TASK, FOLDER);
	r = upper == -1 ? -errno : upper;
	owner_leave(&m->owner);
	mem_close(&work);
	return r;
}

static int
spawn_worker(struct ending *e)
{
	struct child_start st = { .uid = SPAWN_KEEP_ID };
	autoclose int folder = open_folder(e);
	int r = folder;

	if (r >= 0 && e->phase == PHASE_ARCHIVE)
		r = e->out = open_part(e->monitor, e->id);
	if (r >= 0)
		r = map_folder(e, &st, &folder);
	if (r < 0)
		return r;
	st.extra = folder;
	return child_spawn(&e->child, e->monitor, e->phase == PHASE_ARCHIVE ?
	    ROLE_ARCHIVER : ROLE_REMOVER, &ops, &st);
}

static void
forget(struct monitor *m, const char *id)
{
	int r;

	FAILPOINT("monitor.work-before-unlink");
	r = unlink_archive(m, id);
	FAILPOINT("monitor.work-unlinked");
	tell_outcome(m, id, PHASE_FORGET, r < 0 ? WORKER_FAILED :
	    WORKER_DONE, r < 0 ? strerror(-r) : "");
}

/*
 * Nothing is removed while somebody reads it, and what is packed may be read
 * but not thrown away.
 */
bool
ending_forbids(const struct monitor *m, const char *id, enum work_verb verb)
{
	uint32_t phase = PHASE_KEPT;

	if (m->ending != NULL && strcmp(m->ending->id, id) == 0)
		phase = m->ending->phase;
	else if (strcmp(m->held, id) == 0)
		phase = m->held_phase;
	return phase == PHASE_REMOVE ||
	    (phase == PHASE_ARCHIVE && verb == WORK_DISCARD);
}

/* The other way round. */
static bool
must_wait(const struct monitor *m, const char *id, uint32_t phase)
{
	enum work_verb verb;

	if (!applying_has(m, id, &verb))
		return false;
	return phase == PHASE_REMOVE ||
	    (phase == PHASE_ARCHIVE && verb == WORK_DISCARD);
}

void
ending_resume(struct monitor *m)
{
	char id[UUID_LEN];

	if (m->held[0] == '\0' || must_wait(m, m->held, m->held_phase))
		return;
	memcpy(id, m->held, sizeof(id));
	m->held[0] = '\0';
	ending_start(m, id, m->held_phase);
}

void
ending_start(struct monitor *m, const char *id, uint32_t phase)
{
	struct ending *e = m->ending;
	int r;

	/* A new stored repeats what the one before had ordered. */
	if (e != NULL && strcmp(e->id, id) == 0 && e->phase == phase)
		return;
	if (e != NULL || m->stopping) {
		tell_outcome(m, id, phase, WORKER_FAILED,
		    "another step is under way");
		return;
	}
	if (phase == PHASE_FORGET) {
		forget(m, id);
		return;
	}
	if (must_wait(m, id, phase)) {
		(void)snprintf(m->held, sizeof(m->held), "%s", id);
		m->held_phase = phase;
		return;
	}
	e = m->ending = mem_zalloc(1, sizeof(*e));
	e->monitor = m;
	e->phase = phase;
	e->out = e->slot = -1;
	(void)snprintf(e->id, sizeof(e->id), "%s", id);
	r = spawn_worker(e);
	if (r < 0) {
		tell_outcome(m, id, phase, r == -ENOENT ? WORKER_NONE :
		    WORKER_FAILED, strerror(-r));
		ending_free(e);
		return;
	}
	e->deadline = (struct timer){ .cb = on_deadline, .ctx = e };
	timer_start(m->loop, &e->deadline, (int64_t)2 * LIMIT_PHASE_MS);
	e->look = (struct timer){ .cb = on_look, .ctx = e };
	if (phase == PHASE_ARCHIVE)
		timer_start(m->loop, &e->look, LIMIT_WATCH_MS);
}
