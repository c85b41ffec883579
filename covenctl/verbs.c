/*
 * Every verb and option: parsing, dispatch, --help, help VERB, completion and
 * the check of the manual pages read these tables, and there is no other list.
 */
#include <string.h>

#include "common/mem.h"
#include "covenctl/ctl.h"

#define O(x)	(UINT64_C(1) << OPT_##x)

/* What a session can be; "live" is not one but means the first two. */
#define STATUSES	"live created running idle completed failed killed " \
			"orphaned archived"

static const struct opt opts[OPT_COUNT] = {
	[OPT_HELP] = { "help", NULL, "print help and exit", 'h', NULL },
	[OPT_VERSION] = { "version", NULL, "print the version and exit", 0,
	    NULL },
	[OPT_HOME] = { "home", "DIR",
	    "use this home (else COVEN_HOME, else ~/.coven)", 0, NULL },
	[OPT_TOKEN_FILE] = { "token-file", "F",
	    "send the token in F (else the home's session-token)", 0, NULL },
	[OPT_JSON] = { "json", NULL, "print JSON", 0, NULL },
	[OPT_PROJECT] = { "project", "DIR",
	    "the project's root (else the working directory)", 0, NULL },
	[OPT_CWD] = { "cwd", "DIR", "where to start, below the project", 0,
	    NULL },
	[OPT_ENV] = { "env", "N=V", "set a variable; may be repeated", 0,
	    NULL },
	[OPT_TTY] = { "tty", NULL, "give the command a terminal", 0, NULL },
	[OPT_NO_TTY] = { "no-tty", NULL, "give the command pipes", 0, NULL },
	[OPT_INTERACTIVE] = { "interactive", NULL,
	    "run the harness on this terminal", 0, NULL },
	[OPT_ISOLATED] = { "isolated", NULL,
	    "write to an overlay; see covenctl apply", 0, NULL },
	[OPT_WORKSPACE] = { "workspace", NULL,
	    "in a folder of its own, which goes at the end", 0, NULL },
	[OPT_STREAM] = { "stream", NULL,
	    "speak stream-JSON; lines of input are messages", 0, NULL },
	[OPT_MODEL] = { "model", "NAME", "the model to ask for", 0, NULL },
	[OPT_TITLE] = { "title", "TEXT", "the session's title", 0, NULL },
	[OPT_STATUS] = { "status", "STATUS",
	    "only sessions in this state", 0, STATUSES },
	[OPT_HARNESS] = { "harness", "NAME",
	    "only sessions of this harness", 0, NULL },
	[OPT_SEARCH] = { "search", "TEXT",
	    "only sessions whose title or output holds it", 0, NULL },
	[OPT_IDS] = { "ids", NULL, "print the ids alone, one a line", 0,
	    NULL },
	[OPT_ALL] = { "all", NULL, "archived sessions as well", 0, NULL },
	[OPT_LIMIT] = { "limit", "N", "at most so many", 0, NULL },
	[OPT_FOLLOW] = { "follow", NULL, "wait for more until the end", 'f',
	    NULL },
	[OPT_AFTER] = { "after", "SEQ", "only events after this number", 0,
	    NULL },
	[OPT_NO_NEWLINE] = { "no-newline", NULL, "send TEXT as it is", 0,
	    NULL },
	[OPT_NAMES] = { "names", NULL, "names alone (if not given)", 0,
	    NULL },
	[OPT_STAT] = { "stat", NULL, "with modes and sizes", 0, NULL },
	[OPT_PATCH] = { "patch", NULL, "the differences themselves", 0,
	    NULL },
	[OPT_FORCE] = { "force", NULL,
	    "also where the project has changed", 0, NULL },
	[OPT_SCOPE] = { "scope", "LIST",
	    "of list, read, input and launch:HARNESS", 0, NULL },
	[OPT_EXPIRES] = { "expires", "TIME",
	    "how long it is good for, such as 12h (else 30d)", 0, NULL },
	[OPT_DETACH_KEY] = { "detach-key", "KEYS",
	    "what leaves it (ctrl-] if not given)", 0, NULL },
	[OPT_INTERVAL] = { "interval", "SECONDS", "how often (2 if not given)",
	    0, NULL },
	[OPT_ONCE] = { "once", NULL, "look once and end", 0, NULL },
	[OPT_COMPARE] = { "compare", NULL,
	    "try the same under bwrap, beside", 0, NULL },
	[OPT_MATCH] = { "match", "GLOB", "only verbs like this: 'auth.*'", 0,
	    NULL },
	[OPT_HEADS] = { "heads", "FILE",
	    "heads kept elsewhere (else the home's audit.heads)", 0, NULL },
	[OPT_KEY] = { "key", "FILE",
	    "their public key (else the home's keys/audit.pub)", 0, NULL },
	[OPT_FROM] = { "from", "FILE", "an export, not the daemon's records",
	    0, NULL },
	[OPT_YES] = { "yes", NULL, "do not ask first", 'y', NULL },
	[OPT_FOREGROUND] = { "foreground", NULL,
	    "become the daemon; log to standard error", 0, NULL },
};

