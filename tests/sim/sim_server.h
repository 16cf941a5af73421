/* The SMPP port: listens, accepts, and can be taken down and up again while the program runs. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "tests/sim/sim.h"

struct sim_server;

/* NULL with the reason in `error`. */
struct sim_server *sim_server_create(struct sim *sim, const char *address, char *error,
                                     size_t error_size) MUST_CHECK;
void sim_server_destroy(struct sim_server **server);
/* "127.0.0.1:41234" */
const char *sim_server_address(const struct sim_server *server);
/* Connections are refused from now on; those that stand are not touched. */
void sim_server_down(struct sim_server *server);
/* The same port again. 0, or -1 with the reason. */
int sim_server_up(struct sim_server *server, char *error, size_t error_size) MUST_CHECK;

/* "HOST:PORT" or "[HOST]:PORT" with a numeric host. 0, or -1 with the reason. */
int sim_server_read_address(const char *text, struct sockaddr_storage *out_r, char *error,
                            size_t error_size) MUST_CHECK;
/* Binds and listens on `tcp`, and writes the address it got to `name`. 0, or -1. */
int sim_server_listen(uv_tcp_t *tcp, const char *address, uv_connection_cb on_connection,
                      char *name, size_t name_size, char *error, size_t error_size) MUST_CHECK;

#endif
