#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/memfd.h"
#include "common/net_upstream.h"
#include "coven-monitor/conf_load.h"
#include "coven-monitor/reader.h"

/* For the audit: "coven.toml DIGEST", or "absent" in place of it. */
static void
add_seen(struct monitor *m, const char *shown, const uint8_t *sum)
{
	size_t home = strlen(m->home.path);
	char hex[2 * DIGEST_LEN + 1] = "absent";

	if (strncmp(shown, m->home.path, home) == 0 && shown[home] == '/')
		shown += home + 1;
	if (sum != NULL)
		audit_hex(sum, DIGEST_LEN, hex);
	note(m, AUDIT_CONFIG_READ, NULL, "%s %s", shown, hex);
}

struct place {
	int			 dir;
	const char		*name, *shown;
	enum conf_file_kind	 kind;
	enum conf_source	 source;
	unsigned		 flags;		/* READER_* */
};

static int
run_reader(struct monitor *m, const struct place *at, int file)
{
	struct reader r = { .name = at->shown, .file = file,
	    .kind = at->kind, .source = at->source };

	return reader_run(&r, m);
}

/* 0, -ENOENT, EXIT_HOME or EXIT_LATE. */
static int
load_at(struct monitor *m, const struct place *at)
{
	uint8_t sum[DIGEST_LEN];
	int fd = reader_open(m, at->dir, at->name, at->flags, sum);

	if (fd == -ENOENT) {
		add_seen(m, at->shown, NULL);
		return fd;
	}
	if (fd < 0) {
		log_error("config %s: %s", at->shown, reader_why(fd));
		return EXIT_HOME;
	}
	add_seen(m, at->shown, sum);
	return run_reader(m, at, fd);
}

static int
load(struct monitor *m, int dir, const char *name, const char *shown,
    enum conf_file_kind kind, enum conf_source source)
{
	struct place at = { dir, name, shown, kind, source,
	    source == CONF_OWNER ? READER_AS_OWNER : 0 };
	int r = load_at(m, &at);

	return r == -ENOENT ? 0 : r;
}

/*
 * Without the file, what is known of secrets is compiled all the same: its
 * reader then reads nothing.
 */
static int
load_privacy(struct monitor *m)
{
	autobuf struct buf shown = { 0 };
	struct place at = { m->home.fd, "privacy.toml", NULL,
	    CONF_FILE_PRIVACY, CONF_OWNER, READER_AS_OWNER | READER_LAX };
	int r, empty;

	(void)buf_addf(&shown, "%s/privacy.toml", m->home.path);
	at.shown = buf_head(&shown);
	m->privacy.patterns = -1;
	r = load_at(m, &at);
	if (r == -ENOENT) {
		empty = memfd_make("configuration", "", 0);
		r = empty < 0 ? EXIT_HOME : run_reader(m, &at, empty);
	}
	if (r == 0 && m->privacy.patterns == -1) {
		log_error("config %s: its reader answered no patterns",
		    at.shown);
		r = EXIT_HOME;
	}
	return r;
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

/* What no single row shows. */
static int
check_whole(struct monitor *m)
{
	char why[CONF_WHY_MAX];

	if (net_upstream_check(&m->conf, why, sizeof(why)) == 0)
		return 0;
	log_error("config %s", why);
	return EXIT_HOME;
}

int
conf_load(struct monitor *m)
{
	autobuf struct buf own = { 0 };
	int system, owner, manifests, privacy;

	conf_init(&m->conf);
	(void)buf_addf(&own, "%s/coven.toml", m->home.path);
	system = load(m, AT_FDCWD, "/etc/coven/coven.toml",
	    "/etc/coven/coven.toml", CONF_FILE_TOML, CONF_SYSTEM);
	owner = load(m, m->home.fd, "coven.toml", buf_head(&own),
	    CONF_FILE_TOML, CONF_OWNER);
	if (owner == 0)
		owner = check_whole(m);
	manifests = load_manifests(m);
	privacy = load_privacy(m);
	return system != 0 ? system : owner != 0 ? owner :
	    manifests != 0 ? manifests : privacy;
}
