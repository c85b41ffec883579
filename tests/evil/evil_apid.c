/*
 * The attacker's version of coven-apid: it holds the listener, asks stored
 * and the monitor for everything that an apid may ask for, and for what it
 * may not, and tries what its filter should end it for.
 *
 * What must hold: nothing runs that is not on record, the listener survives,
 * and it costs nobody but itself.  It leaves sessions alone that it has not
 * launched: those it could end, since its clients may.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audit.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/memfd.h"
#include "tests/evil/evil.h"

#define START_MS	2000	/* when nothing has been handed over by then */
#define STEPS_MAX	200
#define IDS		16

enum { TO_MONITOR, TO_STORED, TO__COUNT };

static int listener = -1;
static uint64_t tag;
static unsigned names;
static char ids[IDS][UUID_LEN];	/* of sessions that it launched */
static unsigned nids;

static const char *
any_id(struct evil *e)
{
	static const char *const odd[] = { "", "none", "../../etc/passwd",
	    "00000000-0000-4000-8000-000000000000", "ext-evil" };

	if (nids != 0 && !evil_once_in(e, 3))
		return ids[evil_pick(e, nids)];
	return odd[evil_pick(e, nitems(odd))];
}

/* --- launches --- */

static void
launch_bytes(struct evil *e, enum msg_type type, const void *p, size_t n,
    unsigned seals)
{
	struct msg_launch m = { .tag = ++tag };
	autoclose int fd = evil_memfd(p, n, seals);

	evil_send_fd(e, TO_STORED, type, &m, fd);
}

/* good: it may run, and then there is a row of that name. */
static void
launch(struct evil *e, const char *kind, const struct msg_run_spec *odd,
    unsigned seals)
{
	autobuf struct buf b = { 0 };
	char name[64];

	(void)snprintf(name, sizeof(name), "%s-apid-%u-%u", kind, e->turn,
	    ++names);
	evil_spec(e, name, odd, &b);
	launch_bytes(e, MSG_LAUNCH, buf_head(&b), buf_left(&b), seals);
}

static void
launch_good(struct evil *e)
{
	launch(e, "good", NULL, EVIL_SEALED);
}

static void
launch_refused(struct evil *e)
{
	static const struct msg_run_spec odd[] = {
		{ .project_root = "/" },
		{ .project_root = "/etc" },
		{ .project_root = "relative" },
		{ .project_root = "/nonexistent" },
		{ .cwd = "/etc" },
		{ .cwd = "../../.." },
		{ .harness = "none" },
		{ .harness = "../exec" },
		{ .transport = 77 },
		{ .rows = 1000000 },
		{ .add_dirs = 1 },
	};

	launch(e, "bad", &odd[evil_pick(e, nitems(odd))], EVIL_SEALED);
}

/* What is not text where text is expected. */
static void
launch_odd(struct evil *e)
{
	static const char unended[] = { 's', 'h' };
	static const struct msg_run_spec odd[] = {
		{ .args = { "", 1 } },
		{ .args = { "\0\0\0", 3 } },
		{ .args = { unended, sizeof(unended) } },
		{ .args = { "/nonexistent", 13 } },
		{ .env = { "PATH", 4 } },
		{ .env = { "\0=\0==\0LD_PRELOAD=x\0", 20 } },
		{ .conversation_id = "\x1b[2J\xff" },
		{ .familiar_id = "nobody" },
		{ .stdin_data = { "\0\xff", 2 } },
	};

	launch(e, "odd", &odd[evil_pick(e, nitems(odd))], EVIL_SEALED);
}

static void
launch_unsealed(struct evil *e)
{
	static const unsigned seals[] = { 0, F_SEAL_WRITE,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW };

	launch(e, "bad", NULL, seals[evil_pick(e, nitems(seals))]);
}

