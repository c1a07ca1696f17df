//! The page, its seats, and the ends of a seat.

use core::ffi::c_void;
use core::ptr::NonNull;

use memtalk_ring::{Page, Presence, RawRegion, Seat, Spin, layout};

use crate::error::code;
use crate::opaque::Opaque;
use crate::{memtalk_error, memtalk_receiver, memtalk_sender};

/// The alignment in bytes that a page needs.
pub const MEMTALK_ALIGNMENT: usize = 64;

/// The size in bytes of the smallest page.
pub const MEMTALK_MIN_SIZE: usize = 512;

/// The size in bytes of the largest page.
pub const MEMTALK_MAX_SIZE: usize = 1_073_741_824;

/// The seat of who initialises the page.
pub const MEMTALK_FIRST: u32 = 0;

/// The seat of who joins.
pub const MEMTALK_SECOND: u32 = 1;

/// In a seat word: somebody sits here. Always part of it, unless the seat is free.
pub const MEMTALK_SEATED: u32 = 1;

/// In a seat word: who sits here is outside the operating system that the other
/// side runs on, or holds none of its locks: a device, a guest, or a program that
/// does not use memtalk's own library.
pub const MEMTALK_OUTSIDE: u32 = 2;

/// In a seat word: who sits here wakes nobody, so that the other side looks again
/// by itself. Always so for who uses this interface.
pub const MEMTALK_SILENT: u32 = 4;

/// In the second's seat word, alone: a process sat here and has left.
pub const MEMTALK_LEFT: u32 = 8;

const _: () = {
    assert!(MEMTALK_ALIGNMENT == layout::LINE);
    assert!(MEMTALK_MIN_SIZE == layout::MIN_SIZE);
    assert!(MEMTALK_MAX_SIZE == layout::MAX_SIZE);
    assert!(MEMTALK_FIRST as usize == Seat::First.index());
    assert!(MEMTALK_SECOND as usize == Seat::Second.index());
    assert!(MEMTALK_SEATED == layout::SEATED);
    assert!(MEMTALK_OUTSIDE == layout::OUTSIDE);
    assert!(MEMTALK_SILENT == layout::SILENT);
    assert!(MEMTALK_LEFT == layout::LEFT);
};

/// A page that was initialised or attached to. Yours to allocate, not to look into.
#[repr(C)]
pub struct memtalk_page {
    opaque: [u64; 6],
}

/// A page, and which seats' ends were opened through it.
pub(crate) struct Opened {
    page: Page<RawRegion>,
    seats: [bool; 2],
}

// SAFETY: `MARK` is of no other type.
unsafe impl Opaque for memtalk_page {
    type Value = Opened;
    const MARK: u32 = 0x6D74_7067;
}
const _: () = memtalk_page::FITS;

fn region(memory: *mut c_void, size: usize) -> Result<RawRegion, memtalk_error> {
    let memory = NonNull::new(memory.cast()).ok_or(memtalk_error::BadArgument)?;
    // SAFETY: the header says that the memory lives as long as its page and ends.
    Ok(unsafe { RawRegion::new(memory, size) })
}

fn seat(number: u32) -> Result<Seat, memtalk_error> {
    match number {
        MEMTALK_FIRST => Ok(Seat::First),
        MEMTALK_SECOND => Ok(Seat::Second),
        _ => Err(memtalk_error::BadArgument),
    }
}

/// What the flags of a call say of us.
fn presence(flags: u32) -> Result<Presence, memtalk_error> {
    match Presence::from_word(flags | MEMTALK_SEATED) {
        Some(presence) if presence.silent && presence.word() == flags | MEMTALK_SEATED => {
            Ok(presence)
        }
        _ => Err(memtalk_error::BadArgument),
    }
}

