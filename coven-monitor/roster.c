#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/roster.h"

static const char file[] = "familiars.toml";

/* --- what apid is told --- */

void
roster_tell(struct monitor *m, struct child *apid)
{
	struct roster *r = &m->roster;
	struct msg_familiars msg = { .rows = r->n, .bad = r->bad };

	(void)chan_send(&apid->control, MSG_FAMILIARS, &msg, r->rows);
}

/* A new roster, or the reason why there is none. */
static void
set(struct monitor *m, const struct buf *rows, uint32_t n, const char *bad)
{
	struct roster *r = &m->roster;
	int fd = memfd_make("familiars", rows != NULL ? buf_head(rows) : "",
	    rows != NULL ? buf_left(rows) : 0);

	if (fd < 0) {
		log_error("config %s: %s", r->path, strerror(-fd));
		return;
	}
	mem_close(&r->rows);
	r->rows = fd;
	r->n = n;
	(void)snprintf(r->bad, sizeof(r->bad), "%s", bad);
	if (child_alive(&m->apid) && m->apid.ready && !m->stopping)
		roster_tell(m, &m->apid);
}

/* --- reading --- */

/* "~" is the owner's home folder, which the reader does not know. */
void
roster_add(struct reader *r, const struct msg_familiar_row *in)
{
	const struct owner *o = &r->child.monitor->owner;
	struct msg_familiar_row row = *in;
	char path[4097];

	if (row.workspace[0] == '~' && o->home != NULL &&
	    (row.workspace[1] == '/' || row.workspace[1] == '\0') &&
	    snprintf(path, sizeof(path), "%s%s", o->home,
	    row.workspace + 1) < (int)sizeof(path))
		row.workspace = path;
	if (msg_encode(&r->rows, MSG_FAMILIAR_ROW, &row) == 0)
		r->nrows++;
}

static void
on_read(struct reader *reader)
{
	struct monitor *m = reader->child.monitor;

	if (reader_good(reader))
		set(m, &reader->rows, reader->nrows, "");
	else
		set(m, NULL, 0, reader->first);
	buf_fini(&reader->rows);
}

static void
read_it(struct monitor *m)
{
	struct roster *r = &m->roster;
	uint8_t sum[DIGEST_LEN];
	char why[1024];
	char hex[2 * DIGEST_LEN + 1] = "absent";
	int fd = reader_open(m, m->home.fd, file,
	    READER_AS_OWNER | READER_LAX, sum);

	if (fd >= 0)
		audit_hex(sum, DIGEST_LEN, hex);
	note(m, AUDIT_CONFIG_READ, NULL, "%s %s", file, hex);
	if (fd == -ENOENT) {
		set(m, NULL, 0, "");
		return;
	}
	if (fd < 0) {
		(void)snprintf(why, sizeof(why), "%.900s: %s", r->path,
		    reader_why(fd));
		log_error("config %s", why);
		set(m, NULL, 0, why);
		return;
	}
	r->reader.name = r->path;
	r->reader.file = fd;
	r->reader.kind = CONF_FILE_FAMILIARS;
	r->reader.on_end = on_read;
	if (reader_start(&r->reader, m) < 0)
		set(m, NULL, 0, r->reader.first);
}

/* --- when --- */

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size && a->st_mode == b->st_mode &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	    a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* What is not there is all zeros. */
void
roster_look(struct monitor *m)
{
	struct roster *r = &m->roster;
	struct stat now = { 0 };

	if (r->reader.running || m->stopping)
		return;
	owner_enter(&m->owner);
	if (fstatat(m->home.fd, file, &now, AT_SYMLINK_NOFOLLOW) == -1)
		now = (struct stat){ 0 };
	owner_leave(&m->owner);
	if (r->known && same(&now, &r->seen))
		return;
	if (r->known)
		log_info("config %s: it has changed", r->path);
	r->known = true;
	r->seen = now;
	read_it(m);
}

void
roster_load(struct monitor *m)
{
	struct roster *r = &m->roster;
	autobuf struct buf path = { 0 };

	(void)buf_addf(&path, "%s/%s", m->home.path, file);
	r->path = mem_strdup(buf_head(&path));
	r->rows = -1;
	roster_look(m);
	while (r->reader.running)
		loop_once(m->loop, 100);
}

int
roster_status(const struct monitor *m)
{
	return m->roster.bad[0] != '\0' ? EXIT_HOME : 0;
}
