//! The bridges of this process: which end belongs to which, and how their threads begin and
//! end.
//!
//! An end gets a place when it first has to wait, and keeps it until it is dropped. A bridge
//! has places for 127 ends, as many as `futex_waitv(2)` takes beside the control word, and
//! one thread. If no bridge has a place left, another one is made. The thread ends when the
//! last of its ends is dropped.
//!
//! Where the kernel has no `futex_waitv(2)` (before Linux 5.16), or a sandbox forbids it, a
//! bridge has one place, and its thread sleeps on that word alone. A kick then wakes the
//! word's sleeper. It comes for nothing if the thread is about to sleep. So the thread looks
//! again once a second: that is how late it may notice that its end was dropped.
//!
//! A child that was forked has none of these threads, and perhaps a lock that nobody will
//! ever unlock. So the process in which the first end waited has all bridges, and another
//! one that inherited them touches nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use memtalk_ring::Watched;

use super::bridge::{Bridge, Ends, Id, Kernel, Lock, Removed, Which, Word};
use super::linux::now;
use super::nap;
use super::patience::Patience;
use crate::error::Error;
use crate::error::system::doing;
use crate::sys::map::{self, Mapping};
use crate::sys::{self, crash_points, futex};
use crate::talk::Talk;

type LinuxBridge = Bridge<Mapping, Linux>;

/// The bridges that may have places.
static BRIDGES: Mutex<Vec<Arc<LinuxBridge>>> = Mutex::new(Vec::new());

/// The process that has the bridges, once one has.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// How often a thread looks again that sleeps on one word.
const SECOND: Duration = Duration::from_secs(1);

fn bridges() -> MutexGuard<'static, Vec<Arc<LinuxBridge>>> {
    BRIDGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fails in a process that inherited the bridges.
fn check_process() -> Result<(), Error> {
    let process = std::process::id();
    match OWNER.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
        Err(owner) if owner != process => Err(Error::Forked),
        _ => Ok(()),
    }
}

/// The place of one end: none before it first has to wait.
#[derive(Debug)]
pub(crate) struct Place {
    word: Word<Mapping>,
    at: Option<(Arc<LinuxBridge>, Id)>,
    patience: Patience,
}

impl Place {
    pub(crate) fn new(talk: &Talk, which: Which) -> Self {
        let seated = &talk.seated;
        Self {
            word: Word::new(seated.page.clone(), seated.seat, which),
            at: None,
            patience: Patience::default(),
        }
    }

    /// Whether the task may be asked to look again instead of waiting.
    pub(crate) fn set_patient(&mut self, patient: bool) {
        self.patience = match patient {
            true => Patience::default(),
            false => Patience::none(),
        };
    }

    /// A look has found nothing: whether the task, which is woken then, is to look again
    /// instead of waiting.
    pub(crate) fn looks_again(&mut self, waker: &Waker) -> bool {
        let again = self.patience.looks_again(Instant::now);
        if again {
            waker.wake_by_ref();
        }
        again
    }

    /// A look has found something.
    #[inline]
    pub(crate) fn found(&mut self) {
        self.patience.found(Instant::now);
    }

    /// Calls `poll`, with the function that it is to call before it returns
    /// [`Poll::Pending`] because the peer has not done enough.
    pub(crate) fn poll<T>(
        &mut self,
        waker: &Waker,
        poll: impl FnOnce(&mut dyn FnMut(u32)) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        let mut failed = None;
        let polled = poll(&mut |seen| failed = self.register(seen, waker).err());
        if polled.is_ready() {
            self.found();
            return polled;
        }
        failed.map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }

    fn register(&mut self, seen: u32, waker: &Waker) -> Result<(), Error> {
        check_process()?;
        let (bridge, id) = match &mut self.at {
            Some(at) => at,
            None => self.at.insert(find_place(&self.word)?),
        };
        bridge.register(*id, seen, waker);
        Ok(())
    }
}

/// A place in a bridge, perhaps in a new one.
fn find_place(word: &Word<Mapping>) -> Result<(Arc<LinuxBridge>, Id), Error> {
    let place = |bridge: &Arc<LinuxBridge>| {
        let id = bridge.add(word.clone())?;
        Some((Arc::clone(bridge), id))
    };
    let mut bridges = bridges();
    if let Some(place) = bridges.iter().find_map(place) {
        return Ok(place);
    }
    let bridge = Arc::new(Bridge::new(Linux::new()));
    let place = place(&bridge).ok_or(Error::Ended)?;
    let runs = Arc::clone(&bridge);
    let thread = thread::Builder::new().name("memtalk-bridge".into());
    sys::start_with_room(thread, move || runs.run()).map_err(Error::system(doing::START_THREAD))?;
    bridges.push(bridge);
    Ok(place)
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((bridge, id)) = self.at.take() else {
            return;
        };
        if check_process().is_err() {
            return;
        }
        let mut bridges = bridges();
        // Under this lock, nobody adds an end to a bridge that has lost its last one.
        let Removed { waker, last } = bridge.remove(id);
        if last {
            bridges.retain(|other| !Arc::ptr_eq(other, &bridge));
        }
        drop(bridges);
        drop(waker);
    }
}

/// [`Kernel`] on Linux.
#[derive(Debug)]
struct Linux {
    /// Whether the thread can sleep on several words.
    waits_for_any: bool,
    /// The number of kicks.
    control: AtomicU32,
}

impl Linux {
    fn new() -> Self {
        Self {
            waits_for_any: futex::can_wait_for_any(),
            control: AtomicU32::new(0),
        }
    }
}

impl Kernel<Mapping> for Linux {
    type Lock = Mutex<Ends<Mapping>>;

    fn now(&self) -> Duration {
        now()
    }

    fn most(&self) -> usize {
        match self.waits_for_any {
            true => futex::MOST,
            false => 1,
        }
    }

    fn can_sleep_on(&self, word: &Word<Mapping>) -> bool {
        !map::is_device(word.page())
    }

    fn wait(&self, kicks: u32, words: &[(Word<Mapping>, u32)], timeout: Option<Duration>) {
        let can_sleep = |(word, _): &&(Word<Mapping>, u32)| self.can_sleep_on(word);
        if self.waits_for_any {
            let control = (&self.control, kicks);
            let words = words.iter().filter(can_sleep);
            let words = words.map(|(word, seen)| (word.watched(), *seen));
            if futex::wait_any(control, words, timeout).is_err() {
                // The kernel is out of memory, or a sandbox forbids the call by now.
                sys::nap(nap::LONGEST);
            }
            return;
        }
        match words {
            [] => futex::wait_private(&self.control, kicks),
            [(word, seen), ..] => {
                let timeout = timeout.map_or(SECOND, |timeout| timeout.min(SECOND));
                match self.can_sleep_on(word) {
                    true => futex::wait(word.watched(), *seen, Some(timeout)),
                    false => sys::nap(timeout.min(nap::LONGEST)),
                }
            }
        }
    }

    fn kick(&self, kicks: u32, word: Watched<'_, crash_points::Careful>) {
        self.control.store(kicks, Ordering::Release);
        futex::wake_private(&self.control);
        if !self.waits_for_any {
            futex::wake(word);
        }
    }

    fn wake(&self, waker: Waker) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            // Dropping it could panic as well.
            std::mem::forget(panic);
        }
    }
}

impl<T> Lock<T> for Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        section(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
