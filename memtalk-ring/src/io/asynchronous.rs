//! The traits of `embedded-io-async` for ends whose way to wait has a [`Bell`].
//!
//! # Contract
//! - What `io` says of the blocking traits holds here, but that a task waits in place of a
//!   thread: the future returns `Pending`, and the bell wakes the task.
//! - *Cancellation:* a future of `read`, `write` or `fill_buf` that is dropped before it was
//!   ready has moved no byte. It costs at most one needless wake-up of its task. `read_exact`
//!   and `write_all` may have moved some bytes, as those traits say.
//! - The certificate of delivery is [`Sender::poll_delivered`].
//!
//! The futures are made by hand, since an `async fn` panics if it is polled again after it
//! was ready.

use core::future::poll_fn;
use core::task::{Context, Poll, ready};

use embedded_io_async::{BufRead, Read, ReadExactError, Write};

use super::buffered::Buffered;
use crate::atomics::Atomics;
use crate::error::Error;
use crate::ring::memory::Memory;
use crate::ring::receiver::Receiver;
use crate::ring::sender::Sender;
use crate::wait::{Bell, Wait, Watched};

/// A way to wait by `W`, for ends whose tasks a [`Bell`] wakes. Such ends implement the
/// traits of `embedded-io-async`. Made by [`Bell::with`].
#[derive(Clone, Copy, Debug)]
pub struct WithBell<'b, W> {
    bell: &'b Bell,
    wait: W,
}

impl Bell {
    /// A way to wait for the ends of the seat that this bell belongs to. They wake the peer
    /// as `wait` does: by [`Doorbell`](crate::Doorbell), for example.
    ///
    /// With [`Spin`](crate::Spin), nobody wakes anybody. Let a timer call
    /// [`on_doorbell`](Self::on_doorbell) then.
    pub const fn with<W>(&self, wait: W) -> WithBell<'_, W> {
        WithBell { bell: self, wait }
    }
}

impl<A: Atomics, W: Wait<A>> Wait<A> for WithBell<'_, W> {
    const SLEEPS: bool = W::SLEEPS;

    #[inline]
    fn pause(&mut self, looks: u32) -> bool {
        self.wait.pause(looks)
    }

    #[inline]
    fn gives_up(&mut self, looks: u32) -> bool {
        self.wait.gives_up(looks)
    }

    #[inline]
    fn sleep(&mut self, word: Watched<'_, A>, seen: u32) {
        self.wait.sleep(word, seen);
    }

    #[inline]
    fn wake(&self, word: Watched<'_, A>) {
        self.wait.wake(word);
    }
}

impl<M: Memory, W: Wait<M::Atomics>> Receiver<M, WithBell<'_, W>> {
    fn poll_read(&mut self, task: &Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Error>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let bell = self.way_to_wait().bell;
        ready!(self.poll_wait(|_| bell.register_receiver(task.waker())))?;
        Poll::Ready(self.receive(buf))
    }
}

impl<M: Memory, W: Wait<M::Atomics>> Read for Receiver<M, WithBell<'_, W>> {
    fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
        poll_fn(move |task| self.poll_read(task, buf))
    }

    fn read_exact(
        &mut self,
        buf: &mut [u8],
    ) -> impl Future<Output = Result<(), ReadExactError<Error>>> {
        fill(buf, move |task, rest| self.poll_read(task, rest))
    }
}

/// Reads by `poll_read` until `buf` is full.
fn fill(
    buf: &mut [u8],
    mut poll_read: impl FnMut(&Context<'_>, &mut [u8]) -> Poll<Result<usize, Error>>,
) -> impl Future<Output = Result<(), ReadExactError<Error>>> {
    let mut filled = 0;
    poll_fn(move |task| {
        loop {
            let rest = buf.get_mut(filled..).unwrap_or_default();
            if rest.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match ready!(poll_read(task, rest))? {
                0 => return Poll::Ready(Err(ReadExactError::UnexpectedEof)),
                count => filled += count,
            }
        }
    })
}

impl<M: Memory, W: Wait<M::Atomics>> Sender<M, WithBell<'_, W>> {
    fn poll_write(&mut self, task: &Context<'_>, buf: &[u8]) -> Poll<Result<usize, Error>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let bell = self.way_to_wait().bell;
        ready!(self.poll_wait(1, |_| bell.register_sender(task.waker())))?;
        Poll::Ready(self.send(buf))
    }
}

impl<M: Memory, W: Wait<M::Atomics>> Write for Sender<M, WithBell<'_, W>> {
    fn write(&mut self, buf: &[u8]) -> impl Future<Output = Result<usize, Error>> {
        poll_fn(move |task| self.poll_write(task, buf))
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Error>> {
        poll_fn(|_| Poll::Ready(Ok(())))
    }

    fn write_all(&mut self, mut buf: &[u8]) -> impl Future<Output = Result<(), Error>> {
        poll_fn(move |task| {
            while !buf.is_empty() {
                let count = ready!(self.poll_write(task, buf))?;
                buf = buf.get(count..).unwrap_or_default();
            }
            Poll::Ready(Ok(()))
        })
    }
}

impl<M: Memory, W: Wait<M::Atomics>> Buffered<'_, M, WithBell<'_, W>> {
    /// Fills the buffer if it is empty.
    fn poll_fill(&mut self, task: &Context<'_>) -> Poll<Result<(), Error>> {
        if self.unread().is_empty() {
            let received = ready!(self.receiver.poll_read(task, self.buffer))?;
            self.holds(received);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, task: &Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Error>> {
        if buf.is_empty() || self.goes_past_buffer(buf) {
            return self.receiver.poll_read(task, buf);
        }
        ready!(self.poll_fill(task))?;
        Poll::Ready(Ok(self.copy_to(buf)))
    }
}

impl<M: Memory, W: Wait<M::Atomics>> Read for Buffered<'_, M, WithBell<'_, W>> {
    fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
        poll_fn(move |task| self.poll_read(task, buf))
    }

    fn read_exact(
        &mut self,
        buf: &mut [u8],
    ) -> impl Future<Output = Result<(), ReadExactError<Error>>> {
        fill(buf, move |task, rest| self.poll_read(task, rest))
    }
}

impl<M: Memory, W: Wait<M::Atomics>> BufRead for Buffered<'_, M, WithBell<'_, W>> {
    fn fill_buf(&mut self) -> impl Future<Output = Result<&[u8], Error>> {
        let mut buffered = Some(self);
        poll_fn(move |task| {
            // Without it, the future was ready before.
            let Some(this) = buffered.take() else {
                return Poll::Pending;
            };
            if this.poll_fill(task)?.is_pending() {
                buffered = Some(this);
                return Poll::Pending;
            }
            Poll::Ready(Ok(this.unread()))
        })
    }

    /// Consumes `amt` bytes, or all that were lent if those are fewer.
    fn consume(&mut self, amt: usize) {
        self.take(amt);
    }
}
