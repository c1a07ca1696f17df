//! `futex(2)` and `futex_waitv(2)` on the real kernel.
//!
//! The word lies in an object that is mapped twice, as it is for two processes: a thread
//! sleeps on one view, and is woken through the other.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use memtalk_ring::layout::SEATED;
use memtalk_ring::{Page, Presence, Seat};

use super::super::map::{self, Mapping};
use super::super::shm;
use super::{
    MOST, can_wait_for_any, set_and_wake, wait, wait_any, wait_private, wake, wake_private,
};

const BOUND: Duration = Duration::from_secs(10);

const SEAT: Seat = Seat::Second;

/// Two views of one page, in which the word of [`SEAT`] is 0.
pub(crate) fn views() -> [Page<Mapping>; 2] {
    views_of(false)
}

/// The same, taken for the memory of a device if `device`.
pub(crate) fn views_of(device: bool) -> [Page<Mapping>; 2] {
    let (file, size) = (shm::create().unwrap(), shm::page_size());
    shm::allocate(&file, size).unwrap();
    let view = || <Mapping>::new(&file, 0, size, device).unwrap();
    let page = map::initialise(view(), Presence::PROCESS).unwrap();
    [page, Page::attach(view()).unwrap()]
}

/// A thread that waits on the word of [`SEAT`].
pub(crate) struct Waiter {
    /// The file in which the kernel says what system call the thread is in.
    task: String,
    word: usize,
    /// Receives a message when the wait has returned.
    returned: Receiver<()>,
}

impl Waiter {
    fn start(page: &Page<Mapping>, seen: u32, timeout: Option<Duration>) -> Self {
        let word = page.seat_word(SEAT).as_ptr().addr();
        let page = page.clone();
        Self::run(word, move || wait(page.seat_word(SEAT), seen, timeout))
    }

    /// A thread that calls `wait`, for a word at this address.
    pub(crate) fn run(word: usize, wait: impl FnOnce() + Send + 'static) -> Self {
        let (tell_task, task) = mpsc::channel();
        let (tell_return, returned) = mpsc::channel();
        thread::spawn(move || {
            let task = fs::read_link("/proc/thread-self").unwrap();
            tell_task.send(task).unwrap();
            wait();
            tell_return.send(()).unwrap();
        });
        let task = task.recv_timeout(BOUND).unwrap();
        Self {
            task: format!("/proc/{}/syscall", task.display()),
            word,
            returned,
        }
    }

    #[track_caller]
    fn assert_asleep(&self) {
        self.assert_doing(&format!("{} {:#x} ", libc::SYS_futex, self.word));
    }

    /// Waits until the thread sleeps in this system call.
    #[track_caller]
    pub(crate) fn assert_in(&self, call: libc::c_long) {
        self.assert_doing(&format!("{call} "));
    }

