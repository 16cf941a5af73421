/*
 * One TCP connection that carries PDUs: cuts the byte stream into PDUs, gathers what is written and
 * sends it once per turn of the loop. Knows headers, but not what the PDUs mean.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include <uv.h>

#include "common/base.h"

#include "tests/sim/sim_pdu.h"
#include "tests/sim/sim_timers.h"

struct sim_link;
struct sim_links; /* what all links of a loop share: the read buffer, the list of those to flush */

enum sim_link_end {
    SIM_LINK_FIN, /* after what was written */
    SIM_LINK_RST, /* at once */
};

struct sim_link_events {
    /* One whole PDU; `body` is valid during the call. May close the link. */
    void (*pdu)(void *owner, struct sim_header header, struct bytes body);
    /* A command_length that can't be; the link closes after the call. */
    void (*bad_length)(void *owner, uint32_t length);
    /* Only of sim_link_connect(): the connection stands. */
    void (*connected)(void *owner);
    /* The last call ever; the link is gone afterwards. Never from inside another call here. */
    void (*closed)(void *owner);
};

/* `before_flush` is called once a turn, before anything is written; it may write to links. */
struct sim_links *sim_links_create(uv_loop_t *loop, struct sim_timers *timers,
                                   void (*before_flush)(void *arg), void *arg);
void sim_links_destroy(struct sim_links **links);
uv_loop_t *sim_links_loop(const struct sim_links *links);

/* One that is gone already ends in closed(). */
struct sim_link *sim_link_accept(struct sim_links *links, uv_stream_t *listener,
                                 const struct sim_link_events *events, void *owner);
/* A connection that fails ends in closed() without connected(). */
struct sim_link *sim_link_connect(struct sim_links *links, const struct sockaddr *address,
                                  const struct sim_link_events *events, void *owner);

/* Room for `size` octets to write; sim_link_written() tells how many it became. */
uint8_t *sim_link_room(struct sim_link *link, size_t size);
void sim_link_written(struct sim_link *link, size_t size);
/* Safe at any time and any number of times; input is ignored from here on. */
void sim_link_close(struct sim_link *link, enum sim_link_end end);
bool sim_link_closing(const struct sim_link *link);

void sim_link_pause_reading(struct sim_link *link, bool pause);
/* Bytes a second; 0: no limit. */
void sim_link_limit_reading(struct sim_link *link, uint64_t bytes_per_second);
/* Bytes in one write, a millisecond apart; 0: all that is there. */
void sim_link_split_writing(struct sim_link *link, uint64_t bytes);

#endif
