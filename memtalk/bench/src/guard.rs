//! A time limit for each run, and the removal of files when the bench is interrupted.
//!
//! If a run reaches its limit, or a signal ends the bench, all that the bench has started is
//! killed, and everything that it has made is removed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::{process, scratch, sys};

/// The seconds that one run may take. The longest run should take a tenth of this.
const LIMIT: u32 = 120;

const SIGNALS: [libc::c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGALRM];

/// The name of the current run. Whoever ends the bench holds the lock: then no run begins.
static RUNNING: Mutex<String> = Mutex::new(String::new());

/// Starts the thread that cleans up. No other thread may have been started before.
pub(crate) fn install() {
    sys::block(&SIGNALS);
    thread::spawn(|| {
        let signal = sys::wait_for(&SIGNALS);
        let running = running();
        let _ended = process::end_all();
        scratch::sweep();
        if signal == libc::SIGALRM {
            eprintln!("memtalk-bench: {running} did not end within {LIMIT} s");
            std::process::exit(1);
        }
        sys::die_of(signal)
    });
}

/// Starts the time limit for the run `what`, which begins now.
pub(crate) fn begin(what: String) {
    *running() = what;
    sys::alarm(LIMIT);
}

/// Returns unless a signal is ending the bench. Then a run may fail because its files are
/// gone, and that is nothing to tell.
pub(crate) fn check() {
    drop(running());
}

fn running() -> MutexGuard<'static, String> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
