/*
 * coven-init for real: each row runs a session and looks at it from within.
 * Every row runs for a root monitor and for an owner without root.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "sandbox/landlock.h"
#include "tests/unit/init_driver.h"

static char base[32], project[128], rooted[128];
static unsigned port;
static struct result result;
static bool ahead;		/* every case is run once each way */

static const char *const who_names[WHO__COUNT] = {
	[WHO_ROOT] = "root", [WHO_SETEUID] = "seteuid",
	[WHO_NOBODY] = "nobody",
};

/* Runs d for each kind of monitor that this process can play. */
static bool
can_play(enum who who)
{
	return geteuid() == 0 || (who == WHO_NOBODY &&
	    geteuid() == PAYLOAD_OUT);
}

static void
run(struct drive *d, enum who who)
{
	d->who = who;
	d->ahead = ahead;
	if (d->project == NULL)
		d->project = project;
	memset(&result, 0, sizeof(result));
	drive_run(d, &result);
	if (result.loglen != 0 && !result.failed)
		print_message("%s: %s", who_names[who], result.log);
	if (result.late)
		print_message("%s: too late\n", who_names[who]);
}

static void
expect_started(void)
{
	assert_int_equal(result.prepared, ahead);
	if (result.failed)
		fail_msg("%s: %s", result.step, result.text);
	if (!result.started)
		fail_msg("not started: %s, log %s", result.text, result.log);
	assert_false(result.late);
}

/* --- looks from within --- */

struct look {
	const char	*name;
	const char	*script;
	const char	*want;		/* NULL: see check */
	uint32_t	 transport;
	int		 code;
};

