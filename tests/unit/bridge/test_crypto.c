/* Digests against published vectors; the seal opened as proto/README.md describes it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>
#include <cmocka.h>

#include "common/str.h"
#include "bridge/crypto.h"

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static void test_digests(void **state)
{
    (void)state;
    const struct bytes parts[] = {text("a"), text(""), text("bc")};
    uint8_t digest[32];
    char hex[65];
    for (int i = 0; i < 2; i++) { /* the second time with what the first one prepared */
        crypto_sha1(parts, ARRAY_LEN(parts), digest);
        str_hex_encode(digest, 20, hex);
        assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
        crypto_sha256(parts, ARRAY_LEN(parts), digest);
        str_hex_encode(digest, 32, hex);
        assert_string_equal(hex,
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
    crypto_sha1(NULL, 0, digest);
    str_hex_encode(digest, 20, hex);
    assert_string_equal(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

/* The other end: X25519, HKDF over the documented info, ChaCha20-Poly1305. */
static bool open_seal(EVP_PKEY *ours, const uint8_t public_key[32], const uint8_t operator_id[16],
                      uint64_t request, const uint8_t ephemeral_key[32], const uint8_t *sealed,
                      size_t plain_len, uint8_t *plain_r)
{
    uint8_t shared[32], key[32], info[29 + 32 + 32 + 16 + 8];
    size_t len = sizeof(shared);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, ephemeral_key, 32);
    EVP_PKEY_CTX *agree = EVP_PKEY_CTX_new(ours, NULL);
    assert_int_equal(EVP_PKEY_derive_init(agree), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(agree, theirs), 1);
    assert_int_equal(EVP_PKEY_derive(agree, shared, &len), 1);
    EVP_PKEY_CTX_free(agree);
    EVP_PKEY_free(theirs);

    memcpy(info, "smpp-connector credentials v1", 29);
    memcpy(info + 29, ephemeral_key, 32);
    memcpy(info + 61, public_key, 32);
    memcpy(info + 93, operator_id, 16);
    for (int i = 0; i < 8; i++)
        info[109 + i] = (uint8_t)(request >> (56 - 8 * i));
    char sha256[] = "SHA256", empty[] = "";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, shared, 32),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, empty, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *derive = EVP_KDF_CTX_new(kdf);
    assert_int_equal(EVP_KDF_derive(derive, key, sizeof(key), params), 1);
    EVP_KDF_CTX_free(derive);
    EVP_KDF_free(kdf);

    int got = 0;
    uint8_t tag[16];
    memcpy(tag, sealed + 12 + plain_len, sizeof(tag));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = EVP_DecryptInit_ex2(ctx, EVP_chacha20_poly1305(), key, sealed, NULL) == 1 &&
              EVP_DecryptUpdate(ctx, plain_r, &got, sealed + 12, (int)plain_len) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1 &&
              EVP_DecryptFinal_ex(ctx, plain_r + got, &got) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

static void test_seal(void **state)
{
    (void)state;
    const uint8_t operator_id[16] = {1, 2, 3}, other_id[16] = {1, 2, 4};
    const struct bytes plain = text("invented8");
    uint8_t public_key[32], ephemeral[32], again[32], opened[32] = {0};
    uint8_t sealed[9 + CRYPTO_SEAL_OVERHEAD], second[9 + CRYPTO_SEAL_OVERHEAD];
    size_t len = sizeof(public_key);
    char error[100];
    EVP_PKEY *agent = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    assert_int_equal(EVP_PKEY_get_raw_public_key(agent, public_key, &len), 1);

    assert_int_equal(crypto_seal(public_key, operator_id, UINT64_C(0x0102030405060708), plain,
                                 ephemeral, sealed, error, sizeof(error)),
                     0);
    assert_true(open_seal(agent, public_key, operator_id, UINT64_C(0x0102030405060708), ephemeral,
                          sealed, plain.len, opened));
    assert_memory_equal(opened, plain.data, plain.len);
    assert_false(
        open_seal(agent, public_key, operator_id, 7, ephemeral, sealed, plain.len, opened));
    assert_false(open_seal(agent, public_key, other_id, UINT64_C(0x0102030405060708), ephemeral,
                           sealed, plain.len, opened));
    assert_int_equal(
        crypto_seal(public_key, operator_id, 1, plain, again, second, error, sizeof(error)), 0);
    assert_memory_not_equal(ephemeral, again, sizeof(again));
    EVP_PKEY_free(agent);
}

/* A key of small order gives no secret, so it must not seal one. */
static void test_bad_public_key(void **state)
{
    (void)state;
    const uint8_t zero[32] = {0}, operator_id[16] = {0};
    uint8_t ephemeral[32], sealed[1 + CRYPTO_SEAL_OVERHEAD];
    char error[100] = "";
    assert_int_equal(
        crypto_seal(zero, operator_id, 1, text("x"), ephemeral, sealed, error, sizeof(error)), -1);
    assert_true(strlen(error) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_bad_public_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
