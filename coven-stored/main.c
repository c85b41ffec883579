/*
 * coven-stored: the role that keeps the record.
 */
#include <sys/stat.h>

#include "common/log.h"
#include "coven-stored/stored.h"
#include "sandbox/role.h"

int
main(int argc, char **argv)
{
	static struct stored stored;
	static struct chan control;
	struct loop *loop;
	char why[256];
	int status;

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
	if (stored_init(&stored, loop, &control, why, sizeof(why)) < 0)
		fatal("open the store: %s", why);
	status = loop_run(loop);
	stored_fini(&stored);
	return status;
}
