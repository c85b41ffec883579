/*
 * The client's side of TLS over bytes in memory: no I/O, so that the library
 * asks nothing of the kernel.  OpenSSL stays behind this header.
 *
 * A certificate that does not vouch for the host by its name ends it; there
 * is no way to ask for less.
 */
#ifndef COVEN_GATEWAY_TLS_H
#define COVEN_GATEWAY_TLS_H

#include <sys/types.h>

#include "common/buf.h"
#include "common/net_rule.h"

/* Named outcome. */
enum { TLS_MORE = 1 };

struct tls;
struct tls_roots;

/* Those who may vouch, as PEM.  NULL: there is no certificate in it. */
struct tls_roots *tls_roots_new(const void *pem, size_t n);
void	tls_roots_free(struct tls_roots *);

/* To this host.  The roots must outlive it.  NULL: out of memory. */
struct tls *tls_new(struct tls_roots *, const struct net_host *);
void	tls_free(struct tls *);

/* n bytes have come from the other side. */
int	tls_feed(struct tls *, const void *, size_t n);
/* Append what is to be sent to it.  0 or -EMSGSIZE. */
int	tls_drain(struct tls *, struct buf *out);
/*
 * Go on with the handshake: 0 when it is done, TLS_MORE, or -EPROTO with a
 * static sentence in *why.
 */
int	tls_shake(struct tls *, const char **why);
/* 0, or -EPROTO.  All of it is taken. */
int	tls_write(struct tls *, const void *, size_t n);
/* Bytes, 0 when the other side has ended, -EAGAIN, or -EPROTO. */
ssize_t	tls_read(struct tls *, void *, size_t n);

#endif
