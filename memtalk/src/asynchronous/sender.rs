//! The asynchronous sending end: [`Sender`].

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use crate::error::Error;
use crate::wait::bridge::Which;
use crate::wait::bridges::Place;

/// The sending end of a channel, for a task: as [`crate::Sender`], but it waits without
/// blocking. [What that means](crate::asynchronous).
#[derive(Debug)]
pub struct Sender {
    // Declared, and so dropped, first: nobody waits for an end that is gone.
    place: Place,
    end: crate::Sender,
    /// Whether our request for a wake-up may stand. The peer would go on waking us while we
    /// are awake.
    asked: bool,
}

impl From<crate::Sender> for Sender {
    /// The end's timeout counts no more: the executor has timers.
    fn from(end: crate::Sender) -> Self {
        Self {
            place: Place::new(end.talk(), Which::Sender),
            end,
            asked: false,
        }
    }
}

impl Sender {
    /// As [`crate::Sender::capacity`].
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Whether this end asks to be polled again while its waits are short; it does unless this
    /// says `false`. Say that if your waker does more than have a task polled: if it raises a
    /// descriptor that others wait for, for example. It is woken only by the peer then.
    pub fn set_patient(&mut self, patient: bool) {
        self.place.set_patient(patient);
    }

    /// Sends as many of `bytes` as fit, and waits only if none does. Returns how many those
    /// are: 0 only if `bytes` is empty. What is sent is visible to the peer at once, so
    /// there is nothing to flush.
    ///
    /// # Errors
    /// Those of a blocking [`write`](std::io::Write::write); and [`Error::System`] or
    /// [`Error::Forked`] if it would have to wait and cannot.
    pub fn poll_write(&mut self, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.asked {
            // Takes the request back, if there is room.
            self.asked = self.end.poll_room(1, |_| ()).is_pending();
        }
        match self.end.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => {
                self.place.found();
                return Poll::Ready(result);
            }
        }
        if self.place.looks_again(task.waker()) {
            return Poll::Pending;
        }
        self.asked = true;
        let end = &mut self.end;
        let room = |register: &mut dyn FnMut(u32)| end.poll_room(bytes.len(), register);
        ready!(self.place.poll(task.waker(), room))?;
        self.asked = false;
        Poll::Ready(self.end.try_write(bytes))
    }

    /// Marks the end of the stream, unless [`end`](Self::end) has, and waits until the peer
    /// has confirmed all of it. `Ok` is a certificate: every byte was delivered.
    ///
    /// # Errors
    /// Those of [`crate::Sender::close`]; and [`Error::System`] or [`Error::Forked`] if it
    /// would have to wait and cannot.
    pub fn poll_delivered(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let end = &mut self.end;
        self.place
            .poll(task.waker(), |register| end.poll_delivered(register))
    }

    /// [`poll_write`](Self::poll_write) as a future. One that is dropped has sent nothing.
    ///
    /// # Errors
    /// Those of [`poll_write`](Self::poll_write).
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|task| self.poll_write(task, bytes)).await
    }

    /// Sends all of `bytes`. A future of this that is dropped may have sent a part of them.
    ///
    /// # Errors
    /// Those of [`poll_write`](Self::poll_write).
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.write(bytes).await?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    /// Marks the end of our stream, as [`crate::Sender::end`]. This does not wait.
    pub fn end(&mut self) {
        self.end.end();
    }

    /// [`poll_delivered`](Self::poll_delivered) as a future: waits for the certificate. If
    /// it is dropped, the stream has ended, and the confirmation may still come: call this
    /// again.
    ///
    /// # Errors
    /// Those of [`poll_delivered`](Self::poll_delivered).
    pub async fn close(&mut self) -> Result<(), Error> {
        poll_fn(|task| self.poll_delivered(task)).await
    }

    /// Whether the peer has confirmed our whole stream, as [`crate::Sender::is_delivered`].
    /// This does not wait.
    ///
    /// # Errors
    /// Those of [`crate::Sender::is_delivered`].
    pub fn is_delivered(&mut self) -> Result<bool, Error> {
        self.end.is_delivered()
    }
}
