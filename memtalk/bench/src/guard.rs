//! Nothing runs for ever and nothing is left behind: each run has a limit, and
//! whether it is reached or somebody interrupts the bench, what it has made is
//! removed. Child processes die with the bench (see [`crate::process`]).

use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{scratch, sys};

/// Seconds that one run may take; the longest should take a tenth of it.
const LIMIT: u32 = 120;

const SIGNALS: [libc::c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGALRM];

/// What runs at the moment.
static RUNNING: Mutex<String> = Mutex::new(String::new());

/// Starts the thread that cleans up. To be called before any other thread is
/// started.
pub(crate) fn install() {
    sys::block(&SIGNALS);
    thread::spawn(|| {
        let signal = sys::wait_for(&SIGNALS);
        scratch::sweep();
        if signal == libc::SIGALRM {
            let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("memtalk-bench: {running} did not end within {LIMIT} s");
            std::process::exit(1);
        }
        sys::die_of(signal)
    });
}

/// Gives `what`, which begins now, the limit.
pub(crate) fn begin(what: String) {
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = what;
    sys::alarm(LIMIT);
}