    #[track_caller]
    fn assert_doing(&self, call: &str) {
        let began = Instant::now();
        while !fs::read_to_string(&self.task).is_ok_and(|now| now.starts_with(call)) {
            assert!(began.elapsed() < BOUND, "it does not sleep");
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(self.returned.try_recv(), Err(TryRecvError::Empty));
    }

    #[track_caller]
    pub(crate) fn assert_returns(&self) {
        assert_eq!(self.returned.recv_timeout(BOUND), Ok(()), "it sleeps on");
    }
}

#[test]
fn a_thread_that_has_seen_an_old_value_of_the_word_does_not_sleep() {
    let [page, _] = views();
    Waiter::start(&page, SEATED, None).assert_returns();
    Waiter::start(&page, SEATED, Some(Duration::MAX)).assert_returns();
}

#[test]
fn a_waiting_thread_sleeps_until_it_is_woken() {
    let [page, other] = views();
    let waiters = [None, Some(Duration::MAX)].map(|time| Waiter::start(&page, 0, time));
    waiters.iter().for_each(Waiter::assert_asleep);
    wake(other.seat_word(SEAT));
    waiters.iter().for_each(Waiter::assert_returns);
}

#[test]
fn a_wait_with_a_timeout_returns_after_it_and_not_before() {
    let [page, _] = views();
    let time = Duration::from_millis(20);
    let began = Instant::now();
    Waiter::start(&page, 0, Some(time)).assert_returns();
    assert!(began.elapsed() >= time);
}

#[test]
fn setting_the_word_wakes_every_thread_that_sleeps_on_it() {
    let [page, other] = views();
    // Three, since the kernel would wake one even if it is told to wake none.
    let waiters = [(); 3].map(|()| Waiter::start(&page, 0, None));
    waiters.iter().for_each(Waiter::assert_asleep);
    set_and_wake::<SEATED, _>(other.seat_word(SEAT)).unwrap();
    waiters.iter().for_each(Waiter::assert_returns);
    assert_eq!(page.seat_value(SEAT), SEATED);
}

#[test]
fn the_word_is_set_to_the_largest_value_that_the_kernel_takes() {
    let [page, other] = views();
    set_and_wake::<0x7ff, _>(other.seat_word(SEAT)).unwrap();
    assert_eq!(page.seat_value(SEAT), 0x7ff);
    set_and_wake::<0, _>(other.seat_word(SEAT)).unwrap();
    assert_eq!(page.seat_value(SEAT), 0);
}

/// A thread that waits for the control word and for `words`, all of which it has seen as 0.
fn any(control: &Arc<AtomicU32>, words: &[Page<Mapping>], timeout: Option<Duration>) -> Waiter {
    let (control, words) = (Arc::clone(control), words.to_vec());
    Waiter::run(0, move || {
        let words = words.iter().map(|page| (page.seat_word(SEAT), 0));
        wait_any((&control, 0), words, timeout).unwrap();
    })
}

/// Whether this kernel has the call.
fn can_wait() -> bool {
    let can = can_wait_for_any();
    if !can {
        eprintln!("NOT TRIED: this takes futex_waitv(2)");
    }
    can
}

#[test]
fn a_thread_that_waits_for_many_words_is_woken_by_any_of_them() {
    let control = Arc::default();
    let pages: Vec<_> = (0..MOST).map(|_| views()).collect();
    let words: Vec<_> = pages.iter().map(|[page, _]| page.clone()).collect();
    if !can_wait() {
        return;
    }
    for at in [0, MOST / 2, MOST - 1] {
        let waiter = any(&control, &words, Some(Duration::MAX));
        waiter.assert_in(libc::SYS_futex_waitv);
        wake(pages[at][1].seat_word(SEAT));
        waiter.assert_returns();
    }
    let waiter = any(&control, &words, None);
    waiter.assert_in(libc::SYS_futex_waitv);
    control.store(1, Ordering::Relaxed);
    wake_private(&control);
    waiter.assert_returns();
    // It was kicked before.
    any(&control, &words, None).assert_returns();
}

#[test]
fn a_thread_that_has_seen_an_old_value_of_any_word_does_not_sleep() {
    if !can_wait() {
        return;
    }
    let [[one, _], [other, _]] = [views(), views()];
    set_and_wake::<SEATED, _>(other.seat_word(SEAT)).unwrap();
    any(&Arc::default(), &[one, other], None).assert_returns();
}

#[test]
fn a_wait_for_many_words_with_a_timeout_returns_after_it_and_not_before() {
    if !can_wait() {
        return;
    }
    let [page, _] = views();
    let time = Duration::from_millis(20);
    let began = Instant::now();
    any(&Arc::default(), &[page], Some(time)).assert_returns();
    assert!(began.elapsed() >= time);
}

#[test]
fn words_beyond_the_first_127_are_ignored() {
    if !can_wait() {
        return;
    }
    let [page, _] = views();
    let waiter = any(&Arc::default(), &vec![page.clone(); MOST + 1], None);
    waiter.assert_in(libc::SYS_futex_waitv);
    wake(page.seat_word(SEAT));
    waiter.assert_returns();
}

#[test]
fn a_thread_waits_for_a_word_of_this_process_alone() {
    let word = Arc::new(AtomicU32::new(7));
    let waits = Arc::clone(&word);
    let waiter = Waiter::run(word.as_ptr().addr(), move || wait_private(&waits, 7));
    waiter.assert_asleep();
    wake_private(&word);
    waiter.assert_returns();
    let waits = Arc::clone(&word);
    Waiter::run(0, move || wait_private(&waits, 6)).assert_returns();
}
