/* start, stop and restart: the monitor's process, from outside. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/lifecycle.h"
#include "covenctl/progress.h"

#define READY_MS	10000
#define REAP_MS		3000
#define READY_FD	3
#define READY_LINE	"READY=1\n"
#define LOG_NAME	"daemon.log"
#define LOG_TAIL	4096

struct starting {
	struct ctl	*ctl;
	char		 program[PATH_MAX];
	int		 log;
	off_t		 log_from;	/* what is there already */
	int		 ready;
	struct progress	 progress;
	pid_t		 pid;
};

/* No variable chooses it. */
int
daemon_program(char out[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0) {
		ctl_err("/proc/self/exe: %s", strerror(errno));
		return CTL_FAILED;
	}
	self[n] = '\0';
	for (int up = 0; up < 2; up++)
		if ((slash = strrchr(self, '/')) != NULL)
			*slash = '\0';
	n = snprintf(out, PATH_MAX, "%s/sbin/coven-monitor", self);
	if (n < 0 || n >= PATH_MAX || access(out, X_OK) == -1) {
		ctl_err("%s: %s", out, strerror(errno));
		return CTL_FAILED;
	}
	return 0;
}

/* An absent home is made, 0700; one that is there is never changed. */
static int
make_home(struct ctl *ctl)
{
	enum home_code code = home_name(&ctl->home, ctl->opt[OPT_HOME]);

	if (code == HOME_OK && mkdir(ctl->home.path, 0700) == -1 &&
	    errno != EEXIST) {
		ctl_err("mkdir %s: %s", ctl->home.path, strerror(errno));
		return CTL_CONFIG;
	}
	return ctl_open_home(ctl);
}

static int
open_log(struct starting *s)
{
	struct stat st;

	s->log = openat(s->ctl->home.dir, LOG_NAME, O_RDWR | O_CREAT |
	    O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (s->log == -1 || fstat(s->log, &st) == -1) {
		ctl_err("%s/" LOG_NAME ": %s", s->ctl->home.path,
		    strerror(errno));
		return CTL_CONFIG;
	}
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_uid != geteuid()) {
		ctl_err("%s/" LOG_NAME ": not a file of its own",
		    s->ctl->home.path);
		return CTL_CONFIG;
	}
	s->log_from = st.st_size;
	return 0;
}

/* In the child: exactly its descriptors, its own session, then exec. */
static void __attribute__((noreturn))
become_monitor(struct starting *s, int ready)
{
	char *argv[] = { (char *)(uintptr_t)"coven-monitor",
	    (char *)(uintptr_t)"--home", s->ctl->home.path,
	    (char *)(uintptr_t)"--ready-fd", (char *)(uintptr_t)"3", NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	(void)setsid();
	(void)signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Out of the way first: ready may be any number above 2. */
	ready = fcntl(ready, F_DUPFD_CLOEXEC, 16);
	if (s->progress.fd != -1)
		(void)setenv("NOTIFY_SOCKET", s->progress.name, 1);
	if (null == -1 || ready == -1 || chdir("/") == -1 ||
	    dup2(null, 0) == -1 || dup2(s->log, 1) == -1 ||
	    dup2(s->log, 2) == -1 || fcntl(1, F_SETFL, O_APPEND) == -1 ||
	    dup2(ready, READY_FD) == -1 || close_range(4, ~0U, 0) == -1)
		_exit(CTL_FAILED);
	(void)execv(s->program, argv);
	(void)dprintf(2, "coven-monitor: execute %s: %s\n", s->program,
	    strerror(errno));
	_exit(CTL_FAILED);
}

static int
spawn(struct starting *s)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) == -1 || (s->pid = fork()) == -1) {
		ctl_err("start: %s", strerror(errno));
		return CTL_FAILED;
	}
	if (s->pid == 0)
		become_monitor(s, p[1]);
	(void)close(p[1]);
	s->ready = p[0];
	return 0;
}