static const struct verb verbs[] = {
	{ "start", "", "start the daemon", verb_start, O(FOREGROUND),
	    0, 0, 0, NULL,
	    "Starts coven-monitor in a session of its own and waits until it "
	    "serves.  Its messages are appended to daemon.log in the home." },
	{ "stop", "", "stop it and every session", verb_stop, 0,
	    0, 0, 0, NULL,
	    "Asks the daemon that answers to end every session and itself, "
	    "and waits for its end." },
	{ "restart", "", "stop it, then start it", verb_restart, 0,
	    0, 0, 0, NULL,
	    "Every session ends; the next daemon may be another build." },
	{ "status", "", "is it running?", verb_status, 0,
	    0, 0, 0, NULL,
	    "Running, stale (a process is recorded or listens but does not "
	    "answer) or not running.  The exit status is 0 in each case." },
	{ "doctor", "", "try what a launch needs", verb_doctor, 0,
	    0, 0, 0, NULL,
	    "Tries each thing that a launch needs and says how to repair "
	    "what is missing.  The exit status is 1 when a check fails." },
	{ "selftest", "", "try to get out of a session", verb_selftest,
	    O(COMPARE), 0, 0, VERB_HOME, NULL,
	    "Tries some 170 doors from inside a real session and looks how "
	    "the suite's own processes are confined.  The exit status is 1 "
	    "when one is open." },
	{ "config check", "", "are the files in order?", verb_config_check, 0,
	    0, 0, VERB_HOME, NULL,
	    "Reads /etc/coven/coven.toml, the home's coven.toml, "
	    "privacy.toml, familiars.toml and the harness manifests as the "
	    "daemon would, and says what it would refuse: "
	    "file:line: key: rule." },
	{ "config show", "", "what is in force, and from where",
	    verb_config_show, 0, 0, 0, VERB_HOME, NULL,
	    "Every key, its value, and whether that is the default, the "
	    "system's or the owner's, and locked.  A daemon that runs has "
	    "what was there when it started." },
	{ "policy explain", "URL", "may a session reach it, and by which "
	    "rule?", verb_policy_explain, O(HARNESS) | O(PROJECT), 1, 1,
	    VERB_HOME, NULL,
	    "Judges https://HOST[:PORT], http://HOST[:PORT] or HOST[:PORT] "
	    "as the gateway of a session would, of codex and of the working "
	    "directory unless the options say otherwise.  The exit status is "
	    "1 when it is denied." },
	{ "run", "HARNESS PROMPT...", "run an agent and show its output",
	    verb_run, O(PROJECT) | O(CWD) | O(INTERACTIVE) | O(ISOLATED) |
	    O(WORKSPACE) | O(STREAM) | O(MODEL) | O(TITLE), 2, -1, VERB_HOME,
	    "codex claude coven-code copilot",
	    "Runs an agent on a prompt in a sandbox and ends as it ends." },
	{ "exec", "-- CMD ARG...", "run a command, without a network",
	    verb_exec, O(PROJECT) | O(CWD) | O(ENV) | O(TTY) | O(NO_TTY) |
	    O(ISOLATED) | O(WORKSPACE) | O(TITLE), 1, -1,
	    VERB_HOME | VERB_COMMAND, NULL,
	    "Runs a command in a sandbox without a network.  Input, output "
	    "and exit status are the command's own." },
	{ "sessions", "", "list sessions", verb_sessions,
	    O(ALL) | O(LIMIT) | O(STATUS) | O(HARNESS) | O(SEARCH) | O(IDS),
	    0, 0, VERB_HOME, NULL,
	    "Newest first.  --status live means created or running." },
	{ "watch", "", "live sessions and what they use", verb_watch,
	    O(INTERVAL) | O(ONCE), 0, 0, VERB_HOME, NULL,
	    "Each live session with its processor time, memory, processes, "
	    "output a second and age, drawn again every two seconds; q "
	    "quits.  Into a file or a pipe it prints lines." },
	{ "attach", "ID", "make this terminal the session's", verb_attach,
	    O(AFTER) | O(DETACH_KEY), 1, 1, VERB_HOME, NULL,
	    "Shows what the session printed, then follows it; what is typed "
	    "goes to it, and ctrl-] leaves it running.  Sequences that make "
	    "a terminal answer or act are dropped; the manual lists those "
	    "that pass." },
	{ "log", "ID", "what happened, a line an event", verb_log, 0,
	    1, 1, VERB_HOME, NULL,
	    "A line an event: time, level, text." },
	{ "logs", "ID", "what it printed", verb_logs,
	    O(AFTER) | O(FOLLOW), 1, 1, VERB_HOME, NULL,
	    "Prints what the session printed, standard output and standard "
	    "error apart; with --follow until it ends.  How it ended is not "
	    "this command's exit status." },
	{ "events", "ID", "a session's events", verb_events,
	    O(AFTER) | O(LIMIT) | O(FOLLOW), 1, 1, VERB_HOME, NULL,
	    "The events on record: number, time, kind, payload." },
	{ "input", "ID TEXT", "send a session a line", verb_input,
	    O(NO_NEWLINE), 2, 2, VERB_HOME, NULL,
	    "TEXT and a newline become the session's input." },
	{ "kill", "ID", "end a session's whole tree", verb_kill, 0,
	    1, 1, VERB_HOME, NULL,
	    "Returns when nothing of the session runs any more." },
	{ "diff", "ID", "what an isolated session did", verb_diff,
	    O(NAMES) | O(STAT) | O(PATCH), 1, 1, VERB_HOME, NULL,
	    "What a session that was run --isolated added, modified and "
	    "deleted, beside what its project holds now, and what apply "
	    "would leave, and why." },
	{ "apply", "ID PATH...", "bring over what it did", verb_apply,
	    O(FORCE), 1, -1, VERB_HOME, NULL,
	    "Changes the project as the session did.  Protected paths and "
	    "links that lead out are brought over when they are named, what "
	    "the project has changed meanwhile only with --force as well.  "
	    "The exit status is 1 when something was left." },
	{ "discard", "ID", "throw away what it did", verb_discard, O(YES),
	    1, 1, VERB_HOME, NULL,
	    "Its project stays as it is.  On a terminal it asks first; "
	    "elsewhere --yes must be given." },
	{ "archive", "ID", "put a session that has ended aside",
	    verb_archive, 0, 1, 1, VERB_HOME, NULL,
	    "It is kept, and listed with sessions --all alone." },
	{ "summon", "ID", "bring an archived session back", verb_summon, 0,
	    1, 1, VERB_HOME, NULL,
	    "It is listed again; nothing is started." },
	{ "sacrifice", "ID", "delete a session's record for ever",
	    verb_sacrifice, O(YES), 1, 1, VERB_HOME, NULL,
	    "Its events and output go with it, and nothing brings them back. "
	    "A session that runs is refused: kill it first.  On a terminal "
	    "it asks first; elsewhere --yes must be given." },
	{ "archives list", "", "archives of what sessions wrote",
	    verb_archives_list, O(LIMIT) | O(IDS), 0, 0, VERB_HOME, NULL,
	    "Newest first: of which session, how old, what is in it." },
	{ "archives show", "ID", "what is known of one", verb_archives_show,
	    0, 1, 1, VERB_HOME, NULL,
	    "A line a fact: when it was made, how that ended, how much is in "
	    "it, and how many things are not." },
	{ "archives rm", "ID", "remove one", verb_archives_rm, O(YES), 1, 1,
	    VERB_HOME, NULL,
	    "The session's record stays, if it is there.  On a terminal it "
	    "asks first; elsewhere --yes must be given." },
	{ "archives extract", "ID FOLDER", "unpack what a session wrote",
	    verb_archives_extract, 0, 2, 2, VERB_HOME, NULL,
	    "Unpacks the archive of an isolated session into FOLDER, which "
	    "is made and must not be there.  What reads it is confined to "
	    "that folder." },
	{ "panic", "", "kill every session, without the daemon", verb_panic,
	    0, 0, 0, VERB_HOME, NULL,
	    "For when the daemon hangs or cannot be reached: asks nobody, "
	    "kills the sessions' cgroup where there is one, else the inits "
	    "that are the daemon's children, and returns when all are gone. "
	    "The daemon goes on and records how each of them ended." },
	{ "pair", "NAME", "make a token for a forwarded socket", verb_pair,
	    O(SCOPE) | O(EXPIRES), 1, 1, VERB_HOME, NULL,
	    "Prints, once, a token that is good for the scopes and the time "
	    "that are given and for nothing else.  Whoever reaches the "
	    "socket from elsewhere sends it." },
	{ "pair list", "", "list paired tokens", verb_pair_list, 0,
	    0, 0, VERB_HOME, NULL,
	    "Their names, what they may, how long, and their last use." },
	{ "pair revoke", "NAME", "end a paired token", verb_pair_revoke, 0,
	    1, 1, VERB_HOME, NULL,
	    "It is refused from now on, and what its holder watches is "
	    "closed." },
	{ "token rotate", "", "exchange the session token",
	    verb_token_rotate, 0, 0, 0, VERB_HOME, NULL,
	    "In token mode each request carries the token that lies in the "
	    "home's session-token.  It is new at every start; this makes a "
	    "new one now.  The old one is good for five more seconds." },
	{ "audit tail", "", "the last records of the audit",
	    verb_audit_tail, O(LIMIT) | O(MATCH) | O(FOLLOW), 0, 0,
	    VERB_HOME, NULL,
	    "A line a record: number, time, verb, session, who asked for it, "
	    "and what was done.  Twenty, unless --limit says otherwise." },
	{ "audit verify", "", "does the audit hold?", verb_audit_verify,
	    O(HEADS) | O(KEY) | O(FROM), 0, 0, 0, NULL,
	    "Computes the chain of the records again and compares it with "
	    "the signed heads that the monitor kept.  Names the first record "
	    "that was changed, removed or moved; else says up to where the "
	    "audit is complete, and what after that nothing proves yet." },
	{ "audit export", "[FILE]", "the audit with its heads, as JSON lines",
	    verb_audit_export, 0, 0, 1, VERB_HOME, NULL,
	    "What audit verify --from needs, to be kept elsewhere.  Without "
	    "FILE, to standard output; one that exists is left alone." },
	{ "completion", "bash|zsh|fish", "print a shell's completion",
	    verb_completion, 0, 1, 1, 0, "bash zsh fish",
	    "Generated from the same table as this help and installed with "
	    "it; source <(covenctl completion bash) takes it at once." },
	{ "help", "[VERB]", "explain a verb", verb_help, 0, 0, 2, 0, NULL,
	    "Without VERB: every verb, option and exit status." },
};

const struct verb *
verb_table(size_t *n)
{
	*n = nitems(verbs);
	return verbs;
}

const struct opt *
opt_table(void)
{
	return opts;
}

const struct verb *
verb_find(const char *name, size_t n)
{
	for (size_t i = 0; i < nitems(verbs); i++)
		if (strlen(verbs[i].name) == n &&
		    memcmp(verbs[i].name, name, n) == 0)
			return &verbs[i];
	return NULL;
}