static const struct look looks[] = {
	{ "exit_status_0", "exit 0", "", TRANSPORT_PIPES, 0 },
	{ "exit_status_3", "exit 3", "", TRANSPORT_PIPES, 3 },
	{ "both_streams", "echo a; echo b >&2", "a\nb\n", TRANSPORT_PIPES, 0 },
	{ "starts_in_the_project", "pwd -P | sed 's,.*/,,'", "project\n",
	    TRANSPORT_PIPES, 0 },
	{ "has_the_environment_given", "env | sort | grep -v -e ^_ -e ^PWD",
	    "HOME=/home/u\nLANG=C\nPATH=/usr/bin:/bin\n", TRANSPORT_PIPES, 0 },
	{ "is_the_mapped_user", "id -u; id -g; id -un",
	    "1000\n1000\nu\n", TRANSPORT_PIPES, 0 },
	{ "has_its_host_name", "uname -n", "coven\n", TRANSPORT_PIPES, 0 },
	{ "sees_only_the_new_root",
	    "cd / && echo [!l]* && echo home/* && ls -a / | grep -c coven",
	    "bin dev etc home proc sbin tmp usr var\n"
	    "home/u\n0\n", TRANSPORT_PIPES, 1 },
	{ "cannot_see_root_folder", "ls /root", "ls: cannot access '/root': "
	    "No such file or directory\n", TRANSPORT_PIPES, 2 },
	{ "cannot_write_system", "./probe create /usr/x; ./probe create /x; "
	    "./probe create /etc/x; ./probe create /dev/x",
	    "EROFS\nEROFS\nEROFS\nEROFS\n", TRANSPORT_PIPES, 0 },
	{ "writes_project", "echo x > new && stat -c %u:%g new hello && rm new",
	    "1000:1000\n1000:1000\n", TRANSPORT_PIPES, 0 },
	{ "writes_private_folders", "for d in /tmp /home/u /dev/shm; do "
	    "./probe create $d/x; done", "ok\nok\nok\n", TRANSPORT_PIPES, 0 },
	{ "generated_file_is_read_only", "cd; chmod 600 .gitconfig 2>&1 | "
	    "sed 's/.*: //'; cat .gitconfig; rm -f .gitconfig 2>/dev/null || "
	    "echo kept", "Read-only file system\n[user]\nkept\n",
	    TRANSPORT_PIPES, 0 },
	{ "copied_file_is_its_own", "cd; cat .tool.json; stat -c '%a %u' "
	    ".tool.json; echo y >new && mv new .tool.json && cat .tool.json "
	    "&& rm .tool.json && echo gone", "{}\n600 1000\ny\ngone\n",
	    TRANSPORT_PIPES, 0 },
	{ "devices_work", "echo x >/dev/null && head -c 3 /dev/zero | wc -c "
	    "&& head -c 2 /dev/urandom | wc -c; ls /dev | tr '\\n' ' '",
	    "3\n2\nfd full null ptmx pts random shm stderr stdin stdout tty "
	    "urandom zero ", TRANSPORT_PIPES, 0 },
	{ "proc_shows_own_processes", "set -- /proc/[0-9]*; echo $#; "
	    "tr '\\0' ' ' </proc/1/cmdline | cut -c1-10",
	    "2\ncoven-init\n", TRANSPORT_PIPES, 0 },
	{ "cannot_write_proc_sys",
	    "./probe write /proc/sys/kernel/domainname; "
	    "./probe write /proc/sys/vm/drop_caches; "
	    "grep -c '^proc /proc/sys proc ro,' /proc/self/mounts; "
	    "for f in kcore keys kmsg kallsyms sysrq-trigger timer_list; do "
	    "cat /proc/$f 2>/dev/null; done | wc -c",
	    "EACCES\nEACCES\n1\n0\n", TRANSPORT_PIPES, 0 },
	{ "cannot_mount", "./probe mount; ./probe umount /proc/sys; "
	    "./probe remount /usr", "EPERM\nEPERM\nEPERM\n",
	    TRANSPORT_PIPES, 0 },
	{ "cannot_make_namespace", "./probe userns", "EPERM\n",
	    TRANSPORT_PIPES, 0 },
	{ "cannot_make_device", "./probe mknod /tmp/n | sed s/EACCES/EPERM/; "
	    "./probe mknod n | sed s/EACCES/EPERM/; ls /tmp/n n 2>/dev/null",
	    "EPERM\nEPERM\n", TRANSPORT_PIPES, 2 },
	{ "cannot_change_identity", "./probe uid0; ./probe sethostname x",
	    "EINVAL\nEPERM\n", TRANSPORT_PIPES, 0 },
	{ "holds_no_capability",
	    "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
	    "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
	    "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
	    "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n",
	    TRANSPORT_PIPES, 0 },
	{ "init_holds_none_either",
	    "grep -E '^(CapPrm|CapBnd|NoNewPrivs|Seccomp:)' /proc/1/status",
	    "CapPrm:\t0000000000000000\nCapBnd:\t0000000000000000\n"
	    "NoNewPrivs:\t1\nSeccomp:\t2\n", TRANSPORT_PIPES, 0 },
	{ "socket_in_project_is_masked", "./probe connect s; "
	    "./probe connect deep/er/s2; stat -c %F s deep/er/s2",
	    "EACCES\nEACCES\nregular empty file\n"
	    "regular empty file\n", TRANSPORT_PIPES, 0 },
	{ "fifo_in_project_is_masked", "./probe write f; ./probe read f",
	    "EACCES\nok\n", TRANSPORT_PIPES, 0 },
	{ "own_socket_works", "mkfifo g && stat -c %F g && rm g", "fifo\n",
	    TRANSPORT_PIPES, 0 },
	{ "cannot_reach_host_port", "./probe inet 127.0.0.1 $(cat port)",
	    "ECONNREFUSED\n", TRANSPORT_PIPES, 0 },
	{ "cannot_reach_network", "./probe inet 192.0.2.1 80; "
	    "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '",
	    "ENETUNREACH\nlo\n", TRANSPORT_PIPES, 0 },
	{ "cannot_reach_abstract_socket", "./probe abstract $(cat abstract)",
	    "ECONNREFUSED\n", TRANSPORT_PIPES, 0 },
	{ "inherits_three_descriptors", "./probe fds", "0 1 2 ok\n",
	    TRANSPORT_PIPES, 0 },
	/* Without a scope of Landlock's a signal is sent, and ignored. */
	{ "cannot_touch_pid_1", "./probe trace 1; "
	    "./probe kill 1 | sed s/ok/EPERM/; echo alive",
	    "EPERM\nEPERM\nalive\n", TRANSPORT_PIPES, 0 },
	{ "standard_descriptors_reopen", "echo a >/dev/stdout; "
	    "echo b >/dev/stderr; echo c >/proc/self/fd/1; cat /dev/stdin",
	    "a\nb\nc\n", TRANSPORT_PIPES, 0 },
	{ "terminal_reopens", "echo a >/dev/stdout; echo b >/dev/tty; "
	    "echo c >/dev/pts/0", "a\r\nb\r\nc\r\n", TRANSPORT_PTY, 0 },
	{ "umask_is_022", "umask", "0022\n", TRANSPORT_PIPES, 0 },
	{ "limits", "ulimit -c; ulimit -Sn", "0\n1024\n", TRANSPORT_PIPES, 0 },
	{ "signals_are_default", "grep -E '^Sig(Blk|Ign)' /proc/self/status",
	    "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n",
	    TRANSPORT_PIPES, 0 },
	{ "terminal", "tty; stty size; test -t 0 -a -t 2 && echo yes",
	    "/dev/pts/0\r\n30 100\r\nyes\r\n", TRANSPORT_PTY, 0 },
	{ "terminal_controls_the_session", "./probe write /dev/tty; "
	    "ps -o tty= -p $$ 2>/dev/null || echo pts/0", "ok\r\npts/0\r\n",
	    TRANSPORT_PTY, 0 },
	{ "cannot_inject_input", "./probe tiocsti", "EPERM\r\n",
	    TRANSPORT_PTY, 0 },
	{ "terminal_inherits_three", "./probe fds", "0 1 2 ok\r\n",
	    TRANSPORT_PTY, 0 },
	{ "daemon_does_not_outlive",
	    "(setsid sleep 1000 &) ; sleep 1000 & exit 3", "", TRANSPORT_PTY,
	    3 },
	{ "daemon_holding_a_pipe_does_not_outlive",
	    "(setsid sh -c 'trap \"\" TERM; sleep 1000' &) ; exit 4", "",
	    TRANSPORT_PIPES, 4 },
	{ "command_not_found_in_shell", "exec 2>/dev/null; nosuch", "",
	    TRANSPORT_PIPES, 127 },
};

