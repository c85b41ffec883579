/*
 * Archiver and extractor as processes: packed trees read back, trees that
 * change meanwhile, and archives that somebody hostile has made.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/spawn.h"
#include "tests/unit/work_driver.h"

/* Last: it defines words that a table of ours has as well. */
#include <archive.h>
#include <archive_entry.h>

#define PACKER		"coven-archiver/coven-archiver"
#define UNPACKER	"coven-archiver/coven-extractor"
#define REMOVER		"coven-remover/coven-remover"

static const struct msg_pack roomy = { .max_bytes = 1 << 30,
    .max_entries = 1 << 20, .max_packed = 1 << 30, .ms = 60000, .level = 1 };
static const struct msg_unpack wide = { .max_bytes = 1 << 30,
    .max_entries = 1 << 20, .ms = 60000 };

static char base[64];
static int basefd;

/* --- folders and files of a test --- */

static int
folder(const char *name)
{
	int fd;

	assert_int_equal(mkdirat(basefd, name, 0700), 0);
	fd = openat(basefd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
file(int dir, const char *name, const char *text, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static int
temporary(void)
{
	int fd = open(base, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

/* Whatever a test has left in the base goes through the remover. */
static int
teardown(void **state)
{
	struct work w;

	(void)state;
	work_remove(&w, REMOVER, basefd, 60000);
	return strcmp(worker_outcome(w.removed.code), "done") == 0 ? 0 : -1;
}

static int
content_of(int dir, const char *name, char *text, size_t size)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW |
	    O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;

	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? -errno : 0;
}

/* --- reading what was packed --- */

typedef void	 each_fn(struct archive *, struct archive_entry *, void *);

static unsigned
each(int fd, each_fn *fn, void *ctx)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	unsigned n = 0;
	int r;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(archive_read_support_filter_zstd(a), ARCHIVE_OK);
	assert_int_equal(archive_read_support_format_gnutar(a), ARCHIVE_OK);
	assert_int_equal(archive_read_open_fd(a, fd, 65536), ARCHIVE_OK);
	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK) {
		n++;
		fn(a, e, ctx);
	}
	assert_int_equal(r, ARCHIVE_EOF);
	(void)archive_read_free(a);
	return n;
}

static void
is_plain(struct archive *a, struct archive_entry *e, void *ctx)
{
	const char *name = archive_entry_uname(e);
	mode_t type = archive_entry_filetype(e);

	(void)a;
	(void)ctx;
	assert_int_equal(archive_entry_uid(e), 0);
	assert_int_equal(archive_entry_gid(e), 0);
	assert_true(name == NULL || *name == '\0');
	assert_int_equal(archive_entry_perm(e) & 07000, 0);
	assert_true(archive_entry_hardlink(e) != NULL || type == AE_IFREG ||
	    type == AE_IFDIR || type == AE_IFLNK);
	assert_int_equal(archive_entry_xattr_count(e), 0);
	assert_true(archive_entry_pathname(e)[0] != '/');
}

static void
fill_tree(int fd)
{
	char longest[256];

	memset(longest, 'x', 255);
	longest[255] = '\0';
	file(fd, "plain", "hello\n", 0644);
	file(fd, "set-id", "x", 06755);
	file(fd, "empty", "", 0600);
	file(fd, "\xff\n \xc3\xa9", "odd name", 0640);
	file(fd, longest, "long name", 0600);
	assert_int_equal(mkdirat(fd, "sub", 0755), 0);
	assert_int_equal(mkdirat(fd, "sub/deeper", 0700), 0);
	file(fd, "sub/deeper/f", "deep\n", 0755);
	assert_int_equal(linkat(fd, "sub/deeper/f", fd, "sub/hard", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", fd, "outward"), 0);
	assert_int_equal(symlinkat("plain", fd, "sub/inward"), 0);
}

static void
there_and_back(void **state)
{
	autoclose int from = folder("from"), to = folder("to");
	autoclose int out = temporary();
	struct stat st, hard;
	struct work w;
	char text[64];

	(void)state;
	fill_tree(from);
	assert_int_equal(mkfifoat(from, "fifo", 0600), 0);
	work_pack(&w, PACKER, from, out, &roomy);
	assert_true(w.answered);
	assert_string_equal(worker_outcome(w.packed.code), "left out");
	assert_int_equal(w.packed.special, 1);
	assert_string_equal(w.name, "fifo");
	assert_int_equal(w.packed.entries, 11);
	assert_int_equal(each(out, is_plain, NULL), 11);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	work_unpack(&w, UNPACKER, out, to, &wide);
	assert_true(w.answered);
	assert_string_equal(w.why, "");
	assert_string_equal(worker_outcome(w.unpacked.code), "done");
	assert_int_equal(w.unpacked.entries, 11);
	assert_int_equal(content_of(to, "plain", text, sizeof(text)), 0);
	assert_string_equal(text, "hello\n");
	assert_int_equal(content_of(to, "\xff\n \xc3\xa9", text,
	    sizeof(text)), 0);
	assert_string_equal(text, "odd name");
	assert_int_equal(fstatat(to, "set-id", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fstatat(to, "sub/hard", &hard, 0), 0);
	assert_int_equal(fstatat(to, "sub/deeper/f", &st, 0), 0);
	assert_int_equal(st.st_ino, hard.st_ino);
	assert_int_equal(readlinkat(to, "outward", text, sizeof(text)), 11);
	assert_int_equal(fstatat(to, "fifo", &st, 0), -1);
}

/* --- bounds of packing --- */

static void
holes_are_bounded_by_their_bytes(void **state)
{
	autoclose int from = folder("from"), out = temporary();
	struct msg_pack m = roomy;
	struct work w;

	(void)state;
	file(from, "small", "small", 0600);
	file(from, "sparse", "", 0600);
	{
		autoclose int fd = openat(from, "sparse", O_WRONLY);

		assert_int_equal(ftruncate(fd, INT64_C(1) << 40), 0);
	}
	m.max_bytes = 1 << 20;
	work_pack(&w, PACKER, from, out, &m);
	assert_string_equal(worker_outcome(w.packed.code), "left out");
	assert_int_equal(w.packed.large, 1);
	assert_string_equal(w.name, "sparse");
	assert_int_equal(w.packed.bytes, 5);
	assert_int_equal(each(out, is_plain, NULL), 1);
}

static void
bounds_leave_an_archive(void **state)
{
	autoclose int from = folder("from"), out = temporary();
	struct msg_pack m = roomy;
	char name[32];
	struct work w;
	int i;

	(void)state;
	for (i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		file(from, name, "x", 0600);
	}
	m.max_entries = 20;
	work_pack(&w, PACKER, from, out, &m);
	assert_string_equal(worker_outcome(w.packed.code), "limit");
	assert_int_equal(w.packed.entries, 20);
	assert_int_equal(each(out, is_plain, NULL), 20);
}

static void
depth_is_bounded(void **state)
{
	autoclose int from = folder("from"), out = temporary();
	int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), i;
	struct work w;

	(void)state;
	assert_int_equal(fchdir(from), 0);
	for (i = 0; i < 1000; i++)
		if (mkdir("d", 0700) == -1 || chdir("d") == -1)
			fail_msg("%s", strerror(errno));
	assert_int_equal(fchdir(back), 0);
	(void)close(back);
	work_pack(&w, PACKER, from, out, &roomy);
	assert_string_equal(worker_outcome(w.packed.code), "left out");
	assert_int_equal(w.packed.deep, 1);
	assert_int_equal(w.packed.entries, 255);
}

static void
no_room_for_it_is_no_archive(void **state)
{
	autoclose int from = folder("from"), out = temporary();
	struct msg_pack m = roomy;
	struct work w;

	(void)state;
	fill_tree(from);
	m.max_packed = 10;
	work_pack(&w, PACKER, from, out, &m);
	assert_string_equal(worker_outcome(w.packed.code), "failed");
	assert_int_equal(w.packed.error, EFBIG);
}

/* --- a tree that changes --- */

#define SECRET	"bytes-of-the-outside"

/* Files become links outward, grow, shrink, become folders and FIFOs. */
static _Noreturn void
stir(int fd, const char *outside)
{
	char dir[128];
	unsigned n = 0;

	(void)snprintf(dir, sizeof(dir), "%s", outside);
	*strrchr(dir, '/') = '\0';
	for (;; n++) {
		char a[16], b[16], c[32];
		int r = 0, h;

		(void)snprintf(a, sizeof(a), "s%u", n % 7);
		(void)snprintf(b, sizeof(b), "s%u", (n / 7) % 7);
		(void)snprintf(c, sizeof(c), "%s/secret", a);
		r |= unlinkat(fd, b, 0);
		r |= mkdirat(fd, a, 0700);
		h = openat(fd, c, O_WRONLY | O_CREAT | O_CLOEXEC |
		    O_NOFOLLOW, 0600);
		if (h >= 0) {
			r |= ftruncate(h, n % 100000);
			(void)close(h);
		}
		r |= symlinkat(n % 2 ? outside : dir, fd, b);
		r |= renameat2(fd, a, fd, b, n % 3 ? RENAME_EXCHANGE : 0);
		if (n % 50 == 0)
			r |= mkfifoat(fd, "fifo", 0600);
		if (r == 12345)
			_exit(1);
	}
}

static void
holds_no_secret(struct archive *a, struct archive_entry *e, void *ctx)
{
	char block[4096];
	la_ssize_t n;

	is_plain(a, e, ctx);
	while ((n = archive_read_data(a, block, sizeof(block))) > 0)
		if (memmem(block, (size_t)n, SECRET, strlen(SECRET)) != NULL)
			fail_msg("%s came from outside",
			    archive_entry_pathname(e));
	assert_int_equal(n, 0);
}

static void
a_tree_that_changes(void **state)
{
	autoclose int from = folder("from"), other = folder("outside");
	time_t end = time(NULL) + (getenv("COVEN_LONG") != NULL ? 60 : 5);
	unsigned rounds = 0;
	char outside[128];
	struct work w;
	pid_t pid;
	int status;

	(void)state;
	(void)snprintf(outside, sizeof(outside), "%s/outside/secret", base);
	file(other, "secret", SECRET, 0600);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		stir(from, outside);
	while (time(NULL) < end) {
		autoclose int out = temporary();

		work_pack(&w, PACKER, from, out, &roomy);
		assert_true(w.answered);
		assert_true(w.packed.code == WORKER_DONE ||
		    w.packed.code == WORKER_LEFT);
		assert_int_equal(each(out, holds_no_secret, NULL),
		    w.packed.entries);
		rounds++;
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	print_message("%u archives\n", rounds);
	assert_true(rounds > 3);
}

/* --- hostile archives --- */

struct row {
	const char	*path;
	mode_t		 type;		/* AE_IF*; 0: a hard link */
	const char	*target;
	mode_t		 mode;
	const char	*text;
};

#define F(p)		{ (p), AE_IFREG, NULL, 0644, "x" }
#define D(p)		{ (p), AE_IFDIR, NULL, 0755, NULL }
#define L(p, t)		{ (p), AE_IFLNK, (t), 0777, NULL }
#define H(p, t)		{ (p), 0, (t), 0644, NULL }
#define ROWS		5

static const struct {
	const char	*name, *why;
	struct row	 rows[ROWS];
} hostile[] = {
	{ "up", "a name of dots", { F("../slip") } },
	{ "up further on", "a name of dots", { D("a"), F("a/../../slip") } },
	{ "absolute", "an absolute name", { F("/tmp/slip") } },
	{ "a dot", "a name of dots", { F("./x") } },
	{ "nothing between", "an empty name", { D("a"), F("a//x") } },
	{ "through a link", "a name beneath what is no folder of it",
	    { L("a", "/tmp"), F("a/slip") } },
	{ "through a link of its own", "a name beneath what is no folder of "
	    "it", { D("d"), L("a", "d"), F("a/x") } },
	{ "over a link", "a name that is there already",
	    { L("a", "/tmp/slip"), F("a") } },
	{ "over a file", "a name that is there already", { F("a"), F("a") } },
	{ "a hard link out", "a hard link to what cannot be a name",
	    { H("a", "/etc/passwd") } },
	{ "a hard link up", "a hard link to what cannot be a name",
	    { H("a", "../../etc/passwd") } },
	{ "a hard link to a link", "a hard link to what is no file",
	    { L("a", "/etc/passwd"), H("b", "a") } },
	{ "a hard link through a link", "a name beneath what is no folder of "
	    "it", { L("a", "/etc"), H("b", "a/passwd") } },
	{ "a device", "neither a file, a folder nor a link",
	    { { "null", AE_IFCHR, NULL, 0666, NULL } } },
	{ "a disk", "neither a file, a folder nor a link",
	    { { "disk", AE_IFBLK, NULL, 0666, NULL } } },
	{ "a FIFO", "neither a file, a folder nor a link",
	    { { "fifo", AE_IFIFO, NULL, 0666, NULL } } },
	{ "no folder for it", "a name beneath what is no folder of it",
	    { F("a/b") } },
};

static void
put_row(struct archive *a, const struct row *row)
{
	struct archive_entry *e = archive_entry_new();
	size_t n = row->text != NULL ? strlen(row->text) : 0;

	archive_entry_set_pathname(e, row->path);
	archive_entry_set_mode(e, (row->type != 0 ? row->type : AE_IFREG) |
	    row->mode);
	archive_entry_set_size(e, (la_int64_t)n);
	if (row->type == AE_IFLNK)
		archive_entry_set_symlink(e, row->target);
	if (row->type == 0)
		archive_entry_set_hardlink(e, row->target);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	if (n > 0)
		assert_int_equal(archive_write_data(a, row->text, n), n);
	archive_entry_free(e);
}

static struct archive *
begin(int fd)
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_add_filter_zstd(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_gnutar(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
	return a;
}

static void
end(struct archive *a, int fd)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	(void)archive_write_free(a);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
}

static void
each_trick_is_refused(void **state)
{
	struct stat st;
	struct work w;
	size_t i, k;

	(void)state;
	for (i = 0; i < nitems(hostile); i++) {
		autoclose int fd = temporary(), to = folder("to");
		struct archive *a = begin(fd);

		for (k = 0; k < ROWS && hostile[i].rows[k].path != NULL; k++)
			put_row(a, &hostile[i].rows[k]);
		end(a, fd);
		work_unpack(&w, UNPACKER, fd, to, &wide);
		assert_true(w.answered);
		if (strcmp(w.why, hostile[i].why) != 0)
			fail_msg("%s: %s", hostile[i].name, w.why);
		assert_string_equal(worker_outcome(w.unpacked.code), "refused");
		assert_int_equal(stat("/tmp/slip", &st), -1);
		assert_int_equal(fstatat(basefd, "slip", &st, 0), -1);
		assert_int_equal(teardown(NULL), 0);
	}
}

static void
set_id_bits_are_masked(void **state)
{
	static const struct row row = { "x", AE_IFREG, NULL, 06777, "x" };
	autoclose int fd = temporary(), to = folder("to");
	struct archive *a = begin(fd);
	struct stat st;
	struct work w;

	(void)state;
	put_row(a, &row);
	end(a, fd);
	work_unpack(&w, UNPACKER, fd, to, &wide);
	assert_string_equal(worker_outcome(w.unpacked.code), "done");
	assert_int_equal(fstatat(to, "x", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0777);
}

/* Three hundred megabytes of zeros in a few kilobytes. */
static void
a_bomb(void **state)
{
	autoclose int fd = temporary(), to = folder("to");
	struct archive *a = begin(fd);
	struct archive_entry *e = archive_entry_new();
	autofree char *zeros = mem_zalloc(1, 1 << 20);
	struct msg_unpack m = wide;
	struct work w;
	int i;

	(void)state;
	m.max_bytes = 1 << 20;
	archive_entry_set_pathname(e, "bomb");
	archive_entry_set_mode(e, AE_IFREG | 0644);
	archive_entry_set_size(e, INT64_C(300) << 20);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	for (i = 0; i < 300; i++)
		assert_int_equal(archive_write_data(a, zeros, 1 << 20),
		    1 << 20);
	archive_entry_free(e);
	end(a, fd);
	work_unpack(&w, UNPACKER, fd, to, &m);
	assert_string_equal(w.why, "more bytes than are allowed");
	assert_int_equal(teardown(NULL), 0);
	{
		autoclose int again = folder("to");

		m.max_bytes = UINT64_C(8) << 30;
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		work_unpack(&w, UNPACKER, fd, again, &m);
		assert_string_equal(w.why, "it is a bomb by its ratio");
		assert_string_equal(worker_outcome(w.unpacked.code), "limit");
	}
}

static void
a_million_of_nothing(void **state)
{
	autoclose int fd = temporary(), to = folder("to");
	struct archive *a = begin(fd);
	struct msg_unpack m = wide;
	char name[32];
	struct work w;
	int i;

	(void)state;
	for (i = 0; i < 1000000; i += 10) {
		struct row row = { name, AE_IFREG, NULL, 0600, NULL };

		(void)snprintf(name, sizeof(name), "%d", i);
		put_row(a, &row);
	}
	end(a, fd);
	m.max_entries = 1000;
	work_unpack(&w, UNPACKER, fd, to, &m);
	assert_string_equal(w.why, "more entries than are allowed");
	assert_int_equal(w.unpacked.entries, 1000);
}

static void
too_deep(void **state)
{
	autoclose int fd = temporary(), to = folder("to");
	struct archive *a = begin(fd);
	char name[2 * 300] = "";
	struct work w;
	int i;

	(void)state;
	for (i = 0; i < 280; i++) {
		struct row row = D(name);

		(void)strcat(name, i == 0 ? "d" : "/d");
		put_row(a, &row);
	}
	end(a, fd);
	work_unpack(&w, UNPACKER, fd, to, &wide);
	assert_string_equal(w.why, "a name that is too deep");
}

/* Cut anywhere, or with a byte changed: refused, or what was there. */
static void
damaged(void **state)
{
	autoclose int from = folder("from"), fd = temporary();
	struct work w;
	struct stat st;
	off_t at;

	(void)state;
	fill_tree(from);
	work_pack(&w, PACKER, from, fd, &roomy);
	assert_int_equal(fstat(fd, &st), 0);
	for (at = 0; at < st.st_size; at += 1 + st.st_size / 12) {
		autoclose int cut = temporary(), to = folder("to");
		char all[16384];
		ssize_t n = pread(fd, all, sizeof(all), 0);

		assert_true(n == st.st_size);
		all[at] ^= 0x55;
		assert_int_equal(write(cut, all, (size_t)n), n);
		assert_int_equal(ftruncate(cut, at % 2 ? at : n), 0);
		assert_int_equal(lseek(cut, 0, SEEK_SET), 0);
		work_unpack(&w, UNPACKER, cut, to, &wide);
		assert_true(w.answered);
		assert_int_equal(w.status, 0);
		assert_int_equal(linkat(basefd, "to", basefd, "to2", 0), -1);
		(void)close(to);
		to = openat(basefd, "to", O_RDONLY | O_DIRECTORY);
		work_remove(&w, REMOVER, to, 60000);
		assert_int_equal(unlinkat(basefd, "to", AT_REMOVEDIR), 0);
	}
}

#define CASE(f)	cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(there_and_back),
		CASE(holes_are_bounded_by_their_bytes),
		CASE(bounds_leave_an_archive),
		CASE(depth_is_bounded),
		CASE(no_room_for_it_is_no_archive),
		CASE(a_tree_that_changes),
		CASE(each_trick_is_refused),
		CASE(set_id_bits_are_masked),
		CASE(a_bomb),
		CASE(a_million_of_nothing),
		CASE(too_deep),
		CASE(damaged),
	};
	int r;

	if (!work_possible()) {
		print_message("SKIP: nothing here confines a role\n");
		return 77;
	}
	(void)umask(0);
	(void)snprintf(base, sizeof(base), "%s/test_archiver.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(base) == NULL ||
	    (basefd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return 99;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(base);
	return r;
}