/* The last line among n bytes that begins with mark; NULL: there is none. */
static char *
last_line(char *text, size_t n, const char *mark)
{
	size_t len = strlen(mark);

	while (n > 0) {
		char *line;

		while (n > 0 && text[n - 1] == '\n')
			n--;
		text[n] = '\0';
		line = strrchr(text, '\n');
		line = line != NULL ? line + 1 : text;
		if (*line != '\0' && strncmp(line, mark, len) == 0)
			return line;
		n = (size_t)(line - text);
	}
	return NULL;
}

/*
 * Why it did not start, without the "<N>" mark: the last error that a part
 * of it wrote (that the part then ended is no news), else its last line.
 */
static void
show_last_message(struct starting *s)
{
	char text[LOG_TAIL + 1] = "", copy[LOG_TAIL + 1], *line;
	off_t size = lseek(s->log, 0, SEEK_END), from = s->log_from;
	ssize_t n;

	if (size - from > LOG_TAIL)
		from = size - LOG_TAIL;
	n = pread(s->log, text, LOG_TAIL, from);
	memcpy(copy, text, sizeof(copy));
	line = n > 0 ? last_line(copy, (size_t)n, "<3>") : NULL;
	while (line != NULL && strncmp(line, "<3>child ", 9) == 0)
		line = last_line(copy, (size_t)(line - copy), "<3>");
	if (line == NULL && n > 0)
		line = last_line(text, (size_t)n, "");
	if (line == NULL) {
		ctl_err("it said nothing; its log is %s/" LOG_NAME,
		    s->ctl->home.path);
		return;
	}
	if (line[0] == '<' && strchr(line, '>') != NULL)
		line = strchr(line, '>') + 1;
	ctl_err("%s", line);
	ctl_err("COVEN_HOME is %s, where " LOG_NAME " has the rest",
	    s->ctl->home.path);
}

/* True when it said READY; false at its end, or out of time. */
static bool
wait_ready(struct starting *s)
{
	int64_t until = loop_now_ns() + (int64_t)READY_MS * 1000000;
	char text[sizeof(READY_LINE)];
	size_t n = 0;

	while (n < sizeof(READY_LINE) - 1) {
		struct pollfd p[2] = { { .fd = s->ready, .events = POLLIN },
		    { .fd = s->progress.fd, .events = POLLIN } };
		int64_t left = (until - loop_now_ns()) / 1000000;
		ssize_t got;

		if (left <= 0 || (poll(p, 2, (int)left) == -1 &&
		    errno != EINTR))
			return false;
		progress_take(&s->progress, s->pid);
		if (p[0].revents == 0)
			continue;
		got = read(s->ready, text + n, sizeof(READY_LINE) - 1 - n);
		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	return memcmp(text, READY_LINE, n) == 0;
}

/* Reap our own child: TERM has been sent where it was needed. */
static int
reap(pid_t pid)
{
	int64_t until = loop_now_ns() + (int64_t)REAP_MS * 1000000;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (loop_now_ns() > until)
			(void)kill(pid, SIGKILL);
		(void)poll(NULL, 0, 10);
	}
	return status;
}

/* It never became ready: end it, say why, and pass its status on. */
static int
failed_start(struct starting *s)
{
	struct pollfd p = { .fd = s->ready, .events = 0 };
	bool gone = poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
	int status;

	if (!gone) {
		ctl_err("the daemon was not ready within %d s",
		    READY_MS / 1000);
		(void)kill(s->pid, SIGTERM);
	}
	status = reap(s->pid);
	show_last_message(s);
	if (WIFSIGNALED(status)) {
		ctl_err("the daemon ended by signal %d", WTERMSIG(status));
		return CTL_FAILED;
	}
	status = WEXITSTATUS(status);
	return status == CTL_BUSY || status == CTL_CONFIG ? status :
	    CTL_FAILED;
}

static int
start_and_wait(struct starting *s)
{
	struct daemon d;
	bool ready;
	int rc;

	if ((rc = open_log(s)) != 0 || (rc = spawn(s)) != 0)
		return rc;
	ready = wait_ready(s);
	progress_end(&s->progress);
	if (!ready)
		return failed_start(s);
	rc = daemon_probe(s->ctl, &d);
	if (rc != 0)
		return api_failed(s->ctl, rc);
	if (d.state != DAEMON_RUNNING) {
		ctl_err("the daemon started but does not answer");
		show_last_message(s);
		return CTL_FAILED;
	}
	return 0;
}

