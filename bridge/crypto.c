/* OpenSSL in the bridge: digests, the seal around a password, TLS settings. */
#include <openssl/evp.h>

#include "bridge/crypto.h"

static void digest(const EVP_MD *md, const struct bytes *parts, size_t count, uint8_t *digest_r)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, digest_r, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    INVARIANT(ok);
}

void crypto_sha1(const struct bytes *parts, size_t count, uint8_t digest_r[20])
{
    digest(EVP_sha1(), parts, count, digest_r);
}

void crypto_sha256(const struct bytes *parts, size_t count, uint8_t digest_r[32])
{
    digest(EVP_sha256(), parts, count, digest_r);
}
