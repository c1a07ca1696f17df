//! When a bridge looks again, kicks and wakes: one step after the other, in one thread.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use memtalk::wait::bridge::{Bridge, Ends, Id, Kernel, Lock, Which, Word};
use memtalk_ring::{Native, Page, PageRing, Presence, Seat, Sender, Spin, Watched};
use verification::backend::{Backend, SharedPage, page};
use verification::bound::bound_the_whole;

type Memory = SharedPage<Native>;

thread_local! {
    static LOCKED: Cell<bool> = const { Cell::new(false) };
}

/// A lock for one thread.
struct Alone<T>(RefCell<T>);

impl<T> Lock<T> for Alone<T> {
    fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        LOCKED.set(true);
        let result = section(&mut self.0.borrow_mut());
        LOCKED.set(false);
        result
    }
}

/// One wait: the number of kicks, the values that the words are to hold, the timeout.
type Slept = (u32, Vec<u32>, Option<Duration>);

/// What happens during a wait.
type Step = Box<dyn FnOnce()>;

/// A kernel that records what it is asked for. Its time passes in sleep alone.
#[derive(Default)]
struct Noted {
    clock: Cell<Duration>,
    slept: RefCell<Vec<Slept>>,
    kicks: RefCell<Vec<u32>>,
    steps: RefCell<Vec<Step>>,
}

impl Kernel<Memory> for &'static Noted {
    type Lock = Alone<Ends<Memory>>;

    fn now(&self) -> Duration {
        self.clock.get()
    }

    fn most(&self) -> usize {
        2
    }

    fn wait(&self, kicks: u32, words: &[(Word<Memory>, u32)], timeout: Option<Duration>) {
        let seen = words.iter().map(|(_, seen)| *seen).collect();
        self.slept.borrow_mut().push((kicks, seen, timeout));
        self.clock
            .set(self.clock.get() + timeout.unwrap_or_default());
        let step = self.steps.borrow_mut().pop();
        step.expect("it waits once more than the test has steps")();
    }

    fn kick(&self, kicks: u32, _word: Watched<'_, Native>) {
        self.kicks.borrow_mut().push(kicks);
    }

    fn wake(&self, waker: Waker) {
        waker.wake();
    }
}

#[derive(Default)]
struct Counted(AtomicU32);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A bridge with one end: the receiver of the second seat, whose peer is like `first`.
struct Scene {
    noted: &'static Noted,
    bridge: &'static Bridge<Memory, &'static Noted>,
    page: Page<Memory>,
    sender: &'static RefCell<Sender<PageRing<Memory>, Spin>>,
    id: Id,
    woken: Arc<Counted>,
}

impl Scene {
    fn new(first: Presence) -> Self {
        bound_the_whole();
        let memory = page::<Native>(512, Native::word);
        // SAFETY: nobody has taken ends in this memory.
        let page = unsafe { Page::initialise(memory, first) }.unwrap();
        // SAFETY: the ends of the first seat are taken once.
        let (sender, _) = unsafe { page.ends(Seat::First, Spin) };
        let noted: &Noted = Box::leak(Box::default());
        let bridge: &Bridge<_, _> = Box::leak(Box::new(Bridge::new(noted)));
        let word = Word::new(page.clone(), Seat::Second, Which::Receiver);
        Self {
            noted,
            bridge,
            page,
            sender: Box::leak(Box::new(RefCell::new(sender))),
            id: bridge.add(word).unwrap(),
            woken: Arc::default(),
        }
    }

    fn register(&self, seen: u32) {
        self.bridge
            .register(self.id, seen, &Arc::clone(&self.woken).into());
    }

    /// Runs the bridge's thread. `steps` happen one after the other, during its waits.
    fn run(&self, mut steps: Vec<Step>) {
        let (bridge, id) = (self.bridge, self.id);
        steps.push(Box::new(move || assert!(bridge.remove(id).last)));
        steps.reverse();
        *self.noted.steps.borrow_mut() = steps;
        self.bridge.run();
        assert!(self.noted.steps.borrow().is_empty(), "it ended too early");
    }

    /// A byte is sent.
    fn byte(&self) -> Step {
        let sender = self.sender;
        Box::new(move || assert_eq!(sender.borrow_mut().send(&[0]), Ok(1)))
    }

    /// The task registers what it has seen.
    fn registers(&self, seen: u32) -> Step {
        let (bridge, id, woken) = (self.bridge, self.id, Arc::clone(&self.woken));
        Box::new(move || bridge.register(id, seen, &woken.clone().into()))
    }

    /// A wake-up for nothing, or the end of a nap.
    fn nothing() -> Step {
        Box::new(|| ())
    }

    fn woken(&self) -> u32 {
        self.woken.0.load(Ordering::Relaxed)
    }

    /// What each wait was for.
    fn seen(&self) -> Vec<Vec<u32>> {
        let slept = self.noted.slept.borrow();
        slept.iter().map(|(_, seen, _)| seen.clone()).collect()
    }
}

#[test]
fn a_task_is_woken_once_the_word_has_changed_and_not_before() {
    let scene = Scene::new(Presence::PROCESS);
    scene.register(0);
    let woken = Arc::clone(&scene.woken);
    let is_asleep = Box::new(move || assert_eq!(woken.0.load(Ordering::Relaxed), 0));
    scene.run(vec![Scene::nothing(), is_asleep, scene.byte()]);
    assert_eq!(scene.woken(), 1);
    assert_eq!(scene.seen(), [[0], [0], [0], [1]]);
    assert!(
        scene
            .noted
            .slept
            .borrow()
            .iter()
            .all(|slept| slept.2.is_none())
    );
}

