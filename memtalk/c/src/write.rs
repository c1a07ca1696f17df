//! The sending end of a talk.

use std::ffi::{c_int, c_void};
use std::io::Write;
use std::task::Poll;
use std::time::Duration;

use memtalk::{Error, asynchronous};

use crate::call::call;
use crate::error::{Failure, memtalk_e};
use crate::pointer::{bytes, time};
use crate::polled::Way;
use crate::talk::{Sending, memtalk_talk};

impl Sending {
    /// Writes what fits, and waits if nothing does.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        match &mut self.way {
            Way::Blocking(end) => Ok(end.write(bytes)?),
            Way::Polled(end) => Ok(end.wait(end.limit, |end, task| end.poll_write(task, bytes))??),
            Way::Neither => Err(Error::Ended.into()),
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        match &mut self.way {
            Way::Blocking(end) => Ok(end.try_write(bytes)?),
            Way::Polled(end) => match end.attempt(|end, task| end.poll_write(task, bytes)) {
                Poll::Ready(count) => Ok(count?),
                Poll::Pending => Err(memtalk_e::Again.into()),
            },
            Way::Neither => Err(Error::Ended.into()),
        }
    }

    fn is_delivered(&mut self) -> Result<bool, Failure> {
        match &mut self.way {
            Way::Blocking(end) => Ok(end.is_delivered()?),
            // Looking would end the stream.
            Way::Polled(_) if !self.ended => Ok(false),
            Way::Polled(end) => match end.attempt(|end, task| end.poll_delivered(task)) {
                Poll::Ready(delivered) => Ok(delivered.map(|()| true)?),
                Poll::Pending => Ok(false),
            },
            Way::Neither => Err(Error::Ended.into()),
        }
    }

    fn end(&mut self) {
        self.ended = true;
        match &mut self.way {
            Way::Blocking(end) => end.end(),
            Way::Polled(end) => end.end_mut().end(),
            Way::Neither => {}
        }
    }

    /// Ends the stream, and waits until the peer has confirmed it.
    pub(crate) fn wait_delivered(&mut self, limit: Option<Duration>) -> Result<(), Failure> {
        self.end();
        match &mut self.way {
            Way::Blocking(end) => Ok(end.close_within(limit.unwrap_or(Duration::MAX))?),
            Way::Polled(end) => Ok(end.wait(limit, |end, task| end.poll_delivered(task))??),
            Way::Neither => Err(Error::Ended.into()),
        }
    }
}

/// Writes as many of the `len` bytes as fit into the ring, and waits only if none does. The
/// peer can read them at once.
///
/// Returns the number of bytes, 0 only if `len` is 0. Or one of these errors:
/// - MEMTALK_E_STALLED if there was no room within the time of memtalk_set_write_timeout.
/// - MEMTALK_E_PEER_DIED, MEMTALK_E_PEER_STOPPED, MEMTALK_E_PEER_RESTARTED.
/// - MEMTALK_E_ENDED after memtalk_end, or if the talk was given up.
/// - MEMTALK_E_CORRUPT, MEMTALK_E_SYSTEM.
/// - MEMTALK_E_BAD_ARGUMENT, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN; MEMTALK_E_IN_USE if
///   another thread writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_write(
    talk: memtalk_talk,
    bytes: *const c_void,
    len: usize,
) -> isize {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let bytes = unsafe { self::bytes(bytes, len) }?;
        Ok(talk.sending(|end| end.write(bytes))?.cast_signed())
    })
}

/// As memtalk_write, but never waits.
///
/// Returns what memtalk_write returns, but MEMTALK_E_AGAIN if the ring is full.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_try_write(
    talk: memtalk_talk,
    bytes: *const c_void,
    len: usize,
) -> isize {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let bytes = unsafe { self::bytes(bytes, len) }?;
        Ok(talk.sending(|end| end.try_write(bytes))?.cast_signed())
    })
}

