//! `memtalk_page` and its functions: initialise or attach, take a seat, open the ends.

use core::ffi::c_void;
use core::ptr::NonNull;

use memtalk_ring::{Page, Presence, RawRegion, Seat, Spin, layout};

use crate::error::code;
use crate::opaque::Opaque;
use crate::{memtalk_error, memtalk_receiver, memtalk_sender};

/// The alignment of a page in bytes.
pub const MEMTALK_ALIGNMENT: usize = 64;

/// The size in bytes of the smallest page.
pub const MEMTALK_MIN_SIZE: usize = 512;

/// The size in bytes of the largest page.
pub const MEMTALK_MAX_SIZE: usize = 1_073_741_824;

/// The first seat: of the party that initialises the page.
pub const MEMTALK_FIRST: u32 = 0;

/// The second seat: of the party that joins.
pub const MEMTALK_SECOND: u32 = 1;

/// Flag in a seat word: somebody sits here. Always set while the seat is taken.
pub const MEMTALK_SEATED: u32 = 1;

/// Flag in a seat word: the party here is outside the peer's operating system, or holds
/// none of its locks. It is a device, a guest, or a program that does not use memtalk's
/// own library.
pub const MEMTALK_OUTSIDE: u32 = 2;

/// Flag in a seat word: the party here is silent, it wakes nobody. So the peer looks
/// again by itself. Every program that uses this interface is silent.
pub const MEMTALK_SILENT: u32 = 4;

/// A seat's word, without MEMTALK_SEATED: the party that sat here has left.
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

/// A page that was initialised or attached to. You allocate it, and do not look into
/// it.
#[repr(C)]
pub struct memtalk_page {
    opaque: [u64; 6],
}

/// A page, and for each seat whether its ends were opened through this page.
pub(crate) struct Opened {
    page: Page<RawRegion>,
    seats: [bool; 2],
}

// SAFETY: no other type has this `MARK`, and the type is made of integers.
unsafe impl Opaque for memtalk_page {
    type Value = Opened;
    const MARK: u32 = 0x6D74_7067;
}
const _: () = memtalk_page::FITS;

fn region(memory: *mut c_void, size: usize) -> Result<RawRegion, memtalk_error> {
    let memory = NonNull::new(memory.cast()).ok_or(memtalk_error::BadArgument)?;
    // SAFETY: by the header's contract, the memory lives as long as its page and ends.
    Ok(unsafe { RawRegion::new(memory, size) })
}

fn seat(number: u32) -> Result<Seat, memtalk_error> {
    match number {
        MEMTALK_FIRST => Ok(Seat::First),
        MEMTALK_SECOND => Ok(Seat::Second),
        _ => Err(memtalk_error::BadArgument),
    }
}

/// What these flags of a call say of us. An error unless they say that we are silent,
/// and nothing that is unknown.
fn presence(flags: u32) -> Result<Presence, memtalk_error> {
    match Presence::from_word(flags | MEMTALK_SEATED) {
        Some(presence) if presence.silent && presence.word() == flags | MEMTALK_SEATED => {
            Ok(presence)
        }
        _ => Err(memtalk_error::BadArgument),
    }
}

/// Initialises a page of `size` bytes at `memory`, whatever they held before, and takes
/// its first seat.
///
/// Nobody else may be using the memory, with one exception: your peer from a page that
/// you initialised there before. So call this whenever you start. Call it again for the
/// next talk, when a talk is over and memtalk_page_seat says that nobody sits at the
/// second seat any more.
///
/// `memory` is a multiple of MEMTALK_ALIGNMENT, `size` a multiple of 64 from
/// MEMTALK_MIN_SIZE to MEMTALK_MAX_SIZE. Each ring holds (`size` - 384) / 2 bytes,
/// rounded down to a multiple of 64.
///
/// `flags` is MEMTALK_SILENT, since nothing here wakes a sleeper, and also
/// MEMTALK_OUTSIDE unless you hold the lock of the seat as memtalk's own library does.
/// MEMTALK_SEATED may be part of it.
///
/// The peer may join before this returns. Wait until memtalk_page_seat says that
/// somebody has come to the second seat before you receive, or send more than the ring
/// holds.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_BAD_MEMORY. After an error,
/// nothing was written to `memory`, and `page` is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_initialise(
    page: *mut memtalk_page,
    memory: *mut c_void,
    size: usize,
    flags: u32,
) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        unsafe { memtalk_page::clear(page) }?;
        let first = presence(flags)?;
        // SAFETY: the caller keeps to the header's contract.
        let make = |region| unsafe { Page::initialise(region, first) };
        // SAFETY: as above.
        unsafe { open_page(page, memory, size, make) }
    })
}