static void
look_within(void **state)
{
	const struct look *l = *state;
	int who;

	for (who = 0; who < WHO__COUNT; who++) {
		struct drive d = { .transport = l->transport,
		    .script = l->script };

		if (!can_play((enum who)who))
			continue;
		run(&d, (enum who)who);
		expect_started();
		if (strcmp(result.out, l->want) != 0)
			fail_msg("%s: %s: printed \"%s\", not \"%s\"",
			    who_names[who], l->name, result.out, l->want);
		assert_true(result.exited);
		assert_int_equal(result.exit_code, l->code);
		assert_int_equal(result.signo, 0);
		assert_int_equal(result.init_status, 0);
	}
}

/* --- ends --- */

struct end {
	const char	*name, *script;
	enum act	 act;
	bool		 exited;
	uint32_t	 signo;
	int		 code, init_status;
};

static const struct end ends[] = {
	{ "killed_by_its_own_signal", "kill -SEGV $$", ACT_NONE, true,
	    SIGSEGV, 0, 0 },
	{ "killed_by_monitor", "exec sleep 1000", ACT_TERM, true, SIGTERM,
	    0, 0 },
	{ "term_reaches_everyone", "(setsid sh -c 'trap \"exit 9\" TERM; "
	    "while :; do sleep 1; done' &); trap 'exit 7' TERM; "
	    "sleep 1000 & wait", ACT_TERM_ALL, true, 0, 7, 0 },
	{ "shutdown_kills", "trap '' TERM; while :; do sleep 1000; done",
	    ACT_SHUTDOWN, true, SIGKILL, 0, 0 },
	{ "monitor_gone_kills", "trap '' TERM HUP; sleep 1000; sleep 1000",
	    ACT_EOF, false, 0, 0, 0 },
	{ "runner_gone_kills", "trap '' TERM HUP; sleep 1000; sleep 1000",
	    ACT_RUNNER_EOF, false, 0, 0, 1 },
};

