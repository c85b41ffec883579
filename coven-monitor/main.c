/*
 * coven-monitor: holds the home, the listening socket and the right to start
 * and end the others.  It parses no HTTP, JSON, TOML or SQL.
 */
#include <sys/prctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/failpoint.h"
#include "common/mem.h"
#include "coven-monitor/audit_key.h"
#include "coven-monitor/conf_load.h"
#include "coven-monitor/confine.h"
#include "coven-monitor/explain.h"
#include "coven-monitor/mode.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/notify.h"
#include "sandbox/profile.h"
#include "sandbox/role.h"

struct options {
	const char	*home;
	const char	*failpoint;
	uid_t		 owner;
	int		 ready_fd;
	bool		 check_config;	/* start nothing */
	bool		 show_config;	/* and print what is in force */
	const char	*explain;	/* and judge this URL for: */
	const char	*harness, *project;
};

static const char *const programs[ROLE__COUNT] = {
	[ROLE_APID] = "coven-apid",
	[ROLE_STORED] = "coven-stored",
	[ROLE_RUNNER] = "coven-runner",
	[ROLE_INIT] = "coven-init",
	[ROLE_CONFREAD] = "coven-confread",
	[ROLE_ARCHIVER] = "coven-archiver",
	[ROLE_REMOVER] = "coven-remover",
	[ROLE_GATEWAY] = "coven-gateway",
	[ROLE_RESOLVER] = "coven-resolver",
	[ROLE_APPLIER] = "coven-applier",
};

static struct monitor monitor;
#ifdef COVEN_FAILPOINTS
static const char *failpoint;
#endif

const char *
monitor_program_name(enum role r)
{
	return programs[r];
}

/*
 * An apid that is not its owner could not map him, and every peer would read
 * as the overflow uid.
 */
bool
monitor_role_userns(const struct monitor *m, enum role role)
{
	return m->userns && !(role == ROLE_APID && m->owner.root);
}

void
monitor_role_args(struct monitor *m, enum role role, const char **arg)
{
	size_t i = 0;

	while (arg[i] != NULL)
		i++;
	if (role != ROLE_INIT && !monitor_role_userns(m, role))
		arg[i++] = ROLE_NO_USERNS;
#ifdef COVEN_FAILPOINTS
	const char *name = msg_role_name(role);

	if (failpoint != NULL && strncmp(failpoint, "clock.", 6) == 0) {
		arg[i++] = ROLE_FAILPOINT;
		arg[i] = failpoint;
		return;
	}
	if (failpoint == NULL || (m->failpoint_given & (1u << role)) ||
	    strncmp(failpoint, name, strlen(name)) != 0)
		return;
	m->failpoint_given |= 1u << role;
	arg[i++] = ROLE_FAILPOINT;
	arg[i] = failpoint;
#endif
}

