//! Opening a channel by name: its options, the wait for the peer, and the two ends.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use memtalk_ring::Seat;

use crate::address::Address;
use crate::cancel::Cancel;
use crate::ends::receiver::Receiver;
use crate::ends::ring::Either;
use crate::ends::sender::Sender;
use crate::error::Error;
use crate::lifecycle::await_peer::Arrival;
use crate::lifecycle::await_turn::Turn;
use crate::lifecycle::request::{Part, Place, Request, Tenancy};
use crate::lifecycle::retry::Deadline;
use crate::lifecycle::step::Awaited;
use crate::sys;
use crate::talk::Talk;
use crate::talk::handle::{Current, TalkHandle};
use crate::talk::peer::Peer;
use crate::talk::seated::Seated;
use crate::talk::watch::watch;

/// Opens the channel `name` with the default [`Options`]: waits for the peer, and returns the
/// two ends.
///
/// # Errors
/// Those of [`Options::open`].
pub fn open(name: impl TryInto<Address, Error: Into<Error>>) -> Result<Channel, Error> {
    Options::new().open(name)
}

/// How to open a channel: number of pages, permissions, timeout, and where the page is.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use memtalk::Options;
/// use std::time::Duration;
///
/// # let name = format!("/memtalk-doc-{}", std::process::id());
/// # /*
/// let name = "/nobody-is-here";
/// # */
/// let alone = Options::new().pages(16).timeout(Duration::ZERO).open(name);
/// assert!(matches!(alone, Err(memtalk::Error::Timeout(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    pages: Option<usize>,
    mode: Option<u32>,
    timeout: Option<Duration>,
    cancel: Option<Cancel>,
    tenancy: Option<Tenancy>,
    part: Part,
}

impl Options {
    /// The defaults: create an object of one page, or join one of any size; permissions
    /// 0o600; no timeout.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for an object of this many pages of memory: at least 1, at most 1 GiB in all.
    /// The side that creates the object decides. The other side gets
    /// [`Error::PagesDiffer`] if it asked for a different number.
    #[must_use]
    pub fn pages(mut self, pages: usize) -> Self {
        self.pages = Some(pages);
        self
    }

