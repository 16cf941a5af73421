/* The spellings of an MNO's message id. */
#include "common/str.h"
#include "proto/message_id.h"

/* The usual widths of zero-padded hexadecimal and decimal ids. */
#define NARROW 8
#define WIDE 10

static const char *const dialect_names[] = {
    [MESSAGE_ID_EXACT] = "exact",
    [MESSAGE_ID_CASE] = "case",
    [MESSAGE_ID_ZEROS] = "zeros",
    [MESSAGE_ID_RESP_HEX] = "respHex",
    [MESSAGE_ID_RECEIPT_HEX] = "receiptHex",
};
ASSERT_ARRAY_LEN(dialect_names, MESSAGE_ID_DIALECTS);

const char *message_id_dialect_name(enum message_id_dialect dialect)
{
    return dialect_names[dialect];
}

bool message_id_format_parse(const char *s, size_t len, enum message_id_format *format_r)
{
    static const char *const names[] = {"auto", "exact", "respHex", "receiptHex"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_equal_nocase(s, len, names[i], strlen(names[i])))
            continue;
        *format_r = (enum message_id_format)i;
        return true;
    }
    return false;
}

static const char *without_zeros(const char *id)
{
    while (id[0] == '0' && id[1])
        id++;
    return id;
}

static void copy_lower(char *out, size_t size, const char *id)
{
    (void)str_copy(out, size, id, strlen(id));
    for (; *out; out++)
        *out = str_lower(*out);
}

static void copy_upper(char *out, size_t size, const char *id)
{
    (void)str_copy(out, size, id, strlen(id));
    for (; *out; out++)
        *out = str_upper(*out);
}

/* A number of any length from one notation to the other, in lower case without leading zeros;
 * schoolbook arithmetic on the digits, lowest first. False when `id` is no such number or has more
 * than 64 digits. */
static bool convert(const char *id, unsigned from, unsigned to, char out[MESSAGE_ID_CANONICAL_SIZE])
{
    uint8_t digits[MESSAGE_ID_CANONICAL_SIZE] = {0};
    size_t count = 1;
    size_t len = strnlen(id, SMPP_MESSAGE_ID_SIZE);
    if (len == 0 || len == SMPP_MESSAGE_ID_SIZE)
        return false;
    for (; *id; id++) {
        int digit = str_hex_digit(*id);
        if (digit < 0 || digit >= (int)from)
            return false;
        unsigned carry = (unsigned)digit;
        for (size_t i = 0; i < count; i++) {
            carry += digits[i] * from;
            digits[i] = (uint8_t)(carry % to);
            carry /= to;
        }
        for (; carry > 0; carry /= to)
            digits[count++] = (uint8_t)(carry % to);
    }
    for (size_t i = 0; i < count; i++)
        out[i] = "0123456789abcdef"[digits[count - 1 - i]];
    out[count] = '\0';
    return true;
}

bool message_id_canonical(enum message_id_dialect dialect, enum message_id_side side,
                          const char *id, char out[MESSAGE_ID_CANONICAL_SIZE])
{
    bool hex_here = side == MESSAGE_ID_IN_RESPONSE ? dialect == MESSAGE_ID_RESP_HEX
                                                   : dialect == MESSAGE_ID_RECEIPT_HEX;
    if (!id[0])
        return false;
    switch (dialect) {
    case MESSAGE_ID_EXACT:
        return str_copy(out, MESSAGE_ID_CANONICAL_SIZE, id, strlen(id));
    case MESSAGE_ID_CASE:
        copy_lower(out, MESSAGE_ID_CANONICAL_SIZE, id);
        return true;
    case MESSAGE_ID_ZEROS:
        copy_lower(out, MESSAGE_ID_CANONICAL_SIZE, without_zeros(id));
        return true;
    case MESSAGE_ID_RESP_HEX:
    case MESSAGE_ID_RECEIPT_HEX:
        return convert(id, hex_here ? 16 : 10, 10, out);
    case MESSAGE_ID_DIALECTS:
        break;
    }
    return false;
}

struct list {
    struct message_id_form *forms;
    size_t count;
};

static void add(struct list *l, enum message_id_dialect dialect, const char *id)
{
    if (strlen(id) >= SMPP_MESSAGE_ID_SIZE || l->count == MESSAGE_ID_FORMS_MAX)
        return;
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->forms[i].id, id) == 0)
            return;
    }
    struct message_id_form *form = &l->forms[l->count++];
    form->dialect = dialect;
    (void)str_copy(form->id, sizeof(form->id), id, strlen(id));
}

/* As it is, in lower and in upper case. */
static void add_cases(struct list *l, enum message_id_dialect dialect, const char *id)
{
    char other[MESSAGE_ID_CANONICAL_SIZE];
    add(l, dialect, id);
    copy_lower(other, sizeof(other), id);
    add(l, dialect, other);
    copy_upper(other, sizeof(other), id);
    add(l, dialect, other);
}

/* Zeros in front up to a width; nothing when it is as wide already. */
static void add_padded(struct list *l, enum message_id_dialect dialect, const char *id,
                       size_t width)
{
    char padded[WIDE + 1];
    size_t len = strlen(id);
    if (len >= width)
        return;
    memset(padded, '0', width - len);
    memcpy(padded + width - len, id, len + 1);
    add_cases(l, dialect, padded);
}

static void add_from_hex(struct list *l, const char *id)
{
    char number[MESSAGE_ID_CANONICAL_SIZE];
    if (!convert(id, 16, 10, number))
        return;
    add(l, MESSAGE_ID_RECEIPT_HEX, number);
    add_padded(l, MESSAGE_ID_RECEIPT_HEX, number, WIDE);
}

static void add_from_decimal(struct list *l, const char *id)
{
    char number[MESSAGE_ID_CANONICAL_SIZE];
    if (!convert(id, 10, 16, number))
        return;
    add_cases(l, MESSAGE_ID_RESP_HEX, number);
    add_padded(l, MESSAGE_ID_RESP_HEX, number, NARROW);
}

static bool is_number(const char *id)
{
    for (; *id; id++) {
        if (str_hex_digit(*id) < 0)
            return false;
    }
    return true;
}

size_t message_id_forms(const char *receipt_id, enum message_id_format format,
                        struct message_id_form forms[MESSAGE_ID_FORMS_MAX])
{
    struct list l = {.forms = forms};
    add(&l, MESSAGE_ID_EXACT, receipt_id);
    if (l.count == 0 || !receipt_id[0])
        return 0;
    if (format == MESSAGE_ID_FORMAT_AUTO) {
        const char *stripped = without_zeros(receipt_id);
        add_cases(&l, MESSAGE_ID_CASE, receipt_id);
        add_cases(&l, MESSAGE_ID_ZEROS, stripped);
        if (is_number(receipt_id)) {
            add_padded(&l, MESSAGE_ID_ZEROS, stripped, NARROW);
            add_padded(&l, MESSAGE_ID_ZEROS, stripped, WIDE);
        }
    }
    if (format == MESSAGE_ID_FORMAT_AUTO || format == MESSAGE_ID_FORMAT_RESP_HEX)
        add_from_decimal(&l, receipt_id);
    if (format == MESSAGE_ID_FORMAT_AUTO || format == MESSAGE_ID_FORMAT_RECEIPT_HEX)
        add_from_hex(&l, receipt_id);
    return l.count;
}
