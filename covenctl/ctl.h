/*
 * covenctl: a client of the daemon, without any privilege.  One table of
 * verbs and one of options drive parsing, dispatch and --help.
 */
#ifndef COVEN_COVENCTL_CTL_H
#define COVEN_COVENCTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "covenctl/client.h"
#include "covenctl/home.h"

/* Exit statuses; exec, run and attach pass on the command's own. */
enum ctl_status {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NO_DAEMON = 69,
	CTL_BUSY = 75,
	CTL_UNTRUSTED = 76,
	CTL_NOT_ALLOWED = 77,
	CTL_CONFIG = 78,
	CTL_NOT_EXECUTABLE = 126,
	CTL_NOT_FOUND = 127,
	CTL_SIGNAL = 128,	/* + the signal's number */
};

enum ctl_opt {
	OPT_HELP, OPT_VERSION, OPT_HOME, OPT_TOKEN_FILE, OPT_JSON,
	OPT_PROJECT, OPT_CWD, OPT_ENV, OPT_TTY, OPT_NO_TTY,
	OPT_INTERACTIVE, OPT_ISOLATED, OPT_WORKSPACE, OPT_STREAM, OPT_MODEL,
	OPT_TITLE,
	OPT_STATUS, OPT_HARNESS, OPT_SEARCH, OPT_IDS,
	OPT_ALL, OPT_LIMIT, OPT_FOLLOW, OPT_AFTER, OPT_NO_NEWLINE,
	OPT_DETACH_KEY, OPT_INTERVAL, OPT_ONCE, OPT_COMPARE,
	OPT_MATCH, OPT_HEADS, OPT_KEY, OPT_FROM,
	OPT_NAMES, OPT_STAT, OPT_PATCH, OPT_FORCE,
	OPT_SCOPE, OPT_EXPIRES, OPT_YES, OPT_FOREGROUND,
	OPT_COUNT,
};

#define CTL_ENV_MAX	256

struct ctl;

/* What a verb needs before it runs, and how its words are read. */
#define VERB_HOME	1u	/* the home is opened before run */
#define VERB_COMMAND	2u	/* the first argument ends the options */

/*
 * One row is all that help, completion and the manual's check know of a verb.
 */
struct verb {
	const char	*name;		/* "kill", or two: "config check" */
	const char	*args;		/* "" or "ID TEXT" */
	const char	*summary;	/* one line */
	int		(*run)(struct ctl *);	/* an exit status */
	uint64_t	 opts;		/* mask of enum ctl_opt */
	int		 min_args, max_args;	/* max_args -1: any */
	unsigned	 flags;
	const char	*words;		/* what the first argument may be */
	const char	*help;		/* a paragraph for "help VERB" */
};

/* An option; its name on the command line is --name or -letter. */
struct opt {
	const char	*name, *arg, *summary;	/* arg NULL: a flag */
	char		 letter;
	const char	*words;		/* what its value may be */
};

const struct verb	*verb_table(size_t *n);
const struct opt	*opt_table(void);	/* OPT_COUNT rows */
/* By its whole name; n: of how many bytes of it. */
const struct verb	*verb_find(const char *name, size_t n);
/* Options that every verb has. */
#define OPTS_ALWAYS	(UINT64_C(1) << OPT_HELP |			\
			UINT64_C(1) << OPT_HOME |			\
			UINT64_C(1) << OPT_TOKEN_FILE |			\
			UINT64_C(1) << OPT_JSON)

struct ctl {
	const struct verb	*verb;
	const char		*group;	/* "config" and --help alone */
	const char		*opt[OPT_COUNT];	/* NULL: not given */
	const char		*env[CTL_ENV_MAX];	/* every --env */
	size_t			 nenv;
	char			**argv;			/* arguments */
	int			 argc;
	struct home		 home;
	struct client		 client;
};

/* Parses, dispatches; returns the exit status. */
int	ctl_main(int argc, char **argv);

/* help.c: the whole --help, or one verb's, from the tables. */
void	ctl_help(struct buf *);
void	ctl_help_verb(const struct verb *, struct buf *);
/* Every row of a group ("config"): 0, or 1 when there is none. */
int	ctl_help_group(const char *name, struct buf *);

/* On a terminal, ask; elsewhere --yes must have been given.  0 to go on. */
int	ctl_confirm(struct ctl *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* Print a buffer on standard output: an exit status. */
int	ctl_print(const struct buf *);

/* "covenctl: ..." on standard error; control bytes are escaped. */
void	ctl_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Resolve, open and check the home, and prepare the client.  0, or an exit
 * status, explained on standard error.
 */
int	ctl_open_home(struct ctl *);

/* A number given to an option: 0, or CTL_USAGE explained. */
int	ctl_number(struct ctl *, enum ctl_opt, long long min, long long max,
	    long long *);

/* Writes all of it; 0 or -errno. */
int	ctl_write(int fd, const void *, size_t);

int	verb_help(struct ctl *);
int	verb_completion(struct ctl *);
int	verb_start(struct ctl *);
int	verb_stop(struct ctl *);
int	verb_restart(struct ctl *);
int	verb_status(struct ctl *);
int	verb_doctor(struct ctl *);
int	verb_selftest(struct ctl *);
int	verb_config_check(struct ctl *);
int	verb_config_show(struct ctl *);
int	verb_policy_explain(struct ctl *);
int	verb_run(struct ctl *);
int	verb_exec(struct ctl *);
int	verb_sessions(struct ctl *);
int	verb_watch(struct ctl *);
int	verb_attach(struct ctl *);
int	verb_log(struct ctl *);
int	verb_logs(struct ctl *);
int	verb_events(struct ctl *);
int	verb_input(struct ctl *);
int	verb_kill(struct ctl *);
int	verb_panic(struct ctl *);
int	verb_diff(struct ctl *);
int	verb_apply(struct ctl *);
int	verb_discard(struct ctl *);
int	verb_archive(struct ctl *);
int	verb_summon(struct ctl *);
int	verb_sacrifice(struct ctl *);
int	verb_archives_list(struct ctl *);
int	verb_archives_show(struct ctl *);
int	verb_archives_rm(struct ctl *);
int	verb_archives_extract(struct ctl *);
int	verb_pair(struct ctl *);
int	verb_pair_list(struct ctl *);
int	verb_pair_revoke(struct ctl *);
int	verb_token_rotate(struct ctl *);
int	verb_audit_tail(struct ctl *);
int	verb_audit_verify(struct ctl *);
int	verb_audit_export(struct ctl *);

#endif
