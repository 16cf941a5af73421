/* Digests against published vectors; what the bridge seals the agent opens. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "common/str.h"
#include "bridge/crypto.h"
#include "session-agent/crypto.h"

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

static bool opens(const struct crypto_box *box, const uint8_t ephemeral[32],
                  const uint8_t operator_id[16], uint64_t request, struct bytes sealed,
                  const char *expected)
{
    struct secret *password = NULL;
    char error[200];
    if (crypto_box_open(box, ephemeral, operator_id, request, sealed, &password, error,
                        sizeof(error)) != 0)
        return false;
    bool same = strcmp((const char *)secret_data(password), expected) == 0;
    secret_destroy(&password);
    return same;
}

static void test_seal(void **state)
{
    (void)state;
    const uint8_t operator_id[16] = {1, 2, 3}, other_id[16] = {1, 2, 4};
    const uint64_t request = UINT64_C(0x0102030405060708);
    uint8_t public_key[32], ephemeral[32], again[32];
    uint8_t sealed[9 + CRYPTO_SEAL_OVERHEAD], second[9 + CRYPTO_SEAL_OVERHEAD];
    const struct bytes whole = {sealed, sizeof(sealed)};
    char error[100];
    struct crypto_box *box = crypto_box_create(public_key);

    assert_int_equal(crypto_seal(public_key, operator_id, request, text("invented8"), ephemeral,
                                 sealed, error, sizeof(error)),
                     0);
    assert_true(opens(box, ephemeral, operator_id, request, whole, "invented8"));
    assert_false(opens(box, ephemeral, operator_id, request + 1, whole, "invented8"));
    assert_false(opens(box, ephemeral, other_id, request, whole, "invented8"));
    assert_int_equal(crypto_seal(public_key, operator_id, request, text("invented8"), again, second,
                                 error, sizeof(error)),
                     0);
    assert_memory_not_equal(ephemeral, again, sizeof(again));
    assert_memory_not_equal(sealed, second, sizeof(second));
    sealed[20] ^= 1;
    assert_false(opens(box, ephemeral, operator_id, request, whole, "invented8"));
    crypto_box_destroy(&box);
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
