//! `futex(2)` on the real kernel.
//!
//! The word lies in an object that is mapped twice, as it is for two processes: a thread
//! sleeps on one view, and is woken through the other.

use std::fs;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use memtalk_ring::layout::SEATED;
use memtalk_ring::{Page, Presence, Seat};

use super::super::map::{self, Mapping};
use super::super::shm;
use super::{set_and_wake, wait, wake};

const BOUND: Duration = Duration::from_secs(10);

const SEAT: Seat = Seat::Second;

/// Two views of one page, in which the word of [`SEAT`] is 0.
fn views() -> [Page<Mapping>; 2] {
    let (file, size) = (shm::create().unwrap(), shm::page_size());
    shm::allocate(&file, size).unwrap();
    let view = || Mapping::new(&file, 0, size).unwrap();
    let page = map::initialise(view(), Presence::PROCESS).unwrap();
    [page, Page::attach(view()).unwrap()]
}

/// A thread that waits on the word of [`SEAT`].
struct Waiter {
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
        let (tell_task, task) = mpsc::channel();
        let (tell_return, returned) = mpsc::channel();
        thread::spawn(move || {
            let task = fs::read_link("/proc/thread-self").unwrap();
            tell_task.send(task).unwrap();
            wait(page.seat_word(SEAT), seen, timeout);
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
        let call = format!("{} {:#x} ", libc::SYS_futex, self.word);
        let began = Instant::now();
        while !fs::read_to_string(&self.task).is_ok_and(|now| now.starts_with(&call)) {
            assert!(began.elapsed() < BOUND, "it does not sleep");
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(self.returned.try_recv(), Err(TryRecvError::Empty));
    }

    #[track_caller]
    fn assert_returns(&self) {
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
