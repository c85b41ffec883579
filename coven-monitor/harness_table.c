#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/harness.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "coven-monitor/harness_table.h"
#include "coven-monitor/owner.h"
#include "coven-monitor/root.h"

#define INTERPRETER_DEPTH	3	/* a script's script's script */
#define DEFAULT_PATH		"/usr/local/bin:/usr/bin:/bin"
#define LOOK_NS			1000000000	/* between two looks */

/* Whose things a package is not. */
struct around {
	const char		*home;
	const struct home	*coven;
};

/* What every sandbox has anyway. */
static const char *const system_prefixes[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/nix",
};

static int
add(struct harness_table *t, const void *p, size_t n)
{
	struct harness_entry *e = &t->v[t->n];
	union msg_any msg;

	if (t->n == LIMIT_HARNESSES)
		return -ENOSPC;
	*e = (struct harness_entry){ 0 };
	if (buf_add(&e->bytes, p, n) < 0 || msg_decode_exact(
	    buf_head(&e->bytes), n, MSG_HARNESS_ROW, &msg) < 0) {
		buf_fini(&e->bytes);
		return -EPROTO;
	}
	if (harness_table_find(t, msg.harness_row.id) != NULL) {
		buf_fini(&e->bytes);
		return -EEXIST;
	}
	e->row = msg.harness_row;
	t->n++;
	return 0;
}

int
harness_table_add(struct harness_table *t, const void *p, size_t n)
{
	return add(t, p, n);
}

void
harness_table_init(struct harness_table *t)
{
	const struct msg_harness_row *rows;
	size_t n, i;

	*t = (struct harness_table){ 0 };
	rows = harness_builtins(&n);
	for (i = 0; i < n; i++) {
		autobuf struct buf b = { 0 };

		if (msg_encode(&b, MSG_HARNESS_ROW, &rows[i]) < 0 ||
		    add(t, buf_head(&b), buf_left(&b)) < 0)
			fatal("harness %s: not a row", rows[i].id);
	}
}

struct harness_entry *
harness_table_find(struct harness_table *t, const char *id)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->v[i].row.id, id) == 0)
			return &t->v[i];
	return NULL;
}

/* --- looking around on the host, as the owner --- */

