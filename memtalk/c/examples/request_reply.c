/*
 * Request and reply, a line each: one process adds numbers, the other one asks. In two
 * terminals, in any order:
 *
 *     $ cc request_reply.c $(pkg-config --cflags --libs memtalk) -o request_reply
 *     $ ./request_reply /adder
 *     $ ./request_reply /adder 1 2 3
 *
 * The peer may as well be the example of the same name in Rust.
 */

#define _POSIX_C_SOURCE 200809L

#include <memtalk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t PATIENCE = 10 * 1000000; /* microseconds */

/* Reads a line, without its newline, into `line`. Returns 1; 0 at the end of the stream; or
 * an error. A line that is too long is cut. */
static int read_line(memtalk_talk talk, char *line, size_t size) {
    size_t used = 0;
    char byte;
    ptrdiff_t count;
    while ((count = memtalk_read(talk, &byte, 1)) == 1 && byte != '\n')
        if (used + 1 < size)
            line[used++] = byte;
    line[used] = '\0';
    return (int)count;
}

static int reply(memtalk_talk talk) {
    char line[256];
    int found;
    while ((found = read_line(talk, line, sizeof line)) > 0) {
        double sum = 0;
        const char *error = NULL;
        for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
            char *end;
            sum += strtod(word, &end);
            if (*end)
                error = "invalid number";
        }
        /* One write: the peer is woken once. */
        if (error)
            snprintf(line, sizeof line, "%s\n", error);
        else
            snprintf(line, sizeof line, "%g\n", sum);
        int written = memtalk_write_all(talk, line, strlen(line));
        if (written < 0)
            return written;
    }
    return found;
}

static int request(memtalk_talk talk, int count, char **numbers) {
    char line[256] = "";
    for (int i = 0; i < count; i++) {
        size_t used = strlen(line);
        snprintf(line + used, sizeof line - used, "%s%s", i ? " " : "", numbers[i]);
    }
    printf("%s: ", line);
    size_t used = strlen(line);
    snprintf(line + used, sizeof line - used, "\n");
    int result = memtalk_set_read_timeout(talk, PATIENCE);
    if (result == 0)
        result = memtalk_write_all(talk, line, strlen(line));
    if (result == 0)
        result = read_line(talk, line, sizeof line);
    if (result > 0)
        printf("%s\n", line);
    return result;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s NAME [NUMBERS...]\n", argv[0]);
        return 255;
    }
    memtalk_options options;
    memtalk_options_init(&options, sizeof options);
    options.timeout_us = PATIENCE;
    memtalk_talk talk;
    int result = memtalk_open(argv[1], &options, &talk);
    if (result == 0) {
        result = argc == 2 ? reply(talk) : request(talk, argc - 2, argv + 2);
        /* The certificate: all was received, in both directions. */
        if (result >= 0)
            result = memtalk_close(talk, PATIENCE);
        else
            memtalk_free(talk);
    }
    if (result < 0)
        fprintf(stderr, "%s\n", memtalk_message());
    return memtalk_exit_status(result);
}
