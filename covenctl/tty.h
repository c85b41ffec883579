/*
 * This process's terminal: raw while a session drives it, and restored on
 * every way out.
 */
#ifndef COVEN_COVENCTL_TTY_H
#define COVEN_COVENCTL_TTY_H

/* 0 or -errno.  The first call arranges for the restoring. */
int	tty_raw(int fd);
void	tty_restore(void);	/* safe in a signal handler, and twice */
void	tty_resume(void);	/* after a stop: raw again if it was */
/* Rows and columns; 24 by 80 where there is no terminal. */
void	tty_size(int fd, unsigned *rows, unsigned *cols);

#endif
