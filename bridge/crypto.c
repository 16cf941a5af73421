/* OpenSSL in the bridge: digests, the seal around a password, TLS settings. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <string.h>

#include "common/buf.h"
#include "common/str.h"
#include "bridge/crypto.h"

enum { KEY_LEN = 32, NONCE_LEN = 12, TAG_LEN = 16, OPERATOR_ID_LEN = 16 };

static const char seal_label[] = "smpp-connector credentials v1";

/* --- digests --- */

struct digester {
    EVP_MD *md;
    EVP_MD_CTX *ctx;
};

/* Fetching the algorithm and the context anew each time would cost more than the digest. */
static void digest(struct digester *d, const char *name, const struct bytes *parts, size_t count,
                   uint8_t *digest_r)
{
    if (!d->md) {
        d->md = EVP_MD_fetch(NULL, name, NULL);
        d->ctx = EVP_MD_CTX_new();
    }
    bool ok = d->md && d->ctx && EVP_DigestInit_ex2(d->ctx, d->md, NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(d->ctx, parts[i].data, parts[i].len) == 1;
    INVARIANT(ok && EVP_DigestFinal_ex(d->ctx, digest_r, NULL) == 1);
}

void crypto_sha1(const struct bytes *parts, size_t count, uint8_t digest_r[20])
{
    static struct digester sha1;
    digest(&sha1, "SHA1", parts, count, digest_r);
}

void crypto_sha256(const struct bytes *parts, size_t count, uint8_t digest_r[32])
{
    static struct digester sha256;
    digest(&sha256, "SHA256", parts, count, digest_r);
}

/* --- the seal --- */

/* The shared secret of our fresh private key and the agent's public one. */
static bool agree(EVP_PKEY *ours, const uint8_t public_key[KEY_LEN], uint8_t shared_r[KEY_LEN])
{
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, KEY_LEN);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ours, NULL);
    size_t len = KEY_LEN;
    bool ok = theirs && ctx && EVP_PKEY_derive_init(ctx) == 1 &&
              EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
              EVP_PKEY_derive(ctx, shared_r, &len) == 1 && len == KEY_LEN;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(theirs);
    return ok;
}

static bool derive_key(uint8_t shared[KEY_LEN], uint8_t *info, size_t info_len,
                       uint8_t key_r[KEY_LEN])
{
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, shared, KEY_LEN),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, info_len),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = ctx && EVP_KDF_derive(ctx, key_r, KEY_LEN, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

static bool encrypt(const uint8_t key[KEY_LEN], struct bytes plain, uint8_t *sealed_r)
{
    uint8_t *nonce = sealed_r, *text = nonce + NONCE_LEN, *tag = text + plain.len;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    bool ok = ctx && RAND_bytes(nonce, NONCE_LEN) == 1 &&
              EVP_EncryptInit_ex2(ctx, EVP_chacha20_poly1305(), key, nonce, NULL) == 1 &&
              EVP_EncryptUpdate(ctx, text, &len, plain.data, (int)plain.len) == 1 &&
              EVP_EncryptFinal_ex(ctx, text + len, &len) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

static bool seal_with(EVP_PKEY *ours, const uint8_t public_key[KEY_LEN],
                      const uint8_t operator_id[OPERATOR_ID_LEN], uint64_t request,
                      struct bytes plain, const uint8_t ephemeral_key[KEY_LEN], uint8_t *sealed_r)
{
    uint8_t info[sizeof(seal_label) - 1 + 2 * KEY_LEN + OPERATOR_ID_LEN + sizeof(request)];
    struct buf_writer w = buf_writer(info, sizeof(info));
    buf_put(&w, seal_label, sizeof(seal_label) - 1);
    buf_put(&w, ephemeral_key, KEY_LEN);
    buf_put(&w, public_key, KEY_LEN);
    buf_put(&w, operator_id, OPERATOR_ID_LEN);
    buf_put_u64(&w, request);
    INVARIANT(!w.failed && buf_written(&w) == sizeof(info));

    uint8_t shared[KEY_LEN], key[KEY_LEN];
    bool ok = agree(ours, public_key, shared) && derive_key(shared, info, sizeof(info), key) &&
              encrypt(key, plain, sealed_r);
    OPENSSL_cleanse(shared, sizeof(shared));
    OPENSSL_cleanse(key, sizeof(key));
    return ok;
}

int crypto_seal(const uint8_t public_key[32], const uint8_t operator_id[16], uint64_t request,
                struct bytes plain, uint8_t ephemeral_key_r[32], uint8_t *sealed_r, char *error_r,
                size_t error_size)
{
    size_t len = KEY_LEN;
    INVARIANT(plain.len <= INT32_MAX);
    EVP_PKEY *ours = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    bool ok = ours && EVP_PKEY_get_raw_public_key(ours, ephemeral_key_r, &len) == 1 &&
              seal_with(ours, public_key, operator_id, request, plain, ephemeral_key_r, sealed_r);
    EVP_PKEY_free(ours);
    if (ok)
        return 0;
    static const char text[] = "the agent's public key can't be used";
    str_copy(error_r, error_size, text, sizeof(text) - 1);
    return -1;
}

/* --- base64 --- */

bool crypto_base64_decode(struct bytes text, uint8_t *out, size_t size, size_t *len_r)
{
    size_t padding = 0;
    *len_r = 0;
    if (text.len == 0)
        return true;
    if (text.len % 4 || text.len / 4 * 3 > size || text.len > INT32_MAX)
        return false;
    while (padding < 2 && text.data[text.len - 1 - padding] == '=')
        padding++;
    int len = EVP_DecodeBlock(out, text.data, (int)text.len);
    if (len < 0)
        return false;
    *len_r = (size_t)len - padding;
    return true;
}

/* --- TLS --- */

void crypto_harden_ssl_ctx(void *ssl_ctx)
{
    SSL_CTX_set_options(ssl_ctx, SSL_OP_CLEANSE_PLAINTEXT);
}

#ifdef BRIDGE_REDIS_TLS
struct ssl_st *crypto_tls_client(const char *host)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    if (ctx && SSL_CTX_set_default_verify_paths(ctx) == 1 &&
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        ssl = SSL_new(ctx);
    }
    SSL_CTX_free(ctx); /* the connection keeps it */
    if (ssl && SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

void crypto_tls_free(struct ssl_st *ssl)
{
    SSL_free(ssl);
}
#endif