#[test]
fn a_word_that_has_changed_already_wakes_at_once() {
    let scene = Scene::new(Presence::PROCESS);
    scene.byte()();
    scene.register(0);
    scene.run(vec![]);
    assert_eq!(scene.woken(), 1);
}

#[test]
fn an_end_stays_armed_until_the_next_change_and_no_longer() {
    let scene = Scene::new(Presence::PROCESS);
    scene.register(0);
    scene.run(vec![scene.byte(), scene.byte(), scene.byte()]);
    assert_eq!(scene.woken(), 1);
    assert_eq!(scene.seen(), [vec![0], vec![1], vec![], vec![]]);
}

#[test]
fn who_registers_what_the_thread_sleeps_with_need_not_kick() {
    let scene = Scene::new(Presence::PROCESS);
    scene.register(0);
    assert_eq!(*scene.noted.kicks.borrow(), [1]);
    // It is woken, waits for more, and is polled again for no reason.
    scene.run(vec![
        scene.byte(),
        scene.registers(1),
        scene.registers(1),
        scene.byte(),
    ]);
    assert_eq!(scene.woken(), 2);
    // The second kick is that of the removal.
    assert_eq!(*scene.noted.kicks.borrow(), [1, 2]);
}

#[test]
fn who_registers_anything_else_kicks() {
    let scene = Scene::new(Presence::PROCESS);
    scene.register(0);
    scene.run(vec![scene.byte(), scene.registers(2), Scene::nothing()]);
    assert_eq!(*scene.noted.kicks.borrow(), [1, 2, 3]);
    let slept = scene.noted.slept.borrow();
    let kicks: Vec<_> = slept.iter().map(|slept| slept.0).collect();
    assert_eq!(
        kicks,
        [1, 1, 2, 2],
        "each wait is with the kicks of its look"
    );
}

#[test]
fn naps_for_a_silent_peer_grow_up_to_five_milliseconds_and_begin_anew_with_each_wait() {
    let scene = Scene::new(Presence::DEVICE);
    scene.register(0);
    let mut steps: Vec<_> = (0..9).map(|_| Scene::nothing()).collect();
    steps.extend([scene.byte(), scene.registers(1), scene.byte()]);
    scene.run(steps);
    let slept = scene.noted.slept.borrow();
    let naps: Vec<_> = slept
        .iter()
        .map(|slept| slept.2.map_or(0, |nap| nap.as_micros()))
        .collect();
    let grown = [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000];
    assert_eq!(naps[..10], grown);
    // It does not stay armed. So whoever registers has to kick.
    assert_eq!(naps[10..], [0, 50, 0]);
    assert_eq!(slept[10].1, [0; 0]);
    assert_eq!(*scene.noted.kicks.borrow(), [1, 2, 3]);
    assert_eq!(scene.woken(), 2);
}

#[test]
fn a_peer_that_begins_to_wake_is_waited_for_without_naps() {
    let scene = Scene::new(Presence::DEVICE);
    let page = scene.page.clone();
    scene.register(0);
    let begins = Box::new(move || page.say(Seat::First, Presence::PROCESS));
    scene.run(vec![begins, Scene::nothing()]);
    let slept = scene.noted.slept.borrow();
    let naps: Vec<_> = slept.iter().map(|slept| slept.2.is_some()).collect();
    assert_eq!(naps, [true, false, false]);
}

/// A nap is not prolonged by what other ends have to do.
#[test]
fn a_nap_ends_when_it_is_due() {
    let scene = Scene::new(Presence::DEVICE);
    scene.register(0);
    let noted = scene.noted;
    // The kernel let the whole nap pass. Here it comes back early.
    let early = Box::new(move || noted.clock.set(Duration::from_micros(20)));
    scene.run(vec![early]);
    let slept = noted.slept.borrow();
    assert_eq!(slept[1].2, Some(Duration::from_micros(30)));
}

#[test]
fn a_bridge_has_so_many_places_and_no_more() {
    let scene = Scene::new(Presence::PROCESS);
    let word = || Word::new(scene.page.clone(), Seat::Second, Which::Sender);
    let id = scene.bridge.add(word()).unwrap();
    assert_ne!(id, scene.id);
    assert!(scene.bridge.add(word()).is_none());
    assert!(!scene.bridge.remove(id).last);
    let next = scene.bridge.add(word()).unwrap();
    assert_ne!(next, id, "a number comes again");
    // A number that is gone means nothing.
    scene.bridge.register(id, 0, Waker::noop());
    assert!(!scene.bridge.remove(id).last);
    assert!(!scene.bridge.remove(next).last);
    scene.run(vec![]);
}

#[test]
fn each_end_waits_for_the_word_that_its_peer_writes() {
    let scene = Scene::new(Presence::PROCESS);
    for seat in [Seat::First, Seat::Second] {
        let words = [Which::Sender, Which::Receiver]
            .map(|which| Word::new(scene.page.clone(), seat, which));
        for (word, expected) in words.iter().zip(scene.page.peers_words(seat)) {
            assert_eq!(word.watched().as_ptr(), expected.as_ptr());
        }
    }
}

/// A waker that may be dropped outside of the lock only.
struct Outside;

impl Wake for Outside {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Outside {
    fn drop(&mut self) {
        assert!(!LOCKED.get(), "any code may run in here");
    }
}

#[test]
fn wakers_are_dropped_outside_of_the_lock() {
    let scene = Scene::new(Presence::PROCESS);
    let waker = || Arc::new(Outside).into();
    scene.bridge.register(scene.id, 0, &waker());
    scene.bridge.register(scene.id, 0, &waker());
    drop(scene.bridge.remove(scene.id));
}
