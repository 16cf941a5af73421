/* What no single row of the settings table can say. */
#ifndef BRIDGE_BRIDGE_SETTINGS_CHECK_H
#define BRIDGE_BRIDGE_SETTINGS_CHECK_H

#include "bridge/bridge_settings.h"

/* −1 with one line that names the setting: with such values the start would fail, or worse. */
int bridge_settings_check(const struct bridge_settings *s, char *error_r,
                          size_t error_size) MUST_CHECK;
/* For --check-config alone: files that are read each time they are needed. A running bridge waits
 * for those that are not there. */
int bridge_settings_check_files(const struct bridge_settings *s, char *error_r,
                                size_t error_size) MUST_CHECK;

#endif
