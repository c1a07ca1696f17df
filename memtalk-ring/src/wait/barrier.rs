//! The barrier between a store to shared memory and the signal that announces it.

use crate::atomics::Atomics;
use crate::order::site;

/// Makes the stores before it visible to whoever gets the signal after it: an event, or a
/// write to a device.
///
/// A fence orders accesses to memory only. On Arm it does not order an event, which is not
/// a memory access. On RISC-V it does not order writes to devices. So these two get an
/// instruction of their own. Elsewhere the strongest fence is all there is.
#[inline(always)]
pub(super) fn before_signal<A: Atomics>() {
    A::fence::<site::SignalFence>();
    #[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
    // SAFETY: the instruction only waits. It touches neither registers nor memory.
    unsafe {
        core::arch::asm!("dsb sy", options(nostack, preserves_flags));
    }
    #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!("fence w, o", options(nostack, preserves_flags));
    }
    #[cfg(not(any(
        target_arch = "arm",
        target_arch = "aarch64",
        target_arch = "riscv32",
        target_arch = "riscv64"
    )))]
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
}