/// Takes a seat in the `size` bytes at `memory`, which a process shares with you, a
/// party outside its operating system: a guest of a virtual machine, for example.
///
/// If the memory is fresh (its first 8 bytes are 0), or you had the first seat there
/// before you were started again, this initialises a page and takes its first seat. If
/// a process waits there, this takes the second seat.
///
/// At most one party outside may use the page. `flags` is MEMTALK_SILENT and
/// MEMTALK_OUTSIDE. MEMTALK_SEATED may be part of it.
///
/// Returns your seat, MEMTALK_FIRST or MEMTALK_SECOND, or one of these errors:
/// - MEMTALK_ERROR_TAKEN if two processes talk there.
/// - MEMTALK_ERROR_UNFINISHED while a process initialises the page, or has yet to do so for
///   the next talk. Try again. If the second seat was yours before you were started again,
///   the process learns now that you are gone.
/// - The other errors of memtalk_page_attach.
///
/// After an error `page` is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_sit_down(
    page: *mut memtalk_page,
    memory: *mut c_void,
    size: usize,
    flags: u32,
) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        unsafe { memtalk_page::clear(page) }?;
        if !presence(flags)?.outside {
            return Err(memtalk_error::BadArgument);
        }
        let mut seat = Seat::First;
        let sit = |region| {
            // SAFETY: the caller keeps to the header's contract.
            let (page, taken) = unsafe { Page::sit_down(region, true) }?;
            seat = taken;
            Ok(page)
        };
        // SAFETY: the caller keeps to the header's contract.
        unsafe { open_page(page, memory, size, sit) }?;
        Ok(match seat {
            Seat::First => MEMTALK_FIRST,
            Seat::Second => MEMTALK_SECOND,
        })
    })
}

/// Attaches to the page of `size` bytes at `memory`, which the peer has initialised or
/// is about to. Takes no seat.
///
/// The page says its size, which is read once. If the peer changes it later, that has
/// no effect.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_BAD_MEMORY,
/// MEMTALK_ERROR_UNFINISHED, MEMTALK_ERROR_BYTE_ORDER, MEMTALK_ERROR_NOT_A_PAGE,
/// MEMTALK_ERROR_VERSION, MEMTALK_ERROR_SIZE. After an error `page` is not open.
/// Nothing is written to `memory`, so you can try again until the page is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_attach(
    page: *mut memtalk_page,
    memory: *mut c_void,
    size: usize,
) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        unsafe { memtalk_page::clear(page) }?;
        // SAFETY: as above.
        unsafe { open_page(page, memory, size, Page::attach) }
    })
}

/// Opens `page` with what `make` returns for the memory. The caller has cleared `page`.
///
/// # Safety
/// The caller keeps to the header's contract.
unsafe fn open_page(
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

/// Who sits at `seat` (MEMTALK_FIRST or MEMTALK_SECOND), or sat there. The peer may
/// take its seat at any time.
///
/// Returns one of these numbers, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN:
/// - 0 while nobody has sat there since the page was initialised.
/// - MEMTALK_SEATED, with MEMTALK_OUTSIDE and MEMTALK_SILENT where they apply.
/// - MEMTALK_LEFT when the party that sat there has left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_seat(page: *mut memtalk_page, seat: u32) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        let opened = unsafe { memtalk_page::get(page) }?;
        let seat = self::seat(seat)?;
        if opened.page.is_free(seat) {
            return Ok(0);
        }
        let presence = opened.page.presence(seat);
        Ok(presence.map_or(MEMTALK_LEFT, Presence::word))
    })
}

/// Takes the second seat of a page that you attached to. The peer sees then that you
/// are there, and may send at once. Call this before you open the ends.
///
/// `flags` is as for memtalk_page_initialise. This does not check that the seat is
/// free: use memtalk_page_seat, or agree with the peer on the seats.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_join(page: *mut memtalk_page, flags: u32) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        let opened = unsafe { memtalk_page::get(page) }?;
        let presence = presence(flags)?;
        // SAFETY: the caller keeps to the header's contract.
        unsafe { opened.page.join(presence) };
        Ok(0)
    })
}

/// Opens the two ends of the party at `seat` (MEMTALK_FIRST or MEMTALK_SECOND):
/// `sender` sends to the peer, `receiver` receives from it. Both streams are at their
/// start.
///
/// Call this only once for each seat, each time that the page is initialised. This
/// cannot detect a second call through another `memtalk_page` on the same memory, or
/// after a restart. If `sender` or `receiver` was already opened through another page,
/// it is overwritten, and its peer is not told. If you open the ends of both seats,
/// nobody else may write to the page.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN,
/// MEMTALK_ERROR_ALREADY_OPEN. After an error, no end was touched.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_page_open(
    page: *mut memtalk_page,
    seat: u32,
    sender: *mut memtalk_sender,
    receiver: *mut memtalk_receiver,
) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
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
        if seat == Seat::First {
            opened.page.begin();
        }
        // SAFETY: these ends are taken once for each seat, by the header's contract and
        // `taken`.
        let (sending, receiving) = unsafe { opened.page.ends(seat, Spin) };
        // SAFETY: the caller keeps to the header's contract.
        unsafe { memtalk_sender::put(sender, sending) }?;
        // SAFETY: as above.
        unsafe { memtalk_receiver::put(receiver, receiving) }?;
        Ok(0)
    })
}
