/*
 * What privacy.toml asks for: how long output is kept, and what secrets look
 * like.
 */
#ifndef COVEN_MONITOR_PRIVACY_H
#define COVEN_MONITOR_PRIVACY_H

#include <stdint.h>

#include "common/msg.h"

struct child;
struct monitor;

struct privacy {
	int		 patterns;	/* a sealed memfd; -1: none yet */
	uint32_t	 log_retention_days;	/* 0: as coven.toml says */
};

/*
 * The reader's answer to a privacy.toml of this name, put in force with what
 * the daemon's environment says.  Steals *fd.  0, or -EPROTO.
 */
int	privacy_take(struct monitor *, const char *name,
	    const struct msg_conf_redactor *, int *fd);
/* To stored or a runner that is ready; before it is told to serve. */
void	privacy_tell(const struct monitor *, struct child *);

#endif
