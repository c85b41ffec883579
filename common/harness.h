/*
 * Harnesses: the programs that sessions run, as rows.
 *
 * Built-ins are a const table (common/harness.c); adapters from manifests
 * arrive as HARNESS_ROW records with the same meaning.  Argument vectors are
 * those of the contract's appendix B.
 */
#ifndef COVEN_COMMON_HARNESS_H
#define COVEN_COMMON_HARNESS_H

#include "common/buf.h"
#include "common/msg.h"

#define HARNESS_STREAM		1u	/* caps: speaks stream-JSON */
#define HARNESS_PREASSIGNED	2u	/* takes a session id from us */
#define HARNESS_THINK		4u
#define HARNESS_SPEED		8u
#define HARNESS_STDIN_PROMPT	16u	/* prompt on stdin (codex) */

/* The extension that runs any command: {"harness":"exec","argv":[...]}. */
#define HARNESS_EXEC	"exec"
/* What stands before each folder of a launchPolicy. */
#define HARNESS_ADD_DIR	"--add-dir"

/*
 * Built-in rows: codex, claude, coven-code, copilot in this order, then exec
 * (empty exe).  Static; available is 0.
 */
const struct msg_harness_row	*harness_builtins(size_t *count);

enum launch_mode { LAUNCH_INTERACTIVE, LAUNCH_NONINTERACTIVE, LAUNCH_STREAM };
enum conversation { CONV_NONE, CONV_INIT, CONV_RESUME };

struct launch {
	enum launch_mode	 mode;
	const char		*prompt;	/* trimmed by the caller */
	const char		*model;		/* NULL: none */
	enum conversation	 conversation;
	const char		*conversation_id;
	const char		*system;	/* familiar preamble or NULL */
	/* launchPolicy, codex */
	const char		*const *add_dirs;
	size_t			 nadd_dirs;
	int			 policy;	/* launchPolicy was given */
	/* COVEN_CLAUDE_BYPASS_PERMISSIONS */
	int			 bypass;
};

enum {
	HARNESS_BAD_MODEL = 1,
	HARNESS_NO_STREAM = 2,
	HARNESS_TOO_LONG = 3,
	HARNESS_NO_POLICY = 4,	/* launchPolicy is codex nonInteractive's */
	HARNESS_NO_PROMPT = 5,	/* exec: its argv is the client's own */
};

/* The kernel's MAX_ARG_STRLEN with 4 KiB pages, without the NUL. */

/*
 * The lists of a row are NUL-terminated strings one after the other.  Those
 * of the conversation forms end in the flag, if any: the id is appended.
 * Yields the string at *at and moves on, or NULL at the end.
 */
const char	*harness_list_next(struct msg_bin list, size_t *at);

/*
 * One message of a stream-JSON harness's standard input, with its newline.
 * 0 or -EMSGSIZE.
 */
int	harness_stream_line(struct buf *out, const char *text, size_t len);

/*
 * Build the argument vector after argv[0], NUL-separated, into args; the
 * transport to use; and the bytes to feed to standard input first (may be
 * empty) with whether it closes after them.  args and stdin_data are appended
 * to.  0 or a named outcome, with a sentence in why (at least 256 bytes).
 */
int	harness_argv(const struct msg_harness_row *, const struct launch *,
	    struct buf *args, enum transport *, struct buf *stdin_data,
	    int *stdin_eof, char *why, size_t whylen);

#endif