/* As whom our own roles run decides whether they can have namespaces. */
static void
probe(struct monitor *m)
{
	struct uids_role id = uids_role(&m->uids, ROLE_STORED);
	int r;

	if (m->owner.root)
		owner_become(&m->owner, id.uid, id.gid);
	/* A change of ids makes a process undumpable; an exec undoes that. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	r = profile_probe_userns();
	owner_restore(&m->owner);
	m->userns = r == 0;
	if (r < 0)
		log_warn("user namespaces: %s: the suite's own roles do "
		    "without; no session can start (covenctl doctor says why)",
		    strerror(-r));
}

static void __attribute__((noreturn))
usage(int status)
{
	fputs("usage: coven-monitor [--home DIR] [--owner UID] "
	    "[--ready-fd N] [--check-config | --show-config]\n"
	    "       coven-monitor [--home DIR] --explain URL "
	    "[--harness ID] [--project DIR]\n"
	    "       coven-monitor --dump-protocol | --dump-limits | "
	    "--list-failpoints | --version\n", status == 0 ? stdout : stderr);
	exit(status);
}

static long
number(const char *what, const char *text, long max)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (errno != 0 || *text == '\0' || *end != '\0' || v < 0 || v > max) {
		fprintf(stderr, "coven-monitor: --%s %s: it must be a number "
		    "from 0 to %ld\n", what, text, max);
		exit(64);
	}
	return v;
}

enum { OPT_HOME = 256, OPT_OWNER, OPT_READY, OPT_CHECK, OPT_SHOW, OPT_EXPLAIN,
	OPT_HARNESS, OPT_PROJECT, OPT_PROTOCOL,
	OPT_LIMITS, OPT_FAILPOINT, OPT_FAILPOINTS, OPT_VERSION, OPT_HELP };

static void
parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "home", required_argument, NULL, OPT_HOME },
		{ "owner", required_argument, NULL, OPT_OWNER },
		{ "ready-fd", required_argument, NULL, OPT_READY },
		{ "check-config", no_argument, NULL, OPT_CHECK },
		{ "show-config", no_argument, NULL, OPT_SHOW },
		{ "explain", required_argument, NULL, OPT_EXPLAIN },
		{ "harness", required_argument, NULL, OPT_HARNESS },
		{ "project", required_argument, NULL, OPT_PROJECT },
		{ "dump-protocol", no_argument, NULL, OPT_PROTOCOL },
		{ "dump-limits", no_argument, NULL, OPT_LIMITS },
		{ "failpoint", required_argument, NULL, OPT_FAILPOINT },
		{ "list-failpoints", no_argument, NULL, OPT_FAILPOINTS },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case OPT_HOME:
			o->home = optarg;
			break;
		case OPT_OWNER:
			o->owner = (uid_t)number("owner", optarg, INT_MAX);
			break;
		case OPT_READY:
			o->ready_fd = (int)number("ready-fd", optarg, 1023);
			break;
		case OPT_SHOW:
			o->show_config = true;
			/* FALLTHROUGH */
		case OPT_CHECK:
			o->check_config = true;
			break;
		case OPT_EXPLAIN:
			o->explain = optarg;
			o->check_config = true;
			break;
		case OPT_HARNESS:
			o->harness = optarg;
			break;
		case OPT_PROJECT:
			o->project = optarg;
			break;
		case OPT_PROTOCOL:
			msg_dump(stdout);
			exit(0);
		case OPT_LIMITS:
			conf_dump(stdout);
			exit(0);
		case OPT_FAILPOINT:
#ifndef COVEN_FAILPOINTS
			fputs("coven-monitor: --failpoint: this is not a test "
			    "build\n", stderr);
			exit(64);
#endif
			o->failpoint = optarg;
			break;
		case OPT_FAILPOINTS:
			failpoint_list(stdout);
			exit(0);
		case OPT_VERSION:
			puts(PACKAGE_STRING);
			exit(0);
		case OPT_HELP:
			usage(0);
		default:
			usage(64);
		}
	}
	if (optind != argc)
		usage(64);
}

/* 0, 1 and 2 are open, whatever our parent forgot. */
static void
check_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd < 0)
		exit(FATAL_STATUS);
	(void)close(fd);
}

/*
 * The programs lie beside this one, wherever it was installed; opened once,
 * so that an upgrade on disk never mixes builds.
 */
static int
open_programs(struct monitor *m)
{
	char self[PATH_MAX], path[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	int r;

	if (n <= 0)
		return -errno;
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	for (r = 0; r < ROLE__COUNT; r++) {
		m->programs[r] = -1;
		if (programs[r] == NULL)
			continue;
		(void)snprintf(path, sizeof(path), "%s/../libexec/coven/%s",
		    self, programs[r]);
		m->programs[r] = open(path, O_PATH | O_CLOEXEC);
		if (m->programs[r] == -1) {
			log_error("open %s: %s", path, strerror(errno));
			return -errno;
		}
	}
	return 0;
}

/* What our parent ignored, our children would. */
static void
default_signals(void)
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);	/* KILL and STOP refuse */
	(void)signal(SIGPIPE, SIG_IGN);
}

static int
take_home(struct monitor *m, const char *given, bool check)
{
	autofree char *path = home_choose(given, &m->owner);
	int r;

	owner_enter(&m->owner);
	r = home_open(&m->home, path, &m->owner);
	/* Looking at configuration is no business of one that serves. */
	if (r == 0 && !check)
		r = home_lock(&m->home);
	if (r == 0 && !check)
		r = sock_check(&m->home);
	owner_leave(&m->owner);
	return r;
}

static int
open_socket(struct monitor *m)
{
	int r;

	owner_enter(&m->owner);
	r = sock_open(&m->sock, &m->home);
	owner_leave(&m->owner);
	if (r != 0)
		return r;
	FAILPOINT("monitor.before-announce");
	owner_enter(&m->owner);
	r = sock_announce(&m->sock, &m->home);
	owner_leave(&m->owner);
	if (r < 0) {
		log_error("write daemon.json: %s", strerror(-r));
		return EXIT_HOME;
	}
	return 0;
}

/* A terminal that goes away is no wish to stop; SIGINT at one is. */
static void
on_signal(void *ctx, int sig)
{
	if (sig == SIGHUP)
		log_info("SIGHUP: it goes on");
	else
		supervise_stop(ctx, sig == SIGTERM ? "SIGTERM" : "SIGINT");
}

