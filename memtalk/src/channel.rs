//! The face of the library: open a channel by name, get its two ends.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use memtalk_ring::Seat;

use crate::ends::receiver::Receiver;
use crate::ends::sender::Sender;
use crate::error::Error;
use crate::lifecycle::await_peer::Arrival;
use crate::lifecycle::request::{Request, Tenancy};
use crate::lifecycle::retry::Deadline;
use crate::lifecycle::step::Awaited;
use crate::name::Name;
use crate::sys::{self, map};
use crate::talk::Talk;
use crate::talk::fate::Peer;
use crate::talk::handle::{Current, TalkHandle};
use crate::talk::seated::Seated;
use crate::talk::watch::watch;
use crate::wait::linux::{Linux, Sleep};

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
    mode: Option<u32>,
    timeout: Option<Duration>,
    tenancy: Option<Tenancy>,
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

    /// Lets other users take part: creates the object with these permissions,
    /// 0o600, 0o660, 0o606 or 0o666, whatever the umask says, and also accepts an
    /// object that another user has created. Without this, the permissions are
    /// 0o600 and an object of another user is [`Error::NotOurs`]: whoever owns it
    /// could read all that passes. An object that lets in more users than these
    /// permissions is [`Error::ModesDiffer`].
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Waits no longer than this for the peer.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Talks to a machine whose memory the object is: joins the page at this offset in
    /// bytes, a multiple of 64, as soon as the machine has initialised it. Nothing is
    /// created, initialised or removed, and what lies outside that page is left alone.
    /// Asking for a number of [`pages`](Self::pages) means nothing then.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.tenancy = Some(Tenancy::At(offset));
        self
    }

    /// The same for the page that is found in the object by its magic number.
    #[must_use]
    pub fn anywhere(mut self) -> Self {
        self.tenancy = Some(Tenancy::Anywhere);
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
    /// joins whoever waits there. Only where the object is a machine's, which has not
    /// initialised its page yet, this waits for it.
    ///
    /// # Errors
    /// [`Error::Busy`] if two talk there already, [`Error::Foreign`],
    /// [`Error::NotAnObject`], [`Error::NotOurs`], [`Error::ModesDiffer`],
    /// [`Error::PagesDiffer`] or [`Error::SeveralPages`] if what is there cannot be used
    /// (it is left untouched then), [`Error::Pages`], [`Error::Mode`] or
    /// [`Error::Offset`] for an option out of range, [`Error::Timeout`] if a machine
    /// initialised no page in time, [`Error::LeftBehind`] if another user did not
    /// remove what a talk of its has left,
    /// [`Error::Stuck`] if another process keeps the object locked,
    /// [`Error::System`] if a system call fails.
    pub fn sit_down(&self, name: &Name) -> Result<Waiting, Error> {
        self.sit_down_with(name, |time, _| sys::nap(time))
    }

    /// The same, for a program that has something to do meanwhile: `idle` is called to let
    /// some time pass, and is told whom this waits for, `None` if just for a process
    /// on its way in or out. Nothing is held then that others would miss: the program may
    /// end in it.
    ///
    /// # Errors
    /// Those of [`sit_down`](Self::sit_down).
    pub fn sit_down_with(
        &self,
        name: &Name,
        idle: impl FnMut(Duration, Option<Awaited>),
    ) -> Result<Waiting, Error> {
        let request = Request::new(name.clone(), self.pages, self.mode, self.tenancy)?;
        let deadline = Deadline::new(self.timeout);
        let current = Arc::new(Current::default());
        let talk = current.sit_down(|| Seated::sit_down(request.clone(), deadline, idle))?;
        Ok(Waiting {
            request,
            talk,
            current,
            deadline,
        })
    }
}

/// One who sits at an object; the peer may be there already or not.
///
/// Dropping it gets up again.
#[derive(Debug)]
pub struct Waiting {
    request: Request,
    talk: Arc<Talk>,
    /// For those who may have to end it.
    current: Arc<Current>,
    deadline: Deadline,
}

impl Waiting {
    /// Waits for the peer, asleep, and returns the two ends. If somebody removes the
    /// object meanwhile, this sits down again.
    ///
    /// # Errors
    /// [`Error::Timeout`] if no peer came in time (the object is removed again, and
    /// nobody has joined it), [`Error::System`] if a system call fails; if it was removed,
    /// those of [`sit_down`](Options::sit_down), or [`Error::Ended`] after
    /// [`TalkHandle::remove_name`].
    pub fn wait_for_peer(self) -> Result<Channel, Error> {
        self.wait_for_peer_with(|time, _| sys::nap(time), || ())
    }

    /// The same, with what to do while it sits down again, as in
    /// [`sit_down_with`](Options::sit_down_with), and afterwards: then another object is the
    /// handle's ([`TalkHandle::named_object`]).
    ///
    /// # Errors
    /// Those of [`wait_for_peer`](Self::wait_for_peer).
    pub fn wait_for_peer_with(
        self,
        mut idle: impl FnMut(Duration, Option<Awaited>),
        moved: impl Fn(),
    ) -> Result<Channel, Error> {
        let (mut talk, deadline) = (self.talk, self.deadline);
        while talk.seated.seat == Seat::First
            && talk.seated.wait_for_peer(deadline)? == Arrival::NameLost
        {
            // Gets up first, or it might meet itself, where the name leads here again.
            drop(talk);
            let seated = || Seated::sit_down(self.request.clone(), deadline, &mut idle);
            talk = self.current.sit_down(seated)?;
            moved();
        }
        watch(&talk)?;
        let Seated { page, seat, .. } = &talk.seated;
        let wait = Sleep::new(page.clone(), seat.peer(), Linux::default());
        let ends = map::ends(page, *seat, wait);
        let (sender, receiver) = ends.ok_or(Error::Ended)?;
        Ok(Channel {
            peer: Peer(Arc::clone(&talk.fate)),
            sender: Sender::new(sender, Arc::clone(&talk)),
            receiver: Receiver::new(receiver, talk),
        })
    }

    /// A handle on this talk, for other threads.
    #[must_use]
    pub fn handle(&self) -> TalkHandle {
        TalkHandle(Arc::clone(&self.current))
    }
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

impl Channel {
    /// Ends the talk in good order: ends our stream, copies what the peer still sends to
    /// `rest`, confirms it, and waits until the peer has confirmed ours. Returns the
    /// number of bytes copied. `Ok` is a certificate for both streams.
    ///
    /// This takes as long as the peer goes on sending. It cannot wait for a peer that
    /// waits for it: whatever that does first, it gets what it needs for that.
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
    /// # Errors
    /// Those of `rest`, and those of reading and closing, which [`Error::from_io`] tells
    /// apart. The talk has ended then, and the peer is told that it is incomplete.
    pub fn finish(mut self, rest: &mut impl Write) -> io::Result<u64> {
        self.sender.end();
        let count = io::copy(&mut self.receiver, rest)?;
        rest.flush()?;
        self.receiver.close()?;
        self.sender.close()?;
        Ok(count)
    }
}
