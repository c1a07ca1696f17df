/*
 * What a C program on a Cortex-M has in place of an operating system.
 *
 * `reset.s` calls `main` here, which calls the program's `main`. The compiler gives that
 * one another name. The program's result goes to the emulator, by semihosting: 0 for
 * success, or else 9, the status for a peer that gave up.
 */

#include <stdint.h>

#undef main

int program_main(void);

static void end(uintptr_t status) {
    /* The reason (the program ends by itself), and the status. */
    const uintptr_t block[2] = {0x20026, status};
    register uintptr_t call __asm__("r0") = 0x20;
    register const uintptr_t *argument __asm__("r1") = block;
    __asm__ volatile("bkpt #0xAB" : "+r"(call) : "r"(argument) : "memory");
}

void fault(void) {
    end(12);
}

void tick(void) {
}

int main(void) {
    end(program_main() == 0 ? 0 : 9);
    for (;;)
        ;
}