static void
launch_garbage(struct evil *e)
{
	autobuf struct buf b = { 0 };
	struct msg_ext_spec ext = { .id = "x" };
	size_t n = evil_pick(e, 5000);

	switch (evil_pick(e, 4)) {
	case 0:
		while (n-- != 0)
			(void)buf_add(&b, &(char){ (char)evil_random(e) }, 1);
		break;
	case 1:
		(void)msg_encode(&b, MSG_EXT_SPEC, &ext);
		break;
	case 2:
		evil_spec(e, "bad-cut", NULL, &b);
		b.len -= 1 + evil_pick(e, (unsigned)buf_left(&b));
		break;
	default:
		(void)buf_reserve(&b, LIMIT_BULK + 4096);
		memset(b.data, 0x41, LIMIT_BULK + 4096);
		buf_commit(&b, LIMIT_BULK + 4096);
		break;
	}
	launch_bytes(e, MSG_LAUNCH, buf_head(&b), buf_left(&b), EVIL_SEALED);
}

static void
launch_many(struct evil *e)
{
	unsigned i;

	for (i = 0; i < 40; i++)
		launch_good(e);
}

/* --- other requests --- */

static void
external(struct evil *e)
{
	static const struct msg_ext_spec specs[] = {
		{ .id = "ext-evil", .harness = "x", .project_root = "/x" },
		{ .id = "", .harness = "x" },
		{ .id = "ext-evil\x1b[2J", .labels = "not JSON" },
		{ .id = "..", .title = "\xff\xfe", .labels = "[1,{}]" },
	};
	autobuf struct buf b = { 0 };

	(void)msg_encode(&b, MSG_EXT_SPEC,
	    &specs[evil_pick(e, nitems(specs))]);
	launch_bytes(e, MSG_EXTERNAL, buf_head(&b), buf_left(&b),
	    EVIL_SEALED);
}

static void
complete(struct evil *e)
{
	struct msg_complete m = { .tag = ++tag, .id = any_id(e),
	    .has_code = evil_pick(e, 3), .exit_code = (int)evil_random(e) };

	evil_send(e, TO_STORED, MSG_COMPLETE, &m);
}

static void
list(struct evil *e)
{
	struct msg_session_list m = { .tag = ++tag,
	    .limit = evil_once_in(e, 2) ? 0 : evil_random(e),
	    .include_archived = evil_pick(e, 3),
	    .after_created = evil_once_in(e, 2) ? "" : "zzz\xff",
	    .after_id = any_id(e) };
	static const char *const odd[] = { "", "sh", "\"", "* OR NEAR(",
	    "\xff\xfe", "x' UNION SELECT 1 --" };

	if (evil_once_in(e, 2))
		m.after_created = m.after_id = "";
	m.status = odd[evil_pick(e, 2)];
	m.harness = odd[evil_pick(e, nitems(odd))];
	m.query = odd[evil_pick(e, nitems(odd))];
	evil_send(e, TO_STORED, MSG_SESSION_LIST, &m);
}

static void
get(struct evil *e)
{
	struct msg_session_get m = { .tag = ++tag, .id = any_id(e) };

	evil_send(e, TO_STORED, evil_once_in(e, 2) ? MSG_SESSION_GET :
	    MSG_INPUT_CHECK, &m);
}

static void
input(struct evil *e)
{
	struct msg_input m = { .tag = ++tag, .id = any_id(e) };
	struct msg_input_spec spec = { .data = { "x\n", 2 },
	    .payload = { "{\"data\":\"x\"}", 12 },
	    .eof = evil_pick(e, 3) };
	autobuf struct buf b = { 0 };
	autoclose int fd = -1;

	if (evil_once_in(e, 8))
		spec.payload.len--;
	(void)msg_encode(&b, MSG_INPUT_SPEC, &spec);
	fd = evil_memfd(buf_head(&b), buf_left(&b), EVIL_SEALED);
	evil_send_fd(e, TO_STORED, MSG_INPUT, &m, fd);
}

static void
kill_one(struct evil *e)
{
	struct msg_kill m = { .tag = ++tag, .id = any_id(e) };

	evil_send(e, TO_STORED, MSG_KILL, &m);
}

