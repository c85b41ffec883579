/* The reader as a process: confined, asked once, answering rows, gone. */
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/close_range.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/chan.h"
#include "common/conf.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "redact/redact.h"
#include "sandbox/landlock.h"
#include "sandbox/profile.h"
#include "sandbox/role.h"

#define PROGRAM		"coven-confread/coven-confread"
#define WAIT_MS		20000

struct monitor {
	struct loop	*loop;
	struct chan	 chan;
	pid_t		 pid;
	struct buf	 said;
	bool		 done;
	uint32_t	 rows;
};

static int
on_hello(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_verified v = { 0 };
	uint8_t digest[MSG_DIGEST_LEN];

	(void)fd;
	msg_table_digest(digest);
	assert_int_equal(msg->hello.digest.len, sizeof(digest));
	assert_memory_equal(msg->hello.digest.p, digest, sizeof(digest));
	return chan_send(c, MSG_VERIFIED, &v, -1);
}

static int
on_row(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;

	(void)fd;
	(void)buf_addf(&m->said, "%s\n", msg->conf_row.key);
	return 0;
}

static int
on_harness(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;
	union msg_any row;

	(void)fd;
	assert_int_equal(msg_decode_exact(msg->conf_harness.harness.p,
	    msg->conf_harness.harness.len, MSG_HARNESS_ROW, &row), 0);
	(void)buf_addf(&m->said, "adapter %s\n", row.harness_row.id);
	return 0;
}

static int
on_familiar(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;
	union msg_any row;

	(void)fd;
	assert_int_equal(msg_decode_exact(msg->conf_familiar.familiar.p,
	    msg->conf_familiar.familiar.len, MSG_FAMILIAR_ROW, &row), 0);
	(void)buf_addf(&m->said, "familiar %s\n", row.familiar_row.id);
	return 0;
}

