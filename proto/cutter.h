/* Filling segments one after the other: the bookkeeping of splitting, for text and octets alike. */
#ifndef PROTO_CUTTER_H
#define PROTO_CUTTER_H

#include "common/base.h"
#include "proto/split.h"
#include "proto/udh.h"

#define CUTTER_SEPTETS 160 /* of a short message without header, TS 23.040 §9.2.3.16 */
#define CUTTER_OCTETS 140

/* What a segment holds behind a header of that many octets. */
size_t cutter_septets_after(size_t header_len);
size_t cutter_octets_after(size_t header_len);

struct cutter {
    size_t capacity; /* of a segment, in the caller's units of cost */
    unsigned max_segments;
    bool packed;
    struct udh header; /* of each segment; its total and part are filled in at the end */
    bool count_only;   /* write nothing: how many segments would it take? */
    struct split_result *result;
    uint8_t *out;
    size_t out_size;
    size_t out_len;
    /* The segment being filled. */
    unsigned count; /* this one included; 0 before the first */
    size_t used;
    size_t staged;
    uint8_t staging[CUTTER_SEPTETS];
    bool failed; /* too many segments, or the buffer is full */
};

void cutter_begin(struct cutter *c);
/* What comes next, up to `cost`, shall not be torn if a segment can hold it. */
void cutter_keep_together(struct cutter *c, size_t cost);
/* One unit that is never torn. */
void cutter_add(struct cutter *c, const uint8_t *octets, size_t len, size_t cost);
/* Completes the segments and their headers in *result; false when something failed on the way. */
bool cutter_end(struct cutter *c) MUST_CHECK;

#endif