/// Makes a page of `size` bytes at `memory`, whatever they held before, and takes its
/// first seat. Nobody else may be using the memory, but for the other side of a page
/// that you initialised there before: so call it whenever you start; and when a talk is
/// over and memtalk_page_seat says that nobody sits at the second seat any more, for
/// the next one.
///
/// `memory` is a multiple of MEMTALK_ALIGNMENT, `size` a multiple of 64 from
/// MEMTALK_MIN_SIZE to MEMTALK_MAX_SIZE. Each ring holds half of what remains of
/// `size` after 384 bytes, rounded down to a multiple of 64. `flags` is
/// MEMTALK_SILENT, since nothing here wakes a sleeper, and MEMTALK_OUTSIDE unless you
/// hold the lock of the seat as memtalk's own library does. MEMTALK_SEATED may be
/// part of it. The other side may join before this returns; receive, and send more
/// than the ring holds, only when memtalk_page_seat says that somebody has come to
/// the second seat.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_BAD_MEMORY: then nothing
/// was written to `memory`, and `page` is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_initialise(
    page: *mut memtalk_page,
    memory: *mut c_void,
    size: usize,
    flags: u32,
) -> i32 {
    code(|| {
        // SAFETY: as the header demands of the caller.
        unsafe { memtalk_page::clear(page) }?;
        let first = presence(flags)?;
        // SAFETY: as the header demands of the caller.
        let make = |region| unsafe { Page::initialise(region, first) };
        // SAFETY: as above.
        unsafe { found(page, memory, size, make) }
    })
}

/// Sits down in `size` bytes at `memory` that a process shares with you, who are
/// outside its operating system: in a guest of a virtual machine, for example. If the
/// memory is fresh (its first 8 bytes are 0), or you sat first there before you were
/// started again, this initialises a page and takes its first seat; if a process
/// waits there, it takes the second seat.
///
/// At most one party outside may use the page. `flags` is MEMTALK_SILENT and
/// MEMTALK_OUTSIDE; MEMTALK_SEATED may be part of it.
///
/// Returns your seat, MEMTALK_FIRST or MEMTALK_SECOND; or MEMTALK_ERROR_TAKEN if two
/// sit there, or one of them was you before you were started again: the other is told
/// then that you are gone, and this page is of no more use; or
/// MEMTALK_ERROR_UNFINISHED while a process initialises the page: try again; or the
/// errors of memtalk_page_attach. After an error `page` is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_sit_down(
    page: *mut memtalk_page,
    memory: *mut c_void,
    size: usize,
    flags: u32,
) -> i32 {
    code(|| {
        // SAFETY: as the header demands of the caller.
        unsafe { memtalk_page::clear(page) }?;
        if !presence(flags)?.outside {
            return Err(memtalk_error::BadArgument);
        }
        let mut seat = Seat::First;
        let sit = |region| {
            // SAFETY: as the header demands of the caller.
            let (page, taken) = unsafe { Page::sit_down(region, true) }?;
            seat = taken;
            Ok(page)
        };
        // SAFETY: as the header demands of the caller.
        unsafe { found(page, memory, size, sit) }?;
        Ok(match seat {
            Seat::First => MEMTALK_FIRST,
            Seat::Second => MEMTALK_SECOND,
        })
    })
}

/// Attaches to the page of `size` bytes at `memory`, which the other side has
/// initialised or is about to.
///
/// The size of the page is read once; what the other side makes of it later
/// changes nothing.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_BAD_MEMORY,
/// MEMTALK_ERROR_UNFINISHED, MEMTALK_ERROR_BYTE_ORDER, MEMTALK_ERROR_NOT_A_PAGE,
/// MEMTALK_ERROR_VERSION, MEMTALK_ERROR_SIZE: then `page` is not open. Nothing is
/// written to `memory`, so it does no harm to try again until the page is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_attach(
    page: *mut memtalk_page,
    memory: *mut c_void,
    size: usize,
) -> i32 {
    code(|| {
        // SAFETY: as the header demands of the caller.
        unsafe { memtalk_page::clear(page) }?;
        // SAFETY: as above.
        unsafe { found(page, memory, size, Page::attach) }
    })
}

