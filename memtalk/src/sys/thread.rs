//! Starting threads.

use std::ffi::{c_int, c_void};
use std::io;
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};

use super::{call, shm};

/// More mappings than a thread takes while it starts: its stack and the standard library's
/// stack for signal handlers, each with a guard, and the allocator's arena. (7 were enough
/// with Rust 1.95 and glibc 2.41.)
const MAPPINGS: usize = 16;

/// More memory than a thread takes while it starts and at work: the standard library's
/// stack of 2 MiB, and what it allocates (64 KiB to gather bytes, for example).
const MEMORY: usize = 2560 * 1024;

/// Fails if the process cannot have the memory that so many threads take (`ulimit -v`). A
/// thread that could not get it once it runs would abort the process. Room that others take
/// afterwards is not seen.
///
/// # Errors
/// `EAGAIN`, as if a thread could not be started.
#[track_caller]
pub fn check_room_for(threads: usize) -> io::Result<()> {
    let len = threads * MEMORY;
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    let no_room = |_| io::Error::from_raw_os_error(libc::EAGAIN);
    let start = call(|| reserve(len, rights).map_err(no_room))?;
    // SAFETY: the memory, which nobody uses.
    unsafe { libc::munmap(start, len) };
    Ok(())
}

/// New memory at an address of the kernel's choice.
fn reserve(len: usize, rights: c_int) -> io::Result<*mut c_void> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: it takes the place of nothing.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), len, rights, flags, -1, 0) };
    match start == libc::MAP_FAILED {
        true => Err(io::Error::last_os_error()),
        false => Ok(start),
    }
}

/// Starts a thread.
///
/// # Errors
/// Those of [`Builder::spawn`].
#[track_caller]
pub fn start<T: Send + 'static>(
    thread: Builder,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    // Here a test can make it fail. The call itself consumes `work`, so it is made once.
    call(|| Ok(()))?;
    thread.spawn(work)
}

/// Starts a thread of which a process may have thousands, and returns once it runs.
///
/// # Errors
/// Those of [`start`]. `EAGAIN` if the process has fewer than 16 mappings left of those
/// that it may have (`vm.max_map_count`): the thread could not get its signal stack then,
/// and the standard library would abort the process. Room that other threads take
/// meanwhile is not seen.
#[track_caller]
pub(crate) fn start_with_room(
    thread: Builder,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    check_room()?;
    let both = Arc::new(Barrier::new(2));
    let runs = Arc::clone(&both);
    start(thread, move || {
        runs.wait();
        work();
    })?;
    // By now the room that it takes is taken: the next thread has to find its own.
    both.wait();
    Ok(())
}

/// Fails if the process cannot have [`MAPPINGS`] more mappings.
fn check_room() -> io::Result<()> {
    let page = shm::page_size();
    let len = MAPPINGS * page;
    let room = reserve(len, libc::PROT_NONE).is_ok_and(|start| {
        // Pages with other rights than their neighbours are mappings of their own.
        let room = (0..MAPPINGS).step_by(2).all(|at| {
            // SAFETY: a page of the memory, which nobody else uses.
            unsafe {
                libc::mprotect(start.wrapping_byte_add(at * page), page, libc::PROT_READ) == 0
            }
        });
        // SAFETY: the memory, which nobody uses any more.
        unsafe { libc::munmap(start, len) };
        room
    });
    match room {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
    }
}
