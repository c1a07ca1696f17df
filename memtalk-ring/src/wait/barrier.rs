//! The barrier between a store and the signal that tells of it.

/// Whoever gets the signal that follows (an event, a write to a device) sees the
/// stores that come before.
///
/// A SeqCst fence does not say so: on Arm it orders memory accesses, and an event
/// is none; on RISC-V it does not order writes to devices. Elsewhere it is all
/// there is.
#[inline(always)]
pub(super) fn before_signal() {
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
