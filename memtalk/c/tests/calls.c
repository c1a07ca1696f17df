/*
 * Every call, as a program in C makes it, and every misuse that is to be an error. Run alone,
 * under valgrind, and with the sanitizers. A test that fails prints where, and the program
 * ends with 1. SIGALRM ends it if something hangs.
 */

#define _GNU_SOURCE 1

#include <errno.h>
#include <memtalk.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) \
            fail(__LINE__, #condition, 0); \
    } while (0)
#define EQUAL(value, wanted) \
    do { \
        long long value_ = (long long)(value); \
        if (value_ != (long long)(wanted)) \
            fail(__LINE__, #value " is not " #wanted ": ", value_); \
    } while (0)

static void fail(int line, const char *what, long long found) {
    fprintf(stderr, "calls.c:%d: %s%lld; last failure: %s\n", line, what, found, memtalk_message());
    exit(1);
}

static const int64_t PATIENCE = 30 * 1000000;

static void pair(memtalk_talk *one, memtalk_talk *other) {
    EQUAL(memtalk_pair(NULL, one, other), 0);
}

/* Runs `run` in a thread. */
static pthread_t start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    EQUAL(pthread_create(&thread, NULL, run, argument), 0);
    return thread;
}

static long join(pthread_t thread) {
    void *result;
    EQUAL(pthread_join(thread, &result), 0);
    return (long)(intptr_t)result;
}

static void *result_of(ptrdiff_t result) {
    return (void *)(intptr_t)result;
}

static void *closes(void *talk) {
    return result_of(memtalk_close(*(memtalk_talk *)talk, PATIENCE));
}

/* Closes both ends of a pair, all of which was read. */
static void close_both(memtalk_talk one, memtalk_talk other) {
    pthread_t thread = start(closes, &other);
    EQUAL(memtalk_close(one, PATIENCE), 0);
    EQUAL(join(thread), 0);
}

static void a_pair_talks_and_both_get_the_certificate(void) {
    memtalk_talk one, other;
    char bytes[16];
    pair(&one, &other);
    EQUAL(memtalk_capacity(one), memtalk_capacity(other));
    CHECK(memtalk_capacity(one) >= 1856);
    EQUAL(memtalk_write(one, "hello", 5), 5);
    EQUAL(memtalk_read(other, bytes, sizeof bytes), 5);
    EQUAL(memcmp(bytes, "hello", 5), 0);
    close_both(one, other);
}

static void half_close_confirmation_and_certificate_work_step_by_step(void) {
    memtalk_talk one, other;
    char byte;
    pair(&one, &other);
    EQUAL(memtalk_write_all(one, "x", 1), 0);
    EQUAL(memtalk_is_delivered(one), 0);
    EQUAL(memtalk_end(one), 0);
    EQUAL(memtalk_end(one), 0);
    EQUAL(memtalk_write(one, "y", 1), MEMTALK_E_ENDED);
    EQUAL(memtalk_is_delivered(one), 0);
    EQUAL(memtalk_wait_delivered(one, 0), MEMTALK_E_STALLED);
    EQUAL(memtalk_read(other, &byte, 1), 1);
    EQUAL(memtalk_read(other, &byte, 1), 0);
    EQUAL(memtalk_confirm(other), 0);
    EQUAL(memtalk_confirm(other), MEMTALK_E_ENDED);
    EQUAL(memtalk_read(other, &byte, 1), MEMTALK_E_ENDED);
    EQUAL(memtalk_is_delivered(one), 1);
    EQUAL(memtalk_wait_delivered(one, PATIENCE), 0);
    /* The other direction still works. */
    EQUAL(memtalk_write_all(other, "z", 1), 0);
    EQUAL(memtalk_read(one, &byte, 1), 1);
    close_both(one, other);
}

