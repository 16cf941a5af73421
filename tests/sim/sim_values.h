/* Option values written as text: what they mean and what is wrong with them. */
#ifndef SIM_VALUES_H
#define SIM_VALUES_H

#include "common/base.h"

#define SIM_ERROR_SIZE 200u

struct sim_option;

struct sim_strings {
    const char *item[64];
    size_t count;
};

/*
 * Reads `text` into `field`, whose type goes with the kind of the option. 0, or -1 with a text that
 * names what was expected; the field may then be half written, so callers work on a copy.
 */
typedef int sim_value_fn(const struct sim_option *o, void *field, const char *text, char *error);

sim_value_fn sim_value_flag;         /* bool: on, off */
sim_value_fn sim_value_count;        /* uint64_t */
sim_value_fn sim_value_status;       /* uint32_t: 0x58 or 88 */
sim_value_fn sim_value_share;        /* uint32_t, millionths: 5% or 0.1% */
sim_value_fn sim_value_range;        /* struct sim_range: 5 or 5-20 */
sim_value_fn sim_value_late;         /* struct sim_late: 1%:35000 */
sim_value_fn sim_value_choice;       /* int: index in the option's names */
sim_value_fn sim_value_token;        /* char[24] */
sim_value_fn sim_value_string;       /* const char *, which is not copied */
sim_value_fn sim_value_append;       /* struct sim_strings: repeatable; not copied */
sim_value_fn sim_value_status_mix;   /* struct sim_mix: 0x08:1%,0x14:2% */
sim_value_fn sim_value_state_mix;    /* struct sim_mix: DELIVRD:95,UNDELIV:5 */
sim_value_fn sim_value_status_list;  /* struct sim_list: 0x08,0x14 */
sim_value_fn sim_value_dialect_list; /* struct sim_list: spec,tlv or all */
sim_value_fn sim_value_status_rules; /* struct sim_rules: 001=0x0B,002=silent,003=0x58*2 */
sim_value_fn sim_value_state_rules;  /* struct sim_rules: 001=UNDELIV,002=none */

#endif
