// Boot code for QEMU's `virt`: from the start of the program to a call of `main`.
//
// The program starts at exception level 1, without address translation or caches, with
// interrupts masked. `main` gets a stack, the vector registers, and these addresses. The
// table `window` is empty.
//
//   GiB 0     devices, where they are
//   GiB 1     memory, where it is
//   GiB 2     `window`
//   GiB 256   the configuration space of PCI, where it is

.section .text.boot, "ax", @progbits
.globl start
start:
    adrp x0, stack_end
    add x0, x0, :lo12:stack_end
    mov sp, x0

    // Uses of vector registers do not trap.
    mov x0, 3 << 20
    msr cpacr_el1, x0

    // Memory attributes: 0 for devices, 1 for cached memory.
    mov x0, 0xFF00
    msr mair_el1, x0
    // Virtual addresses of 39 bits, physical ones of 40; tables in cached memory.
    ldr x0, =(25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32)
    msr tcr_el1, x0
    adrp x0, tables
    msr ttbr0_el1, x0
    tlbi vmalle1
    dsb ish
    isb

    // Translation and both caches on.
    mrs x0, sctlr_el1
    mov x1, 1 << 12 | 1 << 2 | 1
    orr x0, x0, x1
    msr sctlr_el1, x0
    isb
    bl {main}

.section .data.boot, "aw", @progbits
.balign 4096
tables:
    .quad 0x0060000000000401
    .quad 0x40000705
    .quad window + 3
    .fill 253, 8, 0
    .quad 0x0060004000000401
    .fill 255, 8, 0

.section .bss.boot, "aw", @nobits
.balign 4096
.globl window
window:
    .skip 4096
stack:
    .skip 32 * 1024
stack_end:

.section .text
