/* The bridge's only OpenSSL file: hashes, sealing of the password, hardening of curl's TLS. */
#ifndef BRIDGE_CRYPTO_H
#define BRIDGE_CRYPTO_H

#include "common/base.h"

/* One thread only. */
void crypto_sha1(const struct bytes *parts, size_t count, uint8_t digest_r[20]);
void crypto_sha256(const struct bytes *parts, size_t count, uint8_t digest_r[32]);

/* The octets that the text stands for, as JetStream writes them into JSON. False: it is no base64,
 * or does not fit. */
bool crypto_base64_decode(struct bytes text, uint8_t *out, size_t size, size_t *len_r) MUST_CHECK;

#define CRYPTO_SEAL_OVERHEAD 28 /* nonce and tag */
/* Seals as proto/README.md, "The password", says. `sealed_r` has room for plain.len + overhead. */
int crypto_seal(const uint8_t public_key[32], const uint8_t operator_id[16], uint64_t request,
                struct bytes plain, uint8_t ephemeral_key_r[32], uint8_t *sealed_r, char *error_r,
                size_t error_size) MUST_CHECK;

/* For CURLOPT_SSL_CTX_FUNCTION: record buffers are wiped after use. */
void crypto_harden_ssl_ctx(void *ssl_ctx);

#ifdef BRIDGE_REDIS_TLS
struct ssl_st;
/* A TLS client that checks the server's certificate against the system's authorities and this host
 * name; to be freed by whom it is handed to. NULL: it can't be made. */
struct ssl_st *crypto_tls_client(const char *host) MUST_CHECK;
/* One that nobody took. */
void crypto_tls_free(struct ssl_st *ssl);
#endif

#endif
