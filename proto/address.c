/* TON and NPI by inference: what the digits look like. */
#include "common/str.h"
#include "proto/address.h"

#define E164_DIGITS_MAX 15 /* ITU-T E.164 §6 */
#define NUMBER_DIGITS_MIN 3
#define INTERNATIONAL_DIGITS_MIN 8 /* shorter without '+' is a short code */

static bool number(const char *s, size_t len, struct address *address_r)
{
    bool plus = len > 0 && s[0] == '+';
    s += plus;
    len -= plus;
    if (len < NUMBER_DIGITS_MIN || len > E164_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!str_is_digit(s[i]))
            return false;
    }
    bool international = plus || len >= INTERNATIONAL_DIGITS_MIN;
    address_r->ton = international ? SMPP_TON_INTERNATIONAL : SMPP_TON_UNKNOWN;
    address_r->npi = international ? SMPP_NPI_E164 : SMPP_NPI_UNKNOWN;
    return str_copy(address_r->text, sizeof(address_r->text), s, len);
}

bool address_of_destination(const char *s, size_t len, struct address *address_r)
{
    return number(s, len, address_r);
}

bool address_of_sender(const char *s, size_t len, struct address *address_r)
{
    if (number(s, len, address_r))
        return true;
    if (len == 0 || len >= SMPP_ADDRESS_SIZE)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < 0x20 || s[i] > 0x7E)
            return false;
    }
    address_r->ton = SMPP_TON_ALPHANUMERIC;
    address_r->npi = SMPP_NPI_UNKNOWN;
    return str_copy(address_r->text, sizeof(address_r->text), s, len);
}
