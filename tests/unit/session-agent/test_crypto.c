/* crypto: what the bridge seals the agent opens, and nothing else; digests; TLS that can't start.
 * (TLS that runs is tested with the transport.) */
#include "unit_test.h"

#include <stdio.h>
#include <string.h>

#include "bridge/crypto.h"
#include "session-agent/crypto.h"

static const uint8_t operator_id[16] = "operator-number1";
#define REQUEST UINT64_C(0x0102030405060708)

struct sealed {
    uint8_t ephemeral_key[32];
    uint8_t data[300];
    size_t len;
};

static struct sealed seal(const uint8_t public_key[32], const char *password, size_t len)
{
    struct sealed s = {.len = len + CRYPTO_SEAL_OVERHEAD};
    char error[100];
    struct bytes plain = {.data = (const uint8_t *)password, .len = len};
    assert_int_equal(crypto_seal(public_key, operator_id, REQUEST, plain, s.ephemeral_key, s.data,
                                 error, sizeof error),
                     0);
    return s;
}

/* The password, or NULL with the error. */
static struct secret *open_sealed(const struct crypto_box *box, const struct sealed *s,
                                  const uint8_t id[16], uint64_t request, char *error)
{
    struct secret *password = (struct secret *)1;
    struct bytes sealed = {.data = s->data, .len = s->len};
    int status = crypto_box_open(box, s->ephemeral_key, id, request, sealed, &password, error, 100);
    assert_int_equal(status, password ? 0 : -1);
    return password;
}

static void expect_refused(const struct crypto_box *box, const struct sealed *s,
                           const uint8_t id[16], uint64_t request, const char *what)
{
    char error[100] = "";
    assert_null(open_sealed(box, s, id, request, error));
    if (!strstr(error, what))
        fail_msg("\"%s\" does not say \"%s\"", error, what);
}

static void what_the_bridge_seals_is_opened(void **state)
{
    (void)state;
    char password[256], error[100];
    for (size_t len = 0; len < sizeof password; len++) {
        uint8_t public_key[32];
        memset(password, 'a' + (int)(len % 26), len);
        struct crypto_box *box = crypto_box_create(public_key);
        struct sealed s = seal(public_key, password, len);
        struct secret *opened = open_sealed(box, &s, operator_id, REQUEST, error);
        assert_non_null(opened);
        assert_int_equal(secret_size(opened), len + 1);
        assert_memory_equal(secret_data(opened), password, len);
        assert_int_equal(secret_data(opened)[len], 0);
        secret_destroy(&opened);
        crypto_box_destroy(&box);
        assert_null(box);
        crypto_box_destroy(&box);
    }
}

static void nothing_else_is_opened(void **state)
{
    (void)state;
    uint8_t public_key[32], other_key[32];
    struct crypto_box *box = crypto_box_create(public_key), *other = crypto_box_create(other_key);
    assert_memory_not_equal(public_key, other_key, 32);
    struct sealed good = seal(public_key, "secret", 6), s = good;
    expect_refused(other, &good, operator_id, REQUEST, "not sealed for this request");
    expect_refused(box, &good, operator_id, REQUEST + 1, "not sealed for this request");
    expect_refused(box, &good, (const uint8_t *)"operator-number2", REQUEST, "not sealed");
    for (size_t i = 0; i < good.len; i++) {
        s = good;
        s.data[i] ^= 1;
        expect_refused(box, &s, operator_id, REQUEST, "not sealed for this request");
    }
    for (size_t i = 0; i < 31; i++) { /* X25519 ignores the highest bit of the last byte */
        s = good;
        s.ephemeral_key[i] ^= 1;
        expect_refused(box, &s, operator_id, REQUEST, "not sealed for this request");
    }
    for (s = good; s.len > 0; s.len--) {
        if (s.len != good.len)
            expect_refused(box, &s, operator_id, REQUEST, s.len < 28 ? "length" : "not sealed");
    }
    s = good;
    memset(s.ephemeral_key, 0, sizeof s.ephemeral_key);
    expect_refused(box, &s, operator_id, REQUEST, "key is no good");
    s = seal(public_key, "se\0ret", 6);
    expect_refused(box, &s, operator_id, REQUEST, "NUL");
    crypto_box_destroy(&box);
    crypto_box_destroy(&other);
}

