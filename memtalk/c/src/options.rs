//! How to open a talk: `memtalk_options`.
//!
//! The structure may grow. So it begins with its size, as the program knows it: a program that
//! was compiled with an older header passes fewer members, and the others have their
//! defaults. One that was compiled with a newer header is refused if it uses what this
//! library does not know.

use std::mem::{offset_of, size_of};

use memtalk::Options;

use crate::cancel::memtalk_cancel;
use crate::error::{Failure, memtalk_e};
use crate::pointer::time;

/// Flag in memtalk_options: wait for a party that waits, and for our turn, as a client of a
/// service (memtalk --keep). Creates nothing.
pub const MEMTALK_AS_CLIENT: u32 = 1;

/// Flag in memtalk_options: the object is the memory of a virtual machine or a device. Join
/// the page at `offset` as soon as the machine has initialised it.
pub const MEMTALK_AT_OFFSET: u32 = 2;

/// Flag in memtalk_options: as MEMTALK_AT_OFFSET, but search for the page.
pub const MEMTALK_ANYWHERE: u32 = 4;

/// How to open a talk. Call memtalk_options_init first, and then set what you like.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memtalk_options {
    /// The size of this structure, which memtalk_options_init sets.
    pub size: usize,
    /// The number of pages of a new object, at most 1 GiB in all; an object that is there
    /// must have as many. 0, the default: a new one has 1, and any is joined.
    pub pages: usize,
    /// How long to wait for the peer, in microseconds. 0: join a peer that waits already,
    /// or give up. Negative, the default: no limit.
    pub timeout_us: i64,
    /// The page's offset in bytes, with MEMTALK_AT_OFFSET: a multiple of 64.
    pub offset: u64,
    /// Lets other users take part: 0600, 0660, 0606 or 0666. 0, the default: nobody else,
    /// and no other user's object.
    pub mode: u32,
    /// MEMTALK_AS_CLIENT, MEMTALK_AT_OFFSET, MEMTALK_ANYWHERE, or none of them: the
    /// default.
    pub flags: u32,
    /// What ends the wait from another thread; none, the default.
    pub cancel: memtalk_cancel,
}

// Where a size is read.
const _: () = assert!(offset_of!(memtalk_options, size) == 0);

const DEFAULTS: memtalk_options = memtalk_options {
    size: size_of::<memtalk_options>(),
    pages: 0,
    timeout_us: -1,
    offset: 0,
    mode: 0,
    flags: 0,
    cancel: memtalk_cancel::NONE,
};

/// The size of the smallest structure that there was: that of the first version.
const LEAST: usize = offset_of!(memtalk_options, cancel) + size_of::<memtalk_cancel>();

/// Sets all options to their defaults. `size` is `sizeof(memtalk_options)`.
///
/// Returns 0, or MEMTALK_E_BAD_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_options_init(options: *mut memtalk_options, size: usize) -> i32 {
    crate::call::call(|| {
        if options.is_null() || !options.is_aligned() || !(LEAST..=MOST).contains(&size) {
            return Err(memtalk_e::BadArgument.into());
        }
        let known = size.min(size_of::<memtalk_options>());
        let defaults = memtalk_options { size, ..DEFAULTS };
        // SAFETY: the caller has `size` bytes there. What we know of them is set, and the
        // rest is zero.
        unsafe { options.cast::<u8>().write_bytes(0, size) };
        // SAFETY: as many bytes are there, and in `defaults`.
        unsafe {
            options
                .cast::<u8>()
                .copy_from_nonoverlapping((&raw const defaults).cast(), known);
        }
        Ok(0)
    })
}

/// No structure is larger. A size beyond this is a mistake.
const MOST: usize = 4096;

/// The options that a program in C passes; the defaults for NULL.
///
/// # Safety
/// `options` is NULL, or points to a structure whose first member is its size.
pub(crate) unsafe fn read(options: *const memtalk_options) -> Result<Options, Failure> {
    if options.is_null() {
        return Ok(Options::new());
    }
    if !options.is_aligned() {
        return Err(memtalk_e::BadArgument.into());
    }
    // The first member.
    // SAFETY: by contract.
    let size = unsafe { options.cast::<usize>().read() };
    if !(LEAST..=MOST).contains(&size) {
        return Err(Failure::bad_argument(
            "the options have no size: call memtalk_options_init first",
        ));
    }
    let known = size.min(size_of::<memtalk_options>());
    let mut given = DEFAULTS;
    // SAFETY: by contract there are `size` bytes; they are integers, and `given` has room.
    unsafe {
        (&raw mut given)
            .cast::<u8>()
            .copy_from_nonoverlapping(options.cast(), known);
    }
    // SAFETY: by contract, there are `size` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(options.cast::<u8>(), size) };
    if bytes.iter().skip(known).any(|&byte| byte != 0) {
        return Err(Failure::bad_argument(
            "an option of a newer version of the library",
        ));
    }
    translate(&given)
}

fn translate(given: &memtalk_options) -> Result<Options, Failure> {
    let mut options = Options::new();
    options = match given.flags {
        0 => options,
        MEMTALK_AS_CLIENT => options.as_client(),
        MEMTALK_AT_OFFSET => options.at_offset(given.offset),
        MEMTALK_ANYWHERE => options.anywhere(),
        _ => return Err(memtalk_e::BadArgument.into()),
    };
    if given.pages != 0 {
        options = options.pages(given.pages);
    }
    if given.mode != 0 {
        options = options.mode(given.mode);
    }
    if let Some(time) = time(given.timeout_us) {
        options = options.timeout(time);
    }
    Ok(match given.cancel.get()? {
        Some(cancel) => options.cancelled_by(&cancel),
        None => options,
    })
}