static void what_was_not_read_is_told_and_the_handle_is_freed(void) {
    memtalk_talk one, other;
    char bytes[8];
    pair(&one, &other);
    EQUAL(memtalk_write_all(one, "unread", 6), 0);
    EQUAL(memtalk_close(other, PATIENCE), MEMTALK_E_NOT_AT_END);
    EQUAL(memtalk_close(other, PATIENCE), MEMTALK_E_BAD_HANDLE);
    EQUAL(memtalk_close(one, PATIENCE), MEMTALK_E_PEER_STOPPED);
    pair(&one, &other);
    EQUAL(memtalk_write_all(one, "unread", 6), 0);
    EQUAL(memtalk_confirm(other), MEMTALK_E_NOT_AT_END);
    EQUAL(memtalk_read(other, bytes, sizeof bytes), MEMTALK_E_ENDED);
    EQUAL(memtalk_free(other), 0);
    EQUAL(memtalk_free(one), 0);
}

static void times_are_limits(void) {
    memtalk_talk one, other;
    char bytes[4096] = "";
    pair(&one, &other);
    EQUAL(memtalk_try_read(one, bytes, 1), MEMTALK_E_AGAIN);
    EQUAL(memtalk_set_read_timeout(one, 0), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_set_read_timeout(one, 1000), 0);
    EQUAL(memtalk_read(one, bytes, 1), MEMTALK_E_STALLED);
    EQUAL(memtalk_set_read_timeout(one, INT64_MAX), 0);
    EQUAL(memtalk_set_read_timeout(one, INT64_MIN), 0);
    while (memtalk_try_write(one, bytes, sizeof bytes) > 0) {
    }
    EQUAL(memtalk_try_write(one, bytes, 1), MEMTALK_E_AGAIN);
    EQUAL(memtalk_set_write_timeout(one, 0), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_set_write_timeout(one, 1000), 0);
    EQUAL(memtalk_write(one, bytes, 1), MEMTALK_E_STALLED);
    EQUAL(memtalk_write_all(one, bytes, 1), MEMTALK_E_STALLED);
    EQUAL(memtalk_close(one, 1000), MEMTALK_E_STALLED);
    EQUAL(memtalk_close(one, 1000), MEMTALK_E_BAD_HANDLE);
    EQUAL(memtalk_free(other), 0);
}

static void null_pointers_are_errors(void) {
    memtalk_talk one, other;
    memtalk_options options;
    int memory;
    uint32_t pid;
    EQUAL(memtalk_options_init(NULL, sizeof options), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_open(NULL, NULL, &one), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_open("/x", NULL, NULL), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_sit_down(NULL, NULL, &one), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_pair(NULL, NULL, &other), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_pair(NULL, &one, NULL), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_pair(NULL, &one, &one), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_create(NULL, NULL, &memory), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_create(NULL, &one, NULL), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_join(0, NULL, NULL), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_cancel_new(NULL), MEMTALK_E_BAD_ARGUMENT);
    pair(&one, &other);
    EQUAL(memtalk_read(one, NULL, 1), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_try_read(one, NULL, 1), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_write(one, NULL, 1), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_try_write(one, NULL, 1), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_write_all(one, NULL, 1), MEMTALK_E_BAD_ARGUMENT);
    /* Nothing, from nowhere. */
    EQUAL(memtalk_read(one, NULL, 0), 0);
    EQUAL(memtalk_try_read(one, NULL, 0), 0);
    EQUAL(memtalk_write(one, NULL, 0), 0);
    EQUAL(memtalk_try_write(one, NULL, 0), 0);
    EQUAL(memtalk_write_all(one, NULL, 0), 0);
    EQUAL(memtalk_peer(one, NULL, NULL), MEMTALK_PARTY_PROCESS);
    EQUAL(memtalk_peer(one, &pid, NULL), MEMTALK_PARTY_PROCESS);
    EQUAL(pid, getpid());
    close_both(one, other);
}

static void negative_lengths_are_errors(void) {
    memtalk_talk one, other;
    char byte = 0;
    /* Not a constant: the compiler would know that no object is as large. */
    volatile size_t lengths[] = {(size_t)-1, (size_t)PTRDIFF_MAX + 1};
    pair(&one, &other);
    for (int i = 0; i < 2; i++) {
        EQUAL(memtalk_read(one, &byte, lengths[i]), MEMTALK_E_BAD_ARGUMENT);
        EQUAL(memtalk_try_read(one, &byte, lengths[i]), MEMTALK_E_BAD_ARGUMENT);
        EQUAL(memtalk_write(one, &byte, lengths[i]), MEMTALK_E_BAD_ARGUMENT);
        EQUAL(memtalk_try_write(one, &byte, lengths[i]), MEMTALK_E_BAD_ARGUMENT);
        EQUAL(memtalk_write_all(one, &byte, lengths[i]), MEMTALK_E_BAD_ARGUMENT);
    }
    close_both(one, other);
}

