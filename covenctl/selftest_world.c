/* selftest: files, sockets and a process that a session must not reach. */
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <mqueue.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/selftest.h"

static void __attribute__((format(printf, 3, 4)))
target(struct world *w, const char *name, const char *fmt, ...)
{
	size_t n;
	va_list ap;

	if (w->ntargets == nitems(w->targets))
		return;
	n = (size_t)snprintf(w->targets[w->ntargets],
	    sizeof(w->targets[0]), "%s=", name);
	va_start(ap, fmt);
	(void)vsnprintf(w->targets[w->ntargets] + n,
	    sizeof(w->targets[0]) - n, fmt, ap);
	va_end(ap);
	w->ntargets++;
}

static void
keep(struct world *w, int fd)
{
	if (fd != -1 && w->nfds < nitems(w->fds))
		w->fds[w->nfds++] = fd;
	else if (fd != -1)
		(void)close(fd);
}

/* path, or an abstract name where it begins with '@'. */
static bool
listen_unix(struct world *w, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int fd;

	if (n >= sizeof(sun.sun_path))
		return false;
	memcpy(sun.sun_path, path, n);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n +
	    (path[0] != '@'))) == -1 || listen(fd, 64) == -1) {
		if (fd != -1)
			(void)close(fd);
		return false;
	}
	keep(w, fd);
	return true;
}

static void
listen_tcp(struct world *w)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&in, len) == -1 ||
	    listen(fd, 64) == -1 || getsockname(fd, (struct sockaddr *)&in,
	    &len) == -1) {
		if (fd != -1)
			(void)close(fd);
		return;
	}
	keep(w, fd);
	target(w, "port", "%u", ntohs(in.sin_port));
}

static int
write_file(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	ssize_t n = (ssize_t)strlen(text);

	return fd != -1 && write(fd, text, (size_t)n) == n ? 0 : -1;
}

/* The project is all of the host that the session sees: so must the probe. */
static int
copy_program(const char *from, const char *to)
{
	autoclose int in = open(from, O_RDONLY | O_CLOEXEC);
	autoclose int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0700);
	struct stat st;
	ssize_t n = 1;

	if (in == -1 || out == -1 || fstat(in, &st) == -1 ||
	    fchmod(out, 0755) == -1)
		return -errno;
	while (st.st_size > 0 && n > 0) {
		n = sendfile(out, in, NULL, (size_t)st.st_size);
		if (n > 0)
			st.st_size -= n;
	}
	return st.st_size == 0 ? 0 : -EIO;
}

static void
start_victim(struct world *w)
{
	char mark[80];
	int p[2];
	char byte;

	(void)snprintf(mark, sizeof(mark), "%s%s", w->mark[0], w->mark[1]);
	if (pipe(p) == -1)
		return;
	w->victim = fork();
	if (w->victim == 0) {
		char *argv[] = { w->probe, (char *)(uintptr_t)"stay", mark,
		    NULL };

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setpgid(0, 0);
		/* One looks through its folder: not from below a closed one. */
		if (chdir("/") == -1)
			_exit(127);
		(void)dup2(open("/dev/null", O_RDWR | O_CLOEXEC),
		    STDIN_FILENO);
		(void)dup2(p[1], STDOUT_FILENO);
		(void)close_range(3, ~0U, 0);
		(void)execv(w->probe, argv);
		_exit(127);
	}
	(void)close(p[1]);
	/* Its first word says that it is there to be found. */
	if (w->victim > 0 && read(p[0], &byte, 1) == 1)
		target(w, "victim", "%d", (int)w->victim);
	(void)close(p[0]);
}

/* In file systems that a session has its own of. */
static void
make_named(struct world *w)
{
	(void)snprintf(w->mqueue, sizeof(w->mqueue), "/coven-selftest-%d",
	    (int)getpid());
	/* A descriptor like any other, here. */
	keep(w, mq_open(w->mqueue, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600, NULL));
	target(w, "mqueue", "%s", w->mqueue);
	(void)snprintf(w->shmfile, sizeof(w->shmfile), "/dev/shm%s",
	    w->mqueue);
	if (write_file(w->shmfile, "shared\n") == 0)
		target(w, "shmfile", "%s", w->shmfile);
}

static void
make_objects(struct world *w, const char *base)
{
	char path[160];
	int key = (int)getpid() | 0x43000000;

	(void)snprintf(path, sizeof(path), "%s/beside.sock", base);
	if (listen_unix(w, path))
		target(w, "beside", "%s", path);
	(void)snprintf(path, sizeof(path), "%s/in.sock", w->project);
	if (listen_unix(w, path))
		target(w, "inside", "%s", path);
	(void)snprintf(path, sizeof(path), "%s/fifo", w->project);
	if (mkfifo(path, 0600) == 0) {
		keep(w, open(path, O_RDWR | O_CLOEXEC));
		target(w, "fifo", "%s", path);
	}
	(void)snprintf(path, sizeof(path), "@coven-selftest-%d",
	    (int)getpid());
	if (listen_unix(w, path))
		target(w, "abstract", "%s", path + 1);
	listen_tcp(w);
	w->shm = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600);
	if (w->shm != -1)
		target(w, "shm", "%d", key);
	w->queue = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
	if (w->queue != -1)
		target(w, "queue", "%d", key);
	w->semaphore = semget(key, 1, IPC_CREAT | IPC_EXCL | 0600);
	if (w->semaphore != -1)
		target(w, "semaphore", "%d", key);
	make_named(w);
}

