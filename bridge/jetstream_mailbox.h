/*
 * What nats.c's threads and the sender have for the loop: a list under a lock. The first item wakes
 * the loop; while more come it looks for them every millisecond and nobody wakes it. Bounded in the
 * number of items in one turn.
 */
#ifndef BRIDGE_JETSTREAM_MAILBOX_H
#define BRIDGE_JETSTREAM_MAILBOX_H

#include "common/loop.h"

enum jetstream_mail_kind {
    JETSTREAM_MAIL_MESSAGE,
    JETSTREAM_MAIL_UP,        /* text: the inbox of the new connection */
    JETSTREAM_MAIL_DOWN,      /* text: why */
    JETSTREAM_MAIL_COMPLAINT, /* text: what the server or the library objects to */
    JETSTREAM_MAIL_REFUSED,   /* text: why the library does not take the publish `numbers` */
};

struct jetstream_mail {
    enum jetstream_mail_kind kind;
    void *msg;  /* a natsMsg, or NULL; the mailbox gives it back through `discard` */
    char *text; /* from malloc; the mailbox frees it */
    uint32_t numbers[2];
};

struct jetstream_mailbox;

/* `deliver` runs on the loop in the order of putting, `discard` there for each message after it. */
struct jetstream_mailbox *
jetstream_mailbox_create(struct loop *loop,
                         void (*deliver)(void *arg, const struct jetstream_mail *mail),
                         void (*discard)(void *arg, void *msg), void *arg) MUST_CHECK;
/* Any thread. */
void jetstream_mailbox_put(struct jetstream_mailbox *box, struct jetstream_mail mail);
/* Loop thread, when nobody puts any more; nothing is delivered after it. */
void jetstream_mailbox_destroy(struct jetstream_mailbox **box);

#endif
