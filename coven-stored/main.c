/*
 * coven-stored: the role that keeps the record.
 */
#include <sys/stat.h>

#include <errno.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-stored/stored.h"
#include "sandbox/role.h"

#define REFUSED_STATUS	78	/* EX_CONFIG: the monitor's as well */

/* What is there will not be another one when it is opened once more. */
static const int hopeless[] = { -EPROTO, -EUCLEAN, -ELOOP };

int
main(int argc, char **argv)
{
	static struct stored stored;
	static struct chan control;
	struct loop *loop;
	char why[256];
	int status;
	size_t i;

	log_init(NULL, LOG_LEVEL_INFO);
	role_options(argc, argv);
	(void)umask(077);
	sign_init();
	loop = loop_new();
	/*
	 * Confined first: the file's bytes are parsed after, not before.  The
	 * working directory is then the store's folder.
	 */
	role_start(ROLE_STORED, loop, &control, stored_control, &stored);
	status = stored_init(&stored, loop, &control, why, sizeof(why));
	for (i = 0; i < nitems(hopeless); i++) {
		if (status != hopeless[i])
			continue;
		log_error("open the store: refused: %s", why);
		return REFUSED_STATUS;
	}
	if (status < 0)
		fatal("open the store: %s", why);
	status = loop_run(loop);
	stored_fini(&stored);
	return status;
}