/// Puts what `make` makes of the memory into `page`, which the caller has cleared.
///
/// # Safety
/// The header's contract.
unsafe fn found(
    page: *mut memtalk_page,
    memory: *mut c_void,
    size: usize,
    make: impl FnOnce(RawRegion) -> Result<Page<RawRegion>, memtalk_ring::PageError>,
) -> Result<u32, memtalk_error> {
    let opened = Opened {
        page: make(region(memory, size)?)?,
        seats: [false; 2],
    };
    // SAFETY: by contract.
    unsafe { memtalk_page::put(page, opened) }?;
    Ok(0)
}

/// Who sits at `seat` (MEMTALK_FIRST or MEMTALK_SECOND), or sat there. The other side
/// may take its seat at any time.
///
/// Returns 0 while nobody has sat there since the page was initialised, otherwise
/// MEMTALK_SEATED with MEMTALK_OUTSIDE and MEMTALK_SILENT where they apply, or
/// MEMTALK_LEFT when a process that sat at the second seat of your page has left it; or
/// MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_seat(page: *mut memtalk_page, seat: u32) -> i32 {
    code(|| {
        // SAFETY: as the header demands of the caller.
        let opened = unsafe { memtalk_page::get(page) }?;
        let seat = self::seat(seat)?;
        if opened.page.is_free(seat) {
            return Ok(0);
        }
        let presence = opened.page.presence(seat);
        Ok(presence.map_or(MEMTALK_LEFT, Presence::word))
    })
}

/// Takes the second seat of a page that you attached to: the other side sees that you
/// are there, and may send at once. Call it before you open the ends.
///
/// `flags` is as for memtalk_page_initialise. It is for you and the other side to
/// agree on who takes which seat; this does not look whether it is free.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_join(page: *mut memtalk_page, flags: u32) -> i32 {
    code(|| {
        // SAFETY: as the header demands of the caller.
        let opened = unsafe { memtalk_page::get(page) }?;
        let presence = presence(flags)?;
        // SAFETY: as the header demands of the caller.
        unsafe { opened.page.join(presence) };
        Ok(0)
    })
}

/// Opens the ends of who sits at `seat` (MEMTALK_FIRST or MEMTALK_SECOND): `sender`
/// sends to the other side, `receiver` receives from it. Both streams are at their
/// start.
///
/// Only once for each seat of a page that was initialised: not again through
/// another `memtalk_page` on the same memory, nor after a restart, which is not
/// detected. An end that was opened before through another page is overwritten, and
/// its other side not told. If you open the ends of both seats, nobody else writes to
/// the page.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN,
/// MEMTALK_ERROR_ALREADY_OPEN: then no end was touched.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_open(
    page: *mut memtalk_page,
    seat: u32,
    sender: *mut memtalk_sender,
    receiver: *mut memtalk_receiver,
) -> i32 {
    code(|| {
        // SAFETY: as the header demands of the caller.
        let opened = unsafe { memtalk_page::get(page) }?;
        let seat = self::seat(seat)?;
        memtalk_sender::slot(sender)?;
        memtalk_receiver::slot(receiver)?;
        let [first, second] = &mut opened.seats;
        let taken = match seat {
            Seat::First => first,
            Seat::Second => second,
        };
        if core::mem::replace(taken, true) {
            return Err(memtalk_error::AlreadyOpen);
        }
        // SAFETY: once for each seat, as the header says and `taken` sees to.
        let (sending, receiving) = unsafe { opened.page.ends(seat, Spin) };
        // SAFETY: as the header demands of the caller.
        unsafe { memtalk_sender::put(sender, sending) }?;
        // SAFETY: as above.
        unsafe { memtalk_receiver::put(receiver, receiving) }?;
        Ok(0)
    })
}
