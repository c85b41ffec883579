#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/privacy.h"
#include "redact/kinds.h"

#define DAYS_MAX	36500

/* --- the daemon's environment, which has the last word --- */

static const char *
skip_blanks(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

/* Clients know these four, in any case, with blanks around them. */
static bool
env_says_yes(const char *name)
{
	static const char *const yes[] = { "1", "true", "yes", "on" };
	const char *v = getenv(name);
	size_t i, n;

	if (v == NULL)
		return false;
	v = skip_blanks(v);
	for (i = 0; i < nitems(yes); i++) {
		n = strlen(yes[i]);
		if (strncasecmp(v, yes[i], n) == 0 &&
		    *skip_blanks(v + n) == '\0')
			return true;
	}
	return false;
}

/* A positive number, or what the file said. */
static uint32_t
env_days(const char *name, uint32_t days)
{
	const char *v = getenv(name);
	char *end;
	long n;

	if (v == NULL)
		return days;
	errno = 0;
	n = strtol(v, &end, 10);
	if (errno != 0 || end == v || *skip_blanks(end) != '\0' || n < 1) {
		log_warn("environment %s: not a positive number: it is left "
		    "aside", name);
		return days;
	}
	return n < DAYS_MAX ? (uint32_t)n : DAYS_MAX;
}

/*
 * Output is redacted before it is stored and never kept raw, so this is the
 * one wish that is not granted: said, because whoever has it counts on it.
 */
static void
say_no_raw(const char *where)
{
	log_warn("config %s: persist_raw_artifacts: this daemon keeps only "
	    "what is redacted; raw output is not stored", where);
}

/* --- patterns --- */

/* Of our form; what they mean is between the one reader and their users. */
static bool
is_image(int fd)
{
	struct redact_head h;

	return pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) &&
	    h.magic == REDACT_MAGIC;
}

int
privacy_take(struct monitor *m, const char *name,
    const struct msg_conf_redactor *in, int *fd)
{
	struct privacy *p = &m->privacy;

	if (!is_image(*fd))
		return -EPROTO;
	mem_close(&p->patterns);
	p->patterns = mem_steal_fd(fd);
	p->log_retention_days = env_days("COVEN_LOG_RETENTION_DAYS",
	    in->log_retention_days);
	(void)env_days("COVEN_RAW_ARTIFACT_RETENTION_DAYS", 0);
	if (in->persist_raw_artifacts)
		say_no_raw(name);
	else if (env_says_yes("COVEN_PERSIST_RAW_ARTIFACTS"))
		say_no_raw("COVEN_PERSIST_RAW_ARTIFACTS");
	return 0;
}

void
privacy_tell(const struct monitor *m, struct child *c)
{
	struct msg_redactor msg = {
		.log_retention_days = m->privacy.log_retention_days != 0 ?
		    m->privacy.log_retention_days : m->conf.log_days,
	};

	(void)chan_send(&c->control, MSG_REDACTOR, &msg, m->privacy.patterns);
}
