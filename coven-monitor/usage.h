/*
 * What a session uses of the machine: numbers, read from its cgroup where it
 * has one, else from the processes that descend from its init.
 */
#ifndef COVEN_MONITOR_USAGE_H
#define COVEN_MONITOR_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct session;

struct usage {
	uint64_t	cpu_us;		/* of those that ended too */
	uint64_t	memory;		/* bytes; see shared */
	uint32_t	processes;	/* without the init */
	bool		capped;		/* there were more to look at */
	bool		shared;		/* what they share counts for each */
};

/* false: it has no process to look at. */
bool	usage_read(const struct session *, struct usage *);

/* The fields of a line of proc_pid_stat(5) that are needed here. */
struct proc_stat {
	int		parent;
	uint64_t	start_ticks;	/* of CLOCK_BOOTTIME */
	uint64_t	ticks;		/* its own and those it waited for */
	uint64_t	rss_pages;
};

/* 0, or -EPROTO for a text that is no such line. */
int	usage_parse_stat(const char *text, struct proc_stat *);

#endif
