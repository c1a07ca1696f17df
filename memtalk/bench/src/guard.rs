//! A time limit for each run, and the removal of files when the bench is interrupted.
//!
//! If a run reaches its limit, or a signal ends the bench, everything that the bench has
//! made is removed. Child processes die with the bench (see [`crate::process`]).

use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{scratch, sys};

/// The seconds that one run may take. The longest run should take a tenth of this.
const LIMIT: u32 = 120;

const SIGNALS: [libc::c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGALRM];

/// The name of the current run.
static RUNNING: Mutex<String> = Mutex::new(String::new());

/// Starts the thread that cleans up. No other thread may have been started before.
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

/// Starts the time limit for the run `what`, which begins now.
pub(crate) fn begin(what: String) {
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = what;
    sys::alarm(LIMIT);
}