/* Each call with a handle that is none. */
static void every_call_is(memtalk_talk talk, int error) {
    char byte = 0;
    uint32_t pid, user;
    EQUAL(memtalk_wait_for_peer(talk), error);
    EQUAL(memtalk_read(talk, &byte, 1), error);
    EQUAL(memtalk_try_read(talk, &byte, 1), error);
    EQUAL(memtalk_set_read_timeout(talk, 1), error);
    EQUAL(memtalk_read_fd(talk), error);
    EQUAL(memtalk_confirm(talk), error);
    EQUAL(memtalk_write(talk, &byte, 1), error);
    EQUAL(memtalk_try_write(talk, &byte, 1), error);
    EQUAL(memtalk_write_all(talk, &byte, 1), error);
    EQUAL(memtalk_set_write_timeout(talk, 1), error);
    EQUAL(memtalk_write_fd(talk), error);
    EQUAL(memtalk_capacity(talk), error);
    EQUAL(memtalk_end(talk), error);
    EQUAL(memtalk_is_delivered(talk), error);
    EQUAL(memtalk_wait_delivered(talk, 0), error);
    EQUAL(memtalk_close(talk, 0), error);
    EQUAL(memtalk_free(talk), error);
    EQUAL(memtalk_give_up(talk), error);
    EQUAL(memtalk_leave(talk, 0), error);
    EQUAL(memtalk_peer(talk, &pid, &user), error);
    EQUAL(memtalk_peer_is_gone(talk), error);
    EQUAL(memtalk_peer_wait_until_gone(talk), error);
}

static void handles_that_are_none_are_errors(void) {
    memtalk_talk one, other, copy, garbage;
    memset(&garbage, 0, sizeof garbage);
    every_call_is(garbage, MEMTALK_E_BAD_HANDLE);
    memset(&garbage, 0xff, sizeof garbage);
    every_call_is(garbage, MEMTALK_E_BAD_HANDLE);
    pair(&one, &other);
    copy = one;
    EQUAL(memtalk_free(one), 0);
    every_call_is(one, MEMTALK_E_BAD_HANDLE);
    EQUAL(memtalk_free(other), 0);
    /* The place of the handle is used again, and the old handle does not lead there. */
    for (int i = 0; i < 3; i++) {
        pair(&one, &other);
        every_call_is(copy, MEMTALK_E_BAD_HANDLE);
        close_both(one, other);
        every_call_is(one, MEMTALK_E_BAD_HANDLE);
    }
    memtalk_cancel cancel;
    memset(&cancel, 0xff, sizeof cancel);
    EQUAL(memtalk_cancel_waits(cancel), MEMTALK_E_BAD_HANDLE);
    EQUAL(memtalk_cancel_free(cancel), MEMTALK_E_BAD_HANDLE);
    memtalk_options options;
    EQUAL(memtalk_options_init(&options, sizeof options), 0);
    options.cancel = cancel;
    EQUAL(memtalk_open("/x", &options, &one), MEMTALK_E_BAD_HANDLE);
    /* What failed left no handle. */
    every_call_is(one, MEMTALK_E_BAD_HANDLE);
}