/* The first executable regular file of that name on path, canonical. */
static char *
search(const char *path, const char *name)
{
	autofree char *copy = mem_strdup(path);
	char *rest = copy, *dir, *found;
	struct stat st;

	while ((dir = strsep(&rest, ":")) != NULL) {
		autobuf struct buf b = { 0 };

		if (dir[0] != '/')
			continue;
		(void)buf_addf(&b, "%s/%s", dir, name);
		if (stat(buf_head(&b), &st) == -1 || !S_ISREG(st.st_mode) ||
		    faccessat(AT_FDCWD, buf_head(&b), X_OK, AT_EACCESS) == -1)
			continue;
		found = realpath(buf_head(&b), NULL);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static bool
is_system(const char *path)
{
	size_t i;

	for (i = 0; i < nitems(system_prefixes); i++)
		if (path_within(path, system_prefixes[i]))
			return true;
	return false;
}

static void
add_folder(struct harness_entry *e, char *folder)
{
	size_t i;

	for (i = 0; i < e->nfolders; i++)
		if (path_within(folder, e->folders[i])) {
			free(folder);
			return;
		}
	if (e->nfolders == HARNESS_FOLDERS)
		free(folder);
	else
		e->folders[e->nfolders++] = folder;
}

/*
 * Does folder hold more than a package: the system's things, several
 * people's homes, the home, or COVEN_HOME?  The program alone then.
 */
static bool
is_too_wide(const char *folder, const struct around *a)
{
	const char *up = strrchr(folder, '/');
	struct stat st;

	if (folder[0] == '\0' || path_is_system(folder) ||
	    path_within(a->home, folder) ||
	    path_within(a->coven->path, folder) ||
	    path_within(folder, a->coven->path))
		return true;
	/* HOME/.x (as .local), and the homes beside it. */
	if (path_within(folder, a->home) &&
	    strchr(folder + strlen(a->home) + 1, '/') == NULL)
		return true;
	if (up != NULL && (size_t)(up - folder) == strlen("/home") &&
	    strncmp(folder, "/home", strlen("/home")) == 0)
		return true;
	/* As /tmp is: anybody puts anything there. */
	return stat(folder, &st) == -1 || (st.st_mode & S_IWOTH);
}

/*
 * The least folder that holds a program's package: the outermost
 * node_modules, the prefix of a bin folder, else the file alone.
 */
static void
add_package(struct harness_entry *e, const char *file,
    const struct around *a)
{
	autofree char *folder = mem_strdup(file);
	char *at, *slash;

	if (is_system(file))
		return;
	at = strstr(folder, "/node_modules/");
	if (at != NULL) {
		at[strlen("/node_modules")] = '\0';
		add_folder(e, steal(&folder));
		return;
	}
	slash = strrchr(folder, '/');
	*slash = '\0';
	at = strrchr(folder, '/');
	if (at != NULL && strcmp(at, "/bin") == 0)
		*at = '\0';
	if (is_too_wide(folder, a))
		add_folder(e, mem_strdup(file));
	else
		add_folder(e, steal(&folder));
}

static void
add_program(struct harness_entry *e, const char *file,
    const struct around *a)
{
	char *dir;

	add_package(e, file, a);
	if (is_system(file) || e->ndirs == HARNESS_FOLDERS)
		return;
	dir = mem_strdup(file);
	*strrchr(dir, '/') = '\0';
	e->dirs[e->ndirs++] = dir;
}

/*
 * The interpreter that a script names, looked up on path when it goes
 * through env(1).  NULL for a binary.  These bytes are the owner's own
 * installed program, never a payload's: nothing of it is writable inside.
 */
static char *
interpreter(const char *file, const char *path)
{
	autoclose int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY |
	    O_NONBLOCK);
	char line[256], *word, *rest;
	ssize_t n = fd != -1 ? read(fd, line, sizeof(line) - 1) : -1;

	if (n < 3 || line[0] != '#' || line[1] != '!')
		return NULL;
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	rest = line + 2;
	do {
		word = strsep(&rest, " \t");
	} while (word != NULL && *word == '\0');
	if (word == NULL || word[0] != '/')
		return NULL;
	if (strcmp(strrchr(word, '/'), "/env") != 0)
		return realpath(word, NULL);
	while ((word = strsep(&rest, " \t")) != NULL)
		if (*word != '\0' && *word != '-' &&
		    strchr(word, '=') == NULL)
			return search(path, word);
	return NULL;
}

static void
locate(struct harness_entry *e, const struct around *a)
{
	const char *path = getenv("PATH");
	char *file, *next;
	int i;

	if (path == NULL)
		path = DEFAULT_PATH;
	while (e->nfolders != 0)
		free(e->folders[--e->nfolders]);
	while (e->ndirs != 0)
		free(e->dirs[--e->ndirs]);
	free(e->program);
	e->program = e->row.exe[0] != '\0' ? search(path, e->row.exe) : NULL;
	e->row.available = e->program != NULL || e->row.exe[0] == '\0';
	if (e->program == NULL)
		return;
	add_program(e, e->program, a);
	file = interpreter(e->program, path);
	for (i = 0; file != NULL && i < INTERPRETER_DEPTH; i++) {
		add_program(e, file, a);
		next = interpreter(file, path);
		free(file);
		file = next;
	}
	free(file);
}

void
harness_entry_look(struct harness_entry *e, const struct owner *o,
    const struct home *coven)
{
	const struct around a = { .home = o->home, .coven = coven };
	int64_t now = loop_now_ns();

	if (e->looked_ns != 0 && now - e->looked_ns < LOOK_NS)
		return;
	owner_enter(o);
	locate(e, &a);
	owner_leave(o);
	e->looked_ns = now;
}

void
harness_table_locate(struct harness_table *t, const struct owner *o,
    const struct home *coven)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		harness_entry_look(&t->v[i], o, coven);
}
