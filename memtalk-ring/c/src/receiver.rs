//! `memtalk_receiver` and its functions: the receiving end of a ring.

use core::ffi::c_void;

use memtalk_ring::{PageRing, RawRegion, Receiver, Spin};

use crate::error::{code, count};
use crate::memtalk_error;
use crate::opaque::Opaque;

/// The receiving end of a ring. You allocate it, and do not look into it.
#[repr(C)]
pub struct memtalk_receiver {
    opaque: [u64; 12],
}

// SAFETY: no other type has this `MARK`, and the type is made of integers.
unsafe impl Opaque for memtalk_receiver {
    type Value = Receiver<PageRing<RawRegion>, Spin>;
    const MARK: u32 = 0x6D74_7276;
}
const _: () = memtalk_receiver::FITS;

/// Receives the bytes that are there, at most `len`, into the memory at `bytes`. The
/// peer may send more while this runs, into what this has already freed.
///
/// `bytes` may be NULL if `len` is 0. `len` is at most PTRDIFF_MAX.
///
/// Returns how many bytes were received, from 0 to `len`, or one of these errors:
/// - MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
/// - MEMTALK_ERROR_PEER_FAILED if the sender gave up, once all that it sent was
///   received.
/// - MEMTALK_ERROR_CORRUPT.
/// - MEMTALK_ERROR_ENDED after memtalk_receiver_close or memtalk_receiver_fail.
///
/// If it returns 0, memtalk_receiver_at_end tells whether the stream has ended, or
/// nothing is there yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_receiver_receive(
    receiver: *mut memtalk_receiver,
    bytes: *mut c_void,
    len: usize,
) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        let receiver = unsafe { memtalk_receiver::get(receiver) }?;
        let bytes = match len {
            0 => &mut [],
            _ if bytes.is_null() || isize::try_from(len).is_err() => {
                return Err(memtalk_error::BadArgument);
            }
            // SAFETY: the caller keeps to the header's contract.
            _ => unsafe { core::slice::from_raw_parts_mut(bytes.cast(), len) },
        };
        Ok(count(receiver.receive(bytes)?))
    })
}

/// Whether the stream has ended and all of it was received, as far as the last
/// memtalk_receiver_receive has seen. So call this after one that returned 0.
///
/// Returns 1 if so, otherwise 0; or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_receiver_at_end(receiver: *mut memtalk_receiver) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        let receiver = unsafe { memtalk_receiver::get(receiver) }?;
        Ok(receiver.at_end().into())
    })
}

/// Confirms the stream at its end: the peer knows then that all of it arrived. So call
/// this when the bytes are where they should be, not when they are merely received.
///
/// Returns 0, or one of these errors:
/// - MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
/// - MEMTALK_ERROR_NOT_AT_END unless memtalk_receiver_at_end returns 1. Nothing is
///   confirmed then.
/// - MEMTALK_ERROR_ENDED if this end was closed or failed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_receiver_close(receiver: *mut memtalk_receiver) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        unsafe { memtalk_receiver::get(receiver) }?.close()?;
        Ok(0)
    })
}

/// Gives up: the peer gets MEMTALK_ERROR_PEER_FAILED, and no confirmation. Does nothing
/// if this end was closed or failed before.
///
/// Call this whenever you stop without memtalk_receiver_close. Otherwise the peer waits
/// for ever.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_receiver_fail(receiver: *mut memtalk_receiver) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        unsafe { memtalk_receiver::get(receiver) }?.fail();
        Ok(0)
    })
}
