/*
 * What a harness needs of the machine it runs on: names of its provider's own
 * environment variables, and its state in the owner's home, file by file.
 *
 * The rule: what an unconfined run of the same tool would execute or trust is
 * never writable from inside.  So a tool's folder is private, a folder of
 * ours that only sandboxed runs ever see, and the owner's own files are
 * mounted over it one by one.
 */
#ifndef COVEN_COMMON_HARNESS_HOST_H
#define COVEN_COMMON_HARNESS_HOST_H

#include <stdbool.h>
#include <stddef.h>

enum state_mode {
	/*
	 * A folder that lives at COVEN_HOME/state/<id>/<path>, starts empty
	 * and is mounted writable at ~/<path>.
	 */
	STATE_PRIVATE,
	/*
	 * A file: the session's own copy of the owner's as bytes, which
	 * nothing of ours parses; `absent` where the owner has none.  Made
	 * anew for every session and gone with it, so that what one session
	 * writes there no other believes.  In a private folder, where the
	 * tool must be able to replace it by a rename, it is the folder's
	 * file that is made anew.
	 */
	STATE_COPY,
	/*
	 * The owner's, read-only.  Where the owner has none, `absent` says
	 * what is shown instead, so that one session cannot plant it in the
	 * private folder for the next.
	 */
	STATE_RO,
	/* The owner's, read-only; else an empty folder of the session's own. */
	STATE_RO_OR_SCRATCH,
	/* The owner's, writable.  No built-in row uses it. */
	STATE_RW,
	/*
	 * The owner's provider login: writable, so that a refreshed token
	 * survives, and mounted for this harness alone.  Skipped when absent.
	 * It holds tokens and nothing that a tool would run.  Of a folder
	 * its files, one by one: nothing can be added to it.
	 */
	STATE_LOGIN,
};

enum state_kind { STATE_FILE, STATE_FOLDER };

struct harness_state {
	const char	*path;		/* below the owner's home */
	enum state_mode	 mode;
	enum state_kind	 kind;
	/*
	 * Where the owner has none.  STATE_RO: for a file its content, for a
	 * folder "" (an empty one); NULL shows nothing.  STATE_COPY: content.
	 */
	const char	*absent;
};

/* Rows are in mount order: a folder before what is mounted inside it. */
struct harness_host {
	const char			*id;
	/*
	 * Names of variables passed from the daemon's environment.  A
	 * trailing '*' stands for any ending, a leading '!' refuses; the
	 * first entry that matches decides.  NULL-terminated.  Variables that
	 * would move a state folder are refused: the rows below name it.
	 */
	const char *const		*pass_env;
	/* Those of them that hold keys: not passed where one is granted. */
	const char *const		*key_env;
	/* NAME=VALUE in every session, unless the name was passed. */
	const char *const		*set_env;
	const struct harness_state	*state;
	unsigned			 nstate;
	/* Files and folders below the home shown read-only if they exist. */
	const char *const		*home_read_only;
};

/*
 * A file of the machine's, made for every sandbox, by which a tool is told
 * where it runs.  Arguments are the clients' contract, and the owner's own
 * files are shown as they are.
 */
struct harness_told {
	const char	*id;
	const char	*path;
	const char	*text;
};

const struct harness_told	*harness_told(size_t *n);

/* What every agent harness and exec get: terminal, language, time zone. */
extern const char *const harness_common_env[];

/*
 * The row of a built-in, or NULL: exec and adapters of manifests have no
 * state of their own (harness.<id>.env and harness.<id>.read_only add to it).
 */
const struct harness_host	*harness_host(const char *id);
/* All of them. */
const struct harness_host	*harness_hosts(size_t *n);

/* Is this variable passed by a list in the form of pass_env? */
bool	harness_env_listed(const char *const *list, const char *name);

#endif
