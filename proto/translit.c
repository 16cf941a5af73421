/* Transliteration to the GSM 7-bit default alphabet. */
#include "common/str.h"
#include "proto/translit.h"

struct replacement {
    uint16_t code_point;
    const char *text;
};

/* Letters without their marks, by position; '.' where the default alphabet has the letter itself,
 * or there is no single letter for it. */
/* clang-format off */
static const char latin_00c0[] =
    /* 00C0 */ "AAAA....E.EEIIII"
    /* 00D0 */ "D.OOOO.x.UUU.Y.."
    /* 00E0 */ ".aaa...c..ee.iii"
    /* 00F0 */ "d..ooo....uu.y.y"
    /* 0100 */ "AaAaAaCcCcCcCcDd"
    /* 0110 */ "DdEeEeEeEeEeGgGg"
    /* 0120 */ "GgGgHhHhIiIiIiIi"
    /* 0130 */ "Ii..JjKkkLlLlLlL"
    /* 0140 */ "lLlNnNnNn.NnOoOo"
    /* 0150 */ "Oo..RrRrRrSsSsSs"
    /* 0160 */ "SsTtTtTtUuUuUuUu"
    /* 0170 */ "UuUuWwYyYZzZzZzs"
    /* 0180 */ "bB.....CcDD....E"
    /* 0190 */ "EFfG...IKkl..NnO"
    /* 01A0 */ "Oo..Pp.....tTtTU"
    /* 01B0 */ "u.VYyZz........."
    /* 01C0 */ ".............AaI"
    /* 01D0 */ "iOoUuUuUuUuUu.Aa"
    /* 01E0 */ "Aa..GgGgKkOoOo.."
    /* 01F0 */ "j...Gg..NnAa...."
    /* 0200 */ "AaAaEeEeIiIiOoOo"
    /* 0210 */ "RrRrUuUuSsTt..Hh"
    /* 0220 */ ".d..ZzAaEeOoOoOo"
    /* 0230 */ "OoYylntj..ACcLT."
    /* 0240 */ "...BU.EeJjQqRrYy";

static const char latin_1e00[] =
    /* 1E00 */ "AaBbBbBbCcDdDdDd"
    /* 1E10 */ "DdDdEeEeEeEeEeFf"
    /* 1E20 */ "GgHhHhHhHhHhIiIi"
    /* 1E30 */ "KkKkKkLlLlLlLlMm"
    /* 1E40 */ "MmMmNnNnNnNnOoOo"
    /* 1E50 */ "OoOoPpPpRrRrRrRr"
    /* 1E60 */ "SsSsSsSsSsTtTtTt"
    /* 1E70 */ "TtUuUuUuUuUuVvVv"
    /* 1E80 */ "WwWwWwWwWwXxXxYy"
    /* 1E90 */ "ZzZzZzhtwyas...."
    /* 1EA0 */ "AaAaAaAaAaAaAaAa"
    /* 1EB0 */ "AaAaAaAaEeEeEeEe"
    /* 1EC0 */ "EeEeEeEeIiIiOoOo"
    /* 1ED0 */ "OoOoOoOoOoOoOoOo"
    /* 1EE0 */ "OoOoUuUuUuUuUuUu"
    /* 1EF0 */ "UuYyYyYyYy......";
/* clang-format on */

