/*
 * What ended sessions left: folders of COVEN_HOME/work, packed and removed by
 * workers on one folder, a step at a time, as stored says.
 */
#ifndef COVEN_MONITOR_ENDING_H
#define COVEN_MONITOR_ENDING_H

#include "coven-monitor/monitor.h"

#define ARCHIVES	"archives"	/* of the home */
#define ARCHIVE_SUFFIX	".tar.zst"

/* Tell stored of one folder, or after its start of every one there is. */
void	ending_announce(struct monitor *, const char *id);
void	ending_announce_all(struct monitor *);

/*
 * Take a step (enum work_phase).  PHASED follows, as long as this stored
 * lives.
 */
void	ending_start(struct monitor *, const char *id, uint32_t phase);
/* A request about a folder is done: the step that it held back is taken. */
void	ending_resume(struct monitor *);
/* Is a step under way, or waiting, that this request would disturb? */
bool	ending_forbids(const struct monitor *, const char *id,
	    enum work_verb verb);

#endif
