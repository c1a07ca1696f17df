//! The receiving end: [`Receiver`].

use std::io::{self, BufRead, Read};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, ready};
use std::time::Duration;

use memtalk::{Error, asynchronous};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::Buffer;
use crate::cell::Cell;
use crate::errors::{raised, talk_error, unless_it_waits};
use crate::event::{Event, OfEnd, When};
use crate::options::{Limit, seconds};
use crate::wait::{Step, stalled, wait};

/// Copies of more bytes than this are made without the interpreter's lock.
pub(crate) const MUCH: usize = 64 * 1024;

/// Receives the peer's stream.
#[pyclass(frozen, module = "memtalk._memtalk")]
pub(crate) struct Receiver {
    end: Cell<End>,
    limit: Limit,
    count: AtomicU64,
    capacity: usize,
    /// Keeps the descriptor open, for those who still select on it when the end is gone.
    event: OnceLock<Arc<Event>>,
}

/// The library's end. It waits on the page, or once somebody selects on it, with an event.
enum End {
    Blocking(memtalk::Receiver),
    /// The event says at all times whether a read would wait. So after each read this looks
    /// for what comes next.
    Polled(asynchronous::Receiver, OfEnd),
}

impl End {
    /// Reads what is there.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is.
    fn try_read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Blocking(end) => end.try_read(bytes),
            Self::Polled(..) if bytes.is_empty() => Ok(0),
            Self::Polled(end, event) => {
                let count = event.poll(|task| {
                    let there = ready!(end.poll_fill_buf(task))?;
                    let count = there.len().min(bytes.len());
                    bytes[..count].copy_from_slice(&there[..count]);
                    end.consume(count);
                    Poll::Ready(Ok::<_, io::Error>(count))
                })?;
                if count > 0 {
                    // What it finds, the next call will find again.
                    let _ = peek(end, event, 0);
                }
                Ok(count)
            }
        }
    }

    /// Waits for something, at most this long, and reads it.
    ///
    /// # Errors
    /// [`Error::Stalled`] if nothing came.
    fn read(&mut self, bytes: &mut [u8], time: Duration) -> io::Result<usize> {
        match self {
            Self::Blocking(end) => {
                end.set_read_timeout(Some(time))?;
                end.read(bytes)
            }
            Self::Polled(..) => self.slept(time, |end| end.try_read(bytes)),
        }
    }

    /// What is there, at most so many bytes, which stay there; nothing at the end.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there yet.
    fn try_peek(&mut self, most: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Blocking(end) => end.try_fill_buf().map(|there| beginning(there, most)),
            Self::Polled(end, event) => peek(end, event, most),
        }
    }

    /// As [`try_peek`](Self::try_peek), but waits at most this long.
    ///
    /// # Errors
    /// [`Error::Stalled`] if nothing came.
    fn peek(&mut self, most: usize, time: Duration) -> io::Result<Vec<u8>> {
        match self {
            Self::Blocking(end) => {
                end.set_read_timeout(Some(time))?;
                end.fill_buf().map(|there| beginning(there, most))
            }
            Self::Polled(..) => self.slept(time, |end| end.try_peek(most)),
        }
    }

    /// Sleeps until the event is ready, for at most `time`, and then calls `attempt`.
    fn slept<T>(
        &mut self,
        time: Duration,
        attempt: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        if let Self::Polled(_, event) = self {
            event.wait(time);
        }
        attempt(self).map_err(stalled)
    }

    fn close(self) -> Result<(), Error> {
        match self {
            Self::Blocking(end) => end.close(),
            Self::Polled(end, _) => end.close(),
        }
    }
}

/// As [`End::try_peek`]. Makes the event ready or not.
fn peek(end: &mut asynchronous::Receiver, event: &Arc<Event>, most: usize) -> io::Result<Vec<u8>> {
    event.poll(|task| {
        let there = ready!(end.poll_fill_buf(task))?;
        Poll::Ready(Ok::<_, io::Error>(beginning(there, most)))
    })
}

fn beginning(bytes: &[u8], most: usize) -> Vec<u8> {
    bytes.get(..most).unwrap_or(bytes).to_vec()
}

impl Receiver {
    pub(crate) fn new(end: memtalk::Receiver, given_up: &Arc<AtomicBool>) -> Self {
        Self {
            limit: Limit::default(),
            count: AtomicU64::new(0),
            capacity: end.capacity(),
            event: OnceLock::new(),
            end: Cell::new(End::Blocking(end), given_up),
        }
    }

