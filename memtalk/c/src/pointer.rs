//! Arguments from C, checked as far as they can be: pointers, lengths, times, names.

use std::ffi::{OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use memtalk::Name;

use crate::error::{Failure, memtalk_e};

/// The longest name, with its slash, its NUL, and one byte that is too many.
const LONGEST: usize = Name::MAX + 3;

/// The place that a result goes to, set to `nothing` until there is one.
///
/// # Safety
/// `place` is NULL, or valid for writes for as long as the call lasts.
pub(crate) unsafe fn out<'a, T>(place: *mut T, nothing: T) -> Result<&'a mut T, Failure> {
    if place.is_null() || !place.is_aligned() {
        return Err(memtalk_e::BadArgument.into());
    }
    // SAFETY: by contract. It may hold anything, and is not read.
    unsafe { place.write(nothing) };
    // SAFETY: by contract, and it holds a value now.
    Ok(unsafe { &mut *place })
}

/// The `len` bytes at `bytes`, to be read.
///
/// # Safety
/// `bytes` is NULL, or there are `len` bytes that nobody changes for as long as the call
/// lasts.
pub(crate) unsafe fn bytes<'a>(bytes: *const c_void, len: usize) -> Result<&'a [u8], Failure> {
    match checked(bytes, len)? {
        0 => Ok(&[]),
        // SAFETY: by contract, and the length is checked.
        _ => Ok(unsafe { std::slice::from_raw_parts(bytes.cast(), len) }),
    }
}

/// The `len` bytes at `bytes`, to be written.
///
/// # Safety
/// `bytes` is NULL, or there are `len` bytes that nobody else uses for as long as the call
/// lasts.
pub(crate) unsafe fn room<'a>(bytes: *mut c_void, len: usize) -> Result<&'a mut [u8], Failure> {
    match checked(bytes, len)? {
        0 => Ok(&mut []),
        // SAFETY: by contract, and the length is checked.
        _ => Ok(unsafe { std::slice::from_raw_parts_mut(bytes.cast(), len) }),
    }
}

fn checked(bytes: *const c_void, len: usize) -> Result<usize, Failure> {
    match len > 0 && bytes.is_null() || isize::try_from(len).is_err() {
        true => Err(memtalk_e::BadArgument.into()),
        false => Ok(len),
    }
}

/// A name. No more of it is read than a name can have.
///
/// # Safety
/// `name` is NULL, or a string that nobody changes for as long as the call lasts.
pub(crate) unsafe fn name(name: *const c_char) -> Result<Name, Failure> {
    if name.is_null() {
        return Err(memtalk_e::BadArgument.into());
    }
    // SAFETY: by contract, there is a NUL, or as many bytes before it.
    let len = unsafe { libc::strnlen(name, LONGEST) };
    // SAFETY: as many bytes are there.
    let bytes = unsafe { std::slice::from_raw_parts(name.cast(), len) };
    Ok(Name::new(OsStr::from_bytes(bytes)).map_err(memtalk::Error::from)?)
}

/// A time in microseconds; `None` if it is negative.
pub(crate) fn time(micros: i64) -> Option<Duration> {
    u64::try_from(micros).ok().map(Duration::from_micros)
}
