//! QEMU's PC: ports, page tables, and a device to exit with.

use core::arch::asm;
use core::fmt;

use memtalk_ring::{PageError, RawRegion};

use super::window;
use crate::failure::{Failure, Status};
use crate::pci::{ConfigSpace, Ivshmem};

/// The first serial port: data, line status.
const SERIAL: u16 = 0x3F8;
const SERIAL_STATUS: u16 = SERIAL + 5;
const SERIAL_READY: u8 = 1 << 5;

/// The configuration spaces of PCI: which register, and its value.
const PCI_ADDRESS: u16 = 0xCF8;
const PCI_VALUE: u16 = 0xCFC;

/// The port of `isa-debug-exit`, where our QEMU is told to have it. QEMU exits with twice the
/// number that is written there plus 1. Its own failures are 1, so we never write 0.
const EXIT: u16 = 0xF4;
const EXIT_BASE: u32 = 64;

/// The timer's channel 2, its mode register, and the port with its gate and output.
const TIMER: u16 = 0x42;
const TIMER_MODE: u16 = 0x43;
const TIMER_GATE: u16 = 0x61;

/// The timer's ticks in 10 ms. It makes 1,193,182 in a second.
const NAP: u16 = 11932;

/// Flags of a page table's entry: present, writable, 2 MiB of ordinary memory.
const ORDINARY: u64 = 0x83;

/// The serial port as a console.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: reading the status changes nothing that we use.
            while unsafe { read_8(SERIAL_STATUS) } & SERIAL_READY == 0 {}
            // SAFETY: sends a byte.
            unsafe { write_8(SERIAL, byte) };
        }
        Ok(())
    }
}

/// Ends the machine. QEMU exits with 129 plus twice the status.
pub fn exit(status: Status) -> ! {
    // SAFETY: the machine ends.
    unsafe { write_32(EXIT, EXIT_BASE + status as u32) };
    loop {
        // SAFETY: stops for ever, if there is no such device, because interrupts are off.
        unsafe { asm!("hlt", options(nomem, nostack)) };
    }
}

/// Waits 10 ms.
pub fn nap() {
    // SAFETY: only channel 2 and the loudspeaker, which stays off, are affected.
    unsafe { write_8(TIMER_GATE, 1) };
    // SAFETY: channel 2: both bytes, once, output high at the end.
    unsafe { write_8(TIMER_MODE, 0b1011_0000) };
    for byte in NAP.to_le_bytes() {
        // SAFETY: sets the number from which the timer counts down.
        unsafe { write_8(TIMER, byte) };
    }
    // SAFETY: reading it changes nothing.
    while unsafe { read_8(TIMER_GATE) } & 1 << 5 == 0 {}
}

/// The memory that is shared with us.
///
/// # Errors
/// [`Failure::NoDevice`]; [`PageError::BadMemory`] if the memory is larger than a page can
/// be.
///
/// # Safety
/// Nobody has called this before.
pub unsafe fn shared_memory() -> Result<RawRegion, Failure> {
    let device = Ivshmem::find(Ports).ok_or(Failure::NoDevice)?;
    // The firmware has placed the memory.
    let address = device.address().ok_or(Failure::NoDevice)?;
    device.answer(false);
    let size = device.size();
    device.answer(true);
    // SAFETY: by contract.
    let base = unsafe { window::map(address, size, ORDINARY) };
    let base = base.ok_or(PageError::BadMemory(size as usize))?;
    // SAFETY: makes the processor load the tables again, and changes nothing else.
    unsafe { asm!("mov {0}, cr3", "mov cr3, {0}", out(reg) _, options(nostack)) };
    // SAFETY: the memory is mapped for ever, and all accesses to it will be a page's.
    Ok(unsafe { RawRegion::new(base, size as usize) })
}

/// The configuration spaces, which are accessed through ports.
struct Ports;

impl Ports {
    fn select(slot: u8, register: u8) {
        let address = 1 << 31 | u32::from(slot) << 11 | u32::from(register);
        // SAFETY: only selects the register.
        unsafe { write_32(PCI_ADDRESS, address) };
    }
}

impl ConfigSpace for Ports {
    fn read(&self, slot: u8, register: u8) -> u32 {
        Self::select(slot, register);
        // SAFETY: every register can be read.
        unsafe { read_32(PCI_VALUE) }
    }

    fn write(&self, slot: u8, register: u8, value: u32) {
        Self::select(slot, register);
        // SAFETY: the caller knows the device.
        unsafe { write_32(PCI_VALUE, value) };
    }
}

/// # Safety
/// The caller knows what reading from the port does.
unsafe fn read_8(port: u16) -> u8 {
    let value;
    // SAFETY: by contract.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack)) };
    value
}

/// # Safety
/// The caller knows what reading from the port does.
unsafe fn read_32(port: u16) -> u32 {
    let value;
    // SAFETY: by contract.
    unsafe { asm!("in eax, dx", in("dx") port, out("eax") value, options(nomem, nostack)) };
    value
}

/// # Safety
/// The caller knows what writing to the port does.
unsafe fn write_8(port: u16, value: u8) {
    // SAFETY: by contract.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nostack)) };
}

/// # Safety
/// The caller knows what writing to the port does.
unsafe fn write_32(port: u16, value: u32) {
    // SAFETY: by contract.
    unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nostack)) };
}