    /// Lets other users take part. An object that we create gets these permissions:
    /// 0o600, 0o660, 0o606 or 0o666, whatever the umask says. An object that another user
    /// created is accepted.
    ///
    /// Without this option, the permissions are 0o600, and an object of another user is
    /// [`Error::NotOurs`], since its owner could read all that passes. In both cases, an
    /// object that lets in more users than these permissions is [`Error::ModesDiffer`].
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Waits no longer than this for the peer; with [`Duration::ZERO`], joins a peer that
    /// waits already, or gives up. Once the peer is there, nothing is bounded by this.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Gives up the wait for the peer once `cancel` says so, in another thread for example.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Talks to a virtual machine or a device whose memory the object is. Joins the page
    /// at this offset, in bytes and a multiple of 64, as soon as the machine has
    /// initialised it. We create, initialise and remove nothing, and touch nothing outside
    /// that page. A number of [`pages`](Self::pages) is ignored.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.tenancy = Some(Tenancy::At(offset));
        self
    }

    /// As [`at_offset`](Self::at_offset), but searches the object for the page, by its
    /// magic number at a multiple of 64 bytes.
    #[must_use]
    pub fn anywhere(mut self) -> Self {
        self.tenancy = Some(Tenancy::Anywhere);
        self
    }

    /// Waits for a party that waits, and for our turn: creates nothing, and waits where
    /// another would get [`Error::Busy`]. This is for the clients of a [`Service`](crate::Service), which
    /// are served one after the other in the order in which they have joined; they may also
    /// start before it. The [`timeout`](Self::timeout) bounds the wait for the turn.
    ///
    /// Two parties that both ask for this do not find each other.
    #[must_use]
    pub fn as_client(mut self) -> Self {
        self.part = Part::Client;
        self
    }

    /// Opens the channel `name`: creates or joins the shared memory object, waits for the
    /// peer, and returns the two ends. A name is a [`Name`](crate::Name) or a text. Memory
    /// that a path leads to is a [`Device`](crate::Device): the options about objects'
    /// [`pages`](Self::pages), [`mode`](Self::mode) and offsets are ignored then.
    ///
    /// # Errors
    /// Those of [`sit_down`](Self::sit_down) and
    /// [`wait_for_peer`](Waiting::wait_for_peer).
    pub fn open(&self, name: impl TryInto<Address, Error: Into<Error>>) -> Result<Channel, Error> {
        self.sit_down(name)?.wait_for_peer()
    }

    /// Takes a seat at `name` without waiting for the peer: creates the object, or joins
    /// the party that waits there. There is one exception: if the object is a machine's
    /// and the machine has not initialised its page yet, this waits for the machine.
    ///
    /// # Errors
    /// - [`Error::Name`] if `name` is none.
    /// - [`Error::Busy`] if two parties talk there already.
    /// - [`Error::Foreign`], [`Error::NotAnObject`], [`Error::NotOurs`],
    ///   [`Error::ModesDiffer`], [`Error::PagesDiffer`] or [`Error::SeveralPages`] if what
    ///   is there cannot be used. It is left untouched.
    /// - [`Error::Pages`], [`Error::Mode`] or [`Error::Offset`] if an option is out of
    ///   range.
    /// - For a [`Device`](crate::Device): [`Error::ForeignMemory`], [`Error::SwitchedOff`],
    ///   [`Error::NotMappable`], [`Error::TooShort`], [`Error::Length`] or
    ///   [`Error::NoLength`].
    /// - [`Error::Timeout`] if a machine has initialised no page in time;
    ///   [`Error::Cancelled`].
    /// - [`Error::LeftBehind`] if an earlier talk left an object of another user, who did
    ///   not remove it in time.
    /// - [`Error::Stuck`] if another process keeps the object locked.
    /// - [`Error::System`] if a system call fails.
    pub fn sit_down(
        &self,
        name: impl TryInto<Address, Error: Into<Error>>,
    ) -> Result<Waiting, Error> {
        self.sit_down_with(name, |time, _| sys::nap(time))
    }

    /// As [`sit_down`](Self::sit_down), for a program that has something to do meanwhile.
    /// Whenever this has to wait, it calls `idle` with the time that `idle` is to let pass,
    /// and with whom this waits for. `None` is a process that sits down or gets up, which
    /// takes microseconds. During `idle` this holds nothing that others wait for, so the
    /// program may end there.
    ///
    /// # Errors
    /// Those of [`sit_down`](Self::sit_down).
    pub fn sit_down_with(
        &self,
        name: impl TryInto<Address, Error: Into<Error>>,
        idle: impl FnMut(Duration, Option<Awaited>),
    ) -> Result<Waiting, Error> {
        self.sit_down_at(Place::of(name)?, idle)
    }

    pub(crate) fn sit_down_at(
        &self,
        place: Place,
        idle: impl FnMut(Duration, Option<Awaited>),
    ) -> Result<Waiting, Error> {
        let request = self.request(place)?;
        let deadline = Deadline::new(self.timeout, self.cancel.clone());
        let current = Arc::new(Current::default());
        let talk = current.sit_down(|| Seated::sit_down(request.clone(), &deadline, idle))?;
        Ok(Waiting {
            request,
            talk,
            current,
            deadline,
        })
    }

    pub(crate) fn request(&self, place: Place) -> Result<Request, Error> {
        match place {
            Place::Name(_) => Request::new(place, self.pages, self.mode, self.tenancy, self.part),
            Place::Device(_) => Request::new(place, None, None, None, self.part),
            Place::Unnamed(_) => Request::new(place, self.pages, None, None, Part::None),
        }
    }
}

/// Our seat at an object, before the channel is open; the peer may be there already.
///
/// Dropping it gets up: gives up the seat, and removes the name if that is ours to remove.
pub struct Waiting {
    request: Request,
    pub(crate) talk: Arc<Talk>,
    /// What every [`TalkHandle`] shares.
    current: Arc<Current>,
    deadline: Deadline,
}

