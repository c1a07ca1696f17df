//! Signals: a thread waits for them. Only SIGBUS has a handler.

#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use memtalk::NamedObject;
use memtalk::sys::{call, check_number, retry, timespec};

/// The signals that are blocked in every thread, and that one thread waits for.
///
/// Dropping this unblocks them in the dropping thread. Those that are pending take their
/// default action at once.
pub(crate) struct Blocked(libc::sigset_t);

/// A signal that has come.
pub(crate) struct Signal {
    pub(crate) number: i32,
    /// Whether it came from a terminal, so that a program that we run has got it as well.
    pub(crate) to_all: bool,
}

/// Blocks INT, TERM and HUP, as [`block_all`] does.
pub(crate) fn block() -> io::Result<Blocked> {
    block_all(&[libc::SIGINT, libc::SIGTERM, libc::SIGHUP])
}

/// Blocks these signals in this thread and in those that it starts from now on. Signals that
/// were ignored when the process started (`nohup`) stay ignored.
pub(crate) fn block_all(signals: &[libc::c_int]) -> io::Result<Blocked> {
    let mut set = no_signals();
    for &signal in signals {
        if !is_ignored(signal)? {
            add(&mut set, signal);
        }
    }
    let before = mask(libc::SIG_BLOCK, &set)?;
    INHERITED.get_or_init(|| before);
    Ok(Blocked(set))
}

/// The signals that were blocked when the process started.
static INHERITED: OnceLock<libc::sigset_t> = OnceLock::new();

/// Blocks the signals again that were blocked when the process started, and no others. For
/// a program that is about to be executed: it makes one system call, and nothing else.
pub(crate) fn restore() -> io::Result<()> {
    match INHERITED.get() {
        Some(before) => mask(libc::SIG_SETMASK, before).map(drop),
        None => Ok(()),
    }
}

/// Leaves it to another thread to end this process: the one that got a signal, and has ended
/// our part of the talk.
pub(crate) fn wait_to_be_ended() -> ! {
    loop {
        thread::park();
    }
}

fn no_signals() -> libc::sigset_t {
    // SAFETY: a struct of integers, initialised by `sigemptyset` below.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is valid for writes. It cannot fail.
    unsafe { libc::sigemptyset(&raw mut set) };
    set
}

/// Adds `signal`, which exists.
fn add(set: &mut libc::sigset_t, signal: libc::c_int) {
    // SAFETY: `set` is initialised. It cannot fail.
    unsafe { libc::sigaddset(set, signal) };
}

/// Blocks or unblocks signals in this thread. Returns those that were blocked.
fn mask(how: libc::c_int, set: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    let mut before = no_signals();
    // SAFETY: both sets are initialised.
    call(|| check_number(unsafe { libc::pthread_sigmask(how, set, &raw mut before) }))?;
    Ok(before)
}

fn is_ignored(signal: libc::c_int) -> io::Result<bool> {
    // SAFETY: a struct of integers and pointers, for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `action` is valid for writes; no new action is given.
    retry(|| unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) })?;
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

impl Blocked {
    /// The signals, for a system call.
    pub(crate) fn set(&self) -> &libc::sigset_t {
        &self.0
    }

    /// Stops the process as Ctrl-Z does, until somebody continues it. TSTP is one of the
    /// signals.
    pub(crate) fn stop(&self) {
        let mut stop = no_signals();
        add(&mut stop, libc::SIGTSTP);
        // SAFETY: no pointers are involved. The signal is blocked, so it waits.
        unsafe { libc::raise(libc::SIGTSTP) };
        // It arrives here.
        let _ = mask(libc::SIG_UNBLOCK, &stop);
        let _ = mask(libc::SIG_BLOCK, &stop);
    }

    /// Waits for one of the signals.
    pub(crate) fn wait(&self) -> io::Result<Signal> {
        // SAFETY: a struct of integers, for which zero is a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: both point to valid values.
        let number = retry(|| unsafe { libc::sigwaitinfo(&raw const self.0, &raw mut info) })?;
        // The kernel sends what is typed at a terminal to all processes there.
        let to_all = info.si_code == libc::SI_KERNEL;
        Ok(Signal { number, to_all })
    }

    /// Lets `time` pass, or less if one of the signals comes. Returns its number.
    pub(crate) fn wait_within(&self, time: Duration) -> Option<i32> {
        let time = timespec(time);
        // SAFETY: both point to valid values, and what is known of the signal beyond
        // its number is not asked for.
        let signal =
            unsafe { libc::sigtimedwait(&raw const self.0, std::ptr::null_mut(), &raw const time) };
        (signal > 0).then_some(signal)
    }

    /// Lets `time` pass. If one of the signals comes, ends the process as
    /// [`die`](Self::die) does.
    pub(crate) fn nap(&self, time: Duration) {
        if let Some(signal) = self.wait_within(time) {
            self.die(signal);
        }
    }

