//! Giving up waits for a peer from another thread: `memtalk_cancel`.

use std::mem::take;
use std::sync::Mutex;

use memtalk::Cancel;

use crate::call::call;
use crate::error::Failure;
use crate::pointer::out;
use crate::table::Table;

/// What ends waits for a peer, from any thread: put it into the memtalk_options of those
/// who wait. It is a number: copy it as you like. One that is all zero is none.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct memtalk_cancel {
    handle: u64,
}

static CANCELS: Table<Mutex<Option<Cancel>>> = Table::new();

impl memtalk_cancel {
    pub(crate) const NONE: Self = Self { handle: 0 };

    /// The value; `None` if this is none.
    pub(crate) fn get(self) -> Result<Option<Cancel>, Failure> {
        if self == Self::NONE {
            return Ok(None);
        }
        let found = CANCELS.find(self.handle)?;
        Ok(found.borrow(|cancel| cancel)?.clone())
    }
}

/// Makes one that has cancelled nothing yet. It is given back with memtalk_cancel_free.
///
/// Returns 0, or MEMTALK_E_BAD_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_cancel_new(cancel: *mut memtalk_cancel) -> i32 {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let place = unsafe { out(cancel, memtalk_cancel::NONE) }?;
        place.handle = CANCELS.add(|cancel| *crate::talk::lock(cancel) = Some(Cancel::new()))?;
        Ok(0)
    })
}

/// Ends the waits for a peer that were opened with `cancel`, and those that will be, with
/// MEMTALK_E_CANCELLED. A wait notices this within 0.05 s; one that searches a machine's
/// memory, after that. A peer that has joined is not left behind: then the wait succeeds.
/// An open talk does not notice it.
///
/// Any thread may call this, also while others wait, and several at once. It never waits.
///
/// Returns 0, or MEMTALK_E_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_cancel_waits(cancel: memtalk_cancel) -> i32 {
    call(|| {
        let found = CANCELS.find(cancel.handle)?;
        let cancel = found.borrow(|cancel| cancel)?.clone();
        if let Some(cancel) = cancel {
            cancel.cancel();
        }
        Ok(0)
    })
}

/// Frees the handle. Waits that use it go on, and nothing cancels them any more.
///
/// Returns 0, or MEMTALK_E_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_cancel_free(cancel: memtalk_cancel) -> i32 {
    call(|| {
        let found = CANCELS.find(cancel.handle)?;
        let mut cancel = found.borrow(|cancel| cancel)?;
        take(&mut *cancel);
        CANCELS.remove(&found);
        Ok(0)
    })
}