impl Waiting {
    /// Waits for the peer, asleep, and returns the two ends. If somebody removes the name
    /// meanwhile, this takes a seat under the same name again.
    ///
    /// # Errors
    /// - [`Error::Timeout`] if no peer came in time. The object is removed then, and nobody
    ///   has joined it. [`Error::Cancelled`], in the same way.
    /// - [`Error::System`] if a system call fails.
    /// - If the name was removed: those of [`sit_down`](Options::sit_down), or
    ///   [`Error::Ended`] if [`TalkHandle::remove_name`] removed it.
    pub fn wait_for_peer(self) -> Result<Channel, Error> {
        self.wait_for_peer_with(|time, _| sys::nap(time), || ())
    }

    /// As [`wait_for_peer`](Self::wait_for_peer), with two callbacks for the case that the
    /// name is removed. `idle` is called while this waits to take a seat again, as in
    /// [`sit_down_with`](Options::sit_down_with). `moved` is called once it has one: from
    /// then on [`TalkHandle::named_object`] returns the new object.
    ///
    /// # Errors
    /// Those of [`wait_for_peer`](Self::wait_for_peer).
    pub fn wait_for_peer_with(
        self,
        mut idle: impl FnMut(Duration, Option<Awaited>),
        moved: impl Fn(),
    ) -> Result<Channel, Error> {
        let (mut talk, deadline) = (self.talk, self.deadline);
        while !begins(&talk.seated, &deadline)? {
            // Get up first. If the name leads here again, we would join ourselves.
            drop(talk);
            let seated = || Seated::sit_down(self.request.clone(), &deadline, &mut idle);
            talk = self.current.sit_down(seated)?;
            moved();
        }
        talk.seated.start_guard()?;
        watch(&talk)?;
        Channel::new(talk)
    }

    /// A handle to end this talk from other threads, now or while its ends are in use.
    #[must_use]
    pub fn handle(&self) -> TalkHandle {
        TalkHandle(Arc::clone(&self.current))
    }
}

/// The place that the wait is at.
impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("place", &self.request.place)
            .finish_non_exhaustive()
    }
}

/// Waits until the talk begins. `false` if it cannot: we are to start over.
fn begins(seated: &Seated, deadline: &Deadline) -> Result<bool, Error> {
    Ok(match seated.seat {
        Seat::First => seated.wait_for_peer(deadline)? != Arrival::NameLost,
        Seat::Second => seated.wait_for_turn(deadline)? == Turn::Ours,
    })
}

/// An open channel: the two ends of a talk. They may move to different threads, and each
/// may be closed while the other stays open. [How to close them](crate#closing) without a
/// deadlock: [`close`](Self::close) or [`finish`](Self::finish).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use memtalk::{Channel, Error};
/// use std::io::{BufRead, Write};
///
/// let (mut channel, mut theirs) = Channel::pair()?;
/// let echo = std::thread::spawn(move || -> Result<(), Error> {
///     // Until the end of the stream.
///     std::io::copy(&mut theirs.receiver, &mut theirs.sender).unwrap();
///     theirs.close()
/// });
///
/// channel.sender.write_all(b"hello\n")?;
/// let mut line = String::new();
/// channel.receiver.read_line(&mut line)?;
/// assert_eq!(line, "hello\n");
///
/// channel.close()?; // Returns once the peer has confirmed every byte.
/// echo.join().unwrap()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Channel {
    /// Sends our stream.
    pub sender: Sender,
    /// Receives the peer's stream.
    pub receiver: Receiver,
    /// Who the peer is, and whether it has gone.
    pub peer: Peer,
}

impl Channel {
    /// The ends of our seat, whose peer is there and watched.
    pub(crate) fn new(talk: Arc<Talk>) -> Result<Self, Error> {
        let Seated { page, seat, .. } = &talk.seated;
        let (sender, receiver) = Either::ends(page, *seat).ok_or(Error::Ended)?;
        Ok(Self {
            peer: Peer::new(&talk),
            sender: Sender::new(sender, Arc::clone(&talk)),
            receiver: Receiver::new(receiver, talk),
        })
    }

    /// A handle to end this talk from other threads, while its ends are in use.
    #[must_use]
    pub fn handle(&self) -> TalkHandle {
        TalkHandle(Arc::new(Current::only(self.sender.talk())))
    }

