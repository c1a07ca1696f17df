//! Signals rain on two sides while they talk, and nothing is lost.
//!
//! System calls return early with `EINTR`. The command has no signal handler that returns.
//! So this tests the library, in a program that has one, without `SA_RESTART`.

mod support;

use std::io::{Read, Write, pipe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use memtalk::{Channel, Name, Options};
use support::{BOUND, Object, bounded, fcntl, noise};

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_signal: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

fn handle(signal: libc::c_int) {
    // SAFETY: a struct of integers and pointers, for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(libc::c_int) = count;
    action.sa_sigaction = handler as usize;
    // SAFETY: `action` is complete, and its handler only adds to an atomic.
    let result = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Sends `signal` to every thread of this process, over and over.
fn rain(signal: libc::c_int, end: &AtomicBool) {
    while !end.load(Ordering::Relaxed) {
        for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
            let thread: libc::c_long = task.file_name().to_str().unwrap().parse().unwrap();
            // SAFETY: no pointers are involved. For a thread that has ended, the call fails.
            unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, signal) };
        }
    }
}

/// The number of bytes between two pauses.
const PIECE: usize = 10_000;

/// Waits until so many more signals have come that every thread has had some.
fn pause() {
    let enough = HANDLED.load(Ordering::Relaxed) + 500;
    while HANDLED.load(Ordering::Relaxed) < enough {
        thread::yield_now();
    }
}

/// A side whose input and output are pipes. Sends `input`, and returns what it received. If
/// the pipes are `slow`, its ends wait for them, by `poll(2)` if the pipes are not
/// `blocking`, and its peer's ends wait for the ring. So every call that can wait is
/// interrupted.
fn talk(name: &Name, input: Vec<u8>, slow: bool, blocking: bool) -> Vec<u8> {
    let Channel {
        mut sender,
        mut receiver,
        ..
    } = Options::new().timeout(BOUND).open(name).unwrap();
    let (stdin, mut feed) = pipe().unwrap();
    let (mut result, stdout) = pipe().unwrap();
    if !blocking {
        fcntl(&stdin, libc::F_SETFL, libc::O_NONBLOCK).unwrap();
        fcntl(&stdout, libc::F_SETFL, libc::O_NONBLOCK).unwrap();
    }
    thread::scope(|threads| {
        threads.spawn(move || {
            for piece in input.chunks(PIECE) {
                feed.write_all(piece).unwrap();
                if slow {
                    pause();
                }
            }
        });
        threads.spawn(move || {
            while sender.read_from(&stdin).unwrap() > 0 {}
            sender.close().unwrap();
        });
        threads.spawn(move || {
            while receiver.write_to(&stdout).unwrap() > 0 {}
            receiver.close().unwrap();
        });
        let mut output = Vec::new();
        let mut pieces = || (&mut result).take(PIECE as u64).read_to_end(&mut output);
        while pieces().unwrap() > 0 {
            if slow {
                pause();
            }
        }
        output
    })
}

#[test]
fn no_byte_is_lost_while_signals_rain_on_both_sides() {
    handle(libc::SIGUSR1);
    static END: AtomicBool = AtomicBool::new(false);
    let rain = thread::spawn(|| rain(libc::SIGUSR1, &END));
    for blocking in [true, false] {
        let object = Object::new();
        let name = Name::new(object.name()).unwrap();
        let (one, other) = (noise(300_000, 1), noise(200_000, 2));
        let (to_one, to_other) = (other.clone(), one.clone());
        let theirs = name.clone();
        let peer = thread::spawn(move || talk(&theirs, other, false, blocking));
        let received = bounded("one side", move || talk(&name, one, true, blocking));
        assert!(received == to_one);
        assert!(bounded("the other side", move || peer.join().unwrap()) == to_other);
        assert!(!object.exists());
    }
    END.store(true, Ordering::Relaxed);
    rain.join().unwrap();
    println!("{} signals handled", HANDLED.load(Ordering::Relaxed));
}
