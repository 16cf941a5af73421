/*
 * Settings as a table: parsing, bounds, --print-settings, --check-config and reloading all walk it.
 * A value comes from the environment, else from SETTINGS_FILE (`NAME=value` lines, # comments),
 * else from the default. An empty value is a value too: it unsets a string (NULL) in spite of its
 * default, chooses the empty word where there is one, and is refused elsewhere.
 */
#ifndef COMMON_SETTINGS_H
#define COMMON_SETTINGS_H

#include <stdio.h>

#include "common/base.h"

enum setting_type {
    SETTING_STRING, /* char *, owned by the settings struct; NULL when unset and without default */
    SETTING_INT,    /* int64_t within min … max; 0 when unset and without default */
    SETTING_BOOL,   /* bool; on/off, true/false, 1/0 */
    SETTING_CHOICE, /* int64_t index into `choices`, comma-separated words */
};

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset;            /* of the field in the settings struct */
    const char *default_text; /* NULL: none */
    int64_t min, max;         /* SETTING_INT; SETTING_STRING: bounds of the length, max 0: 4096 */
    const char *choices;      /* SETTING_CHOICE */
    bool reloadable;
    bool secret;   /* masked wherever it is shown */
    bool has_user; /* SETTING_STRING: URLs; what stands before the last '@' is masked */
    bool required;
    const char *meaning; /* one line, for --print-settings and the README table */
};

/* Fills `out` (a struct laid out by `table`) from environment, file and defaults. `file_text` is
 * the content of SETTINGS_FILE or NULL. Unknown names in the file, values out of bounds and missing
 * required ones are errors: −1 with one line that names the setting. On error `out` holds nothing.
 */
int settings_load(const struct setting *table, size_t count, const char *file_text, void *out,
                  char *error_r, size_t error_size) MUST_CHECK;
/* One of them alone, whatever the others are: into the struct laid out by `table`. */
int settings_load_one(const struct setting *setting, const char *file_text, void *out,
                      char *error_r, size_t error_size) MUST_CHECK;
/* Releases the strings. */
void settings_free(const struct setting *table, size_t count, void *settings);
/* Copies the reloadable ones from `fresh` into `live`; logs each change and each change that needs
 * a restart; true when anything reloadable changed. */
bool settings_apply_reloadable(const struct setting *table, size_t count, void *live, void *fresh);
/* The effective values, one NAME=value a line, secrets masked (--check-config). */
void settings_print_effective(const struct setting *table, size_t count, const void *settings,
                              FILE *out);
/* The table as Markdown: name, default, bounds, reloadable, meaning (--print-settings). */
void settings_print_table(const struct setting *table, size_t count, FILE *out);

#endif
