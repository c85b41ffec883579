/*
 * This process's terminal: raw while a session drives it, and restored on
 * every way out.
 */
#ifndef COVEN_COVENCTL_TTY_H
#define COVEN_COVENCTL_TTY_H

#include <stdbool.h>

/* 0 or -errno.  The first call arranges for the restoring. */
int	tty_raw(int fd);
void	tty_restore(void);	/* safe in a signal handler, and twice */
void	tty_resume(void);	/* after a stop: raw again if it was */
void	tty_stop(void);		/* as SIGTSTP does, restored meanwhile */
/* Has what was shown changed the terminal?  Then restoring undoes that. */
void	tty_changed(bool);
bool	tty_utf8(void);		/* by the locale, which was set */
/* Rows and columns; 24 by 80 where there is no terminal. */
void	tty_size(int fd, unsigned *rows, unsigned *cols);

#endif
