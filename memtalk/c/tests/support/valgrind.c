/*
 * For programs under valgrind: waits for a lock by looking, in place of in the kernel.
 * Valgrind lets one thread run at a time, and does not know that fcntl(2) with
 * F_OFD_SETLKW may wait: while the library's watcher sleeps there, no other thread runs. This
 * is loaded before the C library (LD_PRELOAD).
 */

#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

int fcntl64(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (command != F_OFD_SETLKW)
        return (int)syscall(SYS_fcntl, fd, command, argument);
    while (syscall(SYS_fcntl, fd, F_OFD_SETLK, argument) == -1) {
        if (errno != EAGAIN && errno != EACCES)
            return -1;
        usleep(1000);
    }
    return 0;
}

int fcntl(int fd, int command, ...) __attribute__((alias("fcntl64")));
