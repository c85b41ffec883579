#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-gateway/tls.h"

/* ALPN: a length and a name. */
static const unsigned char http1[] = "\x08http/1.1";

struct tls {
	SSL	*ssl;
	BIO	*in, *out;	/* the library's side of both ways */
};

struct tls_roots {
	SSL_CTX	*ctx;
};

/* --- who may vouch ------------------------------------------------------- */

static size_t
add_certificates(X509_STORE *store, const void *pem, size_t n)
{
	BIO *b = BIO_new_mem_buf(pem, (int)n);
	size_t count = 0;
	X509 *x;

	while (b != NULL && (x = PEM_read_bio_X509(b, NULL, NULL, NULL)) !=
	    NULL) {
		count += X509_STORE_add_cert(store, x) == 1;
		X509_free(x);
	}
	BIO_free(b);
	ERR_clear_error();
	return count;
}

struct tls_roots *
tls_roots_new(const void *pem, size_t n)
{
	struct tls_roots *r = mem_zalloc(1, sizeof(*r));

	/* Its configuration file could name engines and lower the bar. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
	    OPENSSL_INIT_NO_ATEXIT, NULL) == 1)
		r->ctx = SSL_CTX_new(TLS_client_method());
	if (r->ctx == NULL || n > INT32_MAX ||
	    SSL_CTX_set_min_proto_version(r->ctx, TLS1_2_VERSION) != 1 ||
	    add_certificates(SSL_CTX_get_cert_store(r->ctx), pem, n) == 0) {
		tls_roots_free(r);
		return NULL;
	}
	(void)SSL_CTX_set_options(r->ctx, SSL_OP_NO_COMPRESSION |
	    SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_verify(r->ctx, SSL_VERIFY_PEER, NULL);
	/* A buffer that has gone over once is not needed until the next. */
	(void)SSL_CTX_set_mode(r->ctx, SSL_MODE_RELEASE_BUFFERS);
	return r;
}

void
tls_roots_free(struct tls_roots *r)
{
	if (r != NULL)
		SSL_CTX_free(r->ctx);
	free(r);
}

/* --- one connection ------------------------------------------------------ */

/* Its name, and nobody else's. */
static bool
expect(SSL *ssl, const struct net_host *h)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(ssl);

	if (h->literal)
		return X509_VERIFY_PARAM_set1_ip(p, h->addr.b, h->addr.len) ==
		    1;
	X509_VERIFY_PARAM_set_hostflags(p,
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(p, h->name, strlen(h->name)) ==
	    1 && SSL_set_tlsext_host_name(ssl, h->name) == 1;
}

struct tls *
tls_new(struct tls_roots *r, const struct net_host *h)
{
	struct tls *t = mem_zalloc(1, sizeof(*t));

	t->ssl = SSL_new(r->ctx);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	if (t->in != NULL && t->out != NULL && t->ssl != NULL)
		SSL_set_bio(t->ssl, t->in, t->out);
	else {
		BIO_free(t->in);
		BIO_free(t->out);
	}
	if (t->ssl == NULL || SSL_get_rbio(t->ssl) == NULL ||
	    !expect(t->ssl, h) || SSL_set_alpn_protos(t->ssl, http1,
	    sizeof(http1) - 1) != 0) {
		tls_free(t);
		return NULL;
	}
	/* An empty one asks for more; it is not the end. */
	(void)BIO_set_mem_eof_return(t->in, -1);
	SSL_set_connect_state(t->ssl);
	return t;
}

void
tls_free(struct tls *t)
{
	if (t != NULL)
		SSL_free(t->ssl);
	free(t);
}

int
tls_feed(struct tls *t, const void *p, size_t n)
{
	size_t written;

	return BIO_write_ex(t->in, p, n, &written) == 1 && written == n ? 0 :
	    -EMSGSIZE;
}

int
tls_drain(struct tls *t, struct buf *out)
{
	char *data;
	long n = BIO_get_mem_data(t->out, &data);
	int r = n > 0 ? buf_add(out, data, (size_t)n) : 0;

	(void)BIO_reset(t->out);
	return r;
}

int
tls_shake(struct tls *t, const char **why)
{
	int r = SSL_do_handshake(t->ssl), error;
	long verdict;

	if (r == 1)
		return 0;
	error = SSL_get_error(t->ssl, r);
	if (error == SSL_ERROR_WANT_READ)
		return TLS_MORE;
	verdict = SSL_get_verify_result(t->ssl);
	*why = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) :
	    "it does not speak TLS as it should";
	ERR_clear_error();
	return -EPROTO;
}

int
tls_write(struct tls *t, const void *p, size_t n)
{
	size_t written;

	if (n == 0)
		return 0;
	if (SSL_write_ex(t->ssl, p, n, &written) == 1 && written == n)
		return 0;
	ERR_clear_error();
	return -EPROTO;
}

ssize_t
tls_read(struct tls *t, void *p, size_t n)
{
	size_t got;
	int error;

	if (SSL_read_ex(t->ssl, p, n, &got) == 1)
		return (ssize_t)got;
	error = SSL_get_error(t->ssl, 0);
	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ ? -EAGAIN :
	    error == SSL_ERROR_ZERO_RETURN ? 0 : -EPROTO;
}
