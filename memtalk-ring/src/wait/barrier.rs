//! The barrier between a store and the signal that tells of it.

use crate::atomics::Atomics;
use crate::order::site;

/// Whoever gets the signal that follows (an event, a write to a device) sees the
/// stores that come before.
///
/// A fence says so of memory only: on Arm it does not order an event, which is no
/// memory access, and on RISC-V no writes to devices. Elsewhere the strongest fence is
/// all there is.
#[inline(always)]
pub(super) fn before_signal<A: Atomics>() {
    A::fence::<site::SignalFence>();
    #[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
    // SAFETY: waits, and touches neither registers nor memory.
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