/* Sorted by code point. */
static const struct replacement replacements[] = {
    {0x0009, " "},    {0x0060, "'"},   {0x00A0, " "},   {0x00A2, "c"},    {0x00A6, "|"},
    {0x00A8, "\""},   {0x00A9, "(C)"}, {0x00AA, "a"},   {0x00AB, "\""},   {0x00AC, "-"},
    {0x00AD, ""},     {0x00AE, "(R)"}, {0x00AF, "-"},   {0x00B0, "o"},    {0x00B1, "+/-"},
    {0x00B2, "2"},    {0x00B3, "3"},   {0x00B4, "'"},   {0x00B5, "u"},    {0x00B7, "."},
    {0x00B8, ","},    {0x00B9, "1"},   {0x00BA, "o"},   {0x00BB, "\""},   {0x00BC, "1/4"},
    {0x00BD, "1/2"},  {0x00BE, "3/4"}, {0x00DE, "Th"},  {0x00F7, "/"},    {0x00FE, "th"},
    {0x0132, "IJ"},   {0x0133, "ij"},  {0x0149, "'n"},  {0x0152, "OE"},   {0x0153, "oe"},
    {0x01C4, "DZ"},   {0x01C5, "Dz"},  {0x01C6, "dz"},  {0x01C7, "LJ"},   {0x01C8, "Lj"},
    {0x01C9, "lj"},   {0x01CA, "NJ"},  {0x01CB, "Nj"},  {0x01CC, "nj"},   {0x01E2, "Æ"},
    {0x01E3, "æ"},    {0x01F1, "DZ"},  {0x01F2, "Dz"},  {0x01F3, "dz"},   {0x01FC, "Æ"},
    {0x01FD, "æ"},    {0x01FE, "Ø"},   {0x01FF, "ø"},   {0x02B9, "'"},    {0x02BA, "\""},
    {0x02BB, "'"},    {0x02BC, "'"},   {0x02BD, "'"},   {0x02C6, "^"},    {0x02C8, "'"},
    {0x02CA, "'"},    {0x02CB, "'"},   {0x02DA, "o"},   {0x02DC, "~"},    {0x0384, "'"},
    {0x0386, "A"},    {0x0387, "."},   {0x0388, "E"},   {0x0389, "H"},    {0x038A, "I"},
    {0x038C, "O"},    {0x038E, "Y"},   {0x038F, "Ω"},   {0x0390, "I"},    {0x0391, "A"},
    {0x0392, "B"},    {0x0395, "E"},   {0x0396, "Z"},   {0x0397, "H"},    {0x0399, "I"},
    {0x039A, "K"},    {0x039C, "M"},   {0x039D, "N"},   {0x039F, "O"},    {0x03A1, "P"},
    {0x03A4, "T"},    {0x03A5, "Y"},   {0x03A7, "X"},   {0x03AA, "I"},    {0x03AB, "Y"},
    {0x03AC, "A"},    {0x03AD, "E"},   {0x03AE, "H"},   {0x03AF, "I"},    {0x03B0, "Y"},
    {0x03B1, "A"},    {0x03B2, "B"},   {0x03B3, "Γ"},   {0x03B4, "Δ"},    {0x03B5, "E"},
    {0x03B6, "Z"},    {0x03B7, "H"},   {0x03B8, "Θ"},   {0x03B9, "I"},    {0x03BA, "K"},
    {0x03BB, "Λ"},    {0x03BC, "M"},   {0x03BD, "N"},   {0x03BE, "Ξ"},    {0x03BF, "O"},
    {0x03C0, "Π"},    {0x03C1, "P"},   {0x03C2, "Σ"},   {0x03C3, "Σ"},    {0x03C4, "T"},
    {0x03C5, "Y"},    {0x03C6, "Φ"},   {0x03C7, "X"},   {0x03C8, "Ψ"},    {0x03C9, "Ω"},
    {0x03CA, "I"},    {0x03CB, "Y"},   {0x03CC, "O"},   {0x03CD, "Y"},    {0x03CE, "Ω"},
    {0x1E9E, "SS"},   {0x2000, " "},   {0x2001, " "},   {0x2002, " "},    {0x2003, " "},
    {0x2004, " "},    {0x2005, " "},   {0x2006, " "},   {0x2007, " "},    {0x2008, " "},
    {0x2009, " "},    {0x200A, " "},   {0x200B, ""},    {0x200C, ""},     {0x200D, ""},
    {0x200E, ""},     {0x200F, ""},    {0x2010, "-"},   {0x2011, "-"},    {0x2012, "-"},
    {0x2013, "-"},    {0x2014, "-"},   {0x2015, "-"},   {0x2016, "||"},   {0x2017, "_"},
    {0x2018, "'"},    {0x2019, "'"},   {0x201A, "'"},   {0x201B, "'"},    {0x201C, "\""},
    {0x201D, "\""},   {0x201E, "\""},  {0x201F, "\""},  {0x2020, "+"},    {0x2022, "*"},
    {0x2023, "*"},    {0x2024, "."},   {0x2025, ".."},  {0x2026, "..."},  {0x2027, "."},
    {0x2028, "\n"},   {0x2029, "\n"},  {0x202A, ""},    {0x202B, ""},     {0x202C, ""},
    {0x202D, ""},     {0x202E, ""},    {0x202F, " "},   {0x2030, "o/oo"}, {0x2032, "'"},
    {0x2033, "\""},   {0x2035, "'"},   {0x2036, "\""},  {0x2039, "<"},    {0x203A, ">"},
    {0x203C, "!!"},   {0x2043, "-"},   {0x2044, "/"},   {0x2047, "??"},   {0x2048, "?!"},
    {0x2049, "!?"},   {0x205F, " "},   {0x2060, ""},    {0x2066, ""},     {0x2067, ""},
    {0x2068, ""},     {0x2069, ""},    {0x2070, "0"},   {0x2074, "4"},    {0x2075, "5"},
    {0x2076, "6"},    {0x2077, "7"},   {0x2078, "8"},   {0x2079, "9"},    {0x2080, "0"},
    {0x2081, "1"},    {0x2082, "2"},   {0x2083, "3"},   {0x2084, "4"},    {0x2085, "5"},
    {0x2086, "6"},    {0x2087, "7"},   {0x2088, "8"},   {0x2089, "9"},    {0x20A4, "£"},
    {0x2103, "oC"},   {0x2109, "oF"},  {0x2116, "No"},  {0x2117, "(P)"},  {0x2120, "(SM)"},
    {0x2122, "(TM)"}, {0x2126, "Ω"},   {0x212A, "K"},   {0x212B, "Å"},    {0x2153, "1/3"},
    {0x2154, "2/3"},  {0x215B, "1/8"}, {0x2190, "<-"},  {0x2192, "->"},   {0x2194, "<->"},
    {0x21D2, "=>"},   {0x2212, "-"},   {0x2215, "/"},   {0x2216, "\\"},   {0x2217, "*"},
    {0x2219, "."},    {0x2223, "|"},   {0x2236, ":"},   {0x223C, "~"},    {0x2248, "~"},
    {0x2260, "!="},   {0x2264, "<="},  {0x2265, ">="},  {0x22C5, "."},    {0x25CF, "*"},
    {0x25E6, "*"},    {0x2605, "*"},   {0x2606, "*"},   {0x2713, "v"},    {0x2714, "v"},
    {0x2715, "x"},    {0x2716, "x"},   {0x2717, "x"},   {0x3000, " "},    {0xFB00, "ff"},
    {0xFB01, "fi"},   {0xFB02, "fl"},  {0xFB03, "ffi"}, {0xFB04, "ffl"},  {0xFB05, "st"},
    {0xFB06, "st"},   {0xFE58, "-"},   {0xFE63, "-"},   {0xFEFF, ""},     {0xFF01, "!"},
    {0xFF02, "\""},   {0xFF03, "#"},   {0xFF04, "$"},   {0xFF05, "%"},    {0xFF06, "&"},
    {0xFF07, "'"},    {0xFF08, "("},   {0xFF09, ")"},   {0xFF0A, "*"},    {0xFF0B, "+"},
    {0xFF0C, ","},    {0xFF0D, "-"},   {0xFF0E, "."},   {0xFF0F, "/"},    {0xFF10, "0"},
    {0xFF11, "1"},    {0xFF12, "2"},   {0xFF13, "3"},   {0xFF14, "4"},    {0xFF15, "5"},
    {0xFF16, "6"},    {0xFF17, "7"},   {0xFF18, "8"},   {0xFF19, "9"},    {0xFF1A, ":"},
    {0xFF1B, ";"},    {0xFF1C, "<"},   {0xFF1D, "="},   {0xFF1E, ">"},    {0xFF1F, "?"},
    {0xFF20, "@"},    {0xFF21, "A"},   {0xFF22, "B"},   {0xFF23, "C"},    {0xFF24, "D"},
    {0xFF25, "E"},    {0xFF26, "F"},   {0xFF27, "G"},   {0xFF28, "H"},    {0xFF29, "I"},
    {0xFF2A, "J"},    {0xFF2B, "K"},   {0xFF2C, "L"},   {0xFF2D, "M"},    {0xFF2E, "N"},
    {0xFF2F, "O"},    {0xFF30, "P"},   {0xFF31, "Q"},   {0xFF32, "R"},    {0xFF33, "S"},
    {0xFF34, "T"},    {0xFF35, "U"},   {0xFF36, "V"},   {0xFF37, "W"},    {0xFF38, "X"},
    {0xFF39, "Y"},    {0xFF3A, "Z"},   {0xFF3B, "["},   {0xFF3C, "\\"},   {0xFF3D, "]"},
    {0xFF3E, "^"},    {0xFF3F, "_"},   {0xFF40, "'"},   {0xFF41, "a"},    {0xFF42, "b"},
    {0xFF43, "c"},    {0xFF44, "d"},   {0xFF45, "e"},   {0xFF46, "f"},    {0xFF47, "g"},
    {0xFF48, "h"},    {0xFF49, "i"},   {0xFF4A, "j"},   {0xFF4B, "k"},    {0xFF4C, "l"},
    {0xFF4D, "m"},    {0xFF4E, "n"},   {0xFF4F, "o"},   {0xFF50, "p"},    {0xFF51, "q"},
    {0xFF52, "r"},    {0xFF53, "s"},   {0xFF54, "t"},   {0xFF55, "u"},    {0xFF56, "v"},
    {0xFF57, "w"},    {0xFF58, "x"},   {0xFF59, "y"},   {0xFF5A, "z"},    {0xFF5B, "{"},
    {0xFF5C, "|"},    {0xFF5D, "}"},   {0xFF5E, "~"}};