/*
 * What has ended may be put away or forgotten; but the rows of what it ran
 * are what it is judged by.
 */
static void
put_away(struct evil *e)
{
	struct msg_session_archive a = { .tag = ++tag, .id = any_id(e),
	    .archive = evil_pick(e, 2) };
	struct msg_session_delete d = { .tag = ++tag,
	    .id = evil_once_in(e, 2) ? "ext-evil" : "\x01" "1" };

	if (evil_once_in(e, 20))
		a.archive = evil_random(e);
	if (evil_once_in(e, 2))
		evil_send(e, TO_STORED, MSG_SESSION_ARCHIVE, &a);
	else
		evil_send(e, TO_STORED, MSG_SESSION_DELETE, &d);
}

static void
stats(struct evil *e)
{
	struct msg_session_stats m = { .tag = ++tag };
	unsigned i;

	for (i = 0; i < 100; i++)
		evil_send(e, TO_STORED, MSG_SESSION_STATS, &m);
}

static void
signal_one(struct evil *e)
{
	static const uint32_t signos[] = { 0, SIGKILL, SIGSTOP, SIGTERM, 32,
	    64, 65, UINT32_MAX };
	struct msg_signal m = { .tag = ++tag, .id = any_id(e),
	    .signo = signos[evil_pick(e, nitems(signos))] };

	evil_send(e, TO_STORED, MSG_SIGNAL, &m);
}

static void
events(struct evil *e)
{
	struct msg_events m = { .tag = ++tag, .id = any_id(e),
	    .has_after = evil_pick(e, 3),
	    .after_seq = evil_once_in(e, 2) ? 0 : UINT64_MAX,
	    .after_event = "nothing", .limit = evil_pick(e, 3),
	    .wait_ms = evil_once_in(e, 2) ? 0 : UINT32_MAX };

	evil_send(e, TO_STORED, MSG_EVENTS, &m);
}

static void
cancel(struct evil *e)
{
	struct msg_cancel m = { .tag = evil_pick(e, (unsigned)tag + 2) };

	evil_send(e, TO_STORED, MSG_CANCEL, &m);
}

/* Answers hold descriptors; it reads none of them. */
static void
ask_and_not_read(struct evil *e)
{
	unsigned i;

	if (chan_is_open(&e->chan[TO_STORED]))
		chan_pause(&e->chan[TO_STORED]);
	for (i = 0; i < 3000; i++) {
		events(e);
		list(e);
		if (i % 100 == 0)
			loop_once(e->loop, 2);
	}
}

/* --- the monitor --- */

static void
who(struct evil *e)
{
	struct msg_who m = { .tag = ++tag };
	autobuf struct buf b = { 0 };

	(void)msg_encode(&b, MSG_WHO, &m);
	evil_send_raw(e, TO_MONITOR, buf_head(&b), buf_left(&b), 1);
}

static void
who_by_number(struct evil *e)
{
	struct msg_who_pid m = { .tag = ++tag, .pid = evil_pick(e, 70000),
	    .accepted_ns = evil_once_in(e, 2) ? UINT64_MAX : 0 };

	if (evil_once_in(e, 4))
		m.pid += UINT32_C(1) << 31;
	evil_send(e, TO_MONITOR, MSG_WHO_PID, &m);
}

static void
who_many_and_not_read(struct evil *e)
{
	struct msg_who m = { 0 };
	autoclose int fd = evil_memfd("", 0, 0);
	unsigned i;

	chan_pause(&e->chan[TO_MONITOR]);
	for (i = 0; i < 20000; i++) {
		m.tag = ++tag;
		evil_send_fd(e, TO_MONITOR, MSG_WHO, &m, fd);
		if (i % 64 == 0)
			loop_once(e->loop, 1);
	}
}

