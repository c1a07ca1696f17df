//! The bridge between tasks and futexes: a thread that waits, in place of tasks, for the
//! index words of their peers, and wakes the tasks' wakers.
//!
//! # Contract
//! - An end that is to be waited for is [added](Bridge::add), and [removed](Bridge::remove)
//!   when it is dropped. A task that finds too little [registers](Bridge::register) what it
//!   has seen and its waker: what `poll_wait` of the ring calls.
//! - The waker is woken once the word differs from what the task has seen, or soon after. It
//!   is woken once for each registration, and may be woken although the task then finds too
//!   little.
//! - The thread keeps the memory of a word alive while it waits for it.
//! - Wakers are cloned, woken and dropped outside of the lock, since they may run any code:
//!   another end of this bridge may be dropped in it.
//!
//! # No wake-up is lost
//! For each end the bridge keeps the value that it is *armed* with. The thread copies the
//! armed values under the lock, together with the number of *kicks*. Then it sleeps, in one
//! system call, while each word holds its armed value and the control word holds that number
//! of kicks. Whoever changes an armed value or removes an end, under the lock, kicks: counts
//! up the control word, and wakes its sleeper. So the thread never stays asleep with
//! anything but the armed values of this moment.
//!
//! A task registers: from then on its end is armed with what it has seen, and has its waker.
//! Then it announces what it wants, makes the fence, and looks again. If it still finds too
//! little, the peer sees the announcement after whatever it publishes next, and wakes the
//! word's sleepers (the proof in the ring's `protocol`). At that moment the thread
//! - sleeps with this armed value, and is woken; or
//! - has yet to compare the word with it: finds another value, and does not sleep; or
//! - is awake, or kicked: it looks at the word under the lock, after the registration.
//!
//! In each case it looks at the word under the lock, and finds that it differs. Only then
//! does it take the waker. It is not enough that somebody woke the word: the task would
//! find no more than before. And the word does not come back to the value that was seen
//! while the task waits (`protocol`, too).
//!
//! # An end stays armed
//! Kicks cost a system call and two switches between threads. A task that is woken often
//! waits again soon, while its peer has done no more. So after the wake-up the end stays
//! armed with the new value. If the task registers that, it need not kick. If the word
//! changes before, nobody waits, and the end is no longer armed. A
//! [silent](memtalk_ring::layout::SILENT) peer's end does not stay armed, because somebody
//! has to tell the thread that it is to nap again.

use std::mem::swap;
use std::task::Waker;
use std::time::Duration;

use memtalk_ring::{Page, PageMemory, Seat, Watched};

use super::nap::{Nap, is_woken_by};

/// What the system does for a bridge. A model checker can take its place.
pub trait Kernel<M: PageMemory> {
    /// The lock that the bridge's ends are behind.
    type Lock: Lock<Ends<M>>;

    /// The time, on a clock that never goes back, since some moment.
    fn now(&self) -> Duration;

    /// The most ends that a wait can be for.
    fn most(&self) -> usize;

    /// Whether a wait ends when the peer wakes `word`. If not, the thread naps.
    fn can_sleep_on(&self, _word: &Word<M>) -> bool {
        true
    }

    /// Sleeps while each of `words` holds the value beside it, and while the number of kicks
    /// is `kicks`, or for `timeout`. May return early.
    fn wait(&self, kicks: u32, words: &[(Word<M>, u32)], timeout: Option<Duration>);

    /// Makes `kicks` the number of kicks, and ends a wait with another number. Called under
    /// the lock, for a change that is about `word`.
    fn kick(&self, kicks: u32, word: Watched<'_, M::Atomics>);

    /// Wakes `waker`. One that panics is survived.
    fn wake(&self, waker: Waker);
}

/// A lock around a value.
pub trait Lock<T> {
    /// A lock around `value`.
    fn new(value: T) -> Self;

    /// Calls `section` with the value. Nobody else has it meanwhile.
    fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R;
}

/// Which end of a seat.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// The sender.
    Sender,
    /// The receiver.
    Receiver,
}

/// The word that one end waits for: an index word of its peer.
#[derive(Clone, Debug)]
pub struct Word<M: PageMemory> {
    page: Page<M>,
    seat: Seat,
    which: Which,
}

impl<M: PageMemory> Word<M> {
    /// The word that this end at `seat` of `page` waits for.
    pub fn new(page: Page<M>, seat: Seat, which: Which) -> Self {
        Self { page, seat, which }
    }

    /// The page that it is in.
    pub(crate) fn page(&self) -> &Page<M> {
        &self.page
    }

    /// The word itself.
    pub fn watched(&self) -> Watched<'_, M::Atomics> {
        let [sender, receiver] = self.page.peers_words(self.seat);
        match self.which {
            Which::Sender => sender,
            Which::Receiver => receiver,
        }
    }

    /// Whether the peer wakes whoever sleeps on the word.
    fn is_woken(&self) -> bool {
        is_woken_by(&self.page, self.seat.peer())
    }
}

/// The number of an end in its bridge. It never comes again.
pub type Id = u64;

/// A thread that waits in place of tasks: what it shares with them.
#[derive(Debug)]
pub struct Bridge<M: PageMemory, K: Kernel<M>> {
    ends: K::Lock,
    kernel: K,
}