static void options_that_are_none_are_errors(void) {
    struct {
        memtalk_options known;
        char more[64];
    } options;
    memtalk_talk one, other;
    memset(&options, 0, sizeof options);
    EQUAL(memtalk_pair(&options.known, &one, &other), MEMTALK_E_BAD_ARGUMENT);
    memset(&options, 0xff, sizeof options);
    EQUAL(memtalk_pair(&options.known, &one, &other), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_options_init(&options.known, 1), MEMTALK_E_BAD_ARGUMENT);
    EQUAL(memtalk_options_init(&options.known, (size_t)1 << 40), MEMTALK_E_BAD_ARGUMENT);
    /* A program that knows more options than this library does, and does not use them. */
    EQUAL(memtalk_options_init(&options.known, sizeof options), 0);
    EQUAL(memtalk_pair(&options.known, &one, &other), 0);
    close_both(one, other);
    options.more[63] = 1;
    EQUAL(memtalk_pair(&options.known, &one, &other), MEMTALK_E_BAD_ARGUMENT);
    CHECK(strstr(memtalk_message(), "newer"));

    memtalk_options_init(&options.known, sizeof options.known);
    options.known.flags = 128;
    EQUAL(memtalk_open("/x", &options.known, &one), MEMTALK_E_BAD_ARGUMENT);
    options.known.flags = MEMTALK_ANYWHERE | MEMTALK_AS_CLIENT;
    EQUAL(memtalk_open("/x", &options.known, &one), MEMTALK_E_BAD_ARGUMENT);
    options.known.flags = MEMTALK_AT_OFFSET;
    options.known.offset = 1;
    EQUAL(memtalk_open("/x", &options.known, &one), MEMTALK_E_OFFSET);
    options.known.flags = 0;
    options.known.mode = 0644;
    EQUAL(memtalk_open("/x", &options.known, &one), MEMTALK_E_MODE);
    options.known.mode = 0;
    options.known.pages = (size_t)-1;
    EQUAL(memtalk_open("/x", &options.known, &one), MEMTALK_E_PAGES);
    options.known.pages = 16;
    EQUAL(memtalk_pair(&options.known, &one, &other), 0);
    CHECK(memtalk_capacity(one) > 30000);
    close_both(one, other);
}

/* A name of this process, and `last`. */
static const char *name(const char *last) {
    static char name[64];
    snprintf(name, sizeof name, "/memtalk-calls-%d%s", (int)getpid(), last);
    return name;
}

static int exists(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "/dev/shm%s", name);
    return access(path, F_OK) == 0;
}

static void names_are_checked(void) {
    memtalk_talk talk;
    memtalk_options options;
    char longest[300];
    memtalk_options_init(&options, sizeof options);
    options.timeout_us = 0;
    memset(longest, 'n', sizeof longest);
    longest[0] = '/';
    longest[299] = '\0';
    const char *wrong[] = {"", "x", "/", "/a/b", "/.", "/..", longest};
    for (int i = 0; i < 7; i++)
        EQUAL(memtalk_open(wrong[i], &options, &talk), MEMTALK_E_NAME);
    CHECK(strstr(memtalk_message(), "254"));
    /* Any bytes make a name. */
    const char *bytes = name("-\xff\xfe\xc3");
    EQUAL(memtalk_open(bytes, &options, &talk), MEMTALK_E_TIMEOUT);
    CHECK(!exists(bytes));
}

static void a_seat_is_not_open_before_the_peer_is_there(void) {
    memtalk_talk talk, joined;
    memtalk_options options;
    char byte;
    int memory;
    memtalk_options_init(&options, sizeof options);
    options.timeout_us = 0;
    const char *here = name("-seat");
    EQUAL(memtalk_sit_down(here, &options, &talk), 0);
    CHECK(exists(here));
    EQUAL(memtalk_read(talk, &byte, 1), MEMTALK_E_NOT_OPEN);
    EQUAL(memtalk_write(talk, "x", 1), MEMTALK_E_NOT_OPEN);
    EQUAL(memtalk_read_fd(talk), MEMTALK_E_NOT_OPEN);
    EQUAL(memtalk_capacity(talk), MEMTALK_E_NOT_OPEN);
    EQUAL(memtalk_peer_is_gone(talk), MEMTALK_E_NOT_OPEN);
    EQUAL(memtalk_wait_for_peer(talk), MEMTALK_E_TIMEOUT);
    EQUAL(memtalk_wait_for_peer(talk), MEMTALK_E_NOT_OPEN);
    EQUAL(memtalk_close(talk, PATIENCE), MEMTALK_E_NOT_OPEN);
    EQUAL(memtalk_close(talk, PATIENCE), MEMTALK_E_BAD_HANDLE);
    CHECK(!exists(here));

    EQUAL(memtalk_sit_down(here, &options, &talk), 0);
    EQUAL(memtalk_leave(talk, PATIENCE), 0);
    CHECK(!exists(here));
    EQUAL(memtalk_free(talk), 0);

    options.timeout_us = PATIENCE;
    EQUAL(memtalk_create(&options, &talk, &memory), 0);
    EQUAL(memtalk_join(memory, NULL, &joined), 0);
    EQUAL(close(memory), 0);
    EQUAL(memtalk_wait_for_peer(talk), 0);
    close_both(talk, joined);
}