/* The monitor, running and answering; its log and pipe are ours to close. */
static int
start_daemon(struct ctl *ctl)
{
	struct starting s = { .ctl = ctl, .log = -1, .ready = -1 };
	int rc = daemon_program(s.program);

	progress_open(&s.progress);
	if (rc == 0)
		rc = start_and_wait(&s);
	progress_end(&s.progress);
	mem_close(&s.log);
	mem_close(&s.ready);
	return rc;
}

static int
start_foreground(struct ctl *ctl)
{
	char program[PATH_MAX];
	char *argv[] = { (char *)(uintptr_t)"coven-monitor",
	    (char *)(uintptr_t)"--home", ctl->home.path, NULL };
	int rc = daemon_program(program);

	if (rc != 0)
		return rc;
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execv(program, argv);
	ctl_err("execute %s: %s", program, strerror(errno));
	return CTL_FAILED;
}

static int
report(struct ctl *ctl, const char *word)
{
	struct daemon d;
	int rc = daemon_probe(ctl, &d);

	return rc != 0 ? api_failed(ctl, rc) : daemon_print(ctl, &d, word);
}

int
verb_start(struct ctl *ctl)
{
	struct daemon d;
	int rc;

	if ((rc = make_home(ctl)) != 0)
		return rc;
	if ((rc = daemon_probe(ctl, &d)) != 0)
		return api_failed(ctl, rc);
	if (d.state == DAEMON_RUNNING) {
		(void)daemon_print(ctl, &d, "already running");
		return CTL_BUSY;
	}
	if (d.state == DAEMON_STALE && d.pid != 0) {
		(void)daemon_print(ctl, &d, "stale");
		ctl_err("it holds the home but does not answer: "
		    "stop it with kill %lld, then start again",
		    (long long)d.pid);
		return CTL_BUSY;
	}
	if (ctl->opt[OPT_FOREGROUND] != NULL)
		return start_foreground(ctl);
	rc = start_daemon(ctl);
	return rc != 0 ? rc : report(ctl, "running");
}

/* 0 when it is gone; *was says whether it had been there. */
static int
stop_daemon(struct ctl *ctl, bool *was)
{
	enum home_code code = home_name(&ctl->home, ctl->opt[OPT_HOME]);
	struct daemon d = { .state = DAEMON_STOPPED };
	int rc;

	*was = false;
	if (code == HOME_OK)
		code = home_open(&ctl->home);
	if (code == HOME_ABSENT)
		return 0;
	if (code != HOME_OK)
		return ctl_open_home(ctl);
	if ((rc = daemon_probe(ctl, &d)) != 0)
		return api_failed(ctl, rc);
	if (d.state == DAEMON_STOPPED)
		return 0;
	*was = true;
	if (d.state == DAEMON_RUNNING)
		return daemon_stop(ctl, &d);
	ctl_err("a process holds the home but does not answer%s",
	    d.pid != 0 ? "" : ": covenctl doctor says more");
	if (d.pid != 0)
		ctl_err("stop it by hand: kill %lld", (long long)d.pid);
	return CTL_FAILED;
}

int
verb_stop(struct ctl *ctl)
{
	struct daemon gone = { .state = DAEMON_STOPPED };
	bool was;
	int rc = stop_daemon(ctl, &was);

	if (rc != 0)
		return rc;
	return daemon_print(ctl, &gone, was ? "stopped" : "was not running");
}

int
verb_restart(struct ctl *ctl)
{
	bool was;
	int rc = stop_daemon(ctl, &was);

	home_close(&ctl->home);
	if (rc != 0 || (rc = make_home(ctl)) != 0 ||
	    (rc = start_daemon(ctl)) != 0)
		return rc;
	return report(ctl, was ? "restarted" : "running");
}
