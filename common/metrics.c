/* Prometheus' text format 0.0.4: escaping, numbers, cumulative buckets. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/metrics.h"

/* Label values escape backslash, quote and newline; HELP texts the same without the quote. */
static void put_escaped(struct text *out, const char *s, bool quotes)
{
    for (; *s; s++) {
        if (*s == '\n')
            text_puts(out, "\\n");
        else if (*s == '\\')
            text_puts(out, "\\\\");
        else if (*s == '"' && quotes)
            text_puts(out, "\\\"");
        else
            text_append(out, s, 1);
    }
}

void metrics_family(struct text *out, const char *name, const char *type, const char *help)
{
    text_printf(out, "# HELP %s ", name);
    put_escaped(out, help, false);
    text_printf(out, "\n# TYPE %s %s\n", name, type);
}

/* `le` is one label more, or NULL. */
static void put_name(struct text *out, const char *name, const char *suffix,
                     const struct metrics_label *labels, size_t count, const char *le)
{
    text_puts(out, name);
    text_puts(out, suffix);
    const char *before = "{";
    for (size_t i = 0; i < count; i++) {
        text_puts(out, before);
        text_puts(out, labels[i].name);
        text_puts(out, "=\"");
        put_escaped(out, labels[i].value, true);
        text_puts(out, "\"");
        before = ",";
    }
    if (le)
        text_printf(out, "%sle=\"%s\"", before, le);
    text_puts(out, count || le ? "} " : " ");
}

enum { NUMBER_SIZE = 32 };

/* The shortest of the usual forms that reads back as the same number. */
static void format_double(double value, char out[NUMBER_SIZE])
{
    if (isnan(value)) {
        snprintf(out, NUMBER_SIZE, "NaN");
        return;
    }
    if (isinf(value)) {
        snprintf(out, NUMBER_SIZE, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    static const int digits[] = {6, 15, 17};
    for (size_t i = 0; i < ARRAY_LEN(digits); i++) {
        snprintf(out, NUMBER_SIZE, "%.*g", digits[i], value);
        if (strtod(out, NULL) == value)
            return;
    }
}

void metrics_u64(struct text *out, const char *name, const struct metrics_label *labels,
                 size_t count, uint64_t value)
{
    put_name(out, name, "", labels, count, NULL);
    text_printf(out, "%llu\n", (unsigned long long)value);
}

void metrics_double(struct text *out, const char *name, const struct metrics_label *labels,
                    size_t count, double value)
{
    char number[NUMBER_SIZE];
    format_double(value, number);
    put_name(out, name, "", labels, count, NULL);
    text_printf(out, "%s\n", number);
}

void histogram_init(struct histogram *h, const double *bounds, size_t count_bounds)
{
    INVARIANT(count_bounds <= METRICS_MAX_BUCKETS);
    *h = (struct histogram){.bounds = bounds, .count_bounds = count_bounds};
}

void histogram_observe(struct histogram *h, double value)
{
    size_t i = 0;
    while (i < h->count_bounds && value > h->bounds[i])
        i++;
    h->buckets[i]++;
    h->sum += value;
    h->count++;
}

void metrics_histogram(struct text *out, const char *name, const struct metrics_label *labels,
                       size_t count, const struct histogram *h)
{
    uint64_t below = 0;
    char number[NUMBER_SIZE];
    for (size_t i = 0; i <= h->count_bounds; i++) {
        below += h->buckets[i];
        format_double(i < h->count_bounds ? h->bounds[i] : INFINITY, number);
        put_name(out, name, "_bucket", labels, count, number);
        text_printf(out, "%llu\n", (unsigned long long)below);
    }
    format_double(h->sum, number);
    put_name(out, name, "_sum", labels, count, NULL);
    text_printf(out, "%s\n", number);
    put_name(out, name, "_count", labels, count, NULL);
    text_printf(out, "%llu\n", (unsigned long long)h->count);
}
