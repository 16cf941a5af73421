/* The fields of a receipt's text (SMPP 3.4 Appendix B, "vendor specific"), found by their labels in
 * any order and case. */
#ifndef PROTO_RECEIPT_TEXT_H
#define PROTO_RECEIPT_TEXT_H

#include "common/base.h"

/* Views into the text; len 0 where the field is missing or empty. */
struct receipt_text {
    struct bytes id;
    struct bytes stat;
    struct bytes err;
    struct bytes submit_date;
    struct bytes done_date;
    bool id_labelled; /* `id:` or an alias; else from "<id> <state>" */
    bool stat_labelled;
};

/* The first of each label counts. `text:` takes the rest, unless id or stat are still missing: some
 * put it in the middle. */
void receipt_text_parse(const char *text, size_t len, struct receipt_text *fields_r);

#endif
