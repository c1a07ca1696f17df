/*
 * A program for Linux that echoes what comes through a page of shared memory. It takes
 * the second seat:
 *
 *     cargo build -p memtalk-ring-c --release
 *     cc -std=c99 -Imemtalk-ring/c memtalk-ring/c/examples/echo.c \
 *         target/release/libmemtalk_ring_c.a -o echo
 *     ./echo /someobject [SECONDS]
 *
 * It waits at most SECONDS (5 if not given) for each thing: the page, the next byte, room
 * in the ring, the confirmation.
 */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "memtalk_ring.h"

enum status {
    COMPLETE = 0,  /* both streams, confirmed from end to end */
    SYSTEM = 1,    /* a system call failed */
    USAGE = 2,     /* wrong arguments */
    NO_OBJECT = 3, /* there is no such object */
    TOO_SMALL = 4, /* the object cannot hold a page */
    NO_PAGE = 5,   /* nobody initialised it */
    FOREIGN = 6,   /* the page has another version, size or byte order */
    PEER = 7,      /* the peer gave up, or the page was overwritten */
    TIMEOUT = 8,   /* the peer did nothing for too long */
    BUSY = 9       /* the second seat is taken */
};

static enum status say(enum status status, const char *what, const char *why) {
    fprintf(stderr, "echo: %s: %s\n", what, why);
    return status;
}

/* Waits a fifth of a millisecond before the next look. Returns 0 if no looks are left. */
static int look_again(long *looks) {
    const struct timespec pause = {0, 200000};
    if (*looks <= 0)
        return 0;
    --*looks;
    nanosleep(&pause, NULL);
    return 1;
}

/* Maps the object, waiting until it has its size. */
static enum status map(const char *name, long looks, void **memory, size_t *size) {
    struct stat about;
    int object = shm_open(name, O_RDWR, 0);
    if (object < 0)
        return say(errno == ENOENT ? NO_OBJECT : SYSTEM, name, strerror(errno));
    do {
        if (fstat(object, &about) != 0) {
            close(object);
            return say(SYSTEM, name, strerror(errno));
        }
    } while (about.st_size < MEMTALK_MIN_SIZE && look_again(&looks));
    *size = (size_t)about.st_size;
    if (*size < MEMTALK_MIN_SIZE) {
        close(object);
        return say(TOO_SMALL, name, memtalk_error_text(MEMTALK_ERROR_BAD_MEMORY));
    }
    *memory = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, object, 0);
    close(object);
    if (*memory == MAP_FAILED)
        return say(SYSTEM, name, strerror(errno));
    return COMPLETE;
}

/* Attaches to the page, waiting until it carries the magic number. */
static enum status attach(memtalk_page *page, void *memory, size_t size, long looks) {
    int32_t result;
    do {
        result = memtalk_page_attach(page, memory, size);
    } while ((result == MEMTALK_ERROR_NOT_A_PAGE || result == MEMTALK_ERROR_UNFINISHED) &&
             look_again(&looks));
    switch (result) {
    case 0:
        return COMPLETE;
    case MEMTALK_ERROR_BAD_MEMORY:
        return say(TOO_SMALL, "the page", memtalk_error_text(result));
    case MEMTALK_ERROR_NOT_A_PAGE:
    case MEMTALK_ERROR_UNFINISHED:
        return say(NO_PAGE, "the page", memtalk_error_text(result));
    default:
        return say(FOREIGN, "the page", memtalk_error_text(result));
    }
}

/* Echoes until the peer's stream is at its end, and ours is confirmed. */
static enum status echo(memtalk_sender *sender, memtalk_receiver *receiver, long patience) {
    unsigned char bytes[1024];
    long looks = patience;
    int32_t result;

    while (!memtalk_receiver_at_end(receiver)) {
        int32_t got = memtalk_receiver_receive(receiver, bytes, sizeof bytes);
        int32_t done = 0;
        if (got < 0)
            return say(PEER, "receiving", memtalk_error_text(got));
        if (got == 0) {
            if (!memtalk_receiver_at_end(receiver) && !look_again(&looks))
                return say(TIMEOUT, "receiving", "nothing came");
            continue;
        }
        looks = patience;
        while (done < got) {
            result = memtalk_sender_send(sender, bytes + done, (size_t)(got - done));
            if (result < 0)
                return say(PEER, "sending", memtalk_error_text(result));
            if (result == 0) {
                if (!look_again(&looks))
                    return say(TIMEOUT, "sending", "the ring stays full");
            } else {
                looks = patience;
                done += result;
            }
        }
    }

    /* All bytes have been sent back. This is what we confirm. */
    result = memtalk_receiver_close(receiver);
    if (result == 0)
        result = memtalk_sender_end(sender);
    while (result == 0) {
        result = memtalk_sender_delivered(sender);
        if (result == 0 && !look_again(&looks))
            return say(TIMEOUT, "ending", "the peer does not confirm our stream");
    }
    return result > 0 ? COMPLETE : say(PEER, "ending", memtalk_error_text(result));
}

int main(int argc, char **argv) {
    static memtalk_page page;
    static memtalk_sender sender;
    static memtalk_receiver receiver;
    void *memory;
    size_t size;
    long looks;
    enum status status;
    int32_t result;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: echo /OBJECT [SECONDS]\n");
        return USAGE;
    }
    looks = (argc > 2 ? strtol(argv[2], NULL, 10) : 5) * 5000;

    status = map(argv[1], looks, &memory, &size);
    if (status == COMPLETE)
        status = attach(&page, memory, size, looks);
    if (status != COMPLETE)
        return status;

    if (memtalk_page_seat(&page, MEMTALK_SECOND) != 0)
        return say(BUSY, "the page", memtalk_error_text(MEMTALK_ERROR_TAKEN));
    result = memtalk_page_join(&page, MEMTALK_OUTSIDE | MEMTALK_SILENT);
    if (result == 0)
        result = memtalk_page_open(&page, MEMTALK_SECOND, &sender, &receiver);
    if (result < 0)
        return say(SYSTEM, "the page", memtalk_error_text(result));

    status = echo(&sender, &receiver, looks);
    /* After COMPLETE both streams are over, and these do nothing. */
    memtalk_sender_fail(&sender);
    memtalk_receiver_fail(&receiver);
    return status;
}
