//! The face of the library: open a channel by name, get its two ends.

use std::io::{self, BufRead, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use memtalk_ring::page::PageRing;
use memtalk_ring::{Departure, Seat};

use crate::futex::Futex;
use crate::object::{Place, Seated, wait_until_left};
use crate::sys::map::{self, Mapping};
use crate::sys::stdio;
use crate::{Error, Name};

/// The most bytes that one system call moves. The two processes take turns at a
/// piece, so pieces much smaller than the ring keep both at work; and much
/// larger ones are no cheaper by the byte.
const PIECE: usize = 64 * 1024;

/// How to open a channel.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use memtalk::{Name, Options};
/// use std::time::Duration;
///
/// let name = Name::new(format!("/memtalk-doc-{}", std::process::id()))?;
/// let alone = Options::new().pages(16).timeout(Duration::ZERO).open(&name);
/// assert!(matches!(alone, Err(memtalk::Error::Timeout(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    pages: Option<usize>,
    timeout: Option<Duration>,
}

impl Options {
    /// One page if the object is to be created, any size otherwise; no timeout.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for an object of this many pages, from 1 up to 1 GiB in all. Whoever
    /// creates the object decides; the other side gets
    /// [`Error::PagesDiffer`] if it asked for another number.
    #[must_use]
    pub fn pages(mut self, pages: usize) -> Self {
        self.pages = Some(pages);
        self
    }

    /// Waits no longer than this for the peer.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sits down at `name`, waits for the peer, and returns the two ends.
    ///
    /// # Errors
    /// Those of [`sit_down`](Self::sit_down) and
    /// [`wait_for_peer`](Waiting::wait_for_peer).
    pub fn open(&self, name: &Name) -> Result<Channel, Error> {
        self.sit_down(name)?.wait_for_peer()
    }

    /// Sits down at `name` without waiting for the peer: creates the object, or
    /// joins whoever waits there.
    ///
    /// # Errors
    /// [`Error::Busy`] if two talk there already, [`Error::Foreign`],
    /// [`Error::NotAnObject`] or [`Error::PagesDiffer`] if what is there cannot
    /// be used (it is left untouched then), [`Error::Pages`] for a number of
    /// pages out of range, [`Error::Stuck`] if another process keeps the object
    /// locked, [`Error::System`] if a system call fails.
    pub fn sit_down(&self, name: &Name) -> Result<Waiting, Error> {
        let seated = Place::new(name.clone(), self.pages)?.sit_down(self.timeout)?;
        Ok(Waiting {
            talk: Arc::new(Talk {
                seated,
                fate: Arc::default(),
            }),
            timeout: self.timeout,
        })
    }
}

/// One who sits at an object; the peer may be there already or not.
///
/// Dropping it gets up again.
#[derive(Debug)]
pub struct Waiting {
    talk: Arc<Talk>,
    timeout: Option<Duration>,
}

impl Waiting {
    /// Waits for the peer, asleep, and returns the two ends.
    ///
    /// # Errors
    /// [`Error::Timeout`] if no peer came in time (the object is removed again),
    /// [`Error::System`] if a system call fails.
    pub fn wait_for_peer(self) -> Result<Channel, Error> {
        let Self { talk, timeout } = self;
        if talk.seated.seat == Seat::First {
            talk.seated.wait_for_peer(timeout)?;
        }
        watch(&talk)?;
        let (sender, receiver) = map::ends(&talk.seated.page, talk.seated.seat);
        Ok(Channel {
            peer: Peer(Arc::clone(&talk.fate)),
            sender: Sender {
                end: sender,
                talk: Arc::clone(&talk),
            },
            receiver: Receiver {
                end: receiver,
                buffer: Buffer::default(),
                talk,
            },
        })
    }

    /// Something to remove the name with while the talk goes on.
    #[must_use]
    pub fn name_remover(&self) -> NameRemover {
        NameRemover(Arc::downgrade(&self.talk))
    }
}

/// Removes the name of a talk, as its end would. For a process that is about to
/// end without dropping its ends, by a signal for example.
#[derive(Clone, Debug)]
pub struct NameRemover(Weak<Talk>);

impl NameRemover {
    /// Removes the name, unless it leads to another object by now or the talk
    /// has ended.
    ///
    /// # Errors
    /// [`Error::Stuck`] if another process keeps the object locked,
    /// [`Error::System`] if a system call fails.
    pub fn remove(&self) -> Result<(), Error> {
        match self.0.upgrade() {
            Some(talk) => talk.seated.remove_name(),
            None => Ok(()),
        }
    }
}

/// What the two ends share: the seat, until the last of them goes.
#[derive(Debug)]
struct Talk {
    seated: Seated,
    fate: Arc<Fate>,
}