/// Writes all of the `len` bytes, and waits as often as it takes. The timeout bounds each
/// wait.
///
/// Returns 0, or the errors of memtalk_write. Then some of the bytes may have been written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_write_all(
    talk: memtalk_talk,
    bytes: *const c_void,
    len: usize,
) -> i32 {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let mut rest = unsafe { self::bytes(bytes, len) }?;
        talk.sending(|end| {
            while !rest.is_empty() {
                let count = end.write(rest)?;
                rest = rest.get(count..).ok_or(memtalk_e::Other)?;
            }
            Ok(())
        })?;
        Ok(0)
    })
}

/// Sets how long memtalk_write waits, in microseconds; negative, as at first: without a
/// limit. 0 is an error: memtalk_try_write never waits.
///
/// Returns 0, or MEMTALK_E_BAD_ARGUMENT, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN,
/// MEMTALK_E_IN_USE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_set_write_timeout(talk: memtalk_talk, time_us: i64) -> i32 {
    call(|| {
        talk.sending(|end| (end.way).set_limit(time_us, memtalk::Sender::set_write_timeout))?;
        Ok(0)
    })
}

/// A descriptor to wait on for room in the ring, with poll(2), epoll(7) or the like. It is
/// readable then: wait for POLLIN, not for POLLOUT. Everything that memtalk_read_fd says
/// holds here as well, with memtalk_try_write in place of memtalk_try_read.
///
/// After MEMTALK_E_AGAIN it is readable once all bytes would fit that were to be written, or
/// half of the ring is free. After memtalk_end and a memtalk_is_delivered that returned 0, it
/// is readable once the peer has confirmed our stream.
///
/// Returns the descriptor, or MEMTALK_E_SYSTEM, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN,
/// MEMTALK_E_IN_USE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_write_fd(talk: memtalk_talk) -> c_int {
    call(|| {
        talk.sending(|end| {
            end.way.descriptor(
                memtalk::Sender::write_timeout,
                asynchronous::Sender::set_patient,
            )
        })
    })
}

/// The most bytes that are on their way in each direction, written and not yet read: 1,856
/// with one page of 4,096 bytes.
///
/// Returns the number, or MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_capacity(talk: memtalk_talk) -> isize {
    call(|| match talk.about()? {
        about if about.peer.is_some() => Ok(about.capacity.cast_signed()),
        _ => Err(memtalk_e::NotOpen.into()),
    })
}

/// Marks the end of our stream: the peer reads to here, and then 0. Reading goes on. It does
/// not wait, and may be called again.
///
/// Returns 0, or MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN, MEMTALK_E_IN_USE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_end(talk: memtalk_talk) -> i32 {
    call(|| {
        talk.sending(|end| {
            end.end();
            Ok(0)
        })
    })
}

/// Whether the peer has confirmed our whole stream. It never waits.
///
/// Returns 1 if so, 0 if not yet or before memtalk_end; or the errors of
/// memtalk_wait_delivered but MEMTALK_E_STALLED.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_is_delivered(talk: memtalk_talk) -> i32 {
    call(|| Ok(talk.sending(Sending::is_delivered)?.into()))
}

/// Marks the end of our stream, and waits until the peer has confirmed all of it, at most
/// this number of microseconds; negative: without a limit. The write timeout does not
/// count. 0 is a certificate: every byte was received, and is safe with the peer.
///
/// If both sides wait here before they have read and confirmed the other's stream, they wait
/// for ever: use memtalk_close, or end, read to the end, confirm, and only then call this.
///
/// Returns 0, or one of these errors:
/// - MEMTALK_E_STALLED if the time is over. The confirmation may still come: call this
///   again.
/// - MEMTALK_E_PEER_DIED, MEMTALK_E_PEER_STOPPED, MEMTALK_E_PEER_RESTARTED,
///   MEMTALK_E_CORRUPT, MEMTALK_E_ENDED, MEMTALK_E_SYSTEM: there is no certificate.
/// - MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN, MEMTALK_E_IN_USE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_wait_delivered(talk: memtalk_talk, time_us: i64) -> i32 {
    call(|| {
        talk.sending(|end| end.wait_delivered(time(time_us)))?;
        Ok(0)
    })
}