    /// Waits for something, no longer than `limit`, and copies its beginning.
    fn peeked(
        &self,
        py: Python<'_>,
        end: &mut End,
        most: usize,
        limit: Option<Duration>,
    ) -> PyResult<Vec<u8>> {
        match unless_it_waits(py, end.try_peek(most))? {
            Some(there) => Ok(there),
            None => wait(py, limit, &self.end.given_up, |time| {
                end.peek(most, time).map(Step::Done)
            }),
        }
    }

    fn counted(&self, count: usize) -> usize {
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        count
    }
}

#[pymethods]
impl Receiver {
    /// Waits for something and reads it to `buffer`. Returns how much; 0 at the end.
    fn read_into(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let mut buffer = Buffer::to_write(buffer)?;
        let bytes = buffer.bytes_mut();
        let count = self.end.with(py, |end| {
            if let Some(count) = try_read(py, end, bytes)? {
                return Ok(count);
            }
            wait(py, self.limit.get(), &self.end.given_up, |time| {
                end.read(bytes, time).map(Step::Done)
            })
        })?;
        Ok(self.counted(count))
    }

    /// As `read_into`, but never waits: `None` if nothing is there.
    fn try_read_into(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        let mut buffer = Buffer::to_write(buffer)?;
        let bytes = buffer.bytes_mut();
        let count = self.end.with(py, |end| try_read(py, end, bytes))?;
        Ok(count.map(|count| self.counted(count)))
    }

    /// Waits for something and shows it, at most `most` bytes. It stays there.
    fn peek<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyBytes>> {
        let limit = self.limit.get();
        let there = self.end.with(py, |end| self.peeked(py, end, most, limit))?;
        Ok(PyBytes::new(py, &there))
    }

    /// Waits for the end of the stream, no longer than `limit` seconds. `NotAtEnd` if something
    /// else comes.
    #[pyo3(signature = (limit=None))]
    fn wait_for_end(&self, py: Python<'_>, limit: Option<f64>) -> PyResult<()> {
        let limit = limit.map(|limit| seconds(py, limit)).transpose()?;
        let there = self.end.with(py, |end| self.peeked(py, end, 1, limit))?;
        match there.is_empty() {
            true => Ok(()),
            false => Err(talk_error(py, &Error::NotAtEnd)),
        }
    }

    /// Confirms the stream, whose end was reached. Otherwise gives it up: `NotAtEnd`.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.end.take(py)? {
            None => Ok(()),
            Some(end) => py.detach(|| end.close()).map_err(|e| talk_error(py, &e)),
        }
    }

    /// Drops the end, and so gives it up, unless another thread is using it.
    fn release(&self, py: Python<'_>) {
        self.end.release(py);
    }

    /// The descriptor that is readable while a read would not wait.
    fn fileno(&self, py: Python<'_>) -> PyResult<RawFd> {
        let known = |end: &mut End| match end {
            End::Blocking(_) => Ok(None),
            End::Polled(_, event) => Ok(Some(event.as_raw_fd())),
        };
        if let Some(fd) = self.end.with(py, known)? {
            return Ok(fd);
        }
        let event = Event::new(When::Readable).map_err(|e| raised(py, e))?;
        let event = self.event.get_or_init(|| event);
        let fd = event.as_raw_fd();
        self.end.change(py, |end| match end {
            End::Blocking(end) => {
                let mut end = asynchronous::Receiver::from(end);
                // It would raise the event by itself.
                end.set_patient(false);
                // What it finds, a call will find again.
                let _ = peek(&mut end, event, 0);
                End::Polled(end, OfEnd(Arc::clone(event)))
            }
            polled @ End::Polled(..) => polled,
        })?;
        Ok(fd)
    }

    #[getter]
    fn timeout(&self) -> Option<f64> {
        self.limit.seconds()
    }

    #[setter]
    fn set_timeout(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<()> {
        self.limit.set(py, seconds)
    }

    #[getter]
    fn capacity(&self) -> usize {
        self.capacity
    }

    #[getter]
    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// Reads what is there; `None` if nothing is.
fn try_read(py: Python<'_>, end: &mut End, bytes: &mut [u8]) -> PyResult<Option<usize>> {
    let read = match bytes.len() > MUCH {
        true => py.detach(|| end.try_read(bytes)),
        false => end.try_read(bytes),
    };
    unless_it_waits(py, read)
}
