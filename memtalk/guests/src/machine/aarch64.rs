//! QEMU's `virt` for aarch64.
//!
//! There is no firmware, so nobody has placed the memory of PCI devices yet.

use core::arch::asm;
use core::fmt;
use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use memtalk_ring::{PageError, RawRegion};

use super::window;
use crate::failure::{Failure, Status};
use crate::pci::{ConfigSpace, Ivshmem};

/// The serial port, a PL011: data, flags, control.
const SERIAL: usize = 0x0900_0000;
const SERIAL_FLAGS: usize = SERIAL + 0x18;
const SERIAL_FULL: u32 = 1 << 5;
const SERIAL_CONTROL: usize = SERIAL + 0x30;
const SERIAL_SENDS: u32 = 1 << 8 | 1;

/// The configuration spaces of PCI, 4 KiB for each function.
const PCI: usize = 0x40_1000_0000;

/// Where we place the memory of PCI devices: the shared memory, its largest size in bytes,
/// and the device's other registers.
const PCI_SHARED: u64 = 0x1000_0000;
const PCI_SHARED_SIZE: u64 = 256 << 20;
const PCI_OTHER: u32 = 0x3000_0000;

/// Flags of a page table's entry for 2 MiB of ordinary memory, for data only.
const ORDINARY: u64 = 0x0060_0000_0000_0705;

/// The number of the semihosting call that ends the machine.
const SYS_EXIT_EXTENDED: u32 = 0x20;
/// The reason: the program ends by itself.
const APPLICATION_EXIT: u64 = 0x2_0026;

/// The serial port as a console.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: switches the port on, and does no harm if it is on.
        unsafe { write(SERIAL_CONTROL, SERIAL_SENDS) };
        for byte in text.bytes() {
            // SAFETY: reading the flags changes nothing.
            while unsafe { read(SERIAL_FLAGS) } & SERIAL_FULL != 0 {}
            // SAFETY: sends a byte.
            unsafe { write(SERIAL, u32::from(byte)) };
        }
        Ok(())
    }
}

/// Ends the machine. QEMU exits with the status.
pub fn exit(status: Status) -> ! {
    let reason = [APPLICATION_EXIT, status as u64];
    // SAFETY: the call reads two words, and the machine ends.
    unsafe { asm!("hlt 0xF000", in("w0") SYS_EXIT_EXTENDED, in("x1") &raw const reason) };
    loop {
        // SAFETY: waits for ever, if QEMU does not answer the call.
        unsafe { asm!("wfi", options(nomem, nostack)) };
    }
}

/// Waits 10 ms.
pub fn nap() {
    let frequency: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack)) };
    let began = now();
    while now().wrapping_sub(began) < frequency / 100 {}
}

fn now() -> u64 {
    let now;
    // SAFETY: reads a register.
    unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) now, options(nomem, nostack)) };
    now
}

/// The memory that is shared with us.
///
/// # Errors
/// [`Failure::NoDevice`]; [`PageError::BadMemory`] if the memory is larger than 256 MiB.
///
/// # Safety
/// Nobody has called this before.
pub unsafe fn shared_memory() -> Result<RawRegion, Failure> {
    let device = Ivshmem::find(Ecam).ok_or(Failure::NoDevice)?;
    device.answer(false);
    let size = device.size();
    let bad = PageError::BadMemory(size as usize);
    if size > PCI_SHARED_SIZE {
        return Err(bad.into());
    }
    device.place(PCI_SHARED, PCI_OTHER);
    device.answer(true);
    // SAFETY: by contract.
    let base = unsafe { window::map(PCI_SHARED, size, ORDINARY) }.ok_or(bad)?;
    // SAFETY: makes the processor read the tables after this.
    unsafe { asm!("dsb ishst", "isb", options(nostack)) };
    // SAFETY: the memory is mapped for ever, and all accesses to it will be a page's.
    Ok(unsafe { RawRegion::new(base, size as usize) })
}

/// The configuration spaces, which are in memory.
struct Ecam;

impl Ecam {
    fn address(slot: u8, register: u8) -> usize {
        PCI + (usize::from(slot) << 15) + usize::from(register)
    }
}

impl ConfigSpace for Ecam {
    fn read(&self, slot: u8, register: u8) -> u32 {
        // SAFETY: every register can be read.
        unsafe { read(Self::address(slot, register)) }
    }

    fn write(&self, slot: u8, register: u8, value: u32) {
        // SAFETY: the caller knows the device.
        unsafe { write(Self::address(slot, register), value) };
    }
}

/// # Safety
/// There is such a register, and the caller knows what reading it does.
unsafe fn read(register: usize) -> u32 {
    let register: *const u32 = with_exposed_provenance(register);
    // SAFETY: by contract.
    unsafe { register.read_volatile() }
}

/// # Safety
/// There is such a register, and the caller knows what writing it does.
unsafe fn write(register: usize, value: u32) {
    let register: *mut u32 = with_exposed_provenance_mut(register);
    // SAFETY: by contract.
    unsafe { register.write_volatile(value) };
}
