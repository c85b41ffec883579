/*
 * Who calls: does a process live in the pid namespace of a session?  One that
 * is gone or cannot be looked at counts as inside: the answer guards routes
 * that change something.
 */
#ifndef COVEN_MONITOR_WHO_H
#define COVEN_MONITOR_WHO_H

#include <stdbool.h>
#include <stdint.h>

#include "coven-monitor/monitor.h"

enum who_code	who_is(struct monitor *, int pidfd);

/*
 * The same by the number of SO_PEERCRED, where the kernel gives no pidfd of a
 * peer (Linux before 6.5).  accepted_ns, of CLOCK_BOOTTIME, is when its
 * connection was accepted: who started after that has the number from one
 * that is gone, and counts as inside.
 */
enum who_code	who_is_pid(struct monitor *, uint32_t pid,
		    uint64_t accepted_ns);

/* start_ticks: field 22 of proc_pid_stat(5). */
bool	who_may_have_connected(uint64_t start_ticks, uint64_t accepted_ns);

#endif
