/* --help. */
#ifndef SIM_HELP_H
#define SIM_HELP_H

void sim_help_print(void);

#endif
