/* All of the agent's OpenSSL: the sealed password, the digest of credentials, TLS in memory. */
#include "session-agent/crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/buf.h"
#include "common/random.h"

#define NONCE_SIZE 12
#define TAG_SIZE 16
#define SEAL_LABEL "smpp-connector credentials v1"
#define TLS_SLICE 4096   /* fed at a time, so that OpenSSL's buffers stay small */
#define TLS_CONTEXTS 16  /* kept for connections with the same settings */
#define TLS_RECORD 16384 /* the most plaintext that one record has */

/* --- the password --- */

struct crypto_box {
    struct secret *private_key;
    uint8_t public_key[CRYPTO_KEY_SIZE];
};

struct crypto_box *crypto_box_create(uint8_t public_key_r[CRYPTO_KEY_SIZE])
{
    struct crypto_box *box = xcalloc(1, sizeof *box);
    size_t private_len = CRYPTO_KEY_SIZE, public_len = CRYPTO_KEY_SIZE;
    box->private_key = secret_create(CRYPTO_KEY_SIZE);
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    INVARIANT(pair);
    INVARIANT(EVP_PKEY_get_raw_private_key(pair, secret_data(box->private_key), &private_len) == 1);
    INVARIANT(EVP_PKEY_get_raw_public_key(pair, box->public_key, &public_len) == 1);
    EVP_PKEY_free(pair); /* wiped by OpenSSL */
    memcpy(public_key_r, box->public_key, CRYPTO_KEY_SIZE);
    return box;
}

void crypto_box_destroy(struct crypto_box **box)
{
    if (!*box)
        return;
    secret_destroy(&(*box)->private_key);
    free(*box);
    *box = NULL;
}

/* X25519; false: the other key is one of the few that give no secret. */
static bool agree(const struct crypto_box *box, const uint8_t ephemeral_key[CRYPTO_KEY_SIZE],
                  uint8_t *shared_r)
{
    size_t len = CRYPTO_KEY_SIZE;
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL,
                                                 secret_data(box->private_key), CRYPTO_KEY_SIZE);
    EVP_PKEY *other =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, ephemeral_key, CRYPTO_KEY_SIZE);
    EVP_PKEY_CTX *ctx = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    bool ok = ctx && other && EVP_PKEY_derive_init(ctx) == 1 &&
              EVP_PKEY_derive_set_peer(ctx, other) == 1 &&
              EVP_PKEY_derive(ctx, shared_r, &len) == 1 && len == CRYPTO_KEY_SIZE;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
    EVP_PKEY_free(own);
    return ok;
}

