    @ From reset to a call of `main`.
    .syntax unified

    @ The initial stack pointer, then the handler of each exception. The last three are
    @ PendSV's, the timer's, and that of the chip's first interrupt.
    .section .vectors, "a", %progbits
    .word stack
    .word reset
    .rept 12
    .word fault
    .endr
    .word pended
    .word tick
    .word interrupted

    @ Copies `data` from where it is stored, after the program, and clears `bss`.
    .section .text.reset, "ax", %progbits
    .thumb_func
    .globl reset
reset:
    ldr     r0, =data
    ldr     r1, =data_end
    ldr     r2, =data_stored
    b       2f
1:  ldmia   r2!, {r3}
    stmia   r0!, {r3}
2:  cmp     r0, r1
    blo     1b
    ldr     r0, =bss
    ldr     r1, =bss_end
    movs    r2, #0
    b       4f
3:  stmia   r0!, {r2}
4:  cmp     r0, r1
    blo     3b
    bl      main
    .pool