/* What it answers must be what a runner can use. */
static int
on_redactor(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;
	autobuf struct buf out = { 0 };
	struct redactor *r = NULL;
	char why[128];

	if (redactor_open(&r, *fd, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	redact_text(r, 0, "corp-7 GH_TOKEN=x", 17, &out);
	redactor_free(r);
	(void)buf_addf(&m->said, "patterns %u, days %u: %s\n",
	    msg->conf_redactor.patterns,
	    msg->conf_redactor.log_retention_days, buf_head(&out));
	return 0;
}

static int
on_error(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;

	(void)fd;
	(void)buf_addf(&m->said, "error %u %s %s\n", msg->conf_error.line,
	    msg->conf_error.key, msg->conf_error.text);
	return 0;
}

static int
on_done(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;

	(void)fd;
	m->done = true;
	m->rows = msg->conf_done.rows;
	return 0;
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_HELLO] = on_hello,
	[MSG_CONF_ROW] = on_row,
	[MSG_CONF_HARNESS] = on_harness,
	[MSG_CONF_FAMILIAR] = on_familiar,
	[MSG_CONF_REDACTOR] = on_redactor,
	[MSG_CONF_ERROR] = on_error,
	[MSG_CONF_DONE] = on_done,
};

static void
on_end(struct chan *c, int why)
{
	(void)c;
	(void)why;
}

static void
child(int control)
{
	char *const with[] = { (char *)(uintptr_t)PROGRAM, NULL };
	char *const without[] = { (char *)(uintptr_t)PROGRAM,
	    (char *)(uintptr_t)ROLE_NO_USERNS, NULL };
	bool userns = profile_probe_userns() == 0;
	int null = open("/dev/null", O_RDWR);

	if (dup2(null, 0) == -1 || dup2(null, 1) == -1 ||
	    dup2(control, ROLE_FD_CONTROL) == -1)
		_exit(126);
	/* dup2 onto itself would have kept close-on-exec. */
	if (control == ROLE_FD_CONTROL)
		(void)fcntl(control, F_SETFD, 0);
	(void)close_range(ROLE_FD_CONTROL + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	(void)execv(PROGRAM, userns ? with : without);
	_exit(127);
}

static int
start(void **state)
{
	struct monitor *m = mem_zalloc(1, sizeof(*m));
	int fds[2];

	m->loop = loop_new();
	assert_int_equal(chan_pair(fds), 0);
	m->pid = fork();
	assert_true(m->pid >= 0);
	if (m->pid == 0)
		child(fds[1]);
	(void)close(fds[1]);
	assert_int_equal(chan_open(&m->chan, m->loop, &fds[0], ROLE_MONITOR,
	    ROLE_CONFREAD, CS_NEW, handlers, m, on_end), 0);
	assert_int_equal(chan_wait(&m->chan, WAIT_MS), 0);
	*state = m;
	return 0;
}

static int
stop(void **state)
{
	struct monitor *m = *state;

	chan_close(&m->chan);
	loop_free(m->loop);
	buf_fini(&m->said);
	free(m);
	return 0;
}

/* A regular file, as the monitor would open it. */
static int
file_of(const char *text, size_t n)
{
	char name[] = "/tmp/coven-confread-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Ask, gather every answer, and see the process end well. */
static void
ask(struct monitor *m, uint32_t kind, const char *text, size_t n)
{
	struct msg_conf_read q = { .kind = kind, .name = "test" };
	int fd = file_of(text, n), status, r = 0;

	assert_int_equal(chan_send(&m->chan, MSG_CONF_READ, &q, fd), 0);
	(void)close(fd);
	while (r == 0 && !m->done)
		r = chan_wait(&m->chan, WAIT_MS);
	assert_true(m->done);
	assert_int_equal(waitpid(m->pid, &status, 0), m->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_toml_file(void **state)
{
	static const char text[] = "pass_env = [\"A\"]\nlog.lev = 1\n";
	struct monitor *m = *state;

	ask(m, CONF_FILE_TOML, text, sizeof(text) - 1);
	assert_string_equal(buf_head(&m->said), "error 2 log.lev is not a key; "
	    "did you mean `log.level`?\npass_env\n");
	assert_int_equal(m->rows, 1);
}

static void
a_broken_toml_file(void **state)
{
	static const char text[] = "x = [1.5, 2e308, 1979-05-27T07:32:00Z\n";
	struct monitor *m = *state;

	ask(m, CONF_FILE_TOML, text, sizeof(text) - 1);
	assert_non_null(strstr(buf_head(&m->said), "error "));
}

static void
a_manifest(void **state)
{
	static const char text[] = "{\"adapters\":[{\"id\":\"x\",\"label\":"
	    "\"X\",\"executable\":\"x\",\"install_hint\":\"h\","
	    "\"interactivePromptPrefixArgs\":[],"
	    "\"nonInteractivePromptPrefixArgs\":[]}]}";
	struct monitor *m = *state;

	ask(m, CONF_FILE_MANIFEST, text, sizeof(text) - 1);
	assert_string_equal(buf_head(&m->said), "adapter x\n");
	assert_int_equal(m->rows, 1);
}

static void
a_privacy_file(void **state)
{
	static const char text[] = "extra_patterns = ['corp-[0-9]']\n"
	    "log_retention_days = 3\n";
	struct monitor *m = *state;

	ask(m, CONF_FILE_PRIVACY, text, sizeof(text) - 1);
	assert_string_equal(buf_head(&m->said),
	    "patterns 1, days 3: [REDACTED] GH_TOKEN=[REDACTED]\n");
}

static void
no_privacy_file(void **state)
{
	struct monitor *m = *state;

	ask(m, CONF_FILE_PRIVACY, "", 0);
	assert_string_equal(buf_head(&m->said),
	    "patterns 0, days 0: corp-7 GH_TOKEN=[REDACTED]\n");
}

static void
a_bad_pattern(void **state)
{
	static const char text[] = "extra_patterns = [\n'fine', '(']\n";
	struct monitor *m = *state;

	ask(m, CONF_FILE_PRIVACY, text, sizeof(text) - 1);
	assert_non_null(strstr(buf_head(&m->said),
	    "error 2 extra_patterns: pattern 2 Missing close parenthesis"));
	assert_null(strstr(buf_head(&m->said), "patterns 2"));
}

static void
a_roster(void **state)
{
	static const char text[] = "[[familiar]]\nid = 'a'\n"
	    "display_name = 'A'\nrole = ''\ndescription = ''\n";
	struct monitor *m = *state;

	ask(m, CONF_FILE_FAMILIARS, text, sizeof(text) - 1);
	assert_string_equal(buf_head(&m->said), "familiar a\n");
}

static void
a_file_that_is_too_long(void **state)
{
	size_t n = (256 << 10) + 1;
	autofree char *text = mem_alloc(n);
	struct monitor *m = *state;

	memset(text, '\n', n);
	ask(m, CONF_FILE_TOML, text, n);
	assert_string_equal(buf_head(&m->said),
	    "error 0  is longer than 256 KiB\n");
}

static void
the_longest_file(void **state)
{
	size_t n = 256 << 10, i;
	autofree char *text = mem_alloc(n);
	struct monitor *m = *state;

	/* Nothing but errors: all are counted, twenty are told. */
	for (i = 0; i + 4 <= n; i += 4)
		memcpy(text + i, "\"\"=\n", 4);
	memcpy(text, "[x]\n", 4);
	ask(m, CONF_FILE_TOML, text, n);
	assert_non_null(strstr(buf_head(&m->said), "error "));
}

/* A second file would need a second process. */
static void
the_wrong_kind_ends_it(void **state)
{
	struct msg_conf_read q = { .kind = 9, .name = "test" };
	struct monitor *m = *state;
	int fd = file_of("", 0), status;

	assert_int_equal(chan_send(&m->chan, MSG_CONF_READ, &q, fd), 0);
	(void)close(fd);
	assert_int_equal(waitpid(m->pid, &status, 0), m->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FATAL_STATUS);
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_toml_file),
		CASE(a_broken_toml_file),
		CASE(a_manifest),
		CASE(a_privacy_file),
		CASE(no_privacy_file),
		CASE(a_bad_pattern),
		CASE(a_roster),
		CASE(a_file_that_is_too_long),
		CASE(the_longest_file),
		CASE(the_wrong_kind_ends_it),
	};

	if (landlock_abi() == 0 && profile_probe_userns() < 0) {
		print_message("SKIP: nothing here confines a role\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
