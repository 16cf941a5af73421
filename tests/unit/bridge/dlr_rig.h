/* The receipt path with Redis, JetStream and agent in memory and a clock moved by hand. */
#ifndef TESTS_UNIT_BRIDGE_DLR_RIG_H
#define TESTS_UNIT_BRIDGE_DLR_RIG_H

#include "proto/json.h"
#include "proto/smpp_sm.h"
#include "proto/smpp_tlv.h"

#include "bridge/dlr.h"
#include "tests/unit/bridge/fakes.h"

#define MESSAGE_A "aaaaaaaa-0000-4000-8000-000000000001"
#define PHONE "99970000001"
#define SENDER "BANK"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define RECEIPT(id, stat)                                                                          \
    "id:" id " sub:001 dlvrd:001 submit date:2604181000 done date:2604181001 stat:" stat           \
    " err:000 text:hello"

enum { HOLD_MS = 8000, TLV_RECEIPTED_ID = 0x001E, TLV_STATE = 0x0427 };

struct rig {
    struct loop *loop;
    struct redis *redis;
    struct jetstream *js;
    struct agent_link *link;
    struct operators *operators;
    struct mno *op;
    struct correlations *correlations;
    struct dlr *dlr;
    int64_t now_ns;
    uint64_t next_id;
    bool expects;
};

int dlr_rig_setup(void **state);
int dlr_rig_setup_mo(void **state);
int dlr_rig_teardown(void **state);
void pass_ms(struct rig *r, int64_t ms);
uint64_t deliver_sm(struct rig *r, const struct smpp_sm *sm, uint8_t bind);
uint64_t deliver(struct rig *r, uint8_t esm_class, const char *text, uint8_t bind);
uint64_t receipt(struct rig *r, const char *text);
void store_segment(struct rig *r, const char *id, uint8_t segment, uint8_t segments);
void store(struct rig *r, const char *id);
struct json *event(const struct rig *r, size_t i);
void expect_text(const struct rig *r, size_t i, const char *key, const char *value);
void expect_bool(const struct rig *r, size_t i, const char *key, bool value);
void expect_done(const struct rig *r, size_t i, uint64_t id, uint32_t status);
void expect_nothing_under_way(const struct rig *r);

#endif
