/*
 * Through the upper layer, folder by folder, with the project's folder of the
 * same name beside it where there is one.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-applier/applier.h"

struct level {
	int		 up, down;	/* down: -1 where there is none */
	struct names	 names;		/* of the upper layer's folder */
	struct names	 gone;		/* the project's, if it is opaque */
	size_t		 i, k;
	size_t		 path_len;
	mode_t		 mode;		/* that down gets in the end */
	bool		 set_mode, dirty, changed;
};

struct walk {
	struct applier	*a;
	struct level	*levels;
	size_t		 depth;
	char		 path[APPLY_PATH + 1];
};

/* --- rows --- */

static struct msg_bin
bin(const char *s)
{
	return (struct msg_bin){ s, strlen(s) };
}

static int
read_all(int dir, const char *name, struct buf *b)
{
	autoclose int fd = tree_open(dir, name, O_RDONLY | O_NONBLOCK);
	ssize_t n = 0;
	char *to;

	b->max = APPLY_PATCH;
	while (fd >= 0 && (to = buf_reserve(b, 65536)) != NULL &&
	    (n = read(fd, to, 65536)) > 0)
		buf_commit(b, (size_t)n);
	return fd < 0 || n != 0 ? 1 : 0;
}

static bool
is_file(bool there, const struct stat *st)
{
	return there && S_ISREG(st->st_mode);
}

static void
add_patch(const struct change *c, struct buf *out, struct msg_change_row *row)
{
	autobuf struct buf old = { 0 }, new = { 0 };
	bool was = is_file(c->there, &c->dst);
	bool is = is_file(!c->whiteout, &c->ust);

	if (!was && !is)
		return;
	if ((was && read_all(c->down, c->name, &old) != 0) ||
	    (is && read_all(c->up, c->name, &new) != 0) ||
	    patch_make(out, c->path, buf_head(&old), buf_left(&old),
	    buf_head(&new), buf_left(&new), was, is) != 0)
		row->binary = 1;
	else
		row->patch = (struct msg_bin){ buf_head(out), buf_left(out) };
}

/* Numbered in the walk's order; one page of them, or all that were done. */
static int
report(struct applier *a, const struct change *c, enum change_result result)
{
	struct msg_change_row row = { .what = c->what, .kind = c->kind,
	    .flags = c->flags, .result = result, .path = bin(c->path),
	    .target = bin(c->target), .old_target = bin(c->old_target) };
	autobuf struct buf patch = { .max = APPLY_PATCH * 4 };

	if (a->more || a->nseen++ < a->spec.after)
		return 0;
	if (a->nrows == a->spec.limit ||
	    buf_left(&a->rows) > LIMIT_CHANGES_BYTES) {
		a->more = true;
		return 0;
	}
	if (!c->whiteout) {
		row.mode = c->ust.st_mode & 0777;
		row.size = (uint64_t)c->ust.st_size;
	}
	if (c->there) {
		row.old_mode = c->dst.st_mode & 0777;
		row.old_size = (uint64_t)c->dst.st_size;
	}
	if (a->spec.patch && a->verb == WORK_LIST)
		add_patch(c, &patch, &row);
	a->nrows++;
	if (msg_encode(&a->rows, MSG_CHANGE_ROW, &row) < 0)
		return fail(a, -EMSGSIZE, "tell of %s", c->path);
	return 0;
}

/* --- down and up --- */

static int
enter(struct walk *w, int up, int down)
{
	struct level *l;
	size_t i;
	int r;

	if (w->depth == APPLY_DEPTH) {
		mem_close(&up);
		mem_close(&down);
		return fail(w->a, -ELOOP, "more than %d folders deep",
		    APPLY_DEPTH);
	}
	l = &w->levels[w->depth++];
	*l = (struct level){ .up = up, .down = down,
	    .path_len = strlen(w->path) };
	l->changed = down >= 0 && tree_dir_changed(w->a, down);
	if (w->a->verb == WORK_APPLY && down >= 0) {
		r = tree_clean(w->a, down);
		if (r < 0)
			return fail(w->a, r, "clean %s", w->path);
	}
	r = tree_list(w->a, up, &l->names);
	if (r == 0 && down >= 0 && is_opaque(up))
		r = tree_list(w->a, down, &l->gone);
	if (r < 0)
		return fail(w->a, r, "list %s", w->path);
	for (i = 0; i < l->gone.n; i++)
		if (names_have(&l->names, l->gone.v[i])) {
			free(l->gone.v[i]);
			l->gone.v[i] = NULL;
		}
	return 0;
}

