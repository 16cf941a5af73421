/* Prometheus text exposition (version 0.0.4): families written in order into a growable text. */
#ifndef COMMON_METRICS_H
#define COMMON_METRICS_H

#include "common/text.h"

/* # HELP and # TYPE ("counter", "gauge", "histogram"). */
void metrics_family(struct text *out, const char *name, const char *type, const char *help);
struct metrics_label {
    const char *name, *value; /* value is escaped */
};
void metrics_u64(struct text *out, const char *name, const struct metrics_label *labels,
                 size_t count, uint64_t value);
void metrics_double(struct text *out, const char *name, const struct metrics_label *labels,
                    size_t count, double value);

#define METRICS_MAX_BUCKETS 24
struct histogram {
    const double *bounds; /* ascending upper bounds in the unit of the metric; without +Inf */
    size_t count_bounds;
    uint64_t buckets[METRICS_MAX_BUCKETS + 1];
    double sum;
    uint64_t count;
};
void histogram_init(struct histogram *h, const double *bounds, size_t count_bounds);
void histogram_observe(struct histogram *h, double value);
void metrics_histogram(struct text *out, const char *name, const struct metrics_label *labels,
                       size_t count, const struct histogram *h);

#endif
