//! [`Opaque`]: Rust values in memory that a C program provides.
//!
//! A mark before the value tells whether an opaque type was opened, or is still zero or
//! holds something else.

use core::mem::{align_of, size_of};

use crate::memtalk_error;

/// What an opaque C type really holds.
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
    /// The type of the value. Nothing drops the value.
    type Value;

    /// The mark of this type: not 0, and not the mark of another type.
    const MARK: u32;

    /// Asserts that the value fits. It must be evaluated for each type.
    const FITS: () = assert!(
        size_of::<Slot<Self::Value>>() <= size_of::<Self>()
            && align_of::<Slot<Self::Value>>() <= align_of::<Self>()
    );

    /// The slot at `at`, unless that is NULL or not aligned.
    fn slot(at: *mut Self) -> Result<*mut Slot<Self::Value>, memtalk_error> {
        if at.is_null() || !at.is_aligned() {
            return Err(memtalk_error::BadArgument);
        }
        Ok(at.cast())
    }

    /// Opens the slot at `at`: puts `value` and the mark there, whatever it held.
    ///
    /// # Safety
    /// If `at` is not NULL, it is valid for writes, and nobody else uses it meanwhile.
    unsafe fn put(at: *mut Self, value: Self::Value) -> Result<(), memtalk_error> {
        let slot = Self::slot(at)?;
        let value = Slot {
            mark: Self::MARK,
            value: core::mem::MaybeUninit::new(value),
        };
        // SAFETY: `slot` is aligned, not NULL, and large enough by `FITS`.
        unsafe { slot.write(value) };
        Ok(())
    }

    /// Clears the mark of the slot at `at`, as if it was never opened.
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

    /// The value in the slot at `at`, or an error if that was not opened.
    ///
    /// # Safety
    /// If `at` is not NULL, it is valid for reads and writes, and nobody else uses it during
    /// `'a`. If the mark is there, [`put`](Self::put) wrote it.
    unsafe fn get<'a>(at: *mut Self) -> Result<&'a mut Self::Value, memtalk_error>
    where
        Self::Value: 'a,
    {
        let slot = Self::slot(at)?;
        let mark = slot.cast::<u32>();
        // SAFETY: it is valid by contract, and the mark comes first.
        if unsafe { mark.read() } != Self::MARK {
            return Err(memtalk_error::NotOpen);
        }
        // SAFETY: `put` wrote all of it, and nobody else uses it.
        let slot = unsafe { &mut *slot };
        // SAFETY: as above.
        Ok(unsafe { slot.value.assume_init_mut() })
    }
}
