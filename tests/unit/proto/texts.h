/* Texts for properties: those of SMS_CORPUS (lines of "label<TAB>text") when it names a file, and
 * our own. */
#ifndef TESTS_UNIT_PROTO_TEXTS_H
#define TESTS_UNIT_PROTO_TEXTS_H

#include <stddef.h>

/* Calls `each` for every text, well-formed UTF-8 only; returns how many there were. */
size_t texts_each(void (*each)(const char *text, size_t len, void *context), void *context);

#endif
