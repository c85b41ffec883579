#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "covenctl/ctl.h"

int
main(int argc, char **argv)
{
	/* No descriptor of ours may ever become 0, 1 or 2. */
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
			return CTL_FAILED;
	(void)signal(SIGPIPE, SIG_IGN);
	return ctl_main(argc, argv);
}
