//! The sending end: [`Sender`].

use std::io::{self, Write};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use memtalk::asynchronous;
use pyo3::prelude::*;

use crate::buffer::Buffer;
use crate::cell::Cell;
use crate::errors::{raised, unless_it_waits};
use crate::event::{Event, OfEnd, When};
use crate::options::{Limit, seconds};
use crate::receiver::MUCH;
use crate::wait::{Step, stalled, wait};

/// Sends our stream.
#[pyclass(frozen, module = "memtalk._memtalk")]
pub(crate) struct Sender {
    end: Cell<End>,
    limit: Limit,
    count: AtomicU64,
    capacity: usize,
    /// Keeps the descriptor open, for those who still select on it when the end is gone.
    event: OnceLock<Arc<Event>>,
    /// The peer has confirmed everything. The end is dropped then.
    delivered: AtomicBool,
}

/// The library's end. It waits on the page, or once somebody selects on it, with an event.
enum End {
    Blocking(memtalk::Sender),
    /// The event is ready, unless a write has found no room, or the certificate was asked for
    /// and was not there, and nothing has come since.
    Polled(asynchronous::Sender, OfEnd),
}

impl End {
    /// Sends as much as fits.
    ///
    /// # Errors
    /// `WouldBlock` if nothing does.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Blocking(end) => end.try_write(bytes),
            Self::Polled(end, event) => event.poll(|task| end.poll_write(task, bytes)),
        }
    }

    /// Waits for room, at most this long, and sends as much as fits.
    ///
    /// # Errors
    /// [`memtalk::Error::Stalled`] if there is none.
    fn write(&mut self, bytes: &[u8], time: Duration) -> io::Result<usize> {
        match self {
            Self::Blocking(end) => {
                end.set_write_timeout(Some(time))?;
                end.write(bytes)
            }
            Self::Polled(_, event) => {
                event.wait(time);
                self.try_write(bytes).map_err(stalled)
            }
        }
    }

    fn end(&mut self) {
        match self {
            Self::Blocking(end) => end.end(),
            Self::Polled(end, _) => end.end(),
        }
    }

    /// Ends the stream, and fails with `WouldBlock` if the certificate is not there yet.
    fn try_close(&mut self) -> io::Result<()> {
        match self {
            Self::Blocking(end) => {
                end.end();
                match end.is_delivered()? {
                    true => Ok(()),
                    false => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
            Self::Polled(end, event) => event.poll(|task| end.poll_delivered(task)),
        }
    }

    /// Ends the stream, and waits, at most this long, for the certificate.
    fn close(&mut self, time: Duration) -> io::Result<()> {
        match self {
            Self::Blocking(end) => Ok(end.close_within(time)?),
            Self::Polled(_, event) => {
                event.wait(time);
                self.try_close().map_err(stalled)
            }
        }
    }
}

impl Sender {
    pub(crate) fn new(end: memtalk::Sender, given_up: &Arc<AtomicBool>) -> Self {
        Self {
            limit: Limit::default(),
            count: AtomicU64::new(0),
            capacity: end.capacity(),
            event: OnceLock::new(),
            delivered: AtomicBool::new(false),
            end: Cell::new(End::Blocking(end), given_up),
        }
    }

    fn has_delivered(&self, py: Python<'_>) -> PyResult<()> {
        self.delivered.store(true, Ordering::Relaxed);
        // With the last of a talk's ends goes the seat.
        self.end.take(py).map(drop)
    }

    fn counted(&self, count: usize) {
        self.count.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Sends from `rest` what fits until this time is over, and takes it away there.
    ///
    /// # Errors
    /// [`memtalk::Error::Stalled`] if nothing fitted.
    fn send_some(&self, end: &mut End, rest: &mut &[u8], time: Duration) -> io::Result<Step<()>> {
        let began = Instant::now();
        loop {
            let sent = end.write(rest, time)?;
            self.counted(sent);
            *rest = rest.get(sent..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(Step::Done(()));
            }
            if began.elapsed() >= time {
                return Ok(Step::Progress);
            }
        }
    }
}

#[pymethods]
impl Sender {
    /// Sends all of `buffer`, and waits for room. Returns how much that is.
    fn write(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let buffer = Buffer::to_read(buffer)?;
        let bytes = buffer.bytes();
        self.end.with(py, |end| {
            let sent = try_write(py, end, bytes)?.unwrap_or(0);
            self.counted(sent);
            let mut rest = bytes.get(sent..).unwrap_or_default();
            if !rest.is_empty() {
                wait(py, self.limit.get(), &self.end.given_up, |time| {
                    self.send_some(end, &mut rest, time)
                })?;
            }
            Ok(bytes.len())
        })
    }

    /// Sends as much of `buffer` as fits, and never waits. Returns how much that is; `None` if
    /// there is no room.
    fn try_write(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        let buffer = Buffer::to_read(buffer)?;
        let sent = self
            .end
            .with(py, |end| try_write(py, end, buffer.bytes()))?;
        self.counted(sent.unwrap_or(0));
        Ok(sent)
    }

    /// Ends the stream. Never waits.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        self.end.with(py, |end| {
            end.end();
            Ok(())
        })
    }

    /// Ends the stream and waits, no longer than `limit` seconds, until the peer has confirmed
    /// all of it.
    #[pyo3(signature = (limit=None))]
    fn close(&self, py: Python<'_>, limit: Option<f64>) -> PyResult<()> {
        let limit = limit.map(|limit| seconds(py, limit)).transpose()?;
        if !self.try_close(py)? {
            self.end.with(py, |end| {
                wait(py, limit, &self.end.given_up, |time| {
                    end.close(time).map(Step::Done)
                })
            })?;
            self.has_delivered(py)?;
        }
        Ok(())
    }

    /// Ends the stream, and says whether the peer has confirmed all of it. Never waits.
    fn try_close(&self, py: Python<'_>) -> PyResult<bool> {
        if self.delivered.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let closed = self
            .end
            .with(py, |end| unless_it_waits(py, end.try_close()))?;
        if closed.is_some() {
            self.has_delivered(py)?;
        }
        Ok(closed.is_some())
    }

    /// Drops the end, and so gives it up, unless another thread is using it.
    fn release(&self, py: Python<'_>) {
        self.end.release(py);
    }

    /// The descriptor that is writable while there is room.
    fn fileno(&self, py: Python<'_>) -> PyResult<RawFd> {
        let known = |end: &mut End| match end {
            End::Blocking(_) => Ok(None),
            End::Polled(_, event) => Ok(Some(event.as_raw_fd())),
        };
        if let Some(fd) = self.end.with(py, known)? {
            return Ok(fd);
        }
        let event = Event::new(When::Writable).map_err(|e| raised(py, e))?;
        let event = self.event.get_or_init(|| event);
        let fd = event.as_raw_fd();
        self.end.change(py, |end| match end {
            End::Blocking(end) => {
                let mut end = asynchronous::Sender::from(end);
                // It would raise the event by itself.
                end.set_patient(false);
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

/// Sends as much as fits; `None` if nothing does.
fn try_write(py: Python<'_>, end: &mut End, bytes: &[u8]) -> PyResult<Option<usize>> {
    let sent = match bytes.len() > MUCH {
        true => py.detach(|| end.try_write(bytes)),
        false => end.try_write(bytes),
    };
    unless_it_waits(py, sent)
}