/// The ends that a bridge may have to wait for.
#[derive(Debug)]
pub struct Ends<M: PageMemory> {
    all: Vec<End<M>>,
    kicks: u32,
    next: Id,
}

/// An end, and the task that waits there.
#[derive(Debug)]
struct End<M: PageMemory> {
    id: Id,
    word: Word<M>,
    /// The value with which the thread sleeps on the word. `None`: it does not.
    armed: Option<u32>,
    /// The waker of the task that waits.
    waker: Option<Waker>,
    /// How the thread naps if the peer is silent, and when this nap is over.
    nap: Nap,
    due: Option<Duration>,
}

/// What [`Bridge::remove`] leaves.
#[derive(Debug)]
pub struct Removed {
    /// The waker of the end, to be dropped outside of any lock.
    pub waker: Option<Waker>,
    /// Whether it was the last end. Then the thread ends, and no end may be added again.
    pub last: bool,
}

impl<M: PageMemory, K: Kernel<M>> Bridge<M, K> {
    /// A bridge without ends. Its thread is to [run](Self::run) once it has one.
    pub fn new(kernel: K) -> Self {
        let ends = Ends {
            all: Vec::new(),
            kicks: 0,
            next: 0,
        };
        Self {
            ends: Lock::new(ends),
            kernel,
        }
    }

    /// Adds an end that waits for `word`. `None` if there are too many already.
    pub fn add(&self, word: Word<M>) -> Option<Id> {
        self.ends.with(|ends| {
            let id = ends.next;
            (ends.all.len() < self.kernel.most()).then(|| {
                ends.next += 1;
                ends.all.push(End {
                    id,
                    word,
                    armed: None,
                    waker: None,
                    nap: Nap::default(),
                    due: None,
                });
                id
            })
        })
    }

    /// Has `waker` woken once the word of this end is not `seen`. An earlier waker is
    /// forgotten.
    pub fn register(&self, id: Id, seen: u32, waker: &Waker) {
        let mut waker = Some(waker.clone());
        self.ends.with(|ends| {
            let Some(end) = ends.all.iter_mut().find(|end| end.id == id) else {
                return;
            };
            swap(&mut end.waker, &mut waker);
            if waker.is_none() {
                (end.nap, end.due) = (Nap::default(), None);
            }
            if end.armed != Some(seen) {
                end.armed = Some(seen);
                ends.kicks = ends.kicks.wrapping_add(1);
                self.kernel.kick(ends.kicks, end.word.watched());
            }
        });
    }

    /// Removes an end. Its task is not woken.
    pub fn remove(&self, id: Id) -> Removed {
        self.ends.with(|ends| {
            let at = ends.all.iter().position(|end| end.id == id);
            let end = at.map(|at| ends.all.swap_remove(at));
            if let Some(end) = &end {
                ends.kicks = ends.kicks.wrapping_add(1);
                self.kernel.kick(ends.kicks, end.word.watched());
            }
            Removed {
                waker: end.and_then(|end| end.waker),
                last: ends.all.is_empty(),
            }
        })
    }

    /// Waits and wakes, until no end is left.
    pub fn run(&self) {
        let (mut words, mut woken) = (Vec::new(), Vec::new());
        loop {
            let look = |ends: &mut Ends<M>| ends.look(&self.kernel, &mut words, &mut woken);
            let Some((kicks, timeout)) = self.ends.with(look) else {
                return;
            };
            for waker in woken.drain(..) {
                self.kernel.wake(waker);
            }
            self.kernel.wait(kicks, &words, timeout);
            // An end may have been removed. Its memory is not needed any more.
            words.clear();
        }
    }
}

impl<M: PageMemory> Ends<M> {
    /// Looks at all words. Puts what the thread is to wait for into `words`, and the wakers
    /// of those who have waited into `woken`. Returns the number of kicks, and for how long
    /// to sleep at most; `None` if no end is left.
    fn look<K: Kernel<M>>(
        &mut self,
        kernel: &K,
        words: &mut Vec<(Word<M>, u32)>,
        woken: &mut Vec<Waker>,
    ) -> Option<(u32, Option<Duration>)> {
        let mut timeout: Option<Duration> = None;
        for end in &mut self.all {
            let Some(seen) = end.armed else { continue };
            // Before the kernel compares the word: see `nap`.
            let is_woken = kernel.can_sleep_on(&end.word) && end.word.is_woken();
            let value = end.word.watched().value();
            if value != seen {
                let waker = end.waker.take();
                end.armed = (waker.is_some() && is_woken).then_some(value);
                woken.extend(waker);
            }
            let Some(armed) = end.armed else { continue };
            words.push((end.word.clone(), armed));
            if !is_woken {
                let left = end.nap_left(kernel.now());
                timeout = Some(timeout.map_or(left, |timeout| timeout.min(left)));
            }
        }
        (!self.all.is_empty()).then_some((self.kicks, timeout))
    }
}

impl<M: PageMemory> End<M> {
    /// How long to nap until the next look at the word of a silent peer.
    fn nap_left(&mut self, now: Duration) -> Duration {
        let due = match self.due {
            Some(due) if now < due => due,
            due => {
                if due.is_some() {
                    self.nap.grow();
                }
                now.saturating_add(self.nap.time())
            }
        };
        self.due = Some(due);
        due.saturating_sub(now)
    }
}