static struct bytes text(const char *s)
{
    return (struct bytes){.data = (const uint8_t *)s, .len = strlen(s)};
}

static void digests_tell_changes(void **state)
{
    (void)state;
    const struct bytes parts[] = {text("host"), text("user"), text("password")};
    const struct bytes moved[] = {text("host"), text("userp"), text("assword")};
    const struct bytes other[] = {text("host"), text("user"), text("passwore")};
    uint8_t a[32], b[32], plain[32];
    struct bytes joined = text("hostuserpassword");
    crypto_digest(parts, 3, a);
    crypto_digest(parts, 3, b);
    assert_memory_equal(a, b, 32);
    crypto_digest(moved, 3, b);
    assert_memory_not_equal(a, b, 32);
    crypto_digest(other, 3, b);
    assert_memory_not_equal(a, b, 32);
    crypto_digest(parts, 2, b);
    assert_memory_not_equal(a, b, 32);
    crypto_sha256(&joined, 1, plain); /* it is keyed */
    assert_memory_not_equal(a, plain, 32);
}

static void tls_says_what_is_missing(void **state)
{
    (void)state;
    static const struct {
        struct crypto_tls_settings settings;
        const char *error;
    } rows[] = {
        {{.ca_file = "/nonexistent/ca.pem", .server_name = "x"}, "/nonexistent/ca.pem"},
        {{.cert_file = "/nonexistent/c.pem", .key_file = "k", .server_name = "x"}, "c.pem"},
        {{.cert_file = "/nonexistent/c.pem", .server_name = "x"}, "c.pem"},
        {{.key_file = "k", .server_name = "x"}, "a certificate for the key"},
        {{.server_name = ""}, "no server name"},
        {{.server_name = NULL}, "no server name"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct crypto_tls *tls;
        char error[200] = "";
        assert_int_equal(crypto_tls_create(&rows[i].settings, &tls, error, sizeof error), -1);
        assert_null(tls);
        if (!strstr(error, rows[i].error))
            fail_msg("\"%s\" does not say \"%s\"", error, rows[i].error);
    }
}

static bool no_plaintext(void *arg, const uint8_t *data, size_t len)
{
    (void)arg, (void)data, (void)len;
    fail_msg("there is none");
    return false;
}

static void tls_survives_a_peer_that_speaks_something_else(void **state)
{
    (void)state;
    struct crypto_tls_settings settings = {.server_name = "mno.example"};
    struct crypto_tls *tls;
    char error[200];
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "\x00\x00\x00\x10",
                                          "\x16\x03\x01\x40\x00 a lie",
                                          "\x15\x03\x03\x00\x02\x02\x28"};
    static const size_t lens[] = {28, 4, 11, 7};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        assert_int_equal(crypto_tls_create(&settings, &tls, error, sizeof error), 0);
        crypto_tls_start(tls);
        struct bytes hello = crypto_tls_output(tls);
        assert_true(hello.len > 100);
        assert_non_null(memmem(hello.data, hello.len, "mno.example", 11));
        crypto_tls_output_taken(tls);
        assert_int_equal(crypto_tls_output(tls).len, 0);
        assert_true(crypto_tls_feed(tls, (const uint8_t *)answers[i], lens[i], no_plaintext, NULL));
        if (crypto_tls_state(tls) == CRYPTO_TLS_FAILED)
            assert_non_null(strstr(crypto_tls_error(tls), "TLS: "));
        else
            assert_int_equal(crypto_tls_state(tls), CRYPTO_TLS_HANDSHAKE);
        assert_int_equal(crypto_tls_peer_expiry_ms(tls), 0);
        crypto_tls_finish(tls);
        crypto_tls_destroy(&tls);
        assert_null(tls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_bridge_seals_is_opened),
        cmocka_unit_test(nothing_else_is_opened),
        cmocka_unit_test(digests_tell_changes),
        cmocka_unit_test(tls_says_what_is_missing),
        cmocka_unit_test(tls_survives_a_peer_that_speaks_something_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
