//! One party that talks to many, one after the other: [`Service`].
//!
//! Whoever joins has a seat at once, at an object of its own, and so a place in the queue.
//! Then the next object gets the name. A client ([`Options::as_client`]) waits at its seat
//! until the service has time for it: while the service holds the *turn* of an object, a
//! lock, its talk has not begun. The turn of an object at which nobody has joined says
//! whether the service is busy. Anybody who is no client is refused then.
//!
//! So clients are served in the order in which they have joined. In what order those join
//! who come at the same moment is the kernel's choice, as with any lock. The kernel drops the
//! turn if the service dies. Then its clients find its seat free, and wait for the next.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::channel::{Channel, Options};
use crate::error::Error;
use crate::lifecycle::await_peer::Arrival;
use crate::lifecycle::request::{Part, Place, Request};
use crate::lifecycle::retry::{DOOR_WAIT, Deadline, LOOK, Retry, SHORT_DOOR_WAIT};
use crate::name::Name;
use crate::sys;
use crate::talk::Talk;
use crate::talk::handle::{Current, TalkHandle};
use crate::talk::seated::Seated;
use crate::talk::watch::watch;
use memtalk_ring::Seat;

/// How many may wait for their turn at their seats. Whoever comes then waits outside.
const BACKLOG: usize = 64;

/// A party that talks to many, one after the other, under one name.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use memtalk::{Name, Options, Service};
/// use std::io::Write;
///
/// let name = Name::new(format!("/memtalk-service-{}", std::process::id()))?;
/// let service = Service::open(&Options::new(), &name)?;
/// let client = |text: &'static [u8]| {
///     let name = name.clone();
///     std::thread::spawn(move || {
///         let mut channel = Options::new().as_client().open(&name).unwrap();
///         channel.sender.write_all(text).unwrap();
///         channel.finish(&mut std::io::sink()).unwrap();
///     })
/// };
/// let clients = [client(b"one"), client(b"two")];
/// for _ in 0..2 {
///     let mut text = Vec::new();
///     service.accept()?.finish(&mut text)?;
///     assert_eq!(text.len(), 3);
/// }
/// # clients.map(|client| client.join().unwrap());
/// # Ok(())
/// # }
/// ```
///
/// Dropping it removes the name. Talks that have begun go on.
pub struct Service {
    reception: Arc<Reception>,
    current: Arc<Current>,
}

/// What the service shares with the thread that receives newcomers.
#[derive(Default)]
struct Reception {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Who has joined, and waits.
    queue: VecDeque<Arc<Talk>>,
    /// Where whoever comes next may join.
    open: Option<Arc<Talk>>,
    /// The service waits for somebody.
    idle: bool,
    /// Why no more come.
    failure: Option<Error>,
    /// The service is dropped.
    over: bool,
}

impl Service {
    /// Opens a service under `name`: creates the object, or joins the party that waits
    /// there. The timeout of `options`, and what cancels them, are ignored.
    ///
    /// # Errors
    /// Those of [`Options::sit_down`].
    pub fn open(
        options: &Options,
        name: impl TryInto<Name, Error: Into<Error>>,
    ) -> Result<Self, Error> {
        Self::open_with(options, name, |_| ())
    }