static void
look_at_end(void **state)
{
	const struct end *e = *state;
	struct drive d = { .transport = TRANSPORT_PIPES, .script = e->script,
	    .act = e->act };
	int who;

	for (who = 0; who < WHO__COUNT; who++) {
		if (!can_play((enum who)who))
			continue;
		run(&d, (enum who)who);
		expect_started();
		assert_int_equal(result.exited, e->exited);
		assert_int_equal(result.signo, e->signo);
		assert_int_equal(result.exit_code, e->code);
		assert_int_equal(result.init_status, e->init_status);
		assert_true(result.ended_us < 5000000);
	}
}

/* --- refusals: nothing was executed --- */

static void
cwd_becomes_a_link(const struct drive *d)
{
	char from[256], to[256];

	(void)snprintf(from, sizeof(from), "%s/sub", d->project);
	(void)snprintf(to, sizeof(to), "%s/sub.was", d->project);
	if (rename(from, to) == -1 || symlink("/etc", from) == -1)
		_exit(99);
}

static void
cwd_becomes_another(const struct drive *d)
{
	char from[256], to[256];

	(void)snprintf(from, sizeof(from), "%s/sub", d->project);
	(void)snprintf(to, sizeof(to), "%s/sub.was", d->project);
	if (rename(from, to) == -1 || mkdir(from, 0755) == -1)
		_exit(99);
}

static void
restore_cwd(void)
{
	char from[256], to[256];
	struct stat st;

	(void)snprintf(from, sizeof(from), "%s/sub.was", project);
	(void)snprintf(to, sizeof(to), "%s/sub", project);
	if (lstat(from, &st) == -1)
		return;
	if (unlink(to) == -1)
		(void)rmdir(to);
	assert_int_equal(rename(from, to), 0);
}

static const struct msg_init_mount changed_source = { .op = MOUNT_BIND,
    .flags = MOUNT_F_RO | MOUNT_F_COMPARE, .source = "/etc/passwd",
    .target = "/etc/shadow", .dev = 1, .ino = 1 };
static const struct msg_init_mount link_source = { .op = MOUNT_BIND,
    .flags = MOUNT_F_RO | MOUNT_F_COMPARE, .source = "/proc/self/root/etc",
    .target = "/x" };
static const struct msg_init_mount absent_source = { .op = MOUNT_BIND,
    .flags = MOUNT_F_RO, .source = "/nonexistent", .target = "/x" };
static const struct msg_init_mount socket_source = { .op = MOUNT_BIND,
    .source = NULL, .target = "/x" };
static const struct msg_init_mount through_link = { .op = MOUNT_DIR,
    .target = "/bin/x" };
static const struct msg_init_mount dotdot = { .op = MOUNT_DIR,
    .target = "/tmp/../x" };
static const struct msg_init_mount in_system = { .op = MOUNT_FILE,
    .target = "/usr/nosuch/x", .data = { "x", 1 } };
static const struct msg_init_mount copy_in_system = { .op = MOUNT_COPY,
    .target = "/usr/x", .data = { "x", 1 } };
static const struct msg_init_mount tmpfs_option = { .op = MOUNT_TMPFS,
    .target = "/x", .data = { "huge=always", 11 } };

struct refusal {
	const char	*name, *program, *cwd, *step;
	int		 error;
	void		(*meanwhile)(const struct drive *);
	const struct msg_init_mount *row;
};

static const struct refusal refusals[] = {
	{ "program_absent", "/usr/bin/nosuch", NULL, "execve", ENOENT, NULL,
	    NULL },
	{ "program_is_a_folder", "/usr", NULL, "execve", EACCES, NULL, NULL },
	{ "program_is_relative", "usr/bin/env", NULL, "execve", ENOENT, NULL,
	    NULL },
	{ "cwd_is_now_a_link", "/bin/true", "sub", "cwd", EXDEV,
	    cwd_becomes_a_link, NULL },
	{ "cwd_is_now_another", "/bin/true", "sub", "cwd", ESTALE,
	    cwd_becomes_another, NULL },
	{ "source_is_another", "/bin/true", NULL, "sources", ESTALE, NULL,
	    &changed_source },
	{ "source_is_behind_a_magic_link", "/bin/true", NULL, "sources",
	    ELOOP, NULL, &link_source },
	{ "source_is_absent", "/bin/true", NULL, "sources", ENOENT, NULL,
	    &absent_source },
	{ "source_is_a_socket", "/bin/true", NULL, "sources", EINVAL, NULL,
	    &socket_source },
	{ "target_is_behind_a_link", "/bin/true", NULL, "mounts", ENOTDIR,
	    NULL, &through_link },
	{ "target_has_dots", "/bin/true", NULL, "mounts", EINVAL, NULL,
	    &dotdot },
	{ "target_is_not_made_in_a_mount", "/bin/true", NULL, "mounts",
	    ENOENT, NULL, &in_system },
	{ "copy_goes_to_our_own_file_system_only", "/bin/true", NULL,
	    "mounts", EXDEV, NULL, &copy_in_system },
	{ "tmpfs_option_is_unknown", "/bin/true", NULL, "mounts", EINVAL,
	    NULL, &tmpfs_option },
};

