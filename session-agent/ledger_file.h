/*
 * The ledger's file: its layout, how it is made, checked and mapped. Private to the ledger.
 *
 *     header (4 KiB) | ack floors | settled keys (a ring, about a quarter) | entry slots (the rest)
 *
 * The file is of this machine's byte order and dies with the pod; another version of the layout is
 * another LEDGER_FILE_VERSION, and a file of it is put aside.
 */
#ifndef SESSION_AGENT_LEDGER_FILE_H
#define SESSION_AGENT_LEDGER_FILE_H

#include <stdatomic.h>

#include "session-agent/ledger.h"

#define LEDGER_FILE_VERSION 1u
#define LEDGER_HEADER_SIZE 4096u

struct ledger_header {
    char magic[8];
    uint32_t version;
    uint32_t slot_size;
    uint32_t slots;
    uint32_t keys;
    uint32_t floors;
    uint32_t zero;
    uint64_t size; /* of the file */
    uint64_t sum;  /* over all of the above */
    /* What changes while the file is in use. */
    _Atomic int64_t beat_ns;
    _Atomic uint64_t keys_written; /* since the file was made; the ring's head */
    _Atomic int32_t pid;
    uint8_t home[16]; /* random; names the file, and with it its agent, to the world outside */
};

/* Two copies, written in turn: a torn one leaves the other. */
struct ledger_floor_copy {
    uint8_t operator_id[16];
    uint64_t stream;
    uint64_t sequence;
    uint64_t generation; /* 1 …; the higher one of two good copies counts */
    uint64_t sum;        /* written last */
};
struct ledger_floor_slot {
    struct ledger_floor_copy copies[2];
};

struct ledger_key_record {
    uint64_t stream;
    uint64_t sequence;
    uint64_t time_ns;
    uint32_t stamp; /* monotonic seconds × 2, + 1: closed and not settled */
    uint32_t sum;
};

struct ledger_identity {
    uint64_t stream;
    uint64_t sequence;
    uint64_t time_ns;
    uint8_t operator_id[16];
    uint8_t segment;
    uint8_t attempt;
    uint8_t segments;
    uint8_t zero;
    uint16_t context_len;
    uint16_t zero16;
};

struct ledger_result {
    int64_t at_ms;
    uint32_t status;
    uint32_t latency_us;
    uint16_t response_len;
    uint8_t kind;
    uint8_t bind; /* 0 in older files */
    uint8_t zero[4];
};

/* `state` (enum ledger_state, NONE: free) is stored after what it makes true. The content of a
 * QUEUED slot is never read back, so it may be rewritten in that state. */
struct ledger_slot {
    _Atomic uint32_t state;
    uint32_t zero;
    uint64_t identity_sum; /* over identity and context */
    uint64_t result_sum;   /* over result and response */
    struct ledger_identity identity;
    struct ledger_result result;
    uint8_t context[LEDGER_CONTEXT_MAX];
    uint8_t response[LEDGER_RESPONSE_MAX];
    uint8_t rest[32];
};
_Static_assert(sizeof(struct ledger_slot) == 896, "slots stay on cache lines");
_Static_assert(sizeof(struct ledger_key_record) == 32, "no padding");
_Static_assert(sizeof(struct ledger_identity) == 48, "no padding");
_Static_assert(sizeof(struct ledger_result) == 24, "no padding");
_Static_assert(sizeof(struct ledger_header) <= LEDGER_HEADER_SIZE, "the header has its page");

struct ledger_file {
    int fd; /* holds the lock */
    struct ledger_header *header;
    struct ledger_floor_slot *floors;
    struct ledger_key_record *keys;
    struct ledger_slot *slots;
};

/* As ledger_open(); *fresh_r: the file is new (all slots, keys and floors are zero). */
int ledger_file_open(struct ledger_file *f, const char *path, size_t bytes, bool *fresh_r,
                     char *note_r, size_t note_size, char *error_r, size_t error_size) MUST_CHECK;
void ledger_file_close(struct ledger_file *f);

/* Detects damage, not malice. Never 0, so that zeroed memory is not valid. Chain by passing the
 * former sum. */
uint64_t ledger_sum(uint64_t sum, const void *data, size_t len);

#endif