static void
stop_another(struct evil *e)
{
	struct msg_stop m = { .pid = evil_pick(e, 70000),
	    .started_at = "then", .socket = "/there" };
	autobuf struct buf b = { 0 };

	(void)msg_encode(&b, MSG_STOP, &m);
	evil_send_raw(e, TO_MONITOR, buf_head(&b), buf_left(&b), 1);
}

/* --- tokens --- */

/* The monitor makes one at a time, and not often: files cost it time. */
static void
rotate_many(struct evil *e)
{
	struct msg_token_rotate m = { 0 };
	unsigned i;

	for (i = 0; i < 2000; i++) {
		m.tag = ++tag;
		evil_send(e, TO_MONITOR, MSG_TOKEN_ROTATE, &m);
		if (i % 64 == 0)
			loop_once(e->loop, 1);
	}
}

/* Of a token that nobody is making. */
static void
seen_none(struct evil *e)
{
	struct msg_token_seen m = { .serial = evil_pick(e, 4) };

	evil_send(e, TO_MONITOR, MSG_TOKEN_SEEN, &m);
}

static void
pair_one(struct evil *e)
{
	static const struct {
		const char	*name, *scopes;
		size_t		 len;
	} odd[] = {
		{ "evil", "list,read,input,launch:codex", 32 },
		{ "evil", "launch:exec", 32 }, { "../evil", "list", 32 },
		{ "", "list", 32 }, { "evil", "", 32 }, { "evil", "list", 3 },
	};
	uint8_t d[32];
	unsigned i = evil_once_in(e, 3) ? evil_pick(e, nitems(odd)) : 0;
	struct msg_pair_add m = { .tag = ++tag, .name = odd[i].name,
	    .digest = { d, odd[i].len }, .scopes = odd[i].scopes,
	    .expires_ns = evil_once_in(e, 2) ? UINT64_MAX :
	    clock_wall_ns() + 1000000000, .actor = "\x1b[2J" };

	memset(d, (int)evil_random(e), sizeof(d));
	evil_send(e, TO_STORED, MSG_PAIR_ADD, &m);
}

static void
pair_many(struct evil *e)
{
	struct msg_pair_revoke revoke = { .name = "evil" };
	struct msg_pair_used used = { .name = "evil" };
	struct msg_pair_list all = { 0 };
	unsigned i;

	for (i = 0; i < 500; i++) {
		revoke.tag = all.tag = ++tag;
		evil_send(e, TO_STORED, MSG_PAIR_REVOKE, &revoke);
		evil_send(e, TO_STORED, MSG_PAIR_USED, &used);
		evil_send(e, TO_STORED, MSG_PAIR_LIST, &all);
		if (i % 64 == 0)
			loop_once(e->loop, 1);
	}
}

static void
stored_has_gone(struct evil *e)
{
	struct msg_peer_end m = { .role = evil_once_in(e, 3) ?
	    evil_pick(e, ROLE__COUNT + 1) : ROLE_STORED,
	    .lied = evil_pick(e, 2) };
	unsigned i;

	for (i = 0; i < 50; i++)
		evil_send(e, TO_MONITOR, MSG_PEER_END, &m);
}

/* --- clients --- */

static void
accept_and_mute(struct evil *e)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)e;
	(void)fd;		/* kept open, never read */
}

static void
accept_and_lie(struct evil *e)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 99999999\r\n\r\n\x1b[2J\0<html>";
	autoclose int fd = accept4(listener, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)e;
	if (fd != -1)
		(void)send(fd, text, sizeof(text), MSG_NOSIGNAL);
}

/* --- what its filter must end it for: each returns never --- */

