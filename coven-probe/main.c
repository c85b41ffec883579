/*
 * coven-probe: tries the doors one by one, each in a process of its own, and
 * prints a line about each.  covenctl selftest runs it in a session.
 */
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

#define TRY_S	5	/* for one door */

static const struct family *const families[] = { &files_family,
	&names_family, &setid_family, &leaks_family, &devices_family,
	&processes_family, &victim_family, &privileges_family,
	&network_family, &netlink_family,
	&namespaces_family, &mounts_family, &kernel_family, &calls_family,
	&terminals_family, &inherited_family, &resources_family,
	&objects_family };

int
door(long r)
{
	return r == -1 ? errno : DOOR_OPEN;
}

int
door_behind(long r, int behind, int also)
{
	return r == -1 && errno != behind && errno != also ? errno :
	    DOOR_OPEN;
}

int
door_path(const char *path, int flags)
{
	int fd = path != NULL ? open(path, flags | O_CLOEXEC | O_NONBLOCK |
	    O_NOCTTY, 0600) : -1;

	if (path == NULL)
		return DOOR_UNTRIED;
	if (fd == -1)
		return errno;
	(void)close(fd);
	return DOOR_OPEN;
}

int
door_create(const char *path)
{
	int r = door_path(path, O_WRONLY | O_CREAT | O_EXCL);

	if (r == DOOR_OPEN)
		(void)unlink(path);
	return r;
}

bool
target_number(const char *text, long *out)
{
	char *end;

	if (text == NULL)
		return false;
	*out = strtol(text, &end, 0);
	return end != text && *end == '\0';
}

/* --- one attempt -------------------------------------------------------- */

struct outcome {
	bool	said;
	int	result;
	int	signal;		/* that ended the attempt; 0: none */
};

static void __attribute__((noreturn))
attempt(const struct door *d, const struct targets *t, int out)
{
	int result;

	(void)alarm(TRY_S);
	if (t->outside)
		outside_prepare();
	result = d->try(t);
	_exit(write(out, &result, sizeof(result)) ==
	    (ssize_t)sizeof(result) ? 0 : 1);
}

/* In a process of its own: an attempt may change it, or be its end. */
static struct outcome
try_door(const struct door *d, const struct targets *t)
{
	struct outcome o = { .result = DOOR_UNTRIED };
	int p[2], status = 0;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) == -1 || (pid = fork()) == -1)
		return o;
	if (pid == 0)
		attempt(d, t, p[1]);
	(void)close(p[1]);
	o.said = read(p[0], &o.result, sizeof(o.result)) ==
	    (ssize_t)sizeof(o.result);
	(void)close(p[0]);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (!o.said)
		o.result = DOOR_UNTRIED;
	if (!o.said && WIFSIGNALED(status))
		o.signal = WTERMSIG(status);
	return o;
}

/* "blocked\tEPERM"; of signals the filter's alone is a refusal. */
static void
print(const struct family *f, const struct door *d, struct outcome o,
    bool outside)
{
	const char *word = "blocked", *how = "";

	if (o.said && o.result == DOOR_OPEN)
		word = "open";
	else if (o.said && o.result > 0) {
		how = strerrorname_np(o.result);
		how = how != NULL ? how : "refused";
	} else if (o.signal == SIGSYS)
		how = "SIGSYS";
	else
		word = "untried";
	/* This host has nothing of the kind. */
	if (outside && d->control == HOST && strcmp(word, "open") != 0)
		word = "untried";
	printf("%s\t%s\t%s\t%s\t%s\n", f->name, d->name, word, how, d->what);
}

/* --- what was set up ---------------------------------------------------- */

static const struct {
	const char	*name;
	size_t		 offset;
} names[] = {
#define T(field)	{ #field, offsetof(struct targets, field) }
	T(secret), T(home), T(home_is), T(coven_home), T(socket), T(beside),
	T(inside), T(fifo), T(link), T(abstract), T(port), T(victim), T(shm),
	T(queue), T(word), T(semaphore), T(mqueue), T(shmfile), T(first),
	T(linger),
#undef T
	{ "mark", offsetof(struct targets, mark) },
	{ "mark2", offsetof(struct targets, mark) + sizeof(const char *) },
};

static bool
take_target(struct targets *t, char *arg)
{
	char *eq = strchr(arg, '=');

	for (size_t i = 0; eq != NULL &&
	    i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == (size_t)(eq - arg) &&
		    strncmp(names[i].name, arg, (size_t)(eq - arg)) == 0) {
			*(const char **)(void *)((char *)t +
			    names[i].offset) = eq + 1;
			return true;
		}
	return false;
}

