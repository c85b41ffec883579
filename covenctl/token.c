/* The session token, exchanged. */
#include <stdio.h>

#include "covenctl/api.h"

int
verb_token_rotate(struct ctl *ctl)
{
	struct request q = { .method = "POST", .target = API "/token/rotate",
	    .body = "{}", .body_len = 2, .timeout_ms = API_TIMEOUT_MS };
	autoanswer struct answer a = { 0 };
	int rc = api_call(ctl, &q, &a);

	if (rc == 0 && !answer_ok(&a))
		rc = api_refused(&a);
	if (rc != 0)
		return rc;
	if (ctl->opt[OPT_JSON] != NULL)
		return puts("{\"ok\":true,\"rotated\":true}") == EOF ?
		    CTL_FAILED : CTL_OK;
	return printf("%s/session-token holds a new token; the old one ends "
	    "in 5 seconds\n", ctl->home.path) < 0 ? CTL_FAILED : CTL_OK;
}