/// What became of the two who sat down.
#[derive(Debug, Default)]
struct Fate {
    state: Mutex<State>,
    peer_gone: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// We have got up: the page is no longer this talk's.
    over: bool,
    /// How the peer went, once it has.
    peer: Option<Departure>,
}

impl Fate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Talk {
    fn error(&self, error: memtalk_ring::Error) -> Error {
        match error {
            // The watcher marks a dead peer's words under this lock, so whoever
            // has seen the mark also sees the reason.
            memtalk_ring::Error::PeerFailed => match self.fate.lock().peer {
                Some(Departure::Died) => Error::PeerDied,
                _ => Error::PeerStopped,
            },
            memtalk_ring::Error::Ended => Error::Ended,
            memtalk_ring::Error::NotAtEnd => Error::NotAtEnd,
            // `Corrupt`, and whatever a later ring may find wrong.
            _ => Error::Corrupt,
        }
    }

    /// The peer is gone: speaks for it, so that our ends learn of it.
    fn mourn(&self) {
        let mut state = self.fate.lock();
        if !state.over {
            let peer = self.seated.seat.peer();
            state.peer = Some(self.seated.page.mourn(peer, &Futex::new()));
            self.fate.peer_gone.notify_all();
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.fate.lock().over = true;
        // Nothing is lost if this fails: the next to use the name finds an
        // object that nobody sits at.
        let _ = self.seated.remove_name();
        let _ = self.seated.stand();
    }
}

/// The other process.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Fate>);

impl Peer {
    /// Waits, asleep, until the peer has closed its ends and got up, or died.
    /// Our own ends learn of it by themselves; this is for a thread that is to
    /// know while they are busy elsewhere.
    #[must_use]
    pub fn wait_until_gone(&self) -> Departure {
        let mut state = self.0.lock();
        loop {
            match state.peer {
                Some(departure) => return departure,
                None => {
                    let woken = self.0.peer_gone.wait(state);
                    state = woken.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

/// Starts a thread that sleeps until the peer's seat is free, and then speaks
/// for the peer if it has died.
///
/// The kernel frees the seat whichever way the peer ends, so this needs no
/// polling. If we get up first, the thread stays until the peer does, and keeps
/// nothing but the open object.
fn watch(talk: &Arc<Talk>) -> Result<(), Error> {
    let file = talk.seated.file()?;
    let peer = talk.seated.seat.peer();
    let talk = Arc::downgrade(talk);
    let watcher = move || {
        if wait_until_left(&file, peer).is_ok()
            && let Some(talk) = talk.upgrade()
        {
            talk.mourn();
        }
    };
    std::thread::Builder::new()
        .name("memtalk-watch".into())
        .stack_size(64 * 1024)
        .spawn(watcher)
        .map_err(Error::system("start a thread"))?;
    Ok(())
}

/// The two ends of a talk. They may go to different threads, and each may be
/// closed while the other goes on.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use memtalk::{Name, Options};
/// use std::io::{BufRead, Write};
///
/// let name = Name::new(format!("/memtalk-echo-{}", std::process::id()))?;
/// let theirs = name.clone();
/// let echo = std::thread::spawn(move || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     let mut channel = Options::new().open(&theirs)?;
///     std::io::copy(&mut channel.receiver, &mut channel.sender)?;
///     channel.receiver.close()?;
///     channel.sender.close()?;
///     Ok(())
/// });
///
/// let mut channel = Options::new().open(&name)?;
/// channel.sender.write_all(b"hello\n")?;
/// let mut line = String::new();
/// channel.receiver.read_line(&mut line)?;
/// assert_eq!(line, "hello\n");
///
/// channel.sender.end();
/// assert_eq!(channel.receiver.read_line(&mut line)?, 0);
/// channel.receiver.close()?;
/// channel.sender.close()?; // The certificate: all of it was delivered.
/// echo.join().unwrap().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Channel {
    /// What we send.
    pub sender: Sender,
    /// What the peer sends.
    pub receiver: Receiver,
    /// Whether the peer is still there.
    pub peer: Peer,
}

/// The sending end of a channel.
///
/// [`Write`] blocks while the ring is full; what is written is with the peer at
/// once, so flushing does nothing. When the peer has stopped or died, writing
/// fails with [`io::ErrorKind::ConnectionReset`].
///
/// A sender that is dropped without [`end`](Self::end) or
/// [`close`](Self::close) has given up, and the peer is told that the stream is
/// incomplete.
#[derive(Debug)]
pub struct Sender {
    // Dropped before the talk: its last word is said while we still sit.
    end: memtalk_ring::Sender<PageRing<Mapping>, Futex>,
    talk: Arc<Talk>,
}

impl Sender {
    /// The most bytes that are under way at any time.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Reads once from a descriptor straight into the shared memory, and sends
    /// what came: one copy, made by the kernel. Waits for free space first.
    /// Returns the number of bytes; 0 at the descriptor's end of file.
    ///
    /// A non-blocking descriptor is waited for.
    ///
    /// # Errors
    /// Those of the descriptor, and those of [`write`](Write::write), which
    /// [`Error::from_io`] tells apart.
    pub fn read_from(&mut self, input: impl AsFd) -> io::Result<usize> {
        let wanted = self.end.capacity() / 2;
        self.end.wait(wanted).map_err(|e| self.talk.error(e))?;
        let mut space = self.end.space().map_err(|e| self.talk.error(e))?;
        let count = stdio::read_into(input.as_fd(), &mut space, PIECE).map_err(not_truncated)?;
        space.commit(count);
        Ok(count)
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
    /// # Errors
    /// [`Error::PeerDied`], [`Error::PeerStopped`] or [`Error::Corrupt`] if
    /// there is no certificate.
    pub fn close(mut self) -> Result<(), Error> {
        self.end.wait_delivered().map_err(|e| self.talk.error(e))
    }
}

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let sent = self.end.send(bytes).map_err(|e| self.talk.error(e))?;
            if sent > 0 || bytes.is_empty() {
                return Ok(sent);
            }
            let wanted = bytes.len().min(self.end.capacity() / 2);
            self.end.wait(wanted).map_err(|e| self.talk.error(e))?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The receiving end of a channel.
///
/// [`Read`] blocks until a byte is there and returns what is; 0 at the end of
/// the stream. A stream that the peer did not complete ends with
/// [`io::ErrorKind::ConnectionReset`] instead, after all that came.
///
/// A receiver that is dropped without [`close`](Self::close) has given up, and
/// the peer is told that its stream was not delivered.
#[derive(Debug)]
pub struct Receiver {
    end: memtalk_ring::Receiver<PageRing<Mapping>, Futex>,
    buffer: Buffer,
    talk: Arc<Talk>,
}

/// What [`BufRead`] shows: private memory, since a reference into the page could
/// change under its reader.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    used: usize,
}

impl Receiver {
    /// The most bytes that are under way at any time.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// Waits for bytes and writes them once to a descriptor, straight from the
    /// shared memory: one copy, made by the kernel. Returns the number of bytes
    /// written; 0 at the end of the stream.
    ///
    /// A non-blocking descriptor is waited for.
    ///
    /// # Errors
    /// Those of the descriptor, and those of [`read`](Read::read), which
    /// [`Error::from_io`] tells apart.
    pub fn write_to(&mut self, output: impl AsFd) -> io::Result<usize> {
        if !self.buffer.rest().is_empty() {
            let count = stdio::write(output.as_fd(), self.buffer.rest())?;
            self.buffer.used += count;
            return Ok(count);
        }
        if self.end.wait().map_err(|e| self.talk.error(e))? == 0 {
            return Ok(0);
        }
        let filled = self.end.filled().map_err(|e| self.talk.error(e))?;
        let count = stdio::write_from(output.as_fd(), &filled, PIECE).map_err(not_truncated)?;
        filled.release(count);
        Ok(count)
    }

    /// Confirms that the whole stream was received and is safe. The peer's
    /// [`Sender::close`] waits for it.
    ///
    /// # Errors
    /// [`Error::NotAtEnd`] unless the end of the stream was reached: read until
    /// it returns 0.
    pub fn close(mut self) -> Result<(), Error> {
        if !self.buffer.rest().is_empty() {
            return Err(Error::NotAtEnd);
        }
        self.end.close().map_err(|e| self.talk.error(e))
    }
}

impl Read for Receiver {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let buffered = self.buffer.rest();
        if !buffered.is_empty() {
            let count = buffered.len().min(bytes.len());
            bytes[..count].copy_from_slice(&buffered[..count]);
            self.buffer.used += count;
            return Ok(count);
        }
        if bytes.is_empty() || self.end.wait().map_err(|e| self.talk.error(e))? == 0 {
            return Ok(0);
        }
        Ok(self.end.receive(bytes).map_err(|e| self.talk.error(e))?)
    }
}

impl BufRead for Receiver {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.buffer.rest().is_empty() {
            let there = self.end.wait().map_err(|e| self.talk.error(e))?;
            self.buffer.bytes.resize(there, 0);
            self.buffer.used = 0;
            let count = self.end.receive(&mut self.buffer.bytes);
            self.buffer
                .bytes
                .truncate(count.map_err(|e| self.talk.error(e))?);
        }
        Ok(self.buffer.rest())
    }

    fn consume(&mut self, count: usize) {
        self.buffer.used = (self.buffer.used + count).min(self.buffer.bytes.len());
    }
}

impl Buffer {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.used..]
    }
}

/// The kernel could not reach the shared memory: somebody has truncated it.
fn not_truncated(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EFAULT) => Error::Truncated.into(),
        _ => error,
    }
}
