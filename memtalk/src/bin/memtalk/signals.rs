//! Signals: waited for by a thread, never handled in the middle of anything,
//! except SIGBUS.

#![allow(unsafe_code)]

use std::io;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::time::Duration;

use memtalk::NamedObject;
use memtalk::sys::{call, check_number, retry, timespec};

/// Signals that this process does not take the default way: blocked in every
/// thread, and waited for in one.
///
/// They take it again in the thread that drops this, those that have come at once.
pub(crate) struct Blocked(libc::sigset_t);

/// Blocks INT, TERM and HUP in this thread and those that it starts from now
/// on, except those that the process was started with ignored (`nohup`): they
/// stay ignored.
pub(crate) fn block() -> io::Result<Blocked> {
    let mut set = no_signals();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        if !is_ignored(signal)? {
            add(&mut set, signal);
        }
    }
    mask(libc::SIG_BLOCK, &set)?;
    Ok(Blocked(set))
}

fn no_signals() -> libc::sigset_t {
    // SAFETY: a struct of integers, initialised by `sigemptyset` below.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is valid for writes. It cannot fail.
    unsafe { libc::sigemptyset(&raw mut set) };
    set
}

/// Adds a signal that exists.
fn add(set: &mut libc::sigset_t, signal: libc::c_int) {
    // SAFETY: `set` is initialised. It cannot fail.
    unsafe { libc::sigaddset(set, signal) };
}

/// Blocks or unblocks signals in this thread.
fn mask(how: libc::c_int, set: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: `set` is initialised; the old mask is not asked for.
    call(|| check_number(unsafe { libc::pthread_sigmask(how, set, std::ptr::null_mut()) }))
}

fn is_ignored(signal: libc::c_int) -> io::Result<bool> {
    // SAFETY: a struct of integers and pointers, for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `action` is valid for writes; no new action is given.
    retry(|| unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) })?;
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

impl Blocked {
    /// Waits for one of the signals and returns its number.
    pub(crate) fn wait(&self) -> io::Result<i32> {
        let mut signal = 0;
        // SAFETY: both point to valid values.
        check_number(unsafe { libc::sigwait(&raw const self.0, &raw mut signal) })?;
        Ok(signal)
    }

    /// Lets `time` pass; ends the process as [`die`](Self::die) does if one of the
    /// signals comes.
    pub(crate) fn nap(&self, time: Duration) {
        let time = timespec(time);
        // SAFETY: both point to valid values, and what is known of the signal beyond
        // its number is not asked for.
        let signal =
            unsafe { libc::sigtimedwait(&raw const self.0, std::ptr::null_mut(), &raw const time) };
        if signal > 0 {
            self.die(signal);
        }
    }

    /// Ends the process by the default action of `signal`, so that whoever
    /// waits for it sees that.
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
        // It cannot fail: the operation exists.
        let _ = mask(libc::SIG_UNBLOCK, &self.0);
    }
}

/// Makes a write beyond the file size limit fail with `EFBIG`, as writes beyond
/// other limits do, in place of killing the process.
pub(crate) fn ignore_file_size_signal() {
    // SAFETY: ignoring an existing signal.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// What the handler of SIGBUS does: this message on standard error, and this
/// status.
static TRUNCATED: OnceLock<String> = OnceLock::new();
const STATUS: i32 = 6;
static TOLD: AtomicBool = AtomicBool::new(false);

/// How long the handler waits for room for its message, in milliseconds. The peer waits
/// for the end of this process meanwhile.
const ROOM_WAIT: i32 = 1000;

/// From now on, an access to a mapped object beyond its end ends the process
/// with `message`, at most 4,096 bytes, and status 6. To be called once.
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
    // Blocked, as a parent may have left it, it would kill without asking the handler.
    let mut bus_error = no_signals();
    add(&mut bus_error, libc::SIGBUS);
    mask(libc::SIG_UNBLOCK, &bus_error)
}

/// The object that is removed then: without its page it is nobody's, and would be in the
/// way of the next talk.
static NAMED: AtomicPtr<NamedObject> = AtomicPtr::new(ptr::null_mut());

/// Sets it, in place of what was set before.
pub(crate) fn remove_if_truncated(object: Option<NamedObject>) {
    let object = object.map_or(ptr::null_mut(), |object| Box::into_raw(Box::new(object)));
    // The one before stays in memory: a handler may be looking at it.
    NAMED.store(object, Ordering::Release);
}

/// Calls only what is safe in a handler.
fn remove_truncated() {
    // SAFETY: null, or never freed.
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
        // Two threads may get here at once; the first one tells.
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
    // Not that, or sent by somebody: die by it.
    // SAFETY: the default action of an existing signal.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: no pointers are involved. It arrives when the handler returns.
    unsafe { libc::raise(signal) };
}

/// Calls only what is safe in a handler.
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
