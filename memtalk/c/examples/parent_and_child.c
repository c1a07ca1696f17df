/*
 * A parent and its child talk through memory without a name: nobody else can join, and
 * nothing is left to clean up.
 *
 *     $ cc parent_and_child.c $(pkg-config --cflags --libs memtalk) -o parent_and_child
 *     $ ./parent_and_child
 *
 * The child finds the memory at its standard input. It may be another program, like the
 * example of the same name in Rust: ./parent_and_child PROGRAM
 */

#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <memtalk.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t PATIENCE = 10 * 1000000; /* microseconds */

/* Upper case, until the end of the stream. */
static int child(void) {
    memtalk_talk talk;
    int result = memtalk_join(STDIN_FILENO, NULL, &talk);
    if (result < 0)
        return result;
    char bytes[4096];
    ptrdiff_t count;
    while ((count = memtalk_read(talk, bytes, sizeof bytes)) > 0) {
        for (ptrdiff_t i = 0; i < count; i++)
            bytes[i] = (char)toupper((unsigned char)bytes[i]);
        count = memtalk_write_all(talk, bytes, (size_t)count);
        if (count < 0)
            break;
    }
    if (count == 0)
        return memtalk_close(talk, PATIENCE);
    memtalk_free(talk);
    return (int)count;
}

static int parent(char *program) {
    static const char text[] = "a word from the parent";
    /* A child that ends before it joins is not noticed. So do not wait for ever. */
    memtalk_options options;
    memtalk_options_init(&options, sizeof options);
    options.timeout_us = PATIENCE;
    memtalk_talk talk;
    int memory;
    int result = memtalk_create(&options, &talk, &memory);
    if (result < 0)
        return result;
    char name[] = "child";
    char *arguments[] = {program, name, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        /* The copy stays open on exec. */
        if (dup2(memory, STDIN_FILENO) == STDIN_FILENO)
            execv(program, arguments);
        _exit(127);
    }
    close(memory);
    char answer[sizeof text];
    size_t used = 0;
    ptrdiff_t count = memtalk_wait_for_peer(talk);
    if (count == 0)
        count = memtalk_write_all(talk, text, strlen(text));
    if (count == 0)
        count = memtalk_end(talk);
    if (count == 0)
        while ((count = memtalk_read(talk, answer + used, sizeof answer - used)) > 0)
            used += (size_t)count;
    if (count == 0) {
        printf("%.*s\n", (int)used, answer);
        result = memtalk_close(talk, PATIENCE);
    } else {
        result = (int)count;
        memtalk_free(talk);
    }
    int status = 0;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status != 0)
        fprintf(stderr, "the child failed\n");
    return result;
}

int main(int argc, char **argv) {
    int is_child = argc == 2 && strcmp(argv[1], "child") == 0;
    int result = is_child ? child() : parent(argc == 2 ? argv[1] : argv[0]);
    if (result < 0)
        fprintf(stderr, "%s\n", memtalk_message());
    return memtalk_exit_status(result);
}