static void errors_have_numbers_and_texts(void) {
    memtalk_talk talk;
    EQUAL(memtalk_join(-1, NULL, &talk), MEMTALK_E_BAD_ARGUMENT);
    errno = 0;
    EQUAL(memtalk_join(999999, NULL, &talk), MEMTALK_E_SYSTEM);
    EQUAL(errno, EBADF);
    CHECK(strstr(memtalk_message(), "descriptor"));
    EQUAL(memtalk_exit_status(MEMTALK_E_SYSTEM), 1);
    EQUAL(memtalk_exit_status(MEMTALK_E_BUSY), 5);
    for (int error = -60; error < 3; error++)
        CHECK(strlen(memtalk_text(error)) > 0);
    EQUAL(strcmp(memtalk_text(0), "success"), 0);
    EQUAL(strcmp(memtalk_text(MEMTALK_E_PEER_DIED), "the peer died"), 0);
    EQUAL(strcmp(memtalk_text(INT32_MIN), "unknown error"), 0);
    CHECK(strlen(memtalk_version()) >= 5);
}

static void *has_no_message(void *none) {
    (void)none;
    return result_of((ptrdiff_t)strlen(memtalk_message()));
}

static void each_thread_has_its_own_message(void) {
    memtalk_talk talk;
    EQUAL(memtalk_open("x", NULL, &talk), MEMTALK_E_NAME);
    EQUAL(join(start(has_no_message, NULL)), 0);
    CHECK(strlen(memtalk_message()) > 0);
}

static void *reads(void *talk) {
    char byte;
    return result_of(memtalk_read(*(memtalk_talk *)talk, &byte, 1));
}

static void *fills(void *talk) {
    static char bytes[1 << 20];
    return result_of(memtalk_write_all(*(memtalk_talk *)talk, bytes, sizeof bytes));
}

/* Waits until another thread is in a call with the end that `call` uses. */
#define UNTIL_IN_USE(call) \
    do { \
        for (int i_ = 0; (call) != MEMTALK_E_IN_USE; i_++) { \
            CHECK(i_ < 30000); \
            usleep(1000); \
        } \
    } while (0)

static void a_second_thread_in_an_end_is_an_error(void) {
    for (int polled = 0; polled < 2; polled++) {
        memtalk_talk one, other;
        char byte;
        pair(&one, &other);
        if (polled) {
            CHECK(memtalk_read_fd(one) >= 0);
            CHECK(memtalk_write_fd(one) >= 0);
        }
        pthread_t reader = start(reads, &one), writer = start(fills, &one);
        UNTIL_IN_USE(memtalk_set_read_timeout(one, -1));
        UNTIL_IN_USE(memtalk_set_write_timeout(one, -1));
        EQUAL(memtalk_read(one, &byte, 1), MEMTALK_E_IN_USE);
        EQUAL(memtalk_try_read(one, &byte, 1), MEMTALK_E_IN_USE);
        EQUAL(memtalk_read_fd(one), MEMTALK_E_IN_USE);
        EQUAL(memtalk_confirm(one), MEMTALK_E_IN_USE);
        EQUAL(memtalk_write(one, &byte, 1), MEMTALK_E_IN_USE);
        EQUAL(memtalk_try_write(one, &byte, 1), MEMTALK_E_IN_USE);
        EQUAL(memtalk_end(one), MEMTALK_E_IN_USE);
        EQUAL(memtalk_close(one, 0), MEMTALK_E_IN_USE);
        EQUAL(memtalk_free(one), MEMTALK_E_IN_USE);
        /* These do not need the ends. */
        EQUAL(memtalk_peer_is_gone(one), 0);
        EQUAL(memtalk_peer(one, NULL, NULL), MEMTALK_PARTY_PROCESS);
        EQUAL(memtalk_give_up(one), 0);
        /* The peer leaves because of that. */
        EQUAL(memtalk_free(other), 0);
        EQUAL(join(reader), MEMTALK_E_ENDED);
        EQUAL(join(writer), MEMTALK_E_ENDED);
        EQUAL(memtalk_free(one), 0);
    }
}

