/*
 * coven-apid: the process that clients talk to.  It accepts on a listener
 * that the monitor made, and can neither make a socket nor open a file.
 */
#include "common/log.h"
#include "common/loop.h"
#include "coven-apid/apid.h"
#include "sandbox/role.h"

int
main(int argc, char **argv)
{
	static struct apid apid;
	struct loop *loop;
	int status;

	log_init(NULL, LOG_LEVEL_INFO);
	role_options(argc, argv);
	loop = loop_new();
	apid_init(&apid, loop);
	role_start(ROLE_APID, loop, &apid.control, apid_handlers, &apid);
	status = loop_run(loop);
	apid_fini(&apid);
	return status;
}
