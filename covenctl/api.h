/*
 * Requests as verbs make them: transport failures and refusals are explained
 * on standard error and become exit statuses.
 */
#ifndef COVEN_COVENCTL_API_H
#define COVEN_COVENCTL_API_H

#include "covenctl/ctl.h"
#include "covenctl/jsonr.h"

#define API		"/api/v1"
#define API_TARGET_MAX	1024
#define API_TIMEOUT_MS	10000
#define API_SLOW_MS	60000	/* a launch, a kill: they wait for the tree */

struct answer {
	int		 status;
	struct jr	*doc;
	const char	*code, *message;	/* when not 2xx; never NULL */
};
void	answer_fini(struct answer *);
#define autoanswer __attribute__((cleanup(answer_fini)))

/* 0 with any status, or an exit status, explained. */
int	api_call(struct ctl *, const struct request *, struct answer *);
/* The same, but a status that is not 2xx is explained and CTL_FAILED. */
int	api_get(struct ctl *, const char *target, struct answer *);
int	api_post(struct ctl *, const char *target, const struct buf *body,
	    int timeout_ms, struct answer *);

/* Say what the daemon refused; returns an exit status. */
int	api_refused(const struct answer *);
/* Explain a failed exchange; returns its exit status. */
int	api_failed(struct ctl *, int client_code);

bool	answer_ok(const struct answer *);
/* Parse what an exchange brought; 0 or CLIENT_PROTOCOL with why set. */
int	answer_from(struct client *, const struct reply *, struct answer *);

/*
 * "/api/v1/sessions/ID" + tail into target; ids travel as they are.  0, or
 * CTL_USAGE when the id cannot stand in a path.
 */
int	api_session(char target[API_TARGET_MAX], const char *id,
	    const char *tail);

#endif
