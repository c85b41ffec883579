/*
 * The folders that a launchPolicy adds: mounted beside the project, judged
 * and held as it is.
 *
 * They come as the arguments that the harness gets, `--add-dir FOLDER` each.
 * The harness is told where they are: the canonical name, each once.
 */
#ifndef COVEN_MONITOR_ADD_DIRS_H
#define COVEN_MONITOR_ADD_DIRS_H

#include "coven-monitor/session.h"

/*
 * Open those of s->run.  Runs as the owner, after the root was opened.
 * RUN_OK, or the code with a sentence in why that names the folder and rule.
 */
enum run_code	add_dirs_open(struct session *, const struct judge *,
		    char *why, size_t len);
void		add_dirs_close(struct session *);
/* Their rows of the sandbox.  0 or -errno. */
int		add_dirs_plan(struct session *);
/* The arguments of s->run with canonical names.  0, or what buf_add says. */
int		add_dirs_args(const struct session *, struct buf *);

#endif
