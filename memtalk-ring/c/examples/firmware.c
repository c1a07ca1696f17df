/*
 * Firmware that echoes what the host sends, from its main loop. It owns the page: the
 * host maps this memory and takes the second seat.
 *
 * Place `shared` where the host sees it, by your linker script. For example, write
 * __attribute__((section(".shared"))) in front of it.
 */

#include "memtalk_ring.h"

/* A page of 4,096 bytes, and room to align it (C99 has no alignas). */
static unsigned char shared[4096 + MEMTALK_ALIGNMENT];

static memtalk_page page;
static memtalk_sender sender;
static memtalk_receiver receiver;

/* From `bytes[sent]` up to `bytes[received]`: what was received and not yet sent back. */
static unsigned char bytes[64];
static int32_t received, sent;

/* One step of the echo, which never waits. Returns 1 once both streams are complete, 0
 * before that, or an error. */
static int32_t step(void) {
    int32_t result;
    if (sent < received) {
        result = memtalk_sender_send(&sender, bytes + sent, (size_t)(received - sent));
        if (result > 0)
            sent += result;
        return result < 0 ? result : 0;
    }
    if (memtalk_receiver_close(&receiver) == 0)
        memtalk_sender_end(&sender);
    result = memtalk_receiver_receive(&receiver, bytes, sizeof bytes);
    if (result == MEMTALK_ERROR_ENDED)
        return memtalk_sender_delivered(&sender);
    if (result < 0)
        return result;
    received = result;
    sent = 0;
    return 0;
}

int main(void) {
    uintptr_t past = (uintptr_t)shared % MEMTALK_ALIGNMENT;
    unsigned char *memory = past ? shared + MEMTALK_ALIGNMENT - past : shared;
    int32_t result = memtalk_page_initialise(&page, memory, 4096,
                                             MEMTALK_OUTSIDE | MEMTALK_SILENT);

    if (result == 0)
        result = memtalk_page_open(&page, MEMTALK_FIRST, &sender, &receiver);
    while (result == 0 && memtalk_page_seat(&page, MEMTALK_SECOND) == 0)
        ; /* What this firmware does until the host comes. */
    while (result == 0) {
        result = step();
        /* … and what else this firmware does. */
    }
    memtalk_sender_fail(&sender);
    memtalk_receiver_fail(&receiver);
    return result < 0;
}
