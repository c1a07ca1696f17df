//! The end of a talk: closing it in good order, freeing its handle, giving it up.

use std::mem::take;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use memtalk::{Channel, Error, asynchronous};

use crate::call::call;
use crate::error::{Failure, memtalk_e};
use crate::event::Event;
use crate::pointer::time;
use crate::polled::{Deadline, Way};
use crate::talk::{End, Receiving, Sending, Whole, memtalk_talk};

/// Ends the talk in good order, after its last byte was read, and frees the handle: ends our
/// stream, waits for the end of the peer's, confirms it, and waits until the peer has
/// confirmed ours; all within this number of microseconds; negative: without a limit.
/// Timeouts of the ends do not count. What was done of this already is left out.
///
/// 0 is a certificate for both streams. This cannot deadlock with a peer that does the same.
///
/// Returns 0, or one of these errors. After all of them but the last line's the talk is
/// over, the handle is free, and the peer is told that a stream is incomplete.
/// - MEMTALK_E_NOT_AT_END if the peer has sent something that was not read.
/// - MEMTALK_E_STALLED if the time is over.
/// - MEMTALK_E_PEER_DIED, MEMTALK_E_PEER_STOPPED, MEMTALK_E_PEER_RESTARTED,
///   MEMTALK_E_CORRUPT, MEMTALK_E_ENDED, MEMTALK_E_SYSTEM.
/// - MEMTALK_E_NOT_OPEN if it had no peer.
/// - MEMTALK_E_BAD_HANDLE, MEMTALK_E_IN_USE, MEMTALK_E_FORKED, MEMTALK_E_PANICKED: nothing
///   was done.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_close(talk: memtalk_talk, time_us: i64) -> i32 {
    call(|| {
        let mut whole = Whole::take(talk)?;
        let about = talk.about();
        let ends = (take(&mut *whole.sending), take(&mut *whole.receiving));
        let closed = about.and_then(|about| match (ends, about.peer) {
            ((End::Open(sending), receiving), Some(peer)) => {
                close(sending, receiving, peer, time(time_us))
            }
            _ => Err(memtalk_e::NotOpen.into()),
        });
        // The ends are dropped. What remains is the handle.
        whole.free()?;
        closed.map(|()| 0)
    })
}

fn close(
    mut sending: Sending,
    receiving: End<Receiving>,
    peer: memtalk::Peer,
    limit: Option<Duration>,
) -> Result<(), Failure> {
    let End::Open(receiving) = receiving else {
        return sending.wait_delivered(limit);
    };
    match (sending.way, receiving) {
        (Way::Blocking(mut sender), Way::Blocking(mut receiver)) => {
            sender.set_write_timeout(None)?;
            receiver.set_read_timeout(None)?;
            let channel = Channel {
                sender,
                receiver,
                peer,
            };
            match limit {
                Some(limit) => channel.close_within(limit)?,
                None => channel.close()?,
            }
            Ok(())
        }
        (sender, receiver) => {
            let ended = || Error::Ended;
            let channel = asynchronous::Channel {
                sender: sender.into_polled().ok_or_else(ended)?,
                receiver: receiver.into_polled().ok_or_else(ended)?,
                peer,
            };
            wait_for(channel.close(), limit)
        }
    }
}

/// Waits for a task.
fn wait_for(
    task: impl Future<Output = Result<(), Error>>,
    limit: Option<Duration>,
) -> Result<(), Failure> {
    let event = Event::new()?;
    let waker = event.waker();
    let (mut task, mut deadline) = (pin!(task), Deadline::new(limit));
    loop {
        // Cleared before the look, so that nothing is taken away that comes after it.
        event.clear();
        if let Poll::Ready(done) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Ok(done?);
        }
        deadline.wait(&event)?;
    }
}

/// Frees the handle, whatever state the talk is in. What is not closed is given up, and the
/// peer is told that it is incomplete.
///
/// Returns 0, or MEMTALK_E_BAD_HANDLE, MEMTALK_E_FORKED; MEMTALK_E_IN_USE if another thread
/// is in a call.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_free(talk: memtalk_talk) -> i32 {
    call(|| Whole::take_to_free(talk)?.free().map(|()| 0))
}

/// Gives up both ends, unless they are closed, while other threads may be in calls with
/// them. The peer is told at once that both streams are incomplete. Our calls that wait end
/// with MEMTALK_E_ENDED as soon as the peer has left because of that; against a peer that
/// does not react, only timeouts help. The handle stays open: free it once no thread is in a
/// call. A wait for a peer goes on: that is what memtalk_cancel is for.
///
/// Returns 0, or MEMTALK_E_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_give_up(talk: memtalk_talk) -> i32 {
    call(|| {
        talk.about()?.handle.give_up();
        Ok(0)
    })
}

/// For a process that is about to end: gives up as memtalk_give_up, and removes the name if
/// it is ours to remove. Without this, the peer takes the end of the process for a death.
/// Waits for others that sit down or get up, no longer than this number of microseconds;
/// negative: 10 s. Not safe in a signal handler.
///
/// Returns 0, or MEMTALK_E_STUCK, MEMTALK_E_LEFT_BEHIND, MEMTALK_E_SYSTEM: the name stays
/// until the next talk removes it; or MEMTALK_E_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_leave(talk: memtalk_talk, time_us: i64) -> i32 {
    call(|| {
        let within = time(time_us).unwrap_or(memtalk::TalkHandle::DOOR_WAIT);
        talk.about()?.handle.leave(within)?;
        Ok(0)
    })
}
