//! The PCI device that shares memory with us: QEMU's `ivshmem-plain`.
//!
//! Its base address register 2, of 64 bits, is for the whole shared memory. Its base
//! address register 0 is for a few words that we do not need.

/// The device and vendor numbers of `ivshmem-plain`.
const IVSHMEM: u32 = 0x1110_1AF4;

/// Registers of a device: their offsets in bytes.
const IDENTITY: u8 = 0x00;
const COMMAND: u8 = 0x04;
const BAR_0: u8 = 0x10;
const BAR_2: u8 = 0x18;
const BAR_2_UPPER: u8 = 0x1C;

/// In the command register: whether the device answers memory accesses.
const MEMORY: u32 = 1 << 1;

/// In a base address register: the bits that are not part of the address.
const FLAGS: u64 = 0xF;

/// The configuration space of the devices on bus 0, where QEMU puts devices by default. All
/// registers have 32 bits, and are named by their offset in bytes.
pub trait ConfigSpace {
    /// Reads a register of the device in `slot` (0 to 31). All ones if there is no device.
    fn read(&self, slot: u8, register: u8) -> u32;

    /// Writes a register of the device in `slot`.
    fn write(&self, slot: u8, register: u8, value: u32);
}

/// The device that shares memory.
#[derive(Debug)]
pub struct Ivshmem<C> {
    space: C,
    slot: u8,
}

impl<C: ConfigSpace> Ivshmem<C> {
    /// Finds the device. `None` if there is none.
    pub fn find(space: C) -> Option<Self> {
        let slot = (0..32).find(|&slot| space.read(slot, IDENTITY) == IVSHMEM)?;
        Some(Self { space, slot })
    }

    /// The address of the memory. `None` if nobody has placed it yet.
    pub fn address(&self) -> Option<u64> {
        Some(self.bar_2() & !FLAGS).filter(|&address| address != 0)
    }

    /// The size of the memory in bytes. The device must not answer accesses meanwhile.
    pub fn size(&self) -> u64 {
        let address = self.bar_2();
        self.set_bar_2(u64::MAX);
        let ones = self.bar_2() & !FLAGS;
        self.set_bar_2(address);
        // The bits that stay 0 address a byte within the memory.
        (!ones).wrapping_add(1)
    }

    /// Puts the memory at `address`, a multiple of its size, and the device's other
    /// registers at `other`, a multiple of 256 below 4 GiB.
    pub fn place(&self, address: u64, other: u32) {
        self.set_bar_2(address);
        self.write(BAR_0, other);
    }

    /// Makes the device answer accesses to its memory, or not.
    pub fn answer(&self, does: bool) {
        // The upper half is the status. A 1 that is written there would clear a bit.
        let command = self.read(COMMAND) & 0xFFFF;
        let others = command & !MEMORY;
        self.write(COMMAND, if does { others | MEMORY } else { others });
    }

    fn bar_2(&self) -> u64 {
        u64::from(self.read(BAR_2_UPPER)) << 32 | u64::from(self.read(BAR_2))
    }

    fn set_bar_2(&self, value: u64) {
        self.write(BAR_2, value as u32);
        self.write(BAR_2_UPPER, (value >> 32) as u32);
    }

    fn read(&self, register: u8) -> u32 {
        self.space.read(self.slot, register)
    }

    fn write(&self, register: u8, value: u32) {
        self.space.write(self.slot, register, value);
    }
}
