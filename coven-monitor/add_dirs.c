#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/harness.h"
#include "common/limits.h"
#include "common/mem.h"
#include "coven-monitor/add_dirs.h"
#include "coven-monitor/plan.h"

static enum run_code
bad_spec(char *why, size_t len)
{
	(void)snprintf(why, len, "the spec names folders to add that are not "
	    "its harness's");
	return RUN_BAD_SPEC;
}

static bool
is_flag(const char *arg)
{
	return arg != NULL && strcmp(arg, HARNESS_ADD_DIR) == 0;
}

/* Two names may lead to one folder. */
static enum run_code
open_one(struct session *s, const char *name, const struct judge *j,
    char *why, size_t len)
{
	struct root dir;
	enum run_code code = root_open_folder(&dir, "launchPolicy.addDirs",
	    name, j, why, len);
	size_t i;

	if (code != RUN_OK)
		return code;
	for (i = 0; i < s->nadd_dirs; i++) {
		if (strcmp(s->add_dirs[i].path, dir.path) == 0) {
			root_close(&dir);
			return RUN_OK;
		}
	}
	s->add_dirs[s->nadd_dirs++] = dir;
	return RUN_OK;
}

/* Nothing before the first flag is one: options' values never begin with -. */
enum run_code
add_dirs_open(struct session *s, const struct judge *j, char *why,
    size_t len)
{
	const struct msg_harness_row *row = &s->harness->row;
	const char *arg, *name;
	enum run_code code = RUN_OK;
	uint32_t i;
	size_t at = 0;

	if (s->run.add_dirs == 0)
		return RUN_OK;
	if (s->run.add_dirs > LIMIT_ADD_DIRS || !row->builtin ||
	    strcmp(row->id, "codex") != 0)
		return bad_spec(why, len);
	s->add_dirs = mem_zalloc(s->run.add_dirs, sizeof(*s->add_dirs));
	do {
		arg = harness_list_next(s->run.args, &at);
	} while (arg != NULL && !is_flag(arg));
	for (i = 0; code == RUN_OK && i < s->run.add_dirs; i++) {
		name = harness_list_next(s->run.args, &at);
		if (!is_flag(arg) || name == NULL)
			return bad_spec(why, len);
		code = open_one(s, name, j, why, len);
		arg = harness_list_next(s->run.args, &at);
	}
	return code;
}

void
add_dirs_close(struct session *s)
{
	while (s->nadd_dirs != 0)
		root_close(&s->add_dirs[--s->nadd_dirs]);
	free(steal(&s->add_dirs));
}

/* The mount of a folder brings what lies in it. */
static bool
comes_along(const struct session *s, size_t which)
{
	const char *path = s->add_dirs[which].path;
	size_t i;

	for (i = 0; i < s->nadd_dirs; i++)
		if (i != which && path_within(path, s->add_dirs[i].path))
			return true;
	return path_within(path, s->root.path);
}

int
add_dirs_plan(struct session *s)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < s->nadd_dirs; i++) {
		const struct root *dir = &s->add_dirs[i];

		if (!comes_along(s, i))
			r = plan_held(s, dir->fd, dir->path, dir->path,
			    MOUNT_F_MASK | MOUNT_F_PROTECT);
	}
	return r;
}

static int
add_arg(struct buf *to, const char *arg)
{
	return buf_add(to, arg, strlen(arg) + 1);
}

int
add_dirs_args(const struct session *s, struct buf *to)
{
	uint32_t left = s->run.add_dirs;
	size_t at = 0, i;
	const char *arg;
	int r = 0;

	if (left == 0)
		return buf_add(to, s->run.args.p, s->run.args.len);
	while (r == 0 && (arg = harness_list_next(s->run.args, &at)) != NULL) {
		if (left == 0 || !is_flag(arg)) {
			r = add_arg(to, arg);
			continue;
		}
		(void)harness_list_next(s->run.args, &at);
		if (--left != 0)
			continue;
		for (i = 0; r == 0 && i < s->nadd_dirs; i++) {
			r = add_arg(to, HARNESS_ADD_DIR);
			if (r == 0)
				r = add_arg(to, s->add_dirs[i].path);
		}
	}
	return r;
}
