//! The two kinds of calls by which an end moves bytes.

use memtalk_ring::{Error, Memory, Receiver, Sender, Wait};

use crate::oracle::Stream;

/// The kind of calls by which an end moves bytes.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// Copies, as many bytes as there is room for.
    Copied,
    /// In place. Of the bytes filled or seen, at most this many (at least 1) are committed
    /// or released. The others are filled or seen again.
    InPlace(usize),
}

impl Way {
    /// Sends as many of `bytes` as it can, and returns their number.
    pub(super) fn send<M: Memory, W: Wait<M::Atomics>>(
        self,
        sender: &mut Sender<M, W>,
        bytes: &[u8],
    ) -> Result<usize, Error> {
        match self {
            Self::Copied => sender.send(bytes),
            Self::InPlace(most) => {
                let mut space = sender.space()?;
                let count = space.copy_from(bytes).min(most);
                space.commit(count);
                Ok(count)
            }
        }
    }

    /// Receives as many of the next `len` bytes of a stream as it can, and returns their
    /// number.
    pub(super) fn receive<M: Memory, W: Wait<M::Atomics>>(
        self,
        receiver: &mut Receiver<M, W>,
        received: &mut Stream,
        len: usize,
    ) -> Result<usize, Error> {
        let mut bytes = vec![0; len];
        let count = match self {
            Self::Copied => receiver.receive(&mut bytes)?,
            Self::InPlace(most) => {
                let filled = receiver.filled()?;
                let seen = filled.copy_to(&mut bytes);
                assert_eq!(bytes[..seen], received.next(seen));
                filled.release(seen.min(most));
                seen.min(most)
            }
        };
        received.take(&bytes[..count]);
        Ok(count)
    }
}

/// Receives a byte of the stream if there is one, and returns how many came.
pub(super) fn receive_one<M: Memory, W: Wait<M::Atomics>>(
    receiver: &mut Receiver<M, W>,
    way: Way,
    received: &mut Stream,
) -> usize {
    way.receive(receiver, received, 1).unwrap()
}

/// Sends the first `total` bytes of the stream, `piece` bytes at most at a time.
pub(super) fn send_all<M: Memory, W: Wait<M::Atomics>>(
    sender: &mut Sender<M, W>,
    way: Way,
    total: usize,
    piece: usize,
) -> Result<(), Error> {
    let mut sent = Stream::default();
    while sent.position() < total {
        let bytes = sent.next(piece.min(total - sent.position()));
        match way.send(sender, &bytes)? {
            0 => drop(sender.wait(bytes.len())?),
            count => sent.advance(count),
        }
    }
    Ok(())
}

/// Receives up to the end of the stream, `piece` bytes at most at a time, and returns how
/// many bytes came.
pub(super) fn receive_all<M: Memory, W: Wait<M::Atomics>>(
    receiver: &mut Receiver<M, W>,
    way: Way,
    piece: usize,
) -> Result<usize, Error> {
    let mut received = Stream::default();
    while receiver.wait()? > 0 {
        way.receive(receiver, &mut received, piece)?;
    }
    Ok(received.position())
}
