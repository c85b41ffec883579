#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"

static const struct {
	const char	*name;
	const char	*place;
} rows[] = {
#define FAILPOINT_ROW(name, place)	{ name, place },
#include "common/failpoint.def"
#undef FAILPOINT_ROW
};

void
failpoint_list(FILE *f)
{
	size_t i;

	for (i = 0; i < nitems(rows); i++)
		fprintf(f, "%s\t%s\n", rows[i].name, rows[i].place);
}

#ifdef COVEN_FAILPOINTS
static const char *armed;
static size_t armed_len;
static long countdown;

void
failpoint_arm(const char *name)
{
	const char *colon = strchr(name, ':');

	/* Not a place to die at: the wall clock is an hour back from then. */
	if (colon != NULL && strncmp(name, "clock.back:", 11) == 0) {
		clock_set_back(strtoll(colon + 1, NULL, 10));
		return;
	}
	armed = name;
	armed_len = colon != NULL ? (size_t)(colon - name) : strlen(name);
	countdown = colon != NULL ? strtol(colon + 1, NULL, 10) : 1;
}

void
failpoint_hit(const char *name)
{
	if (armed == NULL || strlen(name) != armed_len ||
	    strncmp(name, armed, armed_len) != 0 || --countdown > 0)
		return;
	log_error("failpoint %s", name);
	/*
	 * A role's filter has no kill, and PID 1 of a namespace cannot kill
	 * itself.  To everybody else an exit without handlers is the same.
	 */
	if (strncmp(name, "monitor.", 8) == 0)
		(void)raise(SIGKILL);
	_exit(128 + SIGKILL);
}
#endif