static void
refuse(void **state)
{
	const struct refusal *r = *state;
	struct msg_init_mount row;
	char sock[256];
	int who;

	for (who = 0; who < WHO__COUNT; who++) {
		struct drive d = { .transport = TRANSPORT_PIPES,
		    .program = r->program, .cwd = r->cwd,
		    .meanwhile = r->meanwhile };

		if (!can_play((enum who)who))
			continue;
		if (r->row != NULL) {
			row = *r->row;
			if (r->row == &socket_source) {
				(void)snprintf(sock, sizeof(sock), "%s/s",
				    project);
				row.source = sock;
			}
			d.rows = &row;
			d.nrows = 1;
		}
		run(&d, (enum who)who);
		restore_cwd();
		assert_false(result.started);
		if (!result.failed)
			fail_msg("%s: no INIT_FAILED", who_names[who]);
		if (strcmp(result.step, r->step) != 0 ||
		    result.error != (uint32_t)r->error)
			fail_msg("%s: %s: %s (%s)", who_names[who],
			    result.step, result.text,
			    strerrorname_np((int)result.error));
		assert_false(result.exited);
		assert_int_equal(result.init_status, 1);
	}
}

static void
too_many_sockets_are_refused(void **state)
{
	char path[256];
	struct drive d = { .transport = TRANSPORT_PIPES,
	    .program = "/bin/true" };
	int i;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/many", project);
	assert_int_equal(mkdir(path, 0777), 0);
	for (i = 0; i < 1100; i++) {
		(void)snprintf(path, sizeof(path), "%s/many/%d", project, i);
		assert_int_equal(mkfifo(path, 0666), 0);
	}
	run(&d, WHO_NOBODY);
	for (i = 0; i < 1100; i++) {
		(void)snprintf(path, sizeof(path), "%s/many/%d", project, i);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/many", project);
	(void)rmdir(path);
	assert_true(result.failed);
	assert_string_equal(result.step, "mask");
	assert_int_equal(result.error, E2BIG);
	assert_non_null(strstr(result.text, "sockets and FIFOs"));
}

static void
deep_trees_are_refused(void **state)
{
	char path[256];
	struct drive d = { .transport = TRANSPORT_PIPES,
	    .program = "/bin/true" };
	int depth, dir, next;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/abyss", project);
	assert_int_equal(mkdir(path, 0755), 0);
	dir = open(path, O_PATH | O_DIRECTORY);
	for (depth = 0; depth < 520; depth++) {
		assert_int_equal(mkdirat(dir, "d", 0755), 0);
		next = openat(dir, "d", O_PATH | O_DIRECTORY);
		close(dir);
		dir = next;
	}
	close(dir);
	run(&d, WHO_NOBODY);
	assert_true(result.failed);
	assert_string_equal(result.step, "mask");
	assert_non_null(strstr(result.text, "folders deep"));
	/* nftw would not fit: deepest first, by the shell. */
	(void)snprintf(path, sizeof(path), "rm -r %s/abyss", project);
	assert_int_equal(system(path), 0);
}

/* What cannot be listed but passed through may hide a known name. */
static void
unlistable_folder_is_covered(void **state)
{
	char path[1024];
	struct drive d = { .transport = TRANSPORT_PIPES,
	    .script = "./probe read shut/known; ./probe read closed/known; "
	    "ls shut" };
	int who;

	(void)state;
	if (geteuid() != 0)
		skip();
	for (who = 0; who < WHO__COUNT; who++) {
		(void)snprintf(path, sizeof(path), "mkdir -m 0755 %s/shut "
		    "%s/closed; touch %s/shut/known %s/closed/known; "
		    "chmod 0711 %s/shut; chmod 0700 %s/closed", project,
		    project, project, project, project, project);
		assert_int_equal(system(path), 0);
		run(&d, (enum who)who);
		(void)snprintf(path, sizeof(path), "rm -r %s/shut %s/closed",
		    project, project);
		assert_int_equal(system(path), 0);
		expect_started();
		assert_string_equal(result.out, "ENOENT\nEACCES\n");
	}
}

/* Also with a way out nothing of the host's is there but the listener. */
static void
way_out_is_handed_over(void **state)
{
	struct drive d = { .transport = TRANSPORT_PIPES, .network = 1,
	    .script = "./probe inet 127.0.0.1 $(cat port); "
	    "./probe inet 127.0.0.1 3128" };
	int who;

	(void)state;
	for (who = 0; who < WHO__COUNT; who++) {
		if (!can_play((enum who)who))
			continue;
		run(&d, (enum who)who);
		expect_started();
		assert_true(result.listener);
		assert_string_equal(result.out, "ECONNREFUSED\nok\n");
	}
}

/* A project of another owner, its ids mapped by the monitor. */
static void
idmapped_project(void **state)
{
	struct drive d = { .transport = TRANSPORT_PIPES, .idmap = true,
	    .project = rooted, .cwd = "in",
	    .script = "stat -c %u:%g ../file .; echo x > ../made && "
	    "cat ../made && chmod 600 ../file" };
	char path[256];
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	run(&d, WHO_ROOT);
	expect_started();
	assert_string_equal(result.out, "1000:1000\n1000:1000\nx\n");
	(void)snprintf(path, sizeof(path), "%s/made", rooted);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_gid, 0);
}