/* Not in /tmp itself: a project must be a folder of one's own. */
static int
make_folders(struct world *w)
{
	const char *tmp = getenv("TMPDIR");
	char path[160];

	if (tmp == NULL || tmp[0] != '/' || strlen(tmp) > 32)
		tmp = "/tmp";
	(void)snprintf(w->base, sizeof(w->base), "%s/coven-selftest.XXXXXX",
	    tmp);
	if (mkdtemp(w->base) == NULL) {
		ctl_err("selftest: %s: %s", w->base, strerror(errno));
		w->base[0] = '\0';
		return CTL_FAILED;
	}
	(void)snprintf(w->project, sizeof(w->project), "%s/project", w->base);
	(void)snprintf(w->probe, sizeof(w->probe), "%s/coven-probe",
	    w->project);
	(void)snprintf(path, sizeof(path), "%s/secret", w->base);
	if (mkdir(w->project, 0700) == -1 ||
	    write_file(path, "secret\n") == -1) {
		ctl_err("selftest: %s: %s", w->base, strerror(errno));
		return CTL_FAILED;
	}
	target(w, "secret", "%s", path);
	(void)snprintf(path, sizeof(path), "%s/link", w->project);
	if (symlink("../secret", path) == 0)
		target(w, "link", "%s", path);
	return 0;
}

/* As much of a repository as it takes to be one. */
static void
make_repository(struct world *w)
{
	static const char *const folders[] = { "", "/objects", "/hooks" };
	char path[160];

	for (size_t i = 0; i < nitems(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/.git%s", w->project,
		    folders[i]);
		(void)mkdir(path, 0700);
	}
	(void)snprintf(path, sizeof(path), "%s/.git/HEAD", w->project);
	(void)write_file(path, "ref: refs/heads/main\n");
	(void)snprintf(path, sizeof(path), "%s/.git/hooks/pre-push",
	    w->project);
	(void)write_file(path, "exit 0\n");
}

int
world_begin(struct selftest *s, struct world *w, const char *probe)
{
	const char *user = getenv("HOME");
	struct stat st;
	int rc;

	*w = (struct world){ .shm = -1, .queue = -1,
	    .semaphore = -1 };
	if ((rc = make_folders(w)) != 0)
		return rc;
	make_repository(w);
	rc = copy_program(probe, w->probe);
	if (rc < 0) {
		ctl_err("selftest: %s: %s", probe, strerror(-rc));
		return CTL_FAILED;
	}
	(void)snprintf(w->mark[0], sizeof(w->mark[0]), "coven-selfte");
	(void)snprintf(w->mark[1], sizeof(w->mark[1]), "st-mark-%d",
	    (int)getpid());
	(void)snprintf(w->word, sizeof(w->word), "tell-nobody-%d",
	    (int)getpid());
	target(w, "mark", "%s", w->mark[0]);
	target(w, "mark2", "%s", w->mark[1]);
	target(w, "word", "%s", w->word);
	target(w, "coven_home", "%s", s->ctl->home.path);
	target(w, "socket", "%s/coven.sock", s->ctl->home.path);
	if (user != NULL && stat(user, &st) == 0) {
		target(w, "home", "%s", user);
		target(w, "home_is", "%jx:%jx", (uintmax_t)st.st_dev,
		    (uintmax_t)st.st_ino);
	}
	make_objects(w, w->base);
	start_victim(w);
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	(void)remove(path);
	(void)type;
	return 0;
}

void
world_end(struct world *w)
{
	if (w->victim > 0) {
		(void)kill(w->victim, SIGKILL);
		(void)waitpid(w->victim, NULL, 0);
	}
	for (size_t i = 0; i < w->nfds; i++)
		(void)close(w->fds[i]);
	if (w->shm != -1)
		(void)shmctl(w->shm, IPC_RMID, NULL);
	if (w->queue != -1)
		(void)msgctl(w->queue, IPC_RMID, NULL);
	if (w->semaphore != -1)
		(void)semctl(w->semaphore, 0, IPC_RMID);
	if (w->mqueue[0] != '\0')
		(void)mq_unlink(w->mqueue);
	if (w->shmfile[0] != '\0')
		(void)unlink(w->shmfile);
	/* Its session is over; links in it are not followed. */
	if (w->base[0] != '\0')
		(void)nftw(w->base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