/* HKDF-SHA256 with an empty salt, and an info that ties the key to this very request. */
static void derive_key(const struct crypto_box *box, const uint8_t ephemeral_key[CRYPTO_KEY_SIZE],
                       const uint8_t operator_id[16], uint64_t request, uint8_t *shared,
                       uint8_t *key_r)
{
    uint8_t info[sizeof SEAL_LABEL - 1 + 2 * CRYPTO_KEY_SIZE + 16 + 8];
    struct buf_writer w = buf_writer(info, sizeof info);
    buf_put(&w, SEAL_LABEL, sizeof SEAL_LABEL - 1);
    buf_put(&w, ephemeral_key, CRYPTO_KEY_SIZE);
    buf_put(&w, box->public_key, CRYPTO_KEY_SIZE);
    buf_put(&w, operator_id, 16);
    buf_put_u64(&w, request);
    INVARIANT(!w.failed && buf_written(&w) == sizeof info);

    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, shared, CRYPTO_KEY_SIZE),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    INVARIANT(ctx && EVP_KDF_derive(ctx, key_r, CRYPTO_KEY_SIZE, params) == 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

/* ChaCha20-Poly1305; false: the tag does not fit. */
static bool decrypt(const uint8_t *key, struct bytes sealed, uint8_t *plain_r)
{
    int done = 0, rest = 0;
    size_t len = sealed.len - CRYPTO_SEAL_OVERHEAD;
    const uint8_t *text = sealed.data + NONCE_SIZE;
    uint8_t tag[TAG_SIZE];
    memcpy(tag, text + len, sizeof tag);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    INVARIANT(ctx);
    bool ok = EVP_DecryptInit_ex(ctx, EVP_chacha20_poly1305(), NULL, key, sealed.data) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 &&
              (len == 0 || EVP_DecryptUpdate(ctx, plain_r, &done, text, (int)len) == 1) &&
              EVP_DecryptFinal_ex(ctx, plain_r + done, &rest) == 1 &&
              (size_t)done + (size_t)rest == len;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

int crypto_box_open(const struct crypto_box *box, const uint8_t ephemeral_key[CRYPTO_KEY_SIZE],
                    const uint8_t operator_id[16], uint64_t request, struct bytes sealed,
                    struct secret **password_r, char *error_r, size_t error_size)
{
    *password_r = NULL;
    if (sealed.len < CRYPTO_SEAL_OVERHEAD || sealed.len > 4096) {
        snprintf(error_r, error_size, "the sealed password has a wrong length");
        return -1;
    }
    size_t len = sealed.len - CRYPTO_SEAL_OVERHEAD;
    struct secret *keys = secret_create(2 * (size_t)CRYPTO_KEY_SIZE); /* shared secret, key */
    struct secret *password = secret_create(len + 1);                 /* its NUL is there */
    uint8_t *shared = secret_data(keys), *key = shared + CRYPTO_KEY_SIZE;
    const char *fault = NULL;

    ERR_clear_error();
    if (!agree(box, ephemeral_key, shared)) {
        fault = "the bridge's key is no good";
    } else {
        derive_key(box, ephemeral_key, operator_id, request, shared, key);
        if (!decrypt(key, sealed, secret_data(password)))
            fault = "the password was not sealed for this request";
        else if (memchr(secret_data(password), 0, len))
            fault = "the password contains a NUL";
    }
    secret_destroy(&keys);
    if (!fault) {
        *password_r = password;
        return 0;
    }
    secret_destroy(&password);
    snprintf(error_r, error_size, "%s", fault);
    return -1;
}

/* --- recognising a change --- */

void crypto_digest(const struct bytes *parts, size_t count, uint8_t digest_r[CRYPTO_DIGEST_SIZE])
{
    static uint8_t key[CRYPTO_KEY_SIZE];
    static bool have_key;
    if (!have_key) {
        random_bytes(key, sizeof key);
        have_key = true;
    }
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    size_t len = 0;
    INVARIANT(ctx && EVP_MAC_init(ctx, key, sizeof key, params) == 1);
    for (size_t i = 0; i < count; i++) {
        uint8_t length[8];
        struct buf_writer w = buf_writer(length, sizeof length);
        buf_put_u64(&w, parts[i].len);
        INVARIANT(EVP_MAC_update(ctx, length, sizeof length) == 1);
        INVARIANT(EVP_MAC_update(ctx, parts[i].data, parts[i].len) == 1);
    }
    INVARIANT(EVP_MAC_final(ctx, digest_r, &len, CRYPTO_DIGEST_SIZE) == 1 &&
              len == CRYPTO_DIGEST_SIZE);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
}

/* --- TLS --- */

struct crypto_tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    enum crypto_tls_state state;
    char error[200];
};

static const char *openssl_reason(void)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    return reason ? reason : "unknown reason";
}

static bool is_set(const char *text)
{
    return text && text[0];
}

static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1; /* else OpenSSL would ask on the terminal */
}