static void
leave(struct walk *w)
{
	struct level *l = &w->levels[--w->depth];
	size_t i;

	if (l->down >= 0 && l->set_mode)
		(void)fchmod(l->down, l->mode);
	if (l->down >= 0 && (l->dirty || l->set_mode))
		(void)fsync(l->down);
	for (i = 0; i < l->gone.n; i++)
		if (l->gone.v[i] == NULL)
			l->gone.v[i] = mem_strdup("");
	names_free(&l->names);
	names_free(&l->gone);
	mem_close(&l->up);
	mem_close(&l->down);
}

static int
deal(struct walk *w, struct level *l, struct change *c, bool *differs)
{
	enum change_result result = RESULT_NONE;
	int r = judge(w->a, c);

	*differs = r > 0;
	if (r <= 0)
		return r;
	if (w->a->verb == WORK_APPLY) {
		result = apply(w->a, c);
		l->dirty |= result == RESULT_APPLIED;
	}
	return report(w->a, c, result);
}

/* Into a folder of the upper layer. */
static int
descend(struct walk *w, const struct level *l, const struct change *c,
    bool differs)
{
	autoclose int up = tree_folder(l->up, c->name), down = -1;
	bool applying = w->a->verb == WORK_APPLY;
	int r;

	if (up < 0)
		return fail(w->a, up, "open %s", c->path);
	if (l->down >= 0 && (applying || (c->there &&
	    S_ISDIR(c->dst.st_mode))))
		down = tree_folder(l->down, c->name);
	if (down < 0)
		down = -1;
	if (down >= 0 && applying && differs && c->flags == 0)
		(void)fchmod(down, (c->ust.st_mode & 0777) | 0700);
	r = enter(w, mem_steal_fd(&up), mem_steal_fd(&down));
	if (r == 0 && applying && differs && c->flags == 0) {
		w->levels[w->depth - 1].set_mode = true;
		w->levels[w->depth - 1].mode = c->ust.st_mode & 0777;
	}
	return r;
}

static int
set_path(struct walk *w, const struct level *l, const char *name)
{
	size_t n = l->path_len, len = strlen(name);

	if (n + len + 2 > sizeof(w->path))
		return fail(w->a, -ENAMETOOLONG, "%.200s/...", w->path);
	if (n != 0)
		w->path[n++] = '/';
	memcpy(w->path + n, name, len + 1);
	return 0;
}

static int
step(struct walk *w, struct level *l)
{
	bool removed = l->i == l->names.n, differs;
	const char *name = removed ? l->gone.v[l->k++] :
	    l->names.v[l->i++];
	struct change c = { .path = w->path, .name = name, .up = l->up,
	    .down = l->down, .dir_changed = l->changed,
	    .whiteout = removed };
	int r;

	if (name == NULL)
		return 0;
	r = set_path(w, l, name);
	if (r == 0 && !removed &&
	    fstatat(l->up, name, &c.ust, AT_SYMLINK_NOFOLLOW) == -1)
		r = fail(w->a, -errno, "look at %s", w->path);
	if (r == 0)
		r = deal(w, l, &c, &differs);
	if (r == 0 && !removed && S_ISDIR(c.ust.st_mode) &&
	    !(c.flags & CHANGE_F_SPECIAL))
		r = descend(w, l, &c, differs);
	return r;
}

int
walk(struct applier *a)
{
	autofree struct level *levels = mem_zalloc(APPLY_DEPTH,
	    sizeof(*levels));
	struct walk *w = mem_zalloc(1, sizeof(*w));
	int r;

	*w = (struct walk){ .a = a, .levels = levels };
	r = enter(w, tree_folder(a->upper, "."),
	    tree_folder(a->project, "."));
	while (r == 0 && w->depth != 0 && !(a->more &&
	    a->verb == WORK_LIST)) {
		struct level *l = &w->levels[w->depth - 1];

		w->path[l->path_len] = '\0';
		if (l->i == l->names.n && l->k == l->gone.n)
			leave(w);
		else
			r = step(w, l);
	}
	while (w->depth != 0)
		leave(w);
	free(w);
	return r;
}