/* Uid 0 inside, nobody outside: a number and nothing else. */
static void
uid_0_is_a_number(void **state)
{
	struct drive d = { .transport = TRANSPORT_PIPES, .uid_0 = true,
	    .script = "id -u; ./probe mount; ./probe userns; "
	    "./probe write /proc/sys/kernel/domainname; "
	    "./probe write /proc/sys/vm/drop_caches; "
	    "./probe kill 1 | sed s/ok/EPERM/; "
	    "./probe remount /usr; ./probe sethostname x; "
	    "grep -E '^Cap(Eff|Bnd)' /proc/self/status; "
	    "stat -c %u hello" };
	int who;

	(void)state;
	for (who = 0; who < WHO__COUNT; who++) {
		if (!can_play((enum who)who))
			continue;
		run(&d, (enum who)who);
		expect_started();
		assert_string_equal(result.out, "0\nEPERM\nEPERM\nEACCES\n"
		    "EACCES\nEPERM\nEPERM\nEPERM\n"
		    "CapEff:\t0000000000000000\n"
		    "CapBnd:\t0000000000000000\n0\n");
	}
}

/* A plan that puts more into the project than it holds is in order. */
static void
rows_below_the_project(void **state)
{
	char below[256];
	struct msg_init_mount row = { .op = MOUNT_BIND,
	    .flags = MOUNT_F_RO, .source = below, .target = below };
	struct drive d = { .transport = TRANSPORT_PIPES, .rows = &row,
	    .nrows = 1,
	    .script = "./probe create sub/x; ./probe create y; rm y; "
	    "mv sub other 2>/dev/null || echo kept" };
	int who;

	(void)state;
	(void)snprintf(below, sizeof(below), "%s/sub", project);
	for (who = 0; who < WHO__COUNT; who++) {
		if (!can_play((enum who)who))
			continue;
		run(&d, (enum who)who);
		expect_started();
		assert_string_equal(result.out, "EROFS\nok\nkept\n");
	}
}

static void
starts_quickly(void **state)
{
	struct drive d = { .transport = TRANSPORT_PIPES,
	    .program = "/bin/true" };
	int64_t best = INT64_MAX;
	int who, i;

	(void)state;
	for (who = 0; who < WHO__COUNT; who++) {
		if (!can_play((enum who)who))
			continue;
		for (best = INT64_MAX, i = 0; i < 5; i++) {
			run(&d, (enum who)who);
			expect_started();
			if (result.started_us < best)
				best = result.started_us;
		}
		print_message("%s: started after %.1f ms at best\n",
		    who_names[who], (double)best / 1000);
	}
}

