//! The sending end of a channel.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

use memtalk_ring::PageRing;

use super::staging::{Buffer, Route, STAGE};
use crate::error::Error;
use crate::sys::map::Mapping;
use crate::sys::transfer;
use crate::talk::Talk;
use crate::wait::linux::Sleep;

/// A sender that waits for space sleeps until half of the ring is free. So it is woken once
/// for many bytes, and the peer still has the other half to go on with.
const HALF: usize = 2;

/// With bytes gathered, it sleeps until an eighth is free: a piece of what the ring
/// publishes at a time. (Half made no difference beyond noise.)
const PIECES: usize = 8;

/// The sending end of a channel.
///
/// [`Write`] blocks while the ring is full; what is written is with the peer at
/// once, so flushing does nothing. When the peer has stopped or died, writing
/// fails with [`io::ErrorKind::ConnectionReset`]: at once if the receiver has said so,
/// and at the latest where it would have to wait for the peer.
///
/// A sender that is dropped without [`end`](Self::end) or
/// [`close`](Self::close) has given up, and the peer is told that the stream is
/// incomplete.
#[derive(Debug)]
pub struct Sender {
    // Dropped before the talk: its last word is said while we still sit.
    end: memtalk_ring::Sender<PageRing<Mapping>, Sleep>,
    route: Route,
    /// What `read_from` has read and not yet sent is here, while it runs.
    stage: Buffer,
    talk: Arc<Talk>,
}

impl Sender {
    pub(crate) fn new(
        end: memtalk_ring::Sender<PageRing<Mapping>, Sleep>,
        talk: Arc<Talk>,
    ) -> Self {
        Self {
            end,
            route: Route::default(),
            stage: Buffer::default(),
            talk,
        }
    }

    /// The most bytes that are under way at any time.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Reads once from a descriptor and sends what came. Returns the number of
    /// bytes; 0 at the descriptor's end of file.
    ///
    /// Through a ring of 12 KiB or more it reads straight into the shared memory,
    /// once there is space: one copy, made by the kernel. Through a smaller one, and
    /// from a pipe or a socket through one of less than 64 KiB, it reads up to 64 KiB
    /// at once, and then sends them.
    ///
    /// A non-blocking descriptor is waited for.
    ///
    /// # Errors
    /// Those of the descriptor, and those of [`write`](Write::write), which
    /// [`Error::from_io`] tells apart.
    pub fn read_from(&mut self, input: impl AsFd) -> io::Result<usize> {
        let capacity = self.end.capacity();
        if self.route.is_staged(input.as_fd(), capacity) {
            // A look at the peer each time, even if we know of free space: what
            // is wrong is told before more is read.
            self.end.wait(1).map_err(|e| self.talk.error(e))?;
            self.stage.clear();
            let read = |bytes: &mut [u8]| transfer::read(input.as_fd(), bytes);
            let count = self.stage.fill(STAGE, read)?;
            self.send_staged().map_err(|e| self.talk.error(e))?;
            return Ok(count);
        }
        self.end
            .wait(capacity / HALF)
            .map_err(|e| self.talk.error(e))?;
        let mut space = self.end.space().map_err(|e| self.talk.error(e))?;
        let count = transfer::read_into(input.as_fd(), &mut space).map_err(Error::transfer)?;
        space.commit(count);
        Ok(count)
    }

    /// Sends all that was gathered.
    fn send_staged(&mut self) -> Result<(), memtalk_ring::Error> {
        while let rest @ [_, ..] = self.stage.rest() {
            let sent = self.end.send(rest)?;
            if sent == 0 {
                let wanted = rest.len().min(self.end.capacity() / PIECES);
                self.end.wait(wanted)?;
            }
            self.stage.consume(sent);
        }
        Ok(())
    }

    /// Marks the end of the stream. The peer gets its end of file; nothing can
    /// be written any more. Returns at once.
    pub fn end(&mut self) {
        self.end.end();
    }

    /// Marks the end of the stream, if that was not done, and waits until the
    /// peer has confirmed all of it. `Ok` is a certificate: every byte was
    /// delivered.
    ///
    /// The peer confirms by [`Receiver::close`](crate::Receiver::close), once it has read
    /// to the end. If it waits here meanwhile for us to do the same, both wait for ever:
    /// so call [`end`](Self::end), read to the end, close the receiver, and then this,
    /// or let [`Channel::finish`](crate::Channel::finish) do it.
    ///
    /// # Errors
    /// [`Error::PeerDied`], [`Error::PeerStopped`] or [`Error::Corrupt`] if
    /// there is no certificate.
    pub fn close(mut self) -> Result<(), Error> {
        self.end.wait_delivered().map_err(|e| self.talk.error(e))
    }
}

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.talk.check_peer()?;
        loop {
            let sent = self.end.send(bytes).map_err(|e| self.talk.error(e))?;
            if sent > 0 || bytes.is_empty() {
                return Ok(sent);
            }
            let wanted = bytes.len().min(self.end.capacity() / HALF);
            self.end.wait(wanted).map_err(|e| self.talk.error(e))?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
