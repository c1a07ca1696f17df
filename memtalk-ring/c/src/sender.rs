//! `memtalk_sender` and its functions: the sending end of a ring.

use core::ffi::c_void;

use memtalk_ring::{Error, PageRing, RawRegion, Sender, Spin};

use crate::error::{code, count};
use crate::memtalk_error;
use crate::opaque::Opaque;

/// The sending end of a ring. You allocate it, and do not look into it.
#[repr(C)]
pub struct memtalk_sender {
    opaque: [u64; 12],
}

// SAFETY: no other type has this `MARK`, and the type is made of integers.
unsafe impl Opaque for memtalk_sender {
    type Value = Sender<PageRing<RawRegion>, Spin>;
    const MARK: u32 = 0x6D74_7364;
}
const _: () = memtalk_sender::FITS;

/// The capacity of the ring: how many bytes it holds when it is full, at most
/// 536,870,912.
///
/// Returns the number, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_sender_capacity(sender: *mut memtalk_sender) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        let sender = unsafe { memtalk_sender::get(sender) }?;
        Ok(count(sender.capacity()))
    })
}

/// Sends as many of the `len` bytes at `bytes` as fit into the ring. The peer may
/// receive the first of them before this returns.
///
/// `bytes` may be NULL if `len` is 0. `len` is at most PTRDIFF_MAX.
///
/// Returns how many bytes were sent, from 0 (the ring is full) to `len`, or one of
/// these errors:
/// - MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
/// - MEMTALK_ERROR_PEER_FAILED if the receiver gave up. A call that knows of enough
///   room does not look at the receiver, and may succeed even so.
/// - MEMTALK_ERROR_CORRUPT.
/// - MEMTALK_ERROR_ENDED after memtalk_sender_end or memtalk_sender_fail.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_sender_send(
    sender: *mut memtalk_sender,
    bytes: *const c_void,
    len: usize,
) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        let sender = unsafe { memtalk_sender::get(sender) }?;
        let bytes = match len {
            0 => &[],
            _ if bytes.is_null() || isize::try_from(len).is_err() => {
                return Err(memtalk_error::BadArgument);
            }
            // SAFETY: the caller keeps to the header's contract.
            _ => unsafe { core::slice::from_raw_parts(bytes.cast(), len) },
        };
        Ok(count(sender.send(bytes)?))
    })
}

/// Marks the end of the stream (a half-close): no byte follows. The peer still receives
/// what was sent, and then sees the end. You can go on receiving.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN, or
/// MEMTALK_ERROR_ENDED if this end was ended or failed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_sender_end(sender: *mut memtalk_sender) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        let sender = unsafe { memtalk_sender::get(sender) }?;
        // Sends nothing, but fails if this end is over.
        if sender.send(&[]) == Err(Error::Ended) {
            return Err(memtalk_error::Ended);
        }
        sender.end();
        Ok(0)
    })
}

/// Gives up: the peer receives what was sent, and then MEMTALK_ERROR_PEER_FAILED
/// instead of the end of the stream. Does nothing if this end was ended or failed
/// before.
///
/// Call this whenever you stop without memtalk_sender_end. Otherwise the peer waits for
/// ever.
///
/// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_sender_fail(sender: *mut memtalk_sender) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        unsafe { memtalk_sender::get(sender) }?.fail();
        Ok(0)
    })
}

/// Whether the peer has confirmed the whole stream, up to and including its end: the
/// certificate of delivery. The peer confirms it when it likes, after
/// memtalk_sender_end.
///
/// Returns 1 if so, 0 if not yet, or one of these errors:
/// - MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
/// - MEMTALK_ERROR_PEER_FAILED if the receiver gave up before that.
/// - MEMTALK_ERROR_CORRUPT.
/// - MEMTALK_ERROR_ENDED after memtalk_sender_fail.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_sender_delivered(sender: *mut memtalk_sender) -> i32 {
    code(|| {
        // SAFETY: the caller keeps to the header's contract.
        let sender = unsafe { memtalk_sender::get(sender) }?;
        Ok(sender.delivered()?.into())
    })
}
