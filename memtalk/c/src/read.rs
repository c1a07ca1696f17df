//! The receiving end of a talk.

use std::ffi::{c_int, c_void};
use std::io::Read;
use std::mem::replace;
use std::task::Poll;

use memtalk::{Error, asynchronous};

use crate::call::call;
use crate::error::memtalk_e;
use crate::pointer::room;
use crate::polled::Way;
use crate::talk::{End, memtalk_talk};

/// Reads what has come, at most `len` bytes, and waits only if nothing has.
///
/// Returns the number of bytes: 0 at the end of the peer's stream, or if `len` is 0. Or one
/// of these errors:
/// - MEMTALK_E_STALLED if nothing came within the time of memtalk_set_read_timeout.
/// - MEMTALK_E_PEER_DIED, MEMTALK_E_PEER_STOPPED, MEMTALK_E_PEER_RESTARTED, after all that
///   had come was read.
/// - MEMTALK_E_ENDED after memtalk_confirm, or if the talk was given up.
/// - MEMTALK_E_CORRUPT, MEMTALK_E_SYSTEM.
/// - MEMTALK_E_BAD_ARGUMENT, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN; MEMTALK_E_IN_USE if
///   another thread reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_read(talk: memtalk_talk, bytes: *mut c_void, len: usize) -> isize {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let room = unsafe { room(bytes, len) }?;
        let count = talk.receiving(|end| match end {
            Way::Blocking(end) => Ok(end.read(room)?),
            Way::Polled(end) => Ok(end.wait(end.limit, |end, task| end.poll_read(task, room))??),
            Way::Neither => Err(Error::Ended.into()),
        })?;
        Ok(count.cast_signed())
    })
}

/// As memtalk_read, but never waits.
///
/// Returns what memtalk_read returns, but MEMTALK_E_AGAIN if nothing is there yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_try_read(
    talk: memtalk_talk,
    bytes: *mut c_void,
    len: usize,
) -> isize {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let room = unsafe { room(bytes, len) }?;
        let count = talk.receiving(|end| match end {
            Way::Blocking(end) => Ok(end.try_read(room)?),
            Way::Polled(end) => match end.attempt(|end, task| end.poll_read(task, room)) {
                Poll::Ready(count) => Ok(count?),
                Poll::Pending => Err(memtalk_e::Again.into()),
            },
            Way::Neither => Err(Error::Ended.into()),
        })?;
        Ok(count.cast_signed())
    })
}

/// Sets how long memtalk_read waits, in microseconds; negative, as at first: without a
/// limit. 0 is an error: memtalk_try_read never waits.
///
/// Returns 0, or MEMTALK_E_BAD_ARGUMENT, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN,
/// MEMTALK_E_ENDED, MEMTALK_E_IN_USE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_set_read_timeout(talk: memtalk_talk, time_us: i64) -> i32 {
    call(|| {
        talk.receiving(|end| end.set_limit(time_us, memtalk::Receiver::set_read_timeout))?;
        Ok(0)
    })
}

/// A descriptor to wait on for something to read, with poll(2), epoll(7) or the like: it is
/// readable (POLLIN) then. The same one each time, until the talk is freed.
///
/// - Until memtalk_try_read returns MEMTALK_E_AGAIN, it stays readable. After that, it is
///   readable once there is something: bytes, the end, or an error. No wake-up is lost, and
///   edge-triggered epoll works as well.
/// - It may become readable for nothing. Then memtalk_try_read returns MEMTALK_E_AGAIN.
/// - Only poll it. To read, write or close it loses wake-ups. Before the talk is freed, take
///   it out of an epoll set.
///
/// From the first call of this on, a read that has to wait goes to sleep at once: a large
/// ring (`pages`) matters then. One thread of this library waits for 127 such ends.
///
/// Returns the descriptor, or MEMTALK_E_SYSTEM, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN,
/// MEMTALK_E_ENDED, MEMTALK_E_IN_USE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_read_fd(talk: memtalk_talk) -> c_int {
    call(|| {
        talk.receiving(|end| {
            end.descriptor(
                memtalk::Receiver::read_timeout,
                asynchronous::Receiver::set_patient,
            )
        })
    })
}

/// Confirms that the peer's whole stream was received, and is safe with us: the peer's close
/// waits for this. Call it when memtalk_read has returned 0. This end is closed then. It does
/// not wait.
///
/// Returns 0, or one of these errors:
/// - MEMTALK_E_NOT_AT_END if there is more to read. Nothing was confirmed, but the peer is
///   told that its stream was not delivered, and this end is closed.
/// - MEMTALK_E_PEER_RESTARTED, MEMTALK_E_ENDED.
/// - MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN, MEMTALK_E_IN_USE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_confirm(talk: memtalk_talk) -> i32 {
    call(|| {
        let mut receiving = talk.find()?.take(|talk| &talk.receiving)?;
        receiving.open()?;
        match replace(&mut *receiving, End::Over) {
            End::Open(Way::Blocking(end)) => end.close()?,
            End::Open(Way::Polled(end)) => end.into_end().close()?,
            _ => return Err(Error::Ended.into()),
        }
        Ok(0)
    })
}
