#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/failpoint.h"
#include "common/log.h"
#include "coven-runner/init.h"
#include "sandbox/role.h"

static uint32_t
number(const char *s)
{
	char *end;
	unsigned long v;

	v = strtoul(s, &end, 10);
	/* (uid_t)-1 means "leave it" to the calls that take one. */
	if (*s < '0' || *s > '9' || *end != '\0' || v >= UINT32_MAX)
		fatal("coven-init: %s is not a uid or gid", s);
	return (uint32_t)v;
}

int
main(int argc, char **argv)
{
	struct init_ids ids;
	static struct init in;
	struct loop *loop;
	bool alone;

#ifdef COVEN_FAILPOINTS
	if (argc == 9 && strcmp(argv[7], ROLE_FAILPOINT) == 0) {
		failpoint_arm(argv[8]);
		argc = 7;
	}
#endif
	if (argc != 7) {
		fprintf(stderr, "coven-init is started by coven-monitor\n");
		return 64;
	}
	log_init("init", LOG_LEVEL_INFO);
	ids = (struct init_ids){ .uid_in = number(argv[1]),
	    .uid_out = number(argv[2]), .gid_in = number(argv[3]),
	    .gid_out = number(argv[4]) };
	alone = strcmp(argv[5], msg_sandbox_name(SANDBOX_LANDLOCK)) == 0;
	role_title_at(argv[6]);
	if (alone)
		init_alone_identity(&ids);
	else
		init_identity(&ids);
	loop = loop_new();
	init_new(&in, loop, &ids);
	in.alone = alone;
	role_start_unconfined(ROLE_INIT, loop, &in.control, init_handlers,
	    &in);
	if (alone)
		in.control.on_end = init_alone_end;
	/* No exit handlers: the kernel ends what is left of the namespace. */
	_exit(init_serve(&in));
}
