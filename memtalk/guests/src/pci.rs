//! Finding the device that shares memory with us, on a PCI bus.
//!
//! It is QEMU's `ivshmem-plain`: its base address register 2, of 64 bits, has all
//! of the shared memory; register 0 has a few words that we do not need.

/// The device and the vendor of `ivshmem-plain`.
const IVSHMEM: u32 = 0x1110_1AF4;

/// Registers of a device, by their offset in bytes.
const IDENTITY: u8 = 0x00;
const COMMAND: u8 = 0x04;
const BAR_0: u8 = 0x10;
const BAR_2: u8 = 0x18;
const BAR_2_UPPER: u8 = 0x1C;

/// In the command register: the device answers to memory accesses.
const MEMORY: u32 = 1 << 1;

/// In a base address register: what is not part of the address.
const FLAGS: u64 = 0xF;

/// The configuration space of the devices on bus 0, where QEMU puts what nobody
/// puts elsewhere. Only registers of 32 bits, by their offset in bytes.
pub trait ConfigSpace {
    /// Reads a register of the device in `slot` (0 to 31); all ones if there is none.
    fn read(&self, slot: u8, register: u8) -> u32;

    /// Writes one.
    fn write(&self, slot: u8, register: u8, value: u32);
}

/// The device that shares memory.
#[derive(Debug)]
pub struct Ivshmem<C> {
    space: C,
    slot: u8,
}

impl<C: ConfigSpace> Ivshmem<C> {
    /// Looks for it.
    pub fn find(space: C) -> Option<Self> {
        let slot = (0..32).find(|&slot| space.read(slot, IDENTITY) == IVSHMEM)?;
        Some(Self { space, slot })
    }

    /// Where the memory is; `None` if nobody has placed it yet.
    pub fn address(&self) -> Option<u64> {
        Some(self.bar_2() & !FLAGS).filter(|&address| address != 0)
    }

    /// The size of the memory in bytes. The device must not answer meanwhile.
    pub fn size(&self) -> u64 {
        let address = self.bar_2();
        self.set_bar_2(u64::MAX);
        let ones = self.bar_2() & !FLAGS;
        self.set_bar_2(address);
        // The bits that stay 0 are the place within the memory.
        (!ones).wrapping_add(1)
    }

    /// Puts the memory at `address`, a multiple of its size, and the device's other
    /// registers at `other`, a multiple of 256 below 4 GiB.
    pub fn place(&self, address: u64, other: u32) {
        self.set_bar_2(address);
        self.write(BAR_0, other);
    }

    /// Whether the device is to answer to accesses to its memory.
    pub fn answer(&self, does: bool) {
        // The upper half is the status, in which a 1 takes a bit away.
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