static enum log_level
level_of(const char *name)
{
	static const struct {
		const char	*name;
		enum log_level	 level;
	} levels[] = {
		{ "error", LOG_LEVEL_ERROR }, { "warn", LOG_LEVEL_WARN },
		{ "info", LOG_LEVEL_INFO }, { "debug", LOG_LEVEL_DEBUG },
	};
	size_t i;

	for (i = 0; i < nitems(levels); i++)
		if (strcmp(name, levels[i].name) == 0)
			return levels[i].level;
	return LOG_LEVEL_INFO;
}

/* stored gets the key and never the file of heads. */
static int
open_audit(struct monitor *m)
{
	int r;

	owner_enter(&m->owner);
	r = audit_key_open(&m->home, &m->audit_key);
	owner_leave(&m->owner);
	return r == 0 ? heads_open(m) : r;
}

static int
prepare(struct monitor *m, const struct options *o)
{
	int r;

	owner_init(&m->owner, o->owner);
	if (!m->owner.root && o->owner != geteuid()) {
		log_error("owner %u: only root can serve another user",
		    o->owner);
		return EXIT_HOME;
	}
	if (open_programs(m) < 0)
		return EXIT_HOME;
	r = take_home(m, o->home, o->check_config);
	if (r != 0)
		return r;
	r = uids_claim(&m->uids, &m->owner);
	if (r < 0) {
		log_error("claim a range of ids: %s", strerror(-r));
		return EXIT_HOME;
	}
	probe(m);
	if (!o->check_config)
		cgroup_open(&m->cgroup, &m->home.st, m->owner.uid);
	confine_self(m->owner.root);
	harness_table_init(&m->harnesses);
	notify_status("reads the configuration");
	r = conf_load(m);
	if (r != 0 && o->check_config)
		roster_load(m);		/* all that is wrong, at once */
	if (r != 0)
		return r;
	log_init(NULL, level_of(m->conf.log_level));
	if (!o->check_config)
		mode_choose(m);
	r = home_check_fs(&m->home, &m->conf);
	if (r == 0 && !o->check_config)
		r = open_audit(m);
	if (r != 0)
		return r;
	harness_table_locate(&m->harnesses, &m->owner, &m->home);
	roster_load(m);
	return o->check_config ? roster_status(m) : 0;
}

int
main(int argc, char **argv)
{
	static const int watched[] = { SIGTERM, SIGINT, SIGHUP };
	struct options o = { .owner = getuid(), .ready_fd = -1,
	    .harness = "codex", .project = "" };
	struct monitor *m = &monitor;
	int r;

	check_standard_descriptors();
	log_init(NULL, LOG_LEVEL_INFO);
	parse(argc, argv, &o);
#ifdef COVEN_FAILPOINTS
	failpoint = o.failpoint;
	if (failpoint != NULL && (strncmp(failpoint, "monitor.", 8) == 0 ||
	    strncmp(failpoint, "clock.", 6) == 0))
		failpoint_arm(failpoint);
#endif
	umask(077);
	if (o.ready_fd >= 0)
		(void)fcntl(o.ready_fd, F_SETFD, FD_CLOEXEC);
	m->ready_fd = o.ready_fd;
	m->stop_conn = m->sock.fd = m->cgroup.dir = -1;
	m->stored.pidfd.fd = m->apid.pidfd.fd = -1;
	default_signals();
	notify_init();
	m->loop = loop_new();
	msg_table_digest(m->table_digest);
	r = prepare(m, &o);
	if (r == 0 && o.show_config)
		conf_show(&m->conf, stdout);
	if (r == 0 && o.explain != NULL)
		r = explain(m, o.explain, o.harness, o.project);
	if (r != 0 || o.check_config) {
		cgroup_close(&m->cgroup);
		return r;
	}
	r = loop_signals(m->loop, watched, nitems(watched), on_signal, m);
	if (r < 0)
		fatal("watch signals: %s", strerror(-r));
	/* Before anybody can connect, after nobody else can be serving. */
	r = token_open(m);
	if (r == 0)
		r = open_socket(m);
	if (r != 0) {
		token_close(m);
		cgroup_close(&m->cgroup);
		return r;
	}
	supervise_start(m);
	r = loop_run(m->loop);
	token_close(m);
	owner_enter(&m->owner);
	sock_remove(&m->sock, &m->home);
	owner_leave(&m->owner);
	cgroup_close(&m->cgroup);
	log_info("stopped");
	return r != 0 ? r : m->exit_status;
}
