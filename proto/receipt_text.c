/* A tokenizer over "label:value" that assumes as little as it can. */
#include "common/str.h"
#include "proto/receipt_text.h"

enum label { ID, SUB, DLVRD, SUBMIT_DATE, DONE_DATE, STAT, ERR, TEXT, LABELS };

/* A blank in a label stands for any run of blanks, '_' and '-', or none. */
static const struct {
    const char *words;
    enum label label;
} spellings[] = {
    {"id", ID},
    {"msg id", ID},
    {"message id", ID},
    {"sub", SUB},
    {"dlvrd", DLVRD},
    {"submit date", SUBMIT_DATE},
    {"done date", DONE_DATE},
    {"stat", STAT},
    {"status", STAT},
    {"state", STAT},
    {"err", ERR},
    {"error", ERR},
    {"text", TEXT},
};

struct span {
    const char *pos;
    const char *end;
};

/* What a character can be; asked for each. Octets beyond ASCII are no words: a byte order mark or
 * junk before a label is likelier than a word. */
enum {
    BLANK = 1,
    ENDS_VALUE = 2,
    WORD = 4,
    BEGINS_LABEL = 8, /* of any spelling above */
    LABEL_WORD = WORD | BEGINS_LABEL,
};
static const uint8_t classes[256] = {
    ['\0'] = ENDS_VALUE,         ['\t' ... '\n'] = BLANK | ENDS_VALUE,
    ['\r'] = BLANK | ENDS_VALUE, [' '] = BLANK | ENDS_VALUE,
    [','] = ENDS_VALUE,          [';'] = ENDS_VALUE,
    ['|'] = ENDS_VALUE,          ['0' ... '9'] = WORD,
    ['A' ... 'C'] = WORD,        ['D' ... 'E'] = LABEL_WORD,
    ['F' ... 'H'] = WORD,        ['I'] = LABEL_WORD,
    ['J' ... 'L'] = WORD,        ['M'] = LABEL_WORD,
    ['N' ... 'R'] = WORD,        ['S' ... 'T'] = LABEL_WORD,
    ['U' ... 'Z'] = WORD,        ['_'] = WORD,
    ['a' ... 'c'] = WORD,        ['d' ... 'e'] = LABEL_WORD,
    ['f' ... 'h'] = WORD,        ['i'] = LABEL_WORD,
    ['j' ... 'l'] = WORD,        ['m'] = LABEL_WORD,
    ['n' ... 'r'] = WORD,        ['s' ... 't'] = LABEL_WORD,
    ['u' ... 'z'] = WORD,
};

static bool is(char c, int class)
{
    return classes[(uint8_t)c] & class;
}

static bool is_blank(char c)
{
    return is(c, BLANK);
}

static void skip_blanks(struct span *s)
{
    while (s->pos < s->end && is_blank(*s->pos))
        s->pos++;
}

static bool skip_words(struct span *s, const char *words)
{
    for (; *words; words++) {
        if (*words == ' ') {
            while (s->pos < s->end && (is_blank(*s->pos) || *s->pos == '_' || *s->pos == '-'))
                s->pos++;
            continue;
        }
        if (s->pos >= s->end || str_lower(*s->pos) != *words)
            return false;
        s->pos++;
    }
    return true;
}

/* A label with its colon at s->pos, which moves behind it. */
static bool take_label(struct span *s, enum label *label_r)
{
    if (s->pos >= s->end || !is(*s->pos, BEGINS_LABEL))
        return false;
    char first = str_lower(*s->pos);
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        struct span at = *s;
        if (spellings[i].words[0] != first || !skip_words(&at, spellings[i].words))
            continue;
        skip_blanks(&at);
        if (at.pos >= at.end || *at.pos != ':')
            continue;
        s->pos = at.pos + 1;
        *label_r = spellings[i].label;
        return true;
    }
    return false;
}

/* One token; empty when a label follows at once ("err: text:…"). */
static struct bytes take_value(struct span *s)
{
    skip_blanks(s);
    struct span ahead = *s;
    enum label label;
    if (take_label(&ahead, &label))
        return (struct bytes){0};
    const char *start = s->pos;
    while (s->pos < s->end && !is(*s->pos, ENDS_VALUE))
        s->pos++;
    return (struct bytes){.data = (const uint8_t *)start, .len = (size_t)(s->pos - start)};
}

static void note(struct bytes values[LABELS], bool seen[LABELS], enum label label,
                 struct bytes value)
{
    if (seen[label])
        return;
    seen[label] = true;
    values[label] = value;
}

static void find_labels(struct span s, struct bytes values[LABELS], bool seen[LABELS])
{
    bool boundary = true;
    while (s.pos < s.end) {
        enum label label;
        if (!boundary || !take_label(&s, &label)) {
            boundary = !is(*s.pos, WORD);
            s.pos++;
            continue;
        }
        boundary = true;
        if (label == TEXT && values[ID].len && values[STAT].len)
            return;
        note(values, seen, label, label == TEXT ? (struct bytes){0} : take_value(&s));
    }
}

/* The words that nobody writes by accident, as whole tokens in capitals: for receipts that lost
 * `stat:`. */
static bool is_bare_state(struct bytes token)
{
    static const char *const words[] = {"DELIVRD", "EXPIRED", "DELETED", "UNDELIV",
                                        "ACCEPTD", "UNKNOWN", "REJECTD", "ENROUTE"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_equal((const char *)token.data, token.len, words[i], strlen(words[i])))
            return true;
    }
    return false;
}

static struct bytes find_bare_state(struct span s)
{
    while (s.pos < s.end) {
        enum label label;
        struct span ahead = s;
        if (take_label(&ahead, &label) && label == TEXT)
            break;
        const char *start = s.pos;
        while (s.pos < s.end && !is_blank(*s.pos))
            s.pos++;
        struct bytes token = {.data = (const uint8_t *)start, .len = (size_t)(s.pos - start)};
        if (is_bare_state(token))
            return token;
        skip_blanks(&s);
    }
    return (struct bytes){0};
}

/* "<id> <one digit>" and nothing else. */
static void find_id_and_digit(struct span s, struct receipt_text *fields)
{
    skip_blanks(&s);
    struct bytes id = take_value(&s);
    skip_blanks(&s);
    struct bytes digit = take_value(&s);
    skip_blanks(&s);
    if (s.pos < s.end || id.len == 0 || digit.len != 1 || !str_is_digit((char)digit.data[0]))
        return;
    fields->id = id;
    fields->stat = digit;
}

void receipt_text_parse(const char *text, size_t len, struct receipt_text *fields_r)
{
    struct bytes values[LABELS] = {{0}};
    bool seen[LABELS] = {false};
    while (len > 0 && text[len - 1] == '@') /* the NUL of GSM 7: padding */
        len--;
    struct span all = {.pos = text, .end = text + len};
    find_labels(all, values, seen);
    *fields_r = (struct receipt_text){
        .id = values[ID],
        .stat = values[STAT],
        .err = values[ERR],
        .submit_date = values[SUBMIT_DATE],
        .done_date = values[DONE_DATE],
        .id_labelled = values[ID].len > 0,
        .stat_labelled = values[STAT].len > 0,
    };
    if (fields_r->stat.len == 0)
        fields_r->stat = find_bare_state(all);
    if (fields_r->id.len == 0 && fields_r->stat.len == 0)
        find_id_and_digit(all, fields_r);
}
