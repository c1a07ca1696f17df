/*
 * A bug in the library, while it has an end of a talk. The library is built with the feature
 * `panic-point`.
 */

#include <memtalk.h>
#include <stdio.h>
#include <string.h>

int32_t memtalk_panic_point(memtalk_talk talk);

#define EQUAL(value, wanted) \
    do { \
        int value_ = (int)(value); \
        if (value_ != (wanted)) { \
            fprintf(stderr, "line %d: %d: %s\n", __LINE__, value_, memtalk_message()); \
            return 1; \
        } \
    } while (0)

int main(void) {
    memtalk_talk one, other;
    char byte;
    EQUAL(memtalk_pair(NULL, &one, &other), 0);
    EQUAL(memtalk_panic_point(one), MEMTALK_E_PANICKED);
    EQUAL(strstr(memtalk_message(), "at the point where a test wants it") != NULL, 1);
    /* The end may be in disorder: nobody uses it again. The other end still works. */
    EQUAL(memtalk_read(one, &byte, 1), MEMTALK_E_PANICKED);
    EQUAL(memtalk_close(one, 0), MEMTALK_E_PANICKED);
    EQUAL(memtalk_write(one, "x", 1), 1);
    EQUAL(memtalk_free(one), 0);
    EQUAL(memtalk_free(one), MEMTALK_E_BAD_HANDLE);
    EQUAL(memtalk_read(other, &byte, 1), 1);
    EQUAL(memtalk_read(other, &byte, 1), MEMTALK_E_PEER_STOPPED);
    EQUAL(memtalk_free(other), 0);
    /* The place of the handle is in order again. */
    EQUAL(memtalk_pair(NULL, &one, &other), 0);
    EQUAL(memtalk_write(other, "x", 1), 1);
    EQUAL(memtalk_read(one, &byte, 1), 1);
    EQUAL(memtalk_free(one), 0);
    EQUAL(memtalk_free(other), 0);
    printf("caught\n");
    return 0;
}