/* Every letter as a text of its own. */
static const char *letter(char c)
{
    static const char upper[] =
        "A\0B\0C\0D\0E\0F\0G\0H\0I\0J\0K\0L\0M\0N\0O\0P\0Q\0R\0S\0T\0U\0V\0W\0X\0Y\0Z";
    static const char lower[] =
        "a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0q\0r\0s\0t\0u\0v\0w\0x\0y\0z";
    if (c >= 'A' && c <= 'Z')
        return upper + 2 * (c - 'A');
    return c >= 'a' && c <= 'z' ? lower + 2 * (c - 'a') : NULL;
}

static const char *listed(uint32_t cp)
{
    size_t low = 0;
    size_t high = ARRAY_LEN(replacements);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (replacements[middle].code_point == cp)
            return replacements[middle].text;
        if (replacements[middle].code_point < cp)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *translit_gsm7(uint32_t cp)
{
    const char *text = NULL;
    if (cp >= 0x00C0 && cp <= 0x024F)
        text = letter(latin_00c0[cp - 0x00C0]);
    else if (cp >= 0x1E00 && cp <= 0x1EFF)
        text = letter(latin_1e00[cp - 0x1E00]);
    else if ((cp >= 0x0300 && cp <= 0x036F) || (cp >= 0xFE00 && cp <= 0xFE0F))
        text = ""; /* combining marks and variation selectors */
    return text ? text : listed(cp);
}