    /// Ends the process by the default action of `signal`, so that its parent sees which
    /// signal it was.
    pub(crate) fn die(&self, signal: i32) -> ! {
        // SAFETY: the default action of an existing signal.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        // SAFETY: no pointers are involved. The signal is blocked, so it waits.
        unsafe { libc::raise(signal) };
        // The pending signal arrives here.
        let _ = mask(libc::SIG_UNBLOCK, &self.0);
        std::process::exit(128 + signal)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // Cannot fail: the operation exists.
        let _ = mask(libc::SIG_UNBLOCK, &self.0);
    }
}

/// Makes a write beyond the file size limit fail with `EFBIG`, as writes beyond other
/// limits fail, instead of killing the process.
pub(crate) fn ignore_file_size_signal() {
    // SAFETY: ignoring an existing signal.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// What the handler of SIGBUS writes to standard error.
static TRUNCATED: OnceLock<String> = OnceLock::new();
/// The status with which it ends the process.
const STATUS: i32 = 6;
/// Whether a thread has begun to.
static TOLD: AtomicBool = AtomicBool::new(false);

/// How long the handler waits until standard error takes its message, in milliseconds.
/// The peer waits for the end of this process meanwhile.
const ROOM_WAIT: i32 = 1000;

/// From now on, an access to a mapped object beyond its end ends the process with
/// `message`, at most 4,096 bytes, and status 6. Call this once.
pub(crate) fn guard_against_truncation(message: String) -> io::Result<()> {
    TRUNCATED.get_or_init(|| message);
    // SAFETY: a struct of integers and pointers, for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_bus_error;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `action` is complete, and its handler calls only functions that
    // are safe in a handler; the old action is not asked for.
    retry(|| unsafe { libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) })?;
    // A parent may have left SIGBUS blocked. Then the kernel would kill this process
    // without calling the handler.
    let mut bus_error = no_signals();
    add(&mut bus_error, libc::SIGBUS);
    mask(libc::SIG_UNBLOCK, &bus_error).map(drop)
}

/// The object that the handler removes. Without its page the object is not recognised as
/// memtalk's, and would be in the way of the next talk.
static NAMED: AtomicPtr<NamedObject> = AtomicPtr::new(ptr::null_mut());

/// The objects that it may be removing still, from an earlier moment.
static EARLIER: Mutex<VecDeque<Box<NamedObject>>> = Mutex::new(VecDeque::new());

/// How many of them there are. By the time that a service has named so many, the handler has
/// ended the process.
const MOST_EARLIER: usize = 100;

/// Sets the object that the handler of SIGBUS removes, or none.
pub(crate) fn remove_if_truncated(object: Option<NamedObject>) {
    let object = object.map_or(ptr::null_mut(), |object| Box::into_raw(Box::new(object)));
    let previous = NAMED.swap(object, Ordering::AcqRel);
    if !previous.is_null() {
        // SAFETY: it came from `into_raw`, and is ours again.
        let previous = unsafe { Box::from_raw(previous) };
        let mut earlier = EARLIER.lock().unwrap_or_else(PoisonError::into_inner);
        earlier.push_back(previous);
        if earlier.len() > MOST_EARLIER {
            earlier.pop_front();
        }
    }
}

/// Removes the object. Calls only what is safe in a handler.
fn remove_truncated() {
    // SAFETY: null, or not freed before this process has ended.
    if let Some(named) = unsafe { NAMED.load(Ordering::Acquire).as_ref() } {
        named.remove();
    }
}

extern "C" fn on_bus_error(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    _context: *mut libc::c_void,
) {
    // SAFETY: the kernel passes a valid `siginfo_t`.
    let code = unsafe { (*info).si_code };
    if code == libc::BUS_ADRERR {
        // Two threads may get here at once. The first one writes the message.
        if TOLD.swap(true, Ordering::Relaxed) {
            loop {
                // SAFETY: waits for the end of the process.
                unsafe { libc::pause() };
            }
        }
        remove_truncated();
        tell_of_truncation();
        // SAFETY: ends the process without running anything else.
        unsafe { libc::_exit(STATUS) };
    }
    // Another kind of bus error, or a signal that somebody sent: die by it.
    // SAFETY: the default action of an existing signal.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: no pointers are involved. The signal arrives when the handler returns.
    unsafe { libc::raise(signal) };
}

/// Writes the message. Calls only what is safe in a handler.
fn tell_of_truncation() {
    let Some(message) = TRUNCATED.get() else {
        return;
    };
    let mut stderr = libc::pollfd {
        fd: libc::STDERR_FILENO,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one valid entry.
    if unsafe { libc::poll(&raw mut stderr, 1, ROOM_WAIT) } == 1 {
        // SAFETY: a valid buffer of that length.
        unsafe { libc::write(stderr.fd, message.as_ptr().cast(), message.len()) };
    }
}