/* --- the tree they run in --- */

static int
listen_unix(const char *path, const char *abstract)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sun);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (abstract != NULL) {
		memcpy(sun.sun_path + 1, abstract, strlen(abstract));
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
		    strlen(abstract));
	} else {
		(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s",
		    path);
	}
	if (bind(fd, (struct sockaddr *)&sun, len) == -1 ||
	    listen(fd, 8) == -1)
		return -1;
	return abstract != NULL ? 0 : chmod(path, 0777);
}

static int
listen_inet(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    listen(fd, 8) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		return -1;
	port = ntohs(sin.sin_port);
	return 0;
}

static int
make_tree(void **state)
{
	char cmd[1024], path[256], name[sizeof(base) + 16];

	(void)state;
	if (drive_open("coven-runner/coven-init") < 0)
		return -1;
	(void)snprintf(base, sizeof(base), "/tmp/coven-init-XXXXXX");
	if (mkdtemp(base) == NULL || chmod(base, 0755) == -1)
		return -1;
	(void)snprintf(project, sizeof(project), "%s/project", base);
	(void)snprintf(rooted, sizeof(rooted), "%s/rooted", base);
	(void)snprintf(name, sizeof(name), "%s-abstract", base);
	if (listen_inet() == -1 || listen_unix(NULL, name) == -1)
		return -1;
	(void)snprintf(cmd, sizeof(cmd), "set -e; umask 022; cd %s; "
	    "mkdir -p project/sub project/deep/er rooted/in; "
	    "touch rooted/file; echo hi >project/hello; "
	    "mkfifo -m 0666 project/f; echo %u >project/port; "
	    "echo %s >project/abstract; cp \"$OLDPWD\"/tests/unit/init_probe "
	    "project/probe", base, port, name);
	if (system(cmd) != 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/s", project);
	if (listen_unix(path, NULL) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/deep/er/s2", project);
	if (listen_unix(path, NULL) == -1)
		return -1;
	(void)snprintf(cmd, sizeof(cmd), "chown -R %d:%d %s", PAYLOAD_OUT,
	    PAYLOAD_OUT, project);
	return geteuid() == 0 && system(cmd) != 0 ? -1 : 0;
}

static int
remove_tree(void **state)
{
	char cmd[128];

	(void)state;
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", base);
	return system(cmd) != 0;
}

#define TESTS_MAX	128

static struct CMUnitTest tests[TESTS_MAX];
static size_t ntests;

static void
add(const char *name, CMUnitTestFunction fn, const void *row)
{
	tests[ntests++] = (struct CMUnitTest){ .name = name, .test_func = fn,
	    .initial_state = (void *)(uintptr_t)row };
}

/* An argument is a pattern of the names to run. */
int
main(int argc, char **argv)
{
	size_t i;
	int bad;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (geteuid() != 0 && geteuid() != PAYLOAD_OUT) {
		print_message("SKIP: needs root, or uid %d\n", PAYLOAD_OUT);
		return 77;
	}
	for (i = 0; i < nitems(looks); i++)
		add(looks[i].name, look_within, &looks[i]);
	for (i = 0; i < nitems(ends); i++)
		add(ends[i].name, look_at_end, &ends[i]);
	for (i = 0; i < nitems(refusals); i++)
		add(refusals[i].name, refuse, &refusals[i]);
	add("too_many_sockets", too_many_sockets_are_refused, NULL);
	add("deep_trees", deep_trees_are_refused, NULL);
	add("unlistable_folder", unlistable_folder_is_covered, NULL);
	add("way_out", way_out_is_handed_over, NULL);
	add("uid_0_is_a_number", uid_0_is_a_number, NULL);
	add("idmapped_project", idmapped_project, NULL);
	add("rows_below_the_project", rows_below_the_project, NULL);
	add("starts_quickly", starts_quickly, NULL);
	bad = _cmocka_run_group_tests("init", tests, ntests, make_tree,
	    remove_tree);
	ahead = true;
	bad += _cmocka_run_group_tests("init, built ahead", tests, ntests,
	    make_tree, remove_tree);
	return bad;
}
