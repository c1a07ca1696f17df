//! The guard: a small process that outlives a party where the peer sees no locks, and speaks
//! for it if it dies.
//!
//! The party keeps one end of a socket, the guard the other. If the party is gone, however it
//! went, the guard finds the end of its stream. It fails the ends that the party left open,
//! marks its seat as left, and ends. Until then it keeps the party's locks, since it shares
//! its open files. So nobody of this kernel takes the seat before. A party that gets up
//! dismisses its guard first.
//!
//! It is forked from a process that may have other threads, so it makes system calls and
//! touches its memory, and does nothing else: no lock of another thread could ever be free
//! here. It leaves nothing to be noticed. No child of the party remains, and no signal tells
//! of one. It keeps no descriptor but that one: whoever waits for the end of a pipe
//! does not wait for the guard. It is in a session of its own, and heeds no signal but KILL.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr;

use memtalk_ring::{DeviceMemory, Page, Presence, Seat, Spin};

use super::map::{Mapping, accessed_by};
use super::{call, check, retry};

/// For whom a guard speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Party {
    /// The process at this seat.
    Process(Seat),
    /// The party outside, at whichever seat.
    Outside,
}

/// A party's end of the socket. Dropping it is as the party's death: the guard looks whether
/// there is something to say.
#[derive(Debug)]
pub(crate) struct Guard(UnixStream);

impl Guard {
    /// Starts a guard for `party` of the page in `mapping`.
    ///
    /// # Errors
    /// There is no room for a process, or for two descriptors.
    pub(crate) fn start(mapping: &Mapping, party: Party) -> io::Result<Self> {
        let page = Page::over(mapping.clone()).map_err(io::Error::other)?;
        // Its accesses are not steps of a test: it is not the process that the test kills.
        let page = accessed_by::<_, DeviceMemory>(&page).map_err(io::Error::other)?;
        let (theirs, ours) = UnixStream::pair()?;
        call(|| Ok(()))?;
        // SAFETY: both processes that this makes do what is safe after a fork, and end. They
        // never return.
        let child = check(unsafe { fork() })?;
        if child == 0 {
            // The guard's parent ends at once, so that the guard is not the party's child.
            // SAFETY: as above.
            if unsafe { fork() } == 0 {
                guard(&page, party, theirs.as_raw_fd());
            }
            // SAFETY: ends this process, and runs nothing of the party's.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: `status` is valid for writes. If somebody else in this program has waited for
        // all children, there is nothing left to wait for.
        let _ = retry(|| unsafe { libc::waitpid(child, &raw mut status, libc::__WALL) });
        Ok(Self(ours))
    }

    /// Ends the guard: the party speaks for itself.
    pub(crate) fn dismiss(&self) {
        let (fd, byte) = (self.0.as_raw_fd(), 1_u8);
        // If the guard was killed, nobody is there, and no SIGPIPE is to tell.
        // SAFETY: one valid byte.
        let _ =
            retry(|| unsafe { libc::send(fd, (&raw const byte).cast(), 1, libc::MSG_NOSIGNAL) });
    }
}

/// As `fork(2)`, but runs no handlers, and the end of the child is told by no signal.
///
/// # Safety
/// As for `fork(2)`.
unsafe fn fork() -> libc::pid_t {
    // SAFETY: by contract. Without flags, the child has a copy of all memory, and its stack is
    // where the parent's is.
    let pid = unsafe { libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) };
    libc::pid_t::try_from(pid).unwrap_or(-1)
}

/// What the guard does.
fn guard(page: &Page<Mapping<DeviceMemory>>, party: Party, socket: RawFd) -> ! {
    // SAFETY: a struct of integers, initialised by the call below.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: valid for writes.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: an initialised set; this process has one thread.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut()) };
    // SAFETY: no pointers are involved.
    unsafe { libc::setsid() };
    // SAFETY: a C string.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"memtalk-guard".as_ptr()) };
    // SAFETY: a C string.
    unsafe { libc::chdir(c"/".as_ptr()) };
    // SAFETY: nothing in this process uses another descriptor any more.
    unsafe { close_all_but(socket) };
    let mut byte = 0_u8;
    let read = loop {
        // SAFETY: room for a byte.
        let read = unsafe { libc::read(socket, (&raw mut byte).cast(), 1) };
        if read >= 0 {
            break read;
        }
    };
    if read == 0 {
        speak_for(page, party);
    }
    // SAFETY: ends this process, and runs nothing of the party's.
    unsafe { libc::_exit(0) }
}

/// Closes all descriptors but one.
///
/// # Safety
/// Nobody in this process uses the others any more.
unsafe fn close_all_but(kept: RawFd) {
    let kept = kept.unsigned_abs();
    let below = kept.checked_sub(1).map(|last| (0, last));
    for (first, last) in below.into_iter().chain([(kept + 1, u32::MAX)]) {
        // SAFETY: by contract.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        if closed == -1 {
            // Before Linux 5.9.
            for fd in first..=last.min(65_536) {
                // SAFETY: by contract.
                unsafe { libc::close(fd.cast_signed()) };
            }
        }
    }
}

/// Fails the ends that the party left open, and marks its seat as left. Does nothing if the
/// party has done so, or never sat.
fn speak_for(page: &Page<Mapping<DeviceMemory>>, party: Party) {
    let (seats, presence) = match party {
        Party::Process(seat) => ([Some(seat), None], Presence::PROCESS),
        Party::Outside => ([Some(Seat::First), Some(Seat::Second)], Presence::DEVICE),
    };
    // The page may be somebody else's by now, or was never initialised.
    if Page::attach(page.region().clone()).is_err() {
        return;
    }
    for seat in seats.into_iter().flatten() {
        let sits = page.presence(seat);
        if sits.is_some_and(|sits| sits.outside == presence.outside) {
            // SAFETY: this process has no ends.
            unsafe { page.mourn(seat, &Spin) };
            page.stand(seat, presence);
        }
    }
}
