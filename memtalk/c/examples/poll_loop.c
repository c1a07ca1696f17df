/*
 * A talk in one thread that never waits but in poll(2): what it reads from its standard
 * input, the other side writes to its standard output, and the other way round. So it does
 * what the command does:
 *
 *     $ cc poll_loop.c $(pkg-config --cflags --libs memtalk) -o poll_loop
 *     $ ls /etc | ./poll_loop /hello
 *     $ ls /usr | memtalk -f /hello
 */

#define _POSIX_C_SOURCE 200809L

#include <memtalk.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/* What was read from standard input, and how much of it was sent. */
static char sent[65536];
static size_t used, filled;
static char received[65536];

/* Writes all to standard output. This may wait: a program that must not would keep the bytes,
 * and poll for POLLOUT. */
static int print(const char *bytes, ptrdiff_t count) {
    while (count > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, (size_t)count);
        if (written < 0) {
            perror("standard output");
            return -1;
        }
        bytes += written;
        count -= written;
    }
    return 0;
}

/* Returns 0, an error, or 1 if our side has failed and has said so. */
static int relay(memtalk_talk talk) {
    int readable = memtalk_read_fd(talk), writable = memtalk_write_fd(talk);
    int input_open = 1, complete = 0, delivered = 0;
    if (readable < 0 || writable < 0)
        return readable < 0 ? readable : writable;
    /* A ring with room for more than a few pages is faster here: options.pages. */
    while (!complete || !delivered) {
        /* A descriptor of -1 is left out. That of the sender is polled for POLLIN, too. */
        int sending = filled > used || !input_open;
        struct pollfd wait[] = {
            {input_open && !sending ? STDIN_FILENO : -1, POLLIN, 0},
            {complete ? -1 : readable, POLLIN, 0},
            {sending && !delivered ? writable : -1, POLLIN, 0},
        };
        if (poll(wait, 3, -1) < 0)
            continue;
        if (wait[0].revents) {
            ssize_t count = read(STDIN_FILENO, sent, sizeof sent);
            used = 0;
            filled = count > 0 ? (size_t)count : 0;
            if (count <= 0) {
                input_open = 0;
                memtalk_end(talk);
            }
        }
        if (wait[1].revents) {
            ptrdiff_t count = memtalk_try_read(talk, received, sizeof received);
            if (count == 0) {
                /* All of it was printed. */
                complete = 1;
                memtalk_confirm(talk);
            } else if (count != MEMTALK_E_AGAIN && count < 0) {
                return (int)count;
            } else if (print(received, count) < 0) {
                return 1;
            }
        }
        if (wait[2].revents && filled > used) {
            ptrdiff_t count = memtalk_try_write(talk, sent + used, filled - used);
            if (count < 0 && count != MEMTALK_E_AGAIN)
                return (int)count;
            used += count > 0 ? (size_t)count : 0;
        } else if (wait[2].revents) {
            delivered = memtalk_is_delivered(talk);
            if (delivered < 0)
                return delivered;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s NAME\n", argv[0]);
        return 255;
    }
    memtalk_options options;
    memtalk_options_init(&options, sizeof options);
    options.timeout_us = 10 * 1000000;
    memtalk_talk talk;
    int result = memtalk_open(argv[1], &options, &talk);
    if (result == 0) {
        result = relay(talk);
        /* Both streams are confirmed by now, so this does not wait. */
        if (result == 0)
            result = memtalk_close(talk, 0);
        else
            memtalk_free(talk);
    }
    if (result < 0)
        fprintf(stderr, "%s\n", memtalk_message());
    return result > 0 ? result : memtalk_exit_status(result);
}
