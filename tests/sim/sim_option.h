/* The options as tables: parsing, `set` and --help all come from them. */
#ifndef SIM_OPTION_H
#define SIM_OPTION_H

#include "common/base.h"

#include "tests/sim/sim_behaviour.h"
#include "tests/sim/sim_values.h"

struct sim_option {
    const char *name;
    sim_value_fn *read;
    size_t offset;
    const char *argument;     /* for --help; NULL: a flag that may stand alone */
    const char *fallback;     /* the default, as text; NULL: none */
    const char *help;         /* the name of a group when `read` is NULL */
    const char *const *names; /* of a choice, NULL-terminated */
};

/* Of one run of the program; not changed while it runs. */
struct sim_config {
    const char *listen;
    const char *control;
    const char *history;
    bool history_text;
    const char *history_to;
    uint64_t seed;
    uint64_t id_start;
    struct sim_strings passwords; /* "PASSWORD" or "SYSTEM_ID=PASSWORD" */
    struct sim_strings run;       /* control commands to carry out before the first connection */
    struct sim_behaviour behaviour;

    const char *load; /* host:port; NULL: be an SMSC */
    uint64_t load_count;
    uint64_t load_window;
    uint64_t load_binds;
    uint64_t load_tps;
    const char *load_system_id;
    const char *load_password;
    const char *load_source;
    const char *load_dest;
    const char *load_text;
    bool load_receipts;
};

/* The behaviour options, in the order of --help; ends with a row whose name and help are NULL. */
extern const struct sim_option sim_option_behaviour[];
extern const struct sim_option sim_option_start[];

enum sim_option_result { SIM_OPTION_GO, SIM_OPTION_HELP, SIM_OPTION_ERROR };

/* The row of that name in a table, or NULL. */
const struct sim_option *sim_option_find(const struct sim_option *table, const char *name);
/* Defaults, then the command line. With an error: one line in `error` (SIM_ERROR_SIZE). */
enum sim_option_result sim_option_parse(struct sim_config *config, int argc, char **argv,
                                        char *error) MUST_CHECK;
/* `set NAME VALUE`: 0, or -1 with the reason and `b` as it was. */
int sim_option_set(struct sim_behaviour *b, const char *name, const char *value,
                   char *error) MUST_CHECK;

#endif
