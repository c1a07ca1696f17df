//! The thread of a bridge on the real kernel: in which system call it sleeps, and what ends
//! that. Each bridge waits for the sender's word of the second seat, which is 0.

use std::sync::Arc;
use std::time::{Duration, Instant};

use memtalk_ring::{Page, Seat};

use super::{Kernel, Linux, Mapping, Which, Word, futex};
use crate::sys::futex::tests::{Waiter, views, views_of};

/// A kernel that can sleep on several words, if `waits_for_any`.
fn kernel(waits_for_any: bool) -> Arc<Linux> {
    let mut kernel = Linux::new();
    kernel.waits_for_any = waits_for_any;
    Arc::new(kernel)
}

/// The kinds of kernels that can be tried here.
fn kernels() -> impl Iterator<Item = (Arc<Linux>, libc::c_long)> {
    let several = futex::can_wait_for_any();
    if !several {
        eprintln!("NOT TRIED: this takes futex_waitv(2)");
    }
    let several = several.then(|| (kernel(true), libc::SYS_futex_waitv));
    [(kernel(false), libc::SYS_futex)]
        .into_iter()
        .chain(several)
}

fn word(page: Page<Mapping>) -> Word<Mapping> {
    Word::new(page, Seat::Second, Which::Sender)
}

/// A thread that waits, after no kick, for these words.
fn start(kernel: &Arc<Linux>, words: &[Word<Mapping>], timeout: Option<Duration>) -> Waiter {
    let kernel = Arc::clone(kernel);
    let words: Vec<_> = words.iter().map(|word| (word.clone(), 0)).collect();
    Waiter::run(0, move || kernel.wait(0, &words, timeout))
}

#[test]
fn a_thread_with_nothing_to_wait_for_sleeps_until_it_is_kicked() {
    for (kernel, call) in kernels() {
        let thread = start(&kernel, &[], None);
        thread.assert_in(call);
        kernel.kick(1, word(views()[0].clone()).watched());
        thread.assert_returns();
        // It was kicked before.
        start(&kernel, &[], None).assert_returns();
    }
}

#[test]
fn a_thread_sleeps_until_its_word_is_woken() {
    for (kernel, call) in kernels() {
        let [ours, theirs] = views();
        let thread = start(&kernel, &[word(ours)], None);
        thread.assert_in(call);
        futex::wake(word(theirs).watched());
        thread.assert_returns();
    }
}

/// Where the thread sleeps on the word alone, it looks again after a second. If no kick
/// ended its sleep, all these rounds would take longer than a kick may.
#[test]
fn a_kick_ends_the_sleep_of_a_thread_that_waits_for_a_word() {
    const ROUNDS: u32 = 60;
    for (kernel, call) in kernels() {
        let began = Instant::now();
        let word = word(views()[0].clone());
        for _ in 0..ROUNDS {
            let thread = start(&kernel, std::slice::from_ref(&word), None);
            thread.assert_in(call);
            kernel.kick(1, word.watched());
            thread.assert_returns();
            kernel.kick(0, word.watched());
        }
        assert!(began.elapsed() < Duration::from_secs(ROUNDS.into()) / 2);
    }
}

/// Nobody would wake it there.
#[test]
fn no_thread_sleeps_on_the_memory_of_a_device() {
    let device = word(views_of(true)[0].clone());
    let ordinary = word(views()[0].clone());
    for (kernel, _) in kernels() {
        assert!(kernel.can_sleep_on(&ordinary));
        assert!(!kernel.can_sleep_on(&device));
        let began = Instant::now();
        for _ in 0..20 {
            kernel.wait(0, &[(device.clone(), 0)], Some(Duration::from_millis(1)));
        }
        assert!(
            began.elapsed() >= Duration::from_millis(20),
            "it does not nap"
        );
    }
}
