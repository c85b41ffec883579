/* Plays the monitor to a worker on one folder. */
#ifndef COVEN_TESTS_WORK_DRIVER_H
#define COVEN_TESTS_WORK_DRIVER_H

#include <sys/types.h>

#include "common/chan.h"
#include "common/worker.h"

struct work {
	struct loop		*loop;
	struct chan		 chan;
	pid_t			 pid;
	int			 pidfd;
	bool			 answered;
	enum msg_type		 answer;
	struct msg_removed	 removed;	/* by answer; strings below */
	struct msg_packed	 packed;
	struct msg_unpacked	 unpacked;
	char			 name[1100], why[300];
	int			 status;	/* of waitpid */
};

/* Can a role be confined here at all? */
bool	work_possible(void);
/* Execute the program with folder as descriptor 4, see it verified. */
void	work_start(struct work *, const char *program, enum role, int folder,
	    uid_t uid);
/* Send, wait for the answer and for its end. */
void	work_ask(struct work *, enum msg_type, const void *msg, int fd);
/* Wait for its end alone, and let go of all. */
void	work_end(struct work *);

void	work_remove(struct work *, const char *program, int folder,
	    uint32_t ms);
void	work_pack(struct work *, const char *program, int folder, int out,
	    const struct msg_pack *);
void	work_unpack(struct work *, const char *program, int archive,
	    int folder, const struct msg_unpack *);

#endif
