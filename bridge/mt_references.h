/*
 * References of concatenated messages, counted by destination. A phone that still waits for parts
 * must not get the same one for another message, also when the bridge was restarted meanwhile: no
 * counter lags behind the time, and those of a new process begin ahead of it, at a place that the
 * second of its start tells. With 8 bits that leaves 256 messages, or a day and a half where there
 * are fewer.
 */
#ifndef BRIDGE_MT_REFERENCES_H
#define BRIDGE_MT_REFERENCES_H

#include "common/base.h"

struct mt_references;

struct mt_references *mt_references_create(int64_t now_ms) MUST_CHECK;
void mt_references_destroy(struct mt_references **r);

/* The destination's next one; only its low 16 bits are ever sent. */
uint32_t mt_references_next(const struct mt_references *r, uint64_t destination, int64_t now_ms);
/* It was used. */
void mt_references_take(struct mt_references *r, uint64_t destination, uint32_t reference);

#endif
