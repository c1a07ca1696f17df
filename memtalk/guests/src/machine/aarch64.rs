//! QEMU's `virt`, without firmware: nobody has placed the devices' memory.

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

/// Where the memory of PCI devices may be: what they share with us, up to so much
/// of it, and whatever else they have.
const PCI_SHARED: u64 = 0x1000_0000;
const PCI_SHARED_SIZE: u64 = 256 << 20;
const PCI_OTHER: u32 = 0x3000_0000;

/// In the page tables: 2 MiB of ordinary memory, for data only.
const ORDINARY: u64 = 0x0060_0000_0000_0705;

/// A call of the debugger or emulator: the machine ends.
const SYS_EXIT_EXTENDED: u32 = 0x20;
/// The reason for it: the program says so.
const APPLICATION_EXIT: u64 = 0x2_0026;

/// The serial port as a console.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: switches it on, which does no harm if it is.
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
    // SAFETY: the machine is gone then.
    unsafe { asm!("hlt 0xF000", in("w0") SYS_EXIT_EXTENDED, in("x1") &raw const reason) };
    loop {
        // SAFETY: stops for good if QEMU was not told to listen.
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
/// [`Failure::NoDevice`]; [`PageError::BadMemory`] if it is more than there is place
/// for.
///
/// # Safety
/// Nobody has called it before.
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
    // SAFETY: the tables are read after this.
    unsafe { asm!("dsb ishst", "isb", options(nostack)) };
    // SAFETY: mapped for good, and all accesses to it are to be a page's.
    Ok(unsafe { RawRegion::new(base, size as usize) })
}

/// The configuration spaces in memory.
struct Ecam;

impl Ecam {
    fn address(slot: u8, register: u8) -> usize {
        PCI + (usize::from(slot) << 15) + usize::from(register)
    }
}

impl ConfigSpace for Ecam {
    fn read(&self, slot: u8, register: u8) -> u32 {
        // SAFETY: registers can be read.
        unsafe { read(Self::address(slot, register)) }
    }

    fn write(&self, slot: u8, register: u8, value: u32) {
        // SAFETY: our caller knows the device.
        unsafe { write(Self::address(slot, register), value) };
    }
}

/// # Safety
/// There is such a register, and it is known what reading it does.
unsafe fn read(register: usize) -> u32 {
    let register: *const u32 = with_exposed_provenance(register);
    // SAFETY: by contract.
    unsafe { register.read_volatile() }
}

/// # Safety
/// There is such a register, and it is known what writing it does.
unsafe fn write(register: usize, value: u32) {
    let register: *mut u32 = with_exposed_provenance_mut(register);
    // SAFETY: by contract.
    unsafe { register.write_volatile(value) };
}
