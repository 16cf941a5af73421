/* One setting between its text and its field; private to the settings_*.c files. */
#ifndef COMMON_SETTINGS_TEXT_H
#define COMMON_SETTINGS_TEXT_H

#include "common/settings.h"

enum { SETTINGS_TEXT_SIZE = 4096 + 1 };

/* Parses into the field, whose former string must have been released. −1 with what is wrong with
 * the value (without the setting's name, and without the value where it is secret). */
int settings_text_parse(const struct setting *s, struct bytes text, void *settings, char *error_r,
                        size_t error_size) MUST_CHECK;
/* The field as a text that would parse to it; "***" for a secret that is set. */
void settings_text_format(const struct setting *s, const void *settings,
                          char out[SETTINGS_TEXT_SIZE]);
/* What values are possible, in words; "" when there is nothing to say. */
void settings_text_bounds(const struct setting *s, char *out, size_t size);
bool settings_text_equal(const struct setting *s, const void *a, const void *b);

/* The field of a string setting. */
char **settings_text_string(const struct setting *s, void *settings);

#endif