static const struct {
	const char	*name;
	long		 number;
	long		 arg[4];
	int		 first;		/* argument that is the listener */
} forbidden[] = {
	{ "shutdown", SYS_shutdown, { 0, SHUT_RDWR }, 0 },
	{ "listen", SYS_listen, { 0, 0 }, 0 },
	{ "bind", SYS_bind, { 0, 0, 0 }, 0 },
	{ "connect", SYS_connect, { 0, 0, 0 }, 0 },
	{ "dup", SYS_dup, { 0 }, 0 },
	{ "setsockopt", SYS_setsockopt, { 0, SOL_SOCKET, SO_RCVTIMEO }, 0 },
	{ "F_SETFL", SYS_fcntl, { 0, F_SETFL, 0 }, 0 },
	{ "F_SETOWN", SYS_fcntl, { 0, F_SETOWN, 1 }, 0 },
	{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 }, -1 },
	{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0 }, -1 },
	{ "openat", SYS_openat, { AT_FDCWD, 0, O_RDONLY }, -1 },
	{ "execve", SYS_execve, { 0, 0, 0 }, -1 },
	{ "clone", SYS_clone, { SIGCHLD, 0, 0 }, -1 },
	{ "kill", SYS_kill, { -1, SIGKILL }, -1 },
	{ "tgkill", SYS_tgkill, { 1, 1, SIGKILL }, -1 },
	{ "mmap executable", SYS_mmap, { 0, 4096, PROT_EXEC, 0x22 }, -1 },
	{ "mprotect", SYS_mprotect, { 0, 4096, PROT_EXEC }, -1 },
	{ "ptrace", SYS_ptrace, { 0, 0, 0 }, -1 },
	{ "pidfd_open", SYS_pidfd_open, { 1, 0 }, -1 },
	{ "unshare", SYS_unshare, { 0x10000000 }, -1 },
};

static void
break_out(struct evil *e)
{
	unsigned i = (e->turn / 3 + evil_pick(e, 3)) % nitems(forbidden);
	long arg[4];

	memcpy(arg, forbidden[i].arg, sizeof(arg));
	if (forbidden[i].first == 0)
		arg[0] = listener;
	log_info("evil apid: tries %s", forbidden[i].name);
	(void)syscall(forbidden[i].number, arg[0], arg[1], arg[2], arg[3], -1,
	    0);
	log_error("evil apid: %s RETURNED", forbidden[i].name);
}

/* What it may say of what clients do, true or not, as fast as it can. */
static void
notes(struct evil *e)
{
	struct msg_audit_note m = { .verb = AUDIT_REFUSAL,
	    .actor = "uid 0 pid 1\x1b[2J", .detail = "a\nb\xff", .time_ns = 1 };
	unsigned i, n = evil_once_in(e, 4) ? 2000 : 1;

	for (i = 0; i < n; i++) {
		if (evil_once_in(e, 2))
			m.verb = AUDIT_AUTH_FAIL;
		evil_send(e, TO_STORED, MSG_AUDIT_NOTE, &m);
	}
}

static void
note_of_others(struct evil *e)
{
	struct msg_audit_note m = { .verb = evil_once_in(e, 2) ?
	    (uint32_t)AUDIT_START : evil_random(e), .detail = "" };

	evil_send(e, TO_STORED, MSG_AUDIT_NOTE, &m);
}

static const struct evil_act acts[] = {
	{ "launch_refused", launch_refused, 6, true },
	{ "break_out", break_out, 2, false },
	{ "launch_odd", launch_odd, 6, true },
	{ "launch_unsealed", launch_unsealed, 2, false },
	{ "launch_garbage", launch_garbage, 2, false },
	{ "ask_and_not_read", ask_and_not_read, 1, true },
	{ "who_many_and_not_read", who_many_and_not_read, 1, true },
	{ "stored_has_gone", stored_has_gone, 2, true },
	{ "launch_many", launch_many, 1, true },
	{ "external", external, 4, true },
	{ "put_away", put_away, 3, true },
	{ "stats", stats, 2, true },
	{ "signal_one", signal_one, 3, true },
	{ "notes", notes, 2, true },
	{ "note_of_others", note_of_others, 1, false },
	{ "who", who, 2, true },
	{ "who by number", who_by_number, 2, false },
	{ "stop_another", stop_another, 1, false },
	{ "accept_and_mute", accept_and_mute, 3, true },
	{ "accept_and_lie", accept_and_lie, 3, true },
	{ "stop_listening", evil_stop_listening, 1, true },
	{ "any_row", evil_any_row, 3, false },
	{ "broken_packet", evil_broken_packet, 2, false },
	{ "random_packet", evil_random_packet, 2, false },
	{ "empty_packet", evil_empty_packet, 1, false },
	{ "hang_up", evil_hang_up, 1, true },
	{ "launch_good", launch_good, 6, true },
	{ "complete", complete, 4, true },
	{ "list", list, 4, true },
	{ "get", get, 4, true },
	{ "input", input, 4, true },
	{ "kill_one", kill_one, 3, true },
	{ "events", events, 4, true },
	{ "cancel", cancel, 2, true },
	{ "rotate_many", rotate_many, 1, true },
	{ "seen_none", seen_none, 1, false },
	{ "pair_one", pair_one, 3, true },
	{ "pair_many", pair_many, 1, true },
};

