/* The only file that includes seccomp.h. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <seccomp.h>

#include "common/buf.h"
#include "common/mem.h"
#include "sandbox/filter.h"
#include "sandbox/syscalls.h"

#define LOW32		0xffffffffULL
#define CODE_MAX	(BPF_MAXINSNS * sizeof(struct sock_filter))

const char *
filter_name(enum filter_id id)
{
	return syscall_filter(id)->name;
}

const char *
filter_library(void)
{
	const struct scmp_version *v = seccomp_version();
	static char text[128];
	struct utsname u;

	(void)snprintf(text, sizeof(text), "libseccomp %u.%u.%u %s", v->major,
	    v->minor, v->micro, uname(&u) == 0 ? u.machine : "?");
	return text;
}

static uint32_t
action_of(int action)
{
	if (action == ROW_ALLOW)
		return SCMP_ACT_ALLOW;
	if (action == ROW_KILL)
		return SCMP_ACT_KILL_PROCESS;
	if (action == ROW_TRAP)
		return SCMP_ACT_TRAP;
	return SCMP_ACT_ERRNO((uint32_t)action);
}

/* libseccomp calls "masked equal" with the mask first, then the value. */
static struct scmp_arg_cmp
cmp_of(const struct syscall_cmp *c)
{
	struct scmp_arg_cmp out = { .arg = c->arg };

	switch (c->op) {
	case CMP_EQ:
		out.op = SCMP_CMP_MASKED_EQ;
		out.datum_a = LOW32;
		out.datum_b = c->v & LOW32;
		break;
	case CMP_BITS:
		out.op = SCMP_CMP_MASKED_EQ;
		out.datum_a = c->v;
		out.datum_b = c->v;
		break;
	case CMP_ONLY:
		out.op = SCMP_CMP_MASKED_EQ;
		out.datum_a = ~c->v;
		out.datum_b = 0;
		break;
	case CMP_NOT:
		out.op = SCMP_CMP_NE;
		out.datum_a = c->v;
		break;
	case CMP_OVER:
	case CMP_NONE:
		out.op = SCMP_CMP_GT;
		out.datum_a = c->v;
		break;
	}
	return out;
}

static int
add_row(scmp_filter_ctx ctx, const struct syscall_row *row)
{
	struct scmp_arg_cmp cmp[SYSCALL_CMPS];
	unsigned n = 0;
	int nr = seccomp_syscall_resolve_name(row->name);
	int r;

	if (nr == __NR_SCMP_ERROR)
		return -ENOENT;
	while (n < SYSCALL_CMPS && row->cmp[n].op != CMP_NONE) {
		cmp[n] = cmp_of(&row->cmp[n]);
		n++;
	}
	r = seccomp_rule_add_array(ctx, action_of(row->action), nr, n, cmp);
	/* A call of another architecture: there is nothing to match here. */
	return r == -EDOM && nr < 0 ? 0 : r;
}

static int
add_set(scmp_filter_ctx ctx, const struct syscall_set *set)
{
	size_t i;
	int r;

	for (i = 0; i < set->n; i++) {
		r = add_row(ctx, &set->rows[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Foreign architectures, and x32 (which libseccomp tells by its bit), are
 * killed in every filter.  no_new_privs is the caller's to set and to check.
 */
static int
set_attributes(scmp_filter_ctx ctx)
{
	static const struct {
		enum scmp_filter_attr	attr;
		uint32_t		value;
	} attrs[] = {
		{ SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS },
		{ SCMP_FLTATR_CTL_NNP, 0 },
		{ SCMP_FLTATR_API_SYSRAWRC, 1 },
		{ SCMP_FLTATR_CTL_OPTIMIZE, 2 },	/* a binary tree */
	};
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < nitems(attrs); i++)
		r = seccomp_attr_set(ctx, attrs[i].attr, attrs[i].value);
	return r;
}

/* *out is released by the caller, also after a failure. */
static int
build(const struct filter_def *def, scmp_filter_ctx *out)
{
	size_t i;
	int r;

	*out = seccomp_init(action_of(def->fallback));
	if (*out == NULL)
		return -ENOMEM;
	r = set_attributes(*out);
	for (i = 0; r == 0 && i < nitems(def->sets); i++)
		if (def->sets[i] != NULL)
			r = add_set(*out, def->sets[i]);
	return r;
}

/* The last one that was compiled. */
static struct {
	bool		 there;
	enum filter_id	 id;
	struct buf	 code;		/* struct sock_filter, an array */
} compiled;

/* The library writes instructions to a descriptor and nowhere else. */
static int
read_code(scmp_filter_ctx ctx, struct buf *code)
{
	autoclose int fd = memfd_create("filter", MFD_CLOEXEC);
	struct stat st;
	char *to;
	int r;

	if (fd == -1)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	buf_init(code, CODE_MAX);
	if (fstat(fd, &st) == -1 || st.st_size <= 0 ||
	    (to = buf_reserve(code, (size_t)st.st_size)) == NULL)
		return -EMSGSIZE;
	if (pread(fd, to, (size_t)st.st_size, 0) != st.st_size)
		return -EIO;
	buf_commit(code, (size_t)st.st_size);
	return 0;
}

int
filter_compile(enum filter_id id)
{
	autobuf struct buf code = { 0 };
	scmp_filter_ctx ctx = NULL;
	int r;

	r = build(syscall_filter(id), &ctx);
	if (r == 0)
		r = read_code(ctx, &code);
	seccomp_release(ctx);
	if (r < 0)
		return r;
	buf_fini(&compiled.code);
	compiled.code = code;
	code = (struct buf){ 0 };
	compiled.id = id;
	compiled.there = true;
	return 0;
}

static int
load_compiled(void)
{
	struct sock_fprog p = {
	    .len = (unsigned short)(buf_left(&compiled.code) /
	    sizeof(struct sock_filter)),
	    .filter = (void *)compiled.code.data };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0U, &p) == -1)
		return -errno;
	return 0;
}

/*
 * The small program goes first: of two that fail a call the kernel takes the
 * errno of the one loaded last, which is the row's own.
 */
int
filter_load(enum filter_id id)
{
	int r = 0;

	if (!compiled.there || compiled.id != id)
		r = filter_compile(id);
	if (r == 0 && syscall_filter(id)->reviewed_only)
		r = reviewed_load();
	if (r == 0)
		r = load_compiled();
	buf_fini(&compiled.code);
	compiled.there = false;
	return r;
}

int
filter_export(enum filter_id id, int fd)
{
	const struct filter_def *def = syscall_filter(id);
	scmp_filter_ctx ctx = NULL;
	int r;

	r = build(def, &ctx);
	if (r == 0 && def->reviewed_only)
		r = reviewed_export(fd);
	if (r == 0)
		r = seccomp_export_pfc(ctx, fd);
	seccomp_release(ctx);
	return r;
}
