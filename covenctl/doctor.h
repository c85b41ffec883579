/*
 * doctor: a table of checks, each a function that tries the thing.
 */
#ifndef COVEN_COVENCTL_DOCTOR_H
#define COVEN_COVENCTL_DOCTOR_H

#include <stdbool.h>

#include "covenctl/ctl.h"
#include "covenctl/lifecycle.h"

enum finding_status { FINDING_PASS, FINDING_WARN, FINDING_FAIL };

struct finding {
	const char		*id;
	enum finding_status	 status;
	char			 message[1024];
	char			 hint[1024];	/* "": none */
};

#define FINDINGS_MAX	64

struct doctor {
	struct ctl	*ctl;
	enum home_code	 home;		/* how opening it went */
	struct daemon	 daemon;
	bool		 untrusted;	/* the socket is refused */
	char		 project[PATH_MAX];	/* "": not in one */
	struct finding	 found[FINDINGS_MAX];
	size_t		 n;
};

/* Add one; hint may be NULL.  id lives as long as the program. */
void	found(struct doctor *, const char *id, enum finding_status,
	    const char *hint, const char *fmt, ...)
	    __attribute__((format(printf, 5, 6)));

/*
 * Run fn in a child and bring back what it returns: 0, or a step's number
 * with the errno it failed with.  -errno when there was no child.
 */
struct trial {
	int	step;	/* 0: all went well */
	int	error;
};
int	doctor_try(struct trial (*fn)(void *), void *ctx, struct trial *);

void	check_home(struct doctor *);
void	check_home_path(struct doctor *);
void	check_home_fs(struct doctor *);
void	check_home_socket(struct doctor *);
void	check_daemon(struct doctor *);
void	check_namespaces(struct doctor *);
void	check_proc(struct doctor *);
void	check_landlock(struct doctor *);
void	check_seccomp(struct doctor *);
void	check_cgroup(struct doctor *);
void	check_idmap(struct doctor *);

#endif
