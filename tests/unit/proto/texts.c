/* Texts in many scripts and lengths, the same on every run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"
#include "tests/unit/proto/texts.h"

#define TEXT_MAX 4096

static const char *const own[] = {
    "",
    "a",
    "Your code is 481516. It expires in 5 minutes.",
    "{[~^|\\]} €100 @ 5_o'clock",
    "کد شما ۱۲۳۴۵۶ است. آن را به کسی ندهید.",
    "ستاسو کوډ ۱۲۳۴۵۶ دی، مهرباني وکړئ له چا سره یې مه شریکوئ.",
    "Şifreniz: 123456. Lütfen kimseyle paylaşmayınız. İyi günler, ĞğÇçÖöÜü",
    "O código é 123456. Não o partilhe com ninguém. Atenção: válido até às 18h.",
    "El código es 123456. No lo comparta con nadie. ¿Está usted ahí? Áéíóú",
    "آپ کا کوڈ 123456 ہے۔ براہ کرم اسے کسی کے ساتھ شیئر نہ کریں۔",
    "“Quoted” – dashed — and … dotted, naïve façade, Ångström",
    "👨‍👩‍👧‍👦 family, 🇦🇫 flag, 👍🏽 thumb, ❤️ heart, e\xCC\x81",
    "नमस्ते आपका कोड १२३४५६ है",
    "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB\xE1\x84\x80\xE1\x85\xB3\xE1\x86\xAF",
    "漢字かな交じり文のテスト𠮷野家",
};

static size_t corpus(void (*each)(const char *text, size_t len, void *context), void *context)
{
    const char *path = getenv("SMS_CORPUS");
    FILE *f = path ? fopen(path, "r") : NULL;
    if (!f)
        return 0;
    char *line = NULL;
    size_t size = 0;
    size_t count = 0;
    ssize_t n;
    while ((n = getline(&line, &size, f)) > 0) {
        const char *tab = strchr(line, '\t');
        if (!tab)
            continue;
        size_t len = (size_t)(line + n - (tab + 1)) - (line[n - 1] == '\n' ? 1 : 0);
        if (!str_utf8_valid(tab + 1, len))
            continue;
        each(tab + 1, len, context);
        count++;
    }
    free(line);
    fclose(f);
    return count;
}

/* Every length around the limits of one, two and three segments, with a wide character at each
 * place. */
static size_t lengths(void (*each)(const char *text, size_t len, void *context), void *context)
{
    static const char *const fillers[] = {"x", "€", "ж", "😀", "e\xCC\x81"};
    char text[TEXT_MAX];
    size_t count = 0;
    for (size_t f = 0; f < ARRAY_LEN(fillers); f++) {
        for (size_t n = 60; n < 320; n += n < 165 ? 1 : 3) {
            struct str_out o = str_out(text, sizeof(text));
            for (size_t i = 0; i < n; i++)
                str_puts(&o, i % 7 == 3 ? fillers[f] : "a");
            each(text, o.len, context);
            count++;
        }
    }
    return count;
}

/* A fixed generator: the same texts everywhere. */
static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static size_t generated(void (*each)(const char *text, size_t len, void *context), void *context)
{
    static const unsigned ranges[][2] = {{0x20, 0x7E},       {0xA0, 0x17F},    {0x370, 0x3FF},
                                         {0x600, 0x6FF},     {0x300, 0x36F},   {0x900, 0x97F},
                                         {0x1F300, 0x1F6FF}, {0x200B, 0x200D}, {0x1F1E6, 0x1F1FF}};
    unsigned state = 7;
    char text[TEXT_MAX];
    for (int i = 0; i < 2000; i++) {
        struct str_out o = str_out(text, sizeof(text));
        unsigned scripts = 1 + next_random(&state) % ARRAY_LEN(ranges);
        unsigned len = next_random(&state) % 400;
        for (unsigned k = 0; k < len; k++) {
            const unsigned *r = ranges[next_random(&state) % scripts];
            char utf8[STR_UTF8_MAX];
            size_t n = str_utf8_put(r[0] + next_random(&state) % (r[1] - r[0] + 1), utf8);
            str_put(&o, utf8, n);
        }
        each(text, o.len, context);
    }
    return 2000;
}

size_t texts_each(void (*each)(const char *text, size_t len, void *context), void *context)
{
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        each(own[i], strlen(own[i]), context);
    return ARRAY_LEN(own) + corpus(each, context) + lengths(each, context) +
           generated(each, context);
}