static void *waits_for_a_departure(void *talk) {
    return result_of(memtalk_peer_wait_until_gone(*(memtalk_talk *)talk));
}

static void the_peer_is_known_and_its_departure_is_noticed(void) {
    memtalk_talk one, other;
    uint32_t pid = 0, user = 1;
    char byte;
    pair(&one, &other);
    EQUAL(memtalk_peer(one, &pid, &user), MEMTALK_PARTY_PROCESS);
    EQUAL(pid, getpid());
    EQUAL(user, geteuid());
    EQUAL(memtalk_peer_is_gone(one), 0);
    pthread_t watcher = start(waits_for_a_departure, &one);
    EQUAL(memtalk_free(other), 0);
    EQUAL(join(watcher), MEMTALK_DEPARTURE_GAVE_UP);
    EQUAL(memtalk_peer_is_gone(one), 1);
    EQUAL(memtalk_read(one, &byte, 1), MEMTALK_E_PEER_STOPPED);
    EQUAL(memtalk_write(one, &byte, 1), MEMTALK_E_PEER_STOPPED);
    EQUAL(memtalk_free(one), 0);
}

static void *opens(void *options) {
    memtalk_talk talk;
    return result_of(memtalk_open(name("-cancel"), (memtalk_options *)options, &talk));
}

static void a_wait_for_a_peer_is_cancelled_from_another_thread(void) {
    memtalk_options options;
    memtalk_cancel cancel;
    const char *here = name("-cancel");
    memtalk_options_init(&options, sizeof options);
    EQUAL(memtalk_cancel_new(&cancel), 0);
    options.cancel = cancel;
    pthread_t waiter = start(opens, &options);
    for (int i = 0; !exists(here); i++) {
        CHECK(i < 30000);
        usleep(1000);
    }
    EQUAL(memtalk_cancel_waits(cancel), 0);
    EQUAL(join(waiter), MEMTALK_E_CANCELLED);
    CHECK(!exists(here));
    EQUAL(memtalk_cancel_free(cancel), 0);
    EQUAL(memtalk_cancel_free(cancel), MEMTALK_E_BAD_HANDLE);
    EQUAL(join(start(opens, &options)), MEMTALK_E_BAD_HANDLE);
}

static void a_forked_child_is_refused_and_its_parent_unharmed(void) {
    memtalk_talk one, other;
    char byte = 'x';
    pair(&one, &other);
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        memtalk_talk mine, theirs;
        alarm(60);
        every_call_is(one, MEMTALK_E_FORKED);
        every_call_is(other, MEMTALK_E_FORKED);
        /* It may have talks of its own. */
        pair(&mine, &theirs);
        EQUAL(memtalk_write_all(mine, "y", 1), 0);
        EQUAL(memtalk_read(theirs, &byte, 1), 1);
        close_both(mine, theirs);
        /* What belonged to its parent's threads is nobody's here: valgrind would call it
         * lost, unless another program begins. */
        execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    int status;
    EQUAL(waitpid(child, &status, 0), child);
    EQUAL(status, 0);
    EQUAL(memtalk_write_all(one, &byte, 1), 0);
    EQUAL(memtalk_read(other, &byte, 1), 1);
    close_both(one, other);
}

/* Whether the descriptor is readable, or becomes so within a number of milliseconds. */
static int is_readable(int fd, int time) {
    struct pollfd wait = {fd, POLLIN, 0};
    return poll(&wait, 1, time) == 1;
}

