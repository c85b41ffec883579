/* coven-runner: carries one session's output and input.  See run.h. */
#include <malloc.h>

#include "common/limits.h"
#include "common/log.h"
#include "coven-runner/run.h"
#include "sandbox/role.h"

int
main(int argc, char **argv)
{
	struct loop *loop;
	struct run run;
	int status;

	role_options(argc, argv);
	log_init(NULL, LOG_LEVEL_INFO);
	/* The window grows and shrinks with every commit: keep its memory. */
	(void)mallopt(M_TRIM_THRESHOLD, 2 * LIMIT_RUNNER_WINDOW);
	loop = loop_new();
	run_init(&run, loop);
	role_start(ROLE_RUNNER, loop, &run.control, run_control_handlers,
	    &run);
	status = loop_run(loop);
	run_fini(&run);
	loop_free(loop);
	return status;
}
