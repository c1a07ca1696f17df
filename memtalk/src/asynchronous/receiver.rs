//! The asynchronous receiving end: [`Receiver`].

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use crate::error::Error;
use crate::wait::bridge::Which;
use crate::wait::bridges::Place;

/// The receiving end of a channel, for a task: as [`crate::Receiver`], but it waits without
/// blocking. [What that means](crate::asynchronous).
#[derive(Debug)]
pub struct Receiver {
    // Declared, and so dropped, first: nobody waits for an end that is gone.
    place: Place,
    end: crate::Receiver,
}

impl From<crate::Receiver> for Receiver {
    /// The end's timeout counts no more: the executor has timers.
    fn from(end: crate::Receiver) -> Self {
        Self {
            place: Place::new(end.talk(), Which::Receiver),
            end,
        }
    }
}

impl Receiver {
    /// As [`crate::Receiver::capacity`].
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// As [`Sender::set_patient`](super::Sender::set_patient).
    pub fn set_patient(&mut self, patient: bool) {
        self.place.set_patient(patient);
    }

    /// Waits for something, and reads what is there into `bytes`. Returns the number of
    /// bytes; 0 at the end of the stream, or at once if `bytes` is empty.
    ///
    /// # Errors
    /// Those of a blocking [`read`](std::io::Read::read); and [`Error::System`] or
    /// [`Error::Forked`] if it would have to wait and cannot.
    pub fn poll_read(
        &mut self,
        task: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if !bytes.is_empty() {
            ready!(self.poll_there(task))?;
        }
        Poll::Ready(self.end.try_read(bytes))
    }

    /// Waits for something, and shows what is there; nothing at the end of the stream.
    /// [`consume`](Self::consume) takes it.
    ///
    /// # Errors
    /// Those of [`poll_read`](Self::poll_read).
    pub fn poll_fill_buf(&mut self, task: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        ready!(self.poll_there(task))?;
        Poll::Ready(self.end.try_fill_buf())
    }

    /// Takes `count` of the bytes that [`fill_buf`](Self::fill_buf) has shown.
    pub fn consume(&mut self, count: usize) {
        std::io::BufRead::consume(&mut self.end, count);
    }

    /// [`poll_read`](Self::poll_read) as a future. One that is dropped has read nothing.
    ///
    /// # Errors
    /// Those of [`poll_read`](Self::poll_read).
    pub async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        poll_fn(|task| self.poll_read(task, bytes)).await
    }

    /// [`poll_fill_buf`](Self::poll_fill_buf) as a future. One that is dropped has read
    /// nothing.
    ///
    /// # Errors
    /// Those of [`poll_read`](Self::poll_read).
    pub async fn fill_buf(&mut self) -> io::Result<&[u8]> {
        poll_fn(|task| self.poll_there(task)).await?;
        self.end.try_fill_buf()
    }

    /// Confirms the peer's stream, as [`crate::Receiver::close`]. This does not wait.
    ///
    /// # Errors
    /// Those of [`crate::Receiver::close`].
    pub fn close(self) -> Result<(), Error> {
        self.end.close()
    }

    /// Waits for something. Returns how many bytes there are; 0 at the end of the stream.
    pub(super) fn poll_there(&mut self, task: &mut Context<'_>) -> Poll<Result<usize, Error>> {
        if self.end.is_idle() && self.place.looks_again(task.waker()) {
            return Poll::Pending;
        }
        let end = &mut self.end;
        self.place
            .poll(task.waker(), |register| end.poll_wait(register))
    }
}