/* --- what it hears --- */

static void
begin_if_complete(struct evil *e)
{
	if (listener != -1 && chan_is_open(&e->chan[TO_STORED]))
		timer_start(e->loop, &e->timer, 1);
}

/* Sessions that it launched itself, by their title. */
static int
on_reply(struct chan *c, const union msg_any *m, int *fd)
{
	static struct buf b;
	size_t used, at = 0;
	union msg_any row;
	uint32_t type;

	(void)c;
	(void)m;
	buf_clear(&b);
	if (*fd < 0 || memfd_read(*fd, 4u << 20, &b) < 0)
		return 0;
	while (msg_decode(buf_head(&b) + at, buf_left(&b) - at, &type, &row,
	    &used) == 0 && type == MSG_SESSION_ROW) {
		at += used;
		if (strstr(row.session_row.title, "-apid-") != NULL &&
		    strlen(row.session_row.id) < UUID_LEN && nids < IDS)
			(void)snprintf(ids[nids++], UUID_LEN, "%s",
			    row.session_row.id);
	}
	return 0;
}

static int
on_stats(struct chan *c, const union msg_any *m, int *fd)
{
	(void)c;
	(void)m;
	(void)fd;
	return 0;
}

static chan_handler *const stored_handlers[MSG__COUNT] = {
	[MSG_REPLY] = on_reply,
	[MSG_SHELF] = evil_hear,
	[MSG_STORE_STATS] = on_stats,
};

static int
on_peer(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	(void)m;
	chan_close(&e->chan[TO_STORED]);
	if (chan_open(&e->chan[TO_STORED], e->loop, fd, ROLE_APID,
	    ROLE_STORED, CS_SERVING, stored_handlers, e, evil_on_end) != 0)
		return CHAN_BAD;
	begin_if_complete(e);
	return 0;
}

static int
on_listener(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	(void)m;
	listener = mem_steal_fd(fd);
	e->kept[e->nkept++] = listener;
	begin_if_complete(e);
	return 0;
}

static chan_handler *const control_handlers[MSG__COUNT] = {
	[MSG_HARNESS] = evil_hear,
	[MSG_FAMILIARS] = evil_hear,
	[MSG_TOKEN] = evil_hear,
	[MSG_TOKEN_NEW] = evil_hear,
	[MSG_TOKEN_END] = evil_hear,
	[MSG_TOKEN_ROTATED] = evil_hear,
	[MSG_LISTENER] = on_listener,
	[MSG_PEER] = on_peer,
	[MSG_WHO_REPLY] = evil_hear,
	[MSG_SHUTDOWN] = evil_hear,
};

int
main(int argc, char **argv)
{
	struct evil e;

	evil_begin(&e, ROLE_APID, argv);
	role_options(argc, argv);
	e.npeers = TO__COUNT;
	role_start(ROLE_APID, e.loop, &e.chan[TO_MONITOR], control_handlers,
	    &e);
	evil_await(&e, START_MS);
	evil_walk(&e, acts, nitems(acts), evil_pick(&e, STEPS_MAX));
}