static void a_descriptor_tells_of_bytes_of_room_of_the_end_and_of_the_certificate(void) {
    memtalk_talk one, other;
    char bytes[4096] = "";
    pair(&one, &other);
    int readable = memtalk_read_fd(one), writable = memtalk_write_fd(one);
    CHECK(readable >= 0 && writable >= 0 && readable != writable);
    EQUAL(memtalk_read_fd(one), readable);
    EQUAL(memtalk_write_fd(one), writable);

    CHECK(is_readable(readable, 0));
    EQUAL(memtalk_try_read(one, bytes, 8), MEMTALK_E_AGAIN);
    CHECK(!is_readable(readable, 0));
    EQUAL(memtalk_write_all(other, "12345678", 8), 0);
    /* Read in part, without having polled: the rest is told of. */
    EQUAL(memtalk_try_read(one, bytes, 3), 3);
    CHECK(is_readable(readable, 30000));
    EQUAL(memtalk_try_read(one, bytes, 8), 5);
    EQUAL(memtalk_try_read(one, bytes, 8), MEMTALK_E_AGAIN);
    CHECK(!is_readable(readable, 0));

    CHECK(is_readable(writable, 0));
    while (memtalk_try_write(one, bytes, sizeof bytes) > 0) {
    }
    CHECK(!is_readable(writable, 0));
    EQUAL(memtalk_read(other, bytes, sizeof bytes), memtalk_capacity(one));
    CHECK(is_readable(writable, 30000));
    CHECK(memtalk_try_write(one, bytes, 100) == 100);

    EQUAL(memtalk_end(one), 0);
    EQUAL(memtalk_is_delivered(one), 0);
    CHECK(!is_readable(writable, 0));
    EQUAL(memtalk_read(other, bytes, sizeof bytes), 100);
    EQUAL(memtalk_read(other, bytes, sizeof bytes), 0);
    EQUAL(memtalk_confirm(other), 0);
    CHECK(is_readable(writable, 30000));
    EQUAL(memtalk_is_delivered(one), 1);

    EQUAL(memtalk_end(other), 0);
    CHECK(is_readable(readable, 30000));
    EQUAL(memtalk_try_read(one, bytes, 8), 0);
    CHECK(is_readable(readable, 0));
    close_both(one, other);
}

static void a_descriptor_tells_of_a_failure(void) {
    memtalk_talk one, other;
    char bytes[4096] = "";
    pair(&one, &other);
    int readable = memtalk_read_fd(one), writable = memtalk_write_fd(one);
    EQUAL(memtalk_try_read(one, bytes, 1), MEMTALK_E_AGAIN);
    while (memtalk_try_write(one, bytes, sizeof bytes) > 0) {
    }
    EQUAL(memtalk_free(other), 0);
    CHECK(is_readable(readable, 30000));
    CHECK(is_readable(writable, 30000));
    EQUAL(memtalk_try_read(one, bytes, 1), MEMTALK_E_PEER_STOPPED);
    EQUAL(memtalk_try_write(one, bytes, 1), MEMTALK_E_PEER_STOPPED);
    CHECK(is_readable(readable, 0));
    EQUAL(memtalk_free(one), 0);
}

static void calls_that_wait_do_so_with_a_descriptor_as_well(void) {
    memtalk_talk one, other;
    static char bytes[1 << 20];
    pair(&one, &other);
    EQUAL(memtalk_set_read_timeout(one, 1000), 0);
    CHECK(memtalk_read_fd(one) >= 0);
    CHECK(memtalk_write_fd(one) >= 0);
    EQUAL(memtalk_read(one, bytes, 1), MEMTALK_E_STALLED);
    EQUAL(memtalk_set_read_timeout(one, PATIENCE), 0);
    EQUAL(memtalk_set_read_timeout(one, 0), MEMTALK_E_BAD_ARGUMENT);
    pthread_t writer = start(fills, &one);
    size_t count = 0;
    while (count < sizeof bytes) {
        ptrdiff_t now = memtalk_read(other, bytes, sizeof bytes);
        CHECK(now > 0);
        count += (size_t)now;
    }
    EQUAL(join(writer), 0);
    while (memtalk_try_write(one, bytes, sizeof bytes) > 0) {
    }
    EQUAL(memtalk_set_write_timeout(one, 1000), 0);
    EQUAL(memtalk_write(one, bytes, 1), MEMTALK_E_STALLED);
    EQUAL(memtalk_close(one, 1000), MEMTALK_E_STALLED);
    EQUAL(memtalk_free(other), 0);
}