    /// As [`open`](Self::open). `moved` is called with a handle whenever another object has
    /// got the name: from then on [`TalkHandle::named_object`] returns that.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_with(
        options: &Options,
        name: impl TryInto<Name, Error: Into<Error>>,
        moved: impl Fn(&TalkHandle) + Send + 'static,
    ) -> Result<Self, Error> {
        let mut request = options.request(Place::Name(name.try_into().map_err(Into::into)?))?;
        let current = Arc::new(Current::default());
        let first = current.sit_down(|| sit_down(&request))?;
        moved(&TalkHandle(Arc::clone(&current)));
        request.part = Part::BusyService;
        let reception = Arc::new(Reception::default());
        reception.state().open = Some(Arc::clone(&first));
        let (welcome, here) = (Arc::clone(&reception), Arc::clone(&current));
        let receive = move || {
            let failure = welcome.receive(first, &request, &here, &moved).err();
            let mut state = welcome.state();
            (state.failure, state.open) = (failure, None);
            welcome.changed.notify_all();
        };
        let thread = thread::Builder::new().name("memtalk-accept".into());
        sys::start(thread, receive).map_err(Error::system("start a thread"))?;
        Ok(Self { reception, current })
    }

    /// Waits, asleep, for the next peer, and begins the talk with it: with those who wait
    /// already, in the order in which they have joined. Whoever has left before its turn is
    /// left out. While this is not called, the service counts as busy.
    ///
    /// # Errors
    /// Nobody can come any more: those of [`Options::sit_down`] and
    /// [`Waiting::wait_for_peer`](crate::Waiting::wait_for_peer).
    pub fn accept(&self) -> Result<Channel, Error> {
        loop {
            let talk = self.reception.next()?;
            if talk.seated.peer_sits()? {
                talk.seated.attend()?;
                return Channel::new(talk);
            }
        }
    }

    /// Lets nobody join any more, from any thread: removes the name, as
    /// [`TalkHandle::remove_name`] does. From now on [`accept`](Self::accept) fails with
    /// [`Error::Ended`], and no talk begins. Those who wait for their turn wait for another
    /// service, once this one is dropped or the process has ended.
    ///
    /// # Errors
    /// Those of [`TalkHandle::remove_name`].
    pub fn stop(&self, within: Duration) -> Result<(), Error> {
        self.reception.state().over = true;
        self.reception.changed.notify_all();
        TalkHandle(Arc::clone(&self.current)).remove_name(within)
    }

    /// Whether [`accept`](Self::accept) waits for a peer, or has failed. Otherwise it has
    /// returned one, or has yet to be called.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.reception.state().idle
    }
}

/// The name, and whether it waits.
impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("place", &self.current.place())
            .field("is_idle", &self.is_idle())
            .finish_non_exhaustive()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Nothing is lost if this fails: the next process that uses the name finds an
        // object with free seats.
        let _ = self.stop(SHORT_DOOR_WAIT);
        let mut state = self.reception.state();
        (state.open, state.queue) = (None, VecDeque::new());
    }
}

impl Reception {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, condition: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self
            .changed
            .wait_while(self.state(), |state| condition(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one who has joined.
    fn next(&self) -> Result<Arc<Talk>, Error> {
        let mut state = self.state();
        state.idle = true;
        if let (true, false, Some(open)) = (state.queue.is_empty(), state.over, &state.open) {
            // Whoever joins is served at once.
            open.seated.attend()?;
        }
        drop(state);
        let nobody = |state: &State| state.queue.is_empty() && state.failure.is_none();
        let mut state = self.wait_while(|state| nobody(state) && !state.over);
        if state.over {
            return Err(Error::Ended);
        }
        state.idle = false;
        let next = state.queue.pop_front();
        self.changed.notify_all();
        match (next, state.failure.take()) {
            (Some(talk), failure) => {
                state.failure = failure;
                Ok(talk)
            }
            (None, failure) => Err(failure.unwrap_or(Error::Ended)),
        }
    }

    /// Receives newcomers, until the service is over.
    fn receive(
        &self,
        mut talk: Arc<Talk>,
        request: &Request,
        current: &Arc<Current>,
        moved: &impl Fn(&TalkHandle),
    ) -> Result<(), Error> {
        loop {
            let joined = match talk.seated.seat {
                Seat::First => talk.seated.wait_for_peer(&Deadline::never())? != Arrival::NameLost,
                Seat::Second => true,
            };
            let mut state = self.state();
            state.open = None;
            if state.over {
                return Err(Error::Ended);
            }
            drop(state);
            if joined {
                watch(&talk)?;
                let full = |state: &State| state.queue.len() >= BACKLOG && !state.over;
                let mut state = self.wait_while(full);
                state.queue.push_back(Arc::clone(&talk));
                self.changed.notify_all();
                drop(state);
                talk.seated.release_name(Retry::within(DOOR_WAIT))?;
            }
            // Get up first, if the name is lost. If it leads here again, we would join
            // ourselves.
            drop(talk);
            talk = loop {
                match current.sit_down(|| sit_down(request)) {
                    // Two others have met here.
                    Err(Error::Busy) => sys::nap(LOOK),
                    talk => break talk?,
                }
            };
            moved(&TalkHandle(Arc::clone(current)));
            let mut state = self.state();
            if state.idle && state.queue.is_empty() {
                talk.seated.attend()?;
            }
            state.open = Some(Arc::clone(&talk));
        }
    }
}

fn sit_down(request: &Request) -> Result<Seated, Error> {
    let idle = |time: Duration, _| sys::nap(time);
    Seated::sit_down(request.clone(), &Deadline::never(), idle)
}
