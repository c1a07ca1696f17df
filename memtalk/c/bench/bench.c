/*
 * How fast a talk is from C, beside a Unix socket in the same run: throughput one way, and
 * round trips of one byte, between two processes.
 *
 *     $ cc -O2 bench.c $(pkg-config --cflags --libs memtalk) -o bench
 *     $ ./bench [BYTES [TRIPS]]
 *
 * The ways take turns, five rounds of them, and the median of each is printed. Only the
 * ratios of one run mean something.
 */

#define _POSIX_C_SOURCE 200809L

#include <memtalk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK ((size_t)65536)

enum { ROUNDS = 5 };

/* A link: a socket if `pages` is 0, and otherwise a talk with as many pages. */
struct link {
    size_t pages;
    int socket;
    memtalk_talk talk;
};

static const size_t WAYS[] = {0, 1, 16, 256};
enum { WAYS_COUNT = sizeof WAYS / sizeof WAYS[0] };

static void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s: %s\n", what, memtalk_message());
        exit(1);
    }
}

static void send_all(struct link *link, const char *bytes, size_t len) {
    if (link->pages) {
        check(memtalk_write_all(link->talk, bytes, len) == 0, "write");
        return;
    }
    while (len > 0) {
        ssize_t count = write(link->socket, bytes, len);
        check(count > 0, "write to the socket");
        bytes += count;
        len -= (size_t)count;
    }
}

static size_t receive(struct link *link, char *bytes, size_t len) {
    ptrdiff_t count = link->pages ? memtalk_read(link->talk, bytes, len)
                                  : (ptrdiff_t)read(link->socket, bytes, len);
    check(count > 0, "read");
    return (size_t)count;
}

static void send_stream(struct link *link, size_t bytes) {
    static char chunk[CHUNK];
    for (size_t len; bytes > 0; bytes -= len) {
        len = bytes < CHUNK ? bytes : CHUNK;
        send_all(link, chunk, len);
    }
}

static void receive_stream(struct link *link, size_t bytes) {
    static char chunk[CHUNK];
    while (bytes > 0)
        bytes -= receive(link, chunk, bytes < CHUNK ? bytes : CHUNK);
}

static void open_talk(struct link *link, const char *name) {
    memtalk_options options;
    if (link->pages == 0)
        return;
    memtalk_options_init(&options, sizeof options);
    options.pages = link->pages;
    options.timeout_us = 10 * 1000000;
    check(memtalk_open(name, &options, &link->talk) == 0, "open");
}

/* The other process: receives a stream, says so, and echoes bytes. */
static void peer(struct link *link, size_t bytes, size_t trips) {
    char byte = 0;
    receive_stream(link, bytes);
    send_all(link, &byte, 1);
    while (trips-- > 0) {
        receive(link, &byte, 1);
        send_all(link, &byte, 1);
    }
    if (link->pages)
        check(memtalk_close(link->talk, 10 * 1000000) == 0, "close");
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* One round of one way: seconds for the stream, and for all trips. */
static void measure(size_t pages, size_t bytes, size_t trips, double times[2]) {
    struct link link = {pages, -1, {0}};
    int sockets[2];
    char name[64], byte = 0;
    snprintf(name, sizeof name, "/memtalk-bench-%d", (int)getpid());
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0, "socketpair");
    /* Before the talk is opened: a child does not inherit one. */
    pid_t child = fork();
    check(child >= 0, "fork");
    link.socket = sockets[child == 0];
    close(sockets[child != 0]);
    open_talk(&link, name);
    if (child == 0) {
        peer(&link, bytes, trips);
        _exit(0);
    }
    double began = now();
    send_stream(&link, bytes);
    receive(&link, &byte, 1);
    times[0] = now() - began;
    began = now();
    for (size_t i = 0; i < trips; i++) {
        send_all(&link, &byte, 1);
        receive(&link, &byte, 1);
    }
    times[1] = now() - began;
    if (pages)
        check(memtalk_close(link.talk, 10 * 1000000) == 0, "close");
    close(link.socket);
    int status;
    check(waitpid(child, &status, 0) == child && status == 0, "the other process");
}

static int compare(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

int main(int argc, char **argv) {
    size_t bytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000000;
    size_t trips = argc > 2 ? strtoull(argv[2], NULL, 10) : 100000;
    static double streams[WAYS_COUNT][ROUNDS], bounces[WAYS_COUNT][ROUNDS];
    check(bytes > 0 && trips > 0, "usage: bench [BYTES [TRIPS]]");
    for (int round = 0; round < ROUNDS; round++)
        for (int way = 0; way < WAYS_COUNT; way++) {
            double times[2];
            measure(WAYS[way], bytes, trips, times);
            streams[way][round] = times[0];
            bounces[way][round] = times[1];
        }
    printf("%-20s %12s %12s\n", "", "one way MB/s", "trip in us");
    for (int way = 0; way < WAYS_COUNT; way++) {
        char name[48] = "a Unix socket";
        if (WAYS[way])
            snprintf(name, sizeof name, "memtalk, %zu pages", WAYS[way]);
        qsort(streams[way], ROUNDS, sizeof(double), compare);
        qsort(bounces[way], ROUNDS, sizeof(double), compare);
        printf("%-20s %12.0f %12.2f\n", name, (double)bytes / streams[way][ROUNDS / 2] / 1e6,
               bounces[way][ROUNDS / 2] / (double)trips * 1e6);
    }
    return 0;
}