/* The streams of the searches for lost wake-ups: how many bytes, and which. */
enum { STREAM = 200000 };

static char byte_at(size_t at) {
    return (char)(at * 2654435761u >> 24);
}

struct side {
    memtalk_talk talk;
    int edges;
    unsigned seed;
};

/* Waits for the descriptor; a lost wake-up is a failure. */
static void wait_for(const struct side *side, int fd, int epoll) {
    struct epoll_event event;
    if (side->edges)
        EQUAL(epoll_wait(epoll, &event, 1, 30000), 1);
    else
        CHECK(is_readable(fd, 30000));
}

static int watch(int fd) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {EPOLLIN | EPOLLET, {NULL}};
    CHECK(epoll >= 0);
    EQUAL(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    return epoll;
}

static void *sends_without_waiting(void *argument) {
    struct side *side = (struct side *)argument;
    int fd = memtalk_write_fd(side->talk), epoll = watch(fd);
    char bytes[3000];
    for (size_t at = 0; at < STREAM;) {
        size_t len = 1 + (size_t)rand_r(&side->seed) % sizeof bytes;
        len = len > STREAM - at ? STREAM - at : len;
        for (size_t i = 0; i < len; i++)
            bytes[i] = byte_at(at + i);
        ptrdiff_t sent = memtalk_try_write(side->talk, bytes, len);
        if (sent == MEMTALK_E_AGAIN)
            wait_for(side, fd, epoll);
        else
            CHECK(sent > 0);
        at += sent > 0 ? (size_t)sent : 0;
    }
    close(epoll);
    return NULL;
}

static void *receives_without_waiting(void *argument) {
    struct side *side = (struct side *)argument;
    int fd = memtalk_read_fd(side->talk), epoll = watch(fd);
    char bytes[3000];
    for (size_t at = 0; at < STREAM;) {
        /* Without edges, waits now and then although there may be more. */
        if (!side->edges && rand_r(&side->seed) % 4 == 0)
            wait_for(side, fd, epoll);
        size_t len = 1 + (size_t)rand_r(&side->seed) % sizeof bytes;
        ptrdiff_t got = memtalk_try_read(side->talk, bytes, len);
        if (got == MEMTALK_E_AGAIN)
            wait_for(side, fd, epoll);
        else
            CHECK(got > 0);
        for (ptrdiff_t i = 0; i < got; i++)
            CHECK(bytes[i] == byte_at(at + (size_t)i));
        at += got > 0 ? (size_t)got : 0;
    }
    close(epoll);
    return NULL;
}

static void no_wake_up_is_lost(void) {
    for (int round = 0; round < 4; round++) {
        memtalk_talk one, other;
        pair(&one, &other);
        struct side there = {one, round % 2, (unsigned)round};
        struct side here = {other, round % 2, (unsigned)round + 100};
        pthread_t sender = start(sends_without_waiting, &there);
        receives_without_waiting(&here);
        join(sender);
        close_both(one, other);
    }
}

int main(void) {
    /* Under valgrind, on a machine that is busy, this takes its time. */
    alarm(600);
    a_pair_talks_and_both_get_the_certificate();
    half_close_confirmation_and_certificate_work_step_by_step();
    what_was_not_read_is_told_and_the_handle_is_freed();
    times_are_limits();
    null_pointers_are_errors();
    negative_lengths_are_errors();
    handles_that_are_none_are_errors();
    options_that_are_none_are_errors();
    names_are_checked();
    a_seat_is_not_open_before_the_peer_is_there();
    errors_have_numbers_and_texts();
    each_thread_has_its_own_message();
    a_second_thread_in_an_end_is_an_error();
    the_peer_is_known_and_its_departure_is_noticed();
    a_wait_for_a_peer_is_cancelled_from_another_thread();
    a_forked_child_is_refused_and_its_parent_unharmed();
    a_descriptor_tells_of_bytes_of_room_of_the_end_and_of_the_certificate();
    a_descriptor_tells_of_a_failure();
    calls_that_wait_do_so_with_a_descriptor_as_well();
    no_wake_up_is_lost();
    printf("every call\n");
    return 0;
}