    /// Lets each end move the thread that waits in it to another processor, if it keeps
    /// sharing one with other threads, and so perhaps with the peer. Two ends on one
    /// processor never run at the same time; apart, they are 1.3 to 2.3 times as fast with a
    /// ring of one page, if there are more ends than processors.
    ///
    /// At a move, the thread's set of processors (`sched_setaffinity(2)`) is narrowed and at
    /// once restored. It moves at most once in 10 ms at first, and more and more rarely, down
    /// to once in 8 s. Where that is not permitted, it stays.
    ///
    /// The command does so. Without this, no thread of the caller's is moved.
    pub fn spread_threads(&mut self) {
        let seat = self.sender.talk().seated.seat;
        self.sender.spread_threads(seat);
        self.receiver.spread_threads(seat);
    }

    /// The same channel for asynchronous tasks.
    #[must_use]
    pub fn into_async(self) -> crate::asynchronous::Channel {
        self.into()
    }

    /// Ends the talk in good order. It ends our stream, copies the rest of the peer's
    /// stream to `rest`, confirms it, and waits until the peer has confirmed ours. Returns
    /// the number of bytes copied. `Ok` is a certificate for both streams.
    ///
    /// This takes as long as the peer goes on sending. It cannot deadlock with a peer that
    /// waits for us: our end of stream, our reading and our confirmation come without
    /// waiting for the peer's confirmation.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use memtalk::{Name, Options};
    /// # use std::io::Write;
    /// # let name = Name::new(format!("/memtalk-finish-{}", std::process::id()))?;
    /// # let theirs = name.clone();
    /// # let peer = std::thread::spawn(move || {
    /// #     let mut channel = Options::new().open(&theirs).unwrap();
    /// #     channel.sender.write_all(b"yours").unwrap();
    /// #     channel.finish(&mut std::io::sink()).unwrap();
    /// # });
    /// let mut channel = Options::new().open(&name)?;
    /// channel.sender.write_all(b"mine")?;
    /// let mut rest = Vec::new();
    /// channel.finish(&mut rest)?;
    /// assert_eq!(rest, b"yours");
    /// # peer.join().unwrap();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The ends' timeouts bound each wait in it.
    ///
    /// # Errors
    /// Those of `rest`, and those of reading and closing; [`Error::from_io`] tells which.
    /// The talk has ended then, and the peer is told that it is incomplete.
    pub fn finish(mut self, rest: &mut impl Write) -> io::Result<u64> {
        self.sender.end();
        let count = io::copy(&mut self.receiver, rest)?;
        rest.flush()?;
        self.receiver.close()?;
        self.sender.close()?;
        Ok(count)
    }

    /// Ends the talk in good order, after its last byte was read: ends our stream, waits for
    /// the end of the peer's, confirms it, and waits until the peer has confirmed ours. `Ok`
    /// is a certificate for both streams.
    ///
    /// It cannot deadlock with a peer that calls this or [`finish`](Self::finish). The ends'
    /// timeouts bound each of its two waits.
    ///
    /// # Errors
    /// [`Error::NotAtEnd`] if the peer sends something that was not read: use
    /// [`finish`](Self::finish) then. Otherwise those of reading and closing. The talk has
    /// ended in any case, and after an error the peer is told that it is incomplete.
    pub fn close(self) -> Result<(), Error> {
        let Self {
            mut sender,
            mut receiver,
            ..
        } = self;
        sender.end();
        receiver.wait_for_end()?;
        receiver.close()?;
        sender.close()
    }

    /// As [`close`](Self::close), but waits no longer than `time` in all.
    ///
    /// # Errors
    /// [`Error::Stalled`] if the peer has not closed its ends in time. The others are those of
    /// [`close`](Self::close).
    pub fn close_within(self, time: Duration) -> Result<(), Error> {
        let began = Instant::now();
        let Self {
            mut sender,
            mut receiver,
            ..
        } = self;
        sender.end();
        receiver.wait_for_end_within(time)?;
        receiver.close()?;
        sender.close_within(time.saturating_sub(began.elapsed()))
    }
}
