/*
 * doctor: a table of checks, each a function that tries the thing.
 */
#ifndef COVEN_COVENCTL_DOCTOR_H
#define COVEN_COVENCTL_DOCTOR_H

#include <stdbool.h>

#include "covenctl/ctl.h"
#include "covenctl/lifecycle.h"

enum finding_status { FINDING_PASS, FINDING_WARN, FINDING_FAIL };

#define FINDING_ID_MAX	80

/* What stands in a report for the paths of this machine. */
#define TOKEN_REPO	"<repo>"
#define TOKEN_REPOS	"<repos-config>"
#define TOKEN_ENGINE	"<engine>"

struct finding {
	char			 id[FINDING_ID_MAX];
	enum finding_status	 status;
	enum finding_status	 strict;	/* with --json */
	bool			 json_only;
	char			 message[1024];
	char			 hint[1024];	/* "": none */
};

#define FINDINGS_MAX	256

struct doctor {
	struct ctl	*ctl;
	enum home_code	 home;		/* how opening it went */
	struct daemon	 daemon;
	bool		 untrusted;	/* the socket is refused */
	char		 project[PATH_MAX];	/* "": not in one */
	char		 engine[PATH_MAX];	/* "": not found */
	bool		 json;		/* which form is asked for */
	bool		 json_only;	/* of what is found now */
	struct finding	 found[FINDINGS_MAX];
	size_t		 n;
};

/* Add one; hint may be NULL. */
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

/* A regular file that someone may execute; in an absolute folder of PATH. */
bool	doctor_executable(const char *);
bool	doctor_on_path(const char *exe, char *where, size_t len);

/* doctor_contract.c: how many are installed, and *all of how many. */
unsigned check_manifest(struct doctor *, unsigned *all);
void	check_repos(struct doctor *);
void	check_engine(struct doctor *);
void	check_familiars(struct doctor *);
void	check_credentials(struct doctor *);
void	check_home(struct doctor *);
void	check_home_path(struct doctor *);
void	check_home_fs(struct doctor *);
void	check_home_socket(struct doctor *);
void	check_daemon(struct doctor *);
void	check_sandbox(struct doctor *);
void	check_namespaces(struct doctor *);
void	check_proc(struct doctor *);
void	check_landlock(struct doctor *);
void	check_seccomp(struct doctor *);
void	check_cgroup(struct doctor *);
void	check_idmap(struct doctor *);
void	check_users(struct doctor *);
void	check_apparmor(struct doctor *);

#endif
