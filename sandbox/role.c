#include <sys/prctl.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/failpoint.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "sandbox/profile.h"
#include "sandbox/role.h"


static bool want_userns = true;
static char *title;

void
role_options(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], ROLE_NO_USERNS) == 0)
			want_userns = false;
		else if (strcmp(argv[i], ROLE_SESSION) == 0 && i + 1 < argc)
			role_title_at(argv[++i]);
#ifdef COVEN_FAILPOINTS
		else if (strcmp(argv[i], ROLE_FAILPOINT) == 0 && i + 1 < argc)
			failpoint_arm(argv[++i]);
#endif
		else
			fatal("read options: %s: not one", argv[i]);
	}
}

void
role_title_at(char *arg)
{
	title = arg;
}

void
role_title(const char *id)
{
	size_t i;

	if (title == NULL || *id == '\0')
		return;
	for (i = 0; title[i] != '\0'; i++)
		title[i] = *id != '\0' ? *id++ : ' ';
}

/* --- the first words ----------------------------------------------------- */

static int
on_verified(struct chan *c, const union msg_any *msg, int *fd)
{
	(void)c;
	(void)msg;
	(void)fd;
	return 0;
}

/* Until the monitor has said VERIFIED, nothing else it says is heard. */
static chan_handler *const first_words[MSG__COUNT] = {
	[MSG_VERIFIED] = on_verified,
};

/* A role has no reason to outlive its monitor, nor one that talks nonsense. */
static void
on_control_end(struct chan *c, int why)
{
	if (why == CHAN_BAD)
		fatal("hear the monitor: %s", c->blame);
	log_debug("hear the monitor: it is gone");
	exit(0);
}

static void
wait_verified(struct chan *control)
{
	int r = 0;

	while (r == 0 && control->state != CS_READY)
		r = chan_wait(control, LIMIT_VERIFIED_MS);
	if (r == CHAN_EOF)
		fatal("wait for VERIFIED: the monitor has closed the channel");
	if (r == CHAN_BAD)
		fatal("wait for VERIFIED: %s", control->blame);
	if (r < 0)
		fatal("wait for VERIFIED: %s", strerror(-r));
}

/* The log pipe's reader may go first; that is no reason to die. */
static void
ignore_sigpipe(void)
{
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		fatal("ignore SIGPIPE: %s", strerror(errno));
}

/* An exec by descriptor names the process after the descriptor's number. */
static void
name_process(enum role self)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "coven-%s", msg_role_name(self));
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

static void
greet(enum role self, struct loop *loop, struct chan *control,
    chan_handler *const *handlers, void *ctx)
{
	uint8_t digest[MSG_DIGEST_LEN];
	struct msg_hello hello = { .digest = { digest, sizeof(digest) } };
	int fd = ROLE_FD_CONTROL, r;

	r = chan_open(control, loop, &fd, self, ROLE_MONITOR, CS_NEW,
	    first_words, ctx, on_control_end);
	if (r < 0)
		fatal("open the control channel: %s", strerror(-r));
	msg_table_digest(digest);
	r = chan_send(control, MSG_HELLO, &hello, -1);
	if (r < 0)
		fatal("say HELLO: %s", strerror(-r));
	wait_verified(control);
	control->handlers = handlers;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("set dumpable: %s", strerror(errno));
}

void
role_start_unconfined(enum role self, struct loop *loop, struct chan *control,
    chan_handler *const *handlers, void *ctx)
{
	ignore_sigpipe();
	name_process(self);
	greet(self, loop, control, handlers, ctx);
}

#ifdef COVEN_SANITIZE
/*
 * The leak checker stops the process with ptrace, for which roles die.  What
 * is left at the end is told instead: it must not depend on what was done.
 */
int	__lsan_is_turned_off(void);
static bool confined;

int
__lsan_is_turned_off(void)
{
	return confined;
}

/* Of sanitizer/allocator_interface.h, which gcc does not come with. */
size_t		 __sanitizer_get_current_allocated_bytes(void);

/* Freed memory is not kept back for long: growth is to be seen as such. */
const char	*__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=1";
}

static void
tell_rest(void)
{
	log_info("sanitizer: %zu bytes are left",
	    __sanitizer_get_current_allocated_bytes());
}
#endif

void
role_start(enum role self, struct loop *loop, struct chan *control,
    chan_handler *const *handlers, void *ctx)
{
	const char *step = "";
	int r;

	name_process(self);
	ignore_sigpipe();	/* before the filter: it has no rt_sigaction */
	r = profile_enter(self, want_userns, &step);
	if (r < 0)
		fatal("confine %s: %s: %s", msg_role_name(self), step,
		    strerror(-r));
#ifdef COVEN_SANITIZE
	confined = true;
	(void)atexit(tell_rest);
#endif
	greet(self, loop, control, handlers, ctx);
}