/* What could not be loaded; NULL: all is loaded. */
static const char *load_files(SSL_CTX *ctx, const struct crypto_tls_settings *s)
{
    if (is_set(s->ca_file) ? SSL_CTX_load_verify_file(ctx, s->ca_file) != 1
                           : SSL_CTX_set_default_verify_paths(ctx) != 1)
        return is_set(s->ca_file) ? s->ca_file : "the system's certificates";
    if (!is_set(s->cert_file) && !is_set(s->key_file))
        return NULL;
    if (!is_set(s->cert_file) || SSL_CTX_use_certificate_chain_file(ctx, s->cert_file) != 1)
        return is_set(s->cert_file) ? s->cert_file : "a certificate for the key";
    if (!is_set(s->key_file) ||
        SSL_CTX_use_PrivateKey_file(ctx, s->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return is_set(s->key_file) ? s->key_file : "a key for the certificate";
    return NULL;
}

/* The certificate must be for this name, or for this IP address. */
static bool expect_name(SSL *ssl, const char *name)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1)
        return true;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static SSL_CTX *make_context(const struct crypto_tls_settings *s)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    INVARIANT(ctx);
    SSL_CTX_set_min_proto_version(ctx, s->min_version == TLS1_3_VERSION ? TLS1_3_VERSION
                                                                        : TLS1_2_VERSION);
    SSL_CTX_set_options(ctx,
                        SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    return ctx;
}

/* What a context depends on: the settings, and which version of its files there is. */
static void context_key(const struct crypto_tls_settings *s, uint8_t key_r[CRYPTO_DIGEST_SIZE])
{
    const char *const files[] = {s->ca_file, s->cert_file, s->key_file};
    struct bytes parts[2 * ARRAY_LEN(files) + 1];
    struct stat stats[ARRAY_LEN(files)];
    memset(stats, 0, sizeof stats);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const char *path = is_set(files[i]) ? files[i] : "";
        if (path[0] && stat(path, &stats[i]) == 0)
            memset(&stats[i].st_atim, 0, sizeof stats[i].st_atim);
        parts[2 * i] = (struct bytes){.data = (const uint8_t *)path, .len = strlen(path)};
        parts[2 * i + 1] =
            (struct bytes){.data = (const uint8_t *)&stats[i], .len = sizeof stats[i]};
    }
    parts[2 * ARRAY_LEN(files)] =
        (struct bytes){.data = (const uint8_t *)&s->min_version, .len = sizeof s->min_version};
    crypto_digest(parts, ARRAY_LEN(parts), key_r);
}

/* A context with its certificates loaded, ours to keep: a store of authorities is a megabyte and
 * milliseconds, too much for each of a thousand connections. NULL: what could not be loaded. */
static SSL_CTX *context_for(const struct crypto_tls_settings *s, const char **missing_r)
{
    static struct {
        uint8_t key[CRYPTO_DIGEST_SIZE];
        SSL_CTX *ctx;
    } contexts[TLS_CONTEXTS];
    static unsigned oldest;
    uint8_t key[CRYPTO_DIGEST_SIZE];
    context_key(s, key);
    for (size_t i = 0; i < TLS_CONTEXTS; i++) {
        if (contexts[i].ctx && memcmp(contexts[i].key, key, sizeof key) == 0)
            return contexts[i].ctx;
    }
    SSL_CTX *ctx = make_context(s);
    *missing_r = load_files(ctx, s);
    if (*missing_r) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_free(contexts[oldest].ctx); /* connections have their own references */
    contexts[oldest].ctx = ctx;
    memcpy(contexts[oldest].key, key, sizeof key);
    oldest = (oldest + 1) % TLS_CONTEXTS;
    return ctx;
}

int crypto_tls_create(const struct crypto_tls_settings *settings, struct crypto_tls **tls_r,
                      char *error_r, size_t error_size)
{
    const char *missing = NULL;
    *tls_r = NULL;
    ERR_clear_error();
    SSL_CTX *ctx = context_for(settings, &missing);
    if (!ctx) {
        snprintf(error_r, error_size, "TLS: can't load %s: %s", missing, openssl_reason());
        return -1;
    }
    struct crypto_tls *tls = xcalloc(1, sizeof *tls);
    tls->ssl = SSL_new(ctx);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    INVARIANT(tls->ssl && tls->in && tls->out);
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_connect_state(tls->ssl);
    if (!is_set(settings->server_name) || !expect_name(tls->ssl, settings->server_name)) {
        snprintf(error_r, error_size, "TLS: \"%s\" is no server name",
                 settings->server_name ? settings->server_name : "");
        crypto_tls_destroy(&tls);
        return -1;
    }
    *tls_r = tls;
    return 0;
}

void crypto_tls_destroy(struct crypto_tls **tls)
{
    if (!*tls)
        return;
    SSL_free((*tls)->ssl);
    free(*tls);
    *tls = NULL;
}

enum crypto_tls_state crypto_tls_state(const struct crypto_tls *tls)
{
    return tls->state;
}

const char *crypto_tls_error(const struct crypto_tls *tls)
{
    return tls->error;
}

