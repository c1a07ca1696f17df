# Boot code for a PC: from the start of a PVH kernel to a call of `main`.
#
# PVH starts a kernel in 32-bit protected mode with flat segments, without paging, with
# interrupts off. `main` gets long mode, the first GiB of memory at its physical addresses,
# a stack, and interrupts off. The table `window` is for GiB 2, and is empty.

# Tells the loader where to start: note 18, a physical address.
.section .note.pvh, "a", @note
.balign 4
.long 4, 8, 18
.asciz "Xen"
.quad start

.section .text.boot, "ax", @progbits
.code32
start:
    cli
    cld
    mov esp, offset stack_end

    # Pages of 2 MiB: present, writable, large.
    mov edi, offset pages
    mov eax, 0x83
    mov ecx, 512
1:  mov [edi], eax
    add edi, 8
    add eax, 0x200000
    loop 1b

    # The tables above them: present, writable.
    mov eax, offset pages + 3
    mov [directories], eax
    mov eax, offset window + 3
    mov [directories + 2 * 8], eax
    mov eax, offset directories + 3
    mov [root], eax

    # Long mode: physical address extension, the tables, long mode, paging.
    mov eax, cr4
    or eax, 1 << 5
    mov cr4, eax
    mov eax, offset root
    mov cr3, eax
    mov ecx, 0xC0000080
    rdmsr
    or eax, 1 << 8
    wrmsr
    mov eax, cr0
    or eax, 1 << 31
    mov cr0, eax
    lgdt [descriptors_pointer]
    ljmp 8, offset long_mode

.code64
long_mode:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    call {main}

.section .rodata.boot, "a", @progbits
.balign 8
descriptors:
    .quad 0
    .quad 0x00209A0000000000    # code, 64 bits
descriptors_pointer:
    .word descriptors_pointer - descriptors - 1
    .long descriptors

.section .bss.boot, "aw", @nobits
.balign 4096
.globl window
root:
    .skip 4096
directories:
    .skip 4096
pages:
    .skip 4096
window:
    .skip 4096
stack:
    .skip 32 * 1024
stack_end:

.section .text