static void __attribute__((noreturn))
usage(void)
{
	(void)fputs("usage: coven-probe doors|control|list [NAME=VALUE ...]\n"
	    "       coven-probe stay MARK\n"
	    "       coven-probe outlive MARK KEY\n", stderr);
	exit(64);
}

/* A process to be found: waits, whatever its arguments say. */
static void __attribute__((noreturn))
stay(void)
{
	puts("here");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}

static void
leave_objects(const char *mark, const char *key)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = strlen(mark);
	char path[128];
	long number;
	int fd;

	(void)snprintf(path, sizeof(path), "/tmp/%.64s", mark);
	(void)open(path, O_WRONLY | O_CREAT, 0600);
	(void)snprintf(path, sizeof(path), "/dev/shm/%.64s", mark);
	(void)open(path, O_WRONLY | O_CREAT, 0600);
	if (target_number(key, &number)) {
		(void)shmget((key_t)number, 4096, IPC_CREAT | 0600);
		(void)msgget((key_t)number, IPC_CREAT | 0600);
		(void)semget((key_t)number, 1, IPC_CREAT | 0600);
	}
	(void)snprintf(path, sizeof(path), "/%.64s", mark);
	(void)mq_open(path, O_RDWR | O_CREAT, 0600, NULL);
	(void)snprintf(path, sizeof(path), "/tmp/%.64s.fifo", mark);
	(void)mkfifo(path, 0600);
	if (n + 1 >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path + 1, mark, n);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)bind(fd, (struct sockaddr *)&sun, (socklen_t)
	    (offsetof(struct sockaddr_un, sun_path) + 1 + n));
	(void)listen(fd, 1);
}

/* Detached twice, deaf, and with things of its own: the session ends. */
static int
outlive(const char *mark, const char *key)
{
	char byte;
	int p[2];

	if (pipe(p) == -1 || fork() != 0) {
		/* Until the other one is there. */
		(void)close(p[1]);
		return read(p[0], &byte, 1) == 1 ? 0 : 1;
	}
	(void)setsid();
	if (fork() != 0)
		_exit(0);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_IGN);
	leave_objects(mark, key);
	(void)close(0);
	(void)close(1);
	(void)close(2);
	(void)!write(p[1], "", 1);
	for (;;)
		(void)pause();
}

static const char *const controls[] = { [OWNER] = "owner", [ROOT] = "root",
    [HOST] = "host", [NEVER] = "never" };

enum verb { VERB_DOORS, VERB_CONTROL, VERB_LIST };

/* True: it was its turn. */
static bool
take_door(const struct family *f, const struct door *d, enum verb verb,
    const struct targets *t)
{
	if (verb == VERB_LIST) {
		printf("%s\t%s\t%s\t%s\n", f->name, d->name,
		    controls[d->control], d->what);
		return true;
	}
	if (t->outside && (d->control == NEVER ||
	    (d->control == ROOT && geteuid() != 0)))
		return false;
	print(f, d, try_door(d, t), t->outside);
	return true;
}

static enum verb
verb_of(int argc, char **argv)
{
	static const char *const verbs[] = { "doors", "control", "list" };

	for (size_t i = 0; argc > 1 && i < nitems_of(verbs); i++)
		if (strcmp(argv[1], verbs[i]) == 0)
			return (enum verb)i;
	usage();
}

int
main(int argc, char **argv)
{
	struct targets t = { 0 };
	enum verb verb;
	long linger;
	size_t n = 0;

	if (argc == 3 && strcmp(argv[1], "stay") == 0)
		stay();
	if (argc == 4 && strcmp(argv[1], "outlive") == 0)
		return outlive(argv[2], argv[3]);
	verb = verb_of(argc, argv);
	for (int i = 2; i < argc; i++)
		if (!take_target(&t, argv[i]))
			usage();
	t.outside = verb == VERB_CONTROL;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < nitems_of(families); i++)
		for (size_t k = 0; k < families[i]->n; k++)
			n += take_door(families[i], &families[i]->doors[k],
			    verb, &t);
	/* Long enough for who looks at the session from outside. */
	if (target_number(t.linger, &linger))
		(void)poll(NULL, 0, (int)linger);
	/* Only this line says that every door was tried. */
	printf("end\t%zu\n", n);
	return 0;
}