static void tls_fail(struct crypto_tls *tls)
{
    long verdict = SSL_get_verify_result(tls->ssl);
    const char *reason =
        verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : openssl_reason();
    snprintf(tls->error, sizeof tls->error, "TLS: %s", reason);
    tls->state = CRYPTO_TLS_FAILED;
}

/* After an SSL_* call that did not succeed. */
static void tls_look(struct crypto_tls *tls, int result)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        break;
    case SSL_ERROR_ZERO_RETURN:
        tls->state = CRYPTO_TLS_ENDED;
        break;
    default:
        tls_fail(tls);
    }
}

static void tls_shake_hands(struct crypto_tls *tls)
{
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1)
        tls->state = CRYPTO_TLS_OPEN;
    else
        tls_look(tls, result);
}

void crypto_tls_start(struct crypto_tls *tls)
{
    tls_shake_hands(tls);
}

static bool tls_read(struct crypto_tls *tls,
                     bool (*plain)(void *arg, const uint8_t *data, size_t len), void *arg)
{
    uint8_t record[TLS_RECORD];
    int len;
    for (;;) {
        ERR_clear_error();
        len = SSL_read(tls->ssl, record, sizeof record);
        if (len <= 0)
            break;
        if (!plain(arg, record, (size_t)len))
            return false;
    }
    tls_look(tls, len);
    return true;
}

bool crypto_tls_feed(struct crypto_tls *tls, const uint8_t *data, size_t len,
                     bool (*plain)(void *arg, const uint8_t *data, size_t len), void *arg)
{
    while (len && (tls->state == CRYPTO_TLS_HANDSHAKE || tls->state == CRYPTO_TLS_OPEN)) {
        size_t slice = min_size(len, TLS_SLICE);
        INVARIANT(BIO_write(tls->in, data, (int)slice) == (int)slice);
        data += slice;
        len -= slice;
        if (tls->state == CRYPTO_TLS_HANDSHAKE)
            tls_shake_hands(tls);
        if (tls->state == CRYPTO_TLS_OPEN && !tls_read(tls, plain, arg))
            return false;
    }
    return true;
}

int crypto_tls_write(struct crypto_tls *tls, const uint8_t *data, size_t len)
{
    INVARIANT(tls->state == CRYPTO_TLS_OPEN && len <= INT32_MAX);
    if (!len)
        return 0;
    ERR_clear_error();
    if (SSL_write(tls->ssl, data, (int)len) == (int)len)
        return 0;
    tls_fail(tls);
    return -1;
}

void crypto_tls_finish(struct crypto_tls *tls)
{
    if (tls->state != CRYPTO_TLS_OPEN && tls->state != CRYPTO_TLS_ENDED)
        return;
    ERR_clear_error();
    SSL_shutdown(tls->ssl); /* ours is said; nobody waits for theirs */
    ERR_clear_error();
}

struct bytes crypto_tls_output(const struct crypto_tls *tls)
{
    char *data;
    long len = BIO_get_mem_data(tls->out, &data);
    return (struct bytes){.data = (const uint8_t *)data, .len = len > 0 ? (size_t)len : 0};
}

void crypto_tls_output_taken(struct crypto_tls *tls)
{
    (void)BIO_reset(tls->out);
}

void crypto_tls_describe(const struct crypto_tls *tls, char *out, size_t size)
{
    snprintf(out, size, "%s %s", SSL_get_version(tls->ssl), SSL_get_cipher_name(tls->ssl));
}

int64_t crypto_tls_peer_expiry_ms(const struct crypto_tls *tls)
{
    struct tm tm = {.tm_year = 0};
    const X509 *cert = SSL_get0_peer_certificate(tls->ssl);
    if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm) * 1000;
}

char *crypto_tls_peer_subject(const struct crypto_tls *tls)
{
    const X509 *cert = SSL_get0_peer_certificate(tls->ssl);
    BIO *bio = cert ? BIO_new(BIO_s_mem()) : NULL;
    char *data, *text = NULL;
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
        long len = BIO_get_mem_data(bio, &data);
        size_t kept = min_size(len > 0 ? (size_t)len : 0, CRYPTO_TLS_SUBJECT_MAX);
        text = xcalloc(1, kept + 1);
        memcpy(text, data, kept);
    }
    BIO_free(bio);
    ERR_clear_error();
    return text;
}
