/*
 * Telling whoever started us how far we are, by the protocol of sd_notify(3):
 * lines in a datagram to the socket that NOTIFY_SOCKET names.  systemd listens
 * there, and covenctl start on a terminal.
 */
#ifndef COVEN_MONITOR_NOTIFY_H
#define COVEN_MONITOR_NOTIFY_H

/*
 * Read NOTIFY_SOCKET and WATCHDOG_USEC once, and take them out of the
 * environment: nobody whom we start is to speak for us.
 */
void	notify_init(void);

/* "STATUS=" and a sentence; nothing when nobody listens. */
void	notify_status(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2)));
void	notify_ready(const char *where);	/* we serve this socket */
void	notify_stopping(const char *why);
void	notify_alive(void);	/* where a watchdog was asked for */

#endif
