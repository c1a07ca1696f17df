//! Rust values in memory that a C program provides.
//!
//! A mark before the value tells an opaque type that was opened from one that is
//! zero or holds something else.

use core::mem::{align_of, size_of};

use crate::memtalk_error;

/// What really lies in an opaque type.
#[repr(C)]
pub(crate) struct Slot<T> {
    /// [`Opaque::MARK`] once the value is there.
    mark: u32,
    value: core::mem::MaybeUninit<T>,
}

/// A C type that holds a Rust value.
///
/// # Safety
/// Each type has a mark of its own; it is made of plain integers.
pub(crate) unsafe trait Opaque: Sized {
    /// What it holds. Nothing drops it.
    type Value;

    /// Neither 0, nor anybody else's.
    const MARK: u32;

    /// Evaluated for each type: the value fits.
    const FITS: () = assert!(
        size_of::<Slot<Self::Value>>() <= size_of::<Self>()
            && align_of::<Slot<Self::Value>>() <= align_of::<Self>()
    );

    /// The slot at `at`, if that can be one.
    fn slot(at: *mut Self) -> Result<*mut Slot<Self::Value>, memtalk_error> {
        if at.is_null() || !at.is_aligned() {
            return Err(memtalk_error::BadArgument);
        }
        Ok(at.cast())
    }

    /// Puts `value` into it, whatever it held.
    ///
    /// # Safety
    /// If not NULL, `at` is valid for writes, and nobody else uses it meanwhile.
    unsafe fn put(at: *mut Self, value: Self::Value) -> Result<(), memtalk_error> {
        let slot = Self::slot(at)?;
        let value = Slot {
            mark: Self::MARK,
            value: core::mem::MaybeUninit::new(value),
        };
        // SAFETY: aligned, not NULL, and large enough by `FITS`.
        unsafe { slot.write(value) };
        Ok(())
    }

    /// Makes it one that was never opened.
    ///
    /// # Safety
    /// As for [`put`](Self::put).
    unsafe fn clear(at: *mut Self) -> Result<(), memtalk_error> {
        let slot = Self::slot(at)?;
        let mark = slot.cast::<u32>();
        // SAFETY: the mark comes first.
        unsafe { mark.write(0) };
        Ok(())
    }

    /// The value in it.
    ///
    /// # Safety
    /// If not NULL, `at` is valid for reads and writes, and nobody else uses it
    /// during `'a`. If it starts with the mark, [`put`](Self::put) wrote it.
    unsafe fn get<'a>(at: *mut Self) -> Result<&'a mut Self::Value, memtalk_error>
    where
        Self::Value: 'a,
    {
        let slot = Self::slot(at)?;
        let mark = slot.cast::<u32>();
        // SAFETY: valid by contract, and the mark comes first.
        if unsafe { mark.read() } != Self::MARK {
            return Err(memtalk_error::NotOpen);
        }
        // SAFETY: `put` wrote all of it, and nobody else uses it.
        let slot = unsafe { &mut *slot };
        // SAFETY: as above.
        Ok(unsafe { slot.value.assume_init_mut() })
    }
}
