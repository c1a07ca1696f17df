//! Opening a talk: by name, as a pair, or in memory that is passed as a descriptor.

use std::ffi::{c_char, c_int};
use std::os::fd::{BorrowedFd, IntoRawFd};

use memtalk::{Channel, Options, TalkHandle, Waiting};

use crate::call::call;
use crate::error::{Failure, memtalk_e};
use crate::options::{memtalk_options, read};
use crate::pointer::{name, out};
use crate::talk::{About, NONE, TALKS, lock, memtalk_talk};

/// The version of this library, like "0.1.0".
///
/// Returns a constant string, never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Opens the talk `name`: creates or joins the shared memory object, and waits for the
/// peer. `options` may be NULL. Puts the talk to `talk`, or zero if this fails.
///
/// `name` is a slash, and 1 to 254 bytes without another slash. They need not be UTF-8.
///
/// Returns 0, or one of these errors:
/// - MEMTALK_E_TIMEOUT or MEMTALK_E_CANCELLED if no peer came. Nothing is left behind.
/// - MEMTALK_E_NAME, MEMTALK_E_PAGES, MEMTALK_E_MODE, MEMTALK_E_OFFSET.
/// - MEMTALK_E_BUSY, MEMTALK_E_STUCK if others are there.
/// - MEMTALK_E_FOREIGN, MEMTALK_E_NOT_AN_OBJECT, MEMTALK_E_NOT_OURS,
///   MEMTALK_E_MODES_DIFFER, MEMTALK_E_PAGES_DIFFER, MEMTALK_E_SEVERAL_PAGES,
///   MEMTALK_E_LEFT_BEHIND if what is there cannot be used. It is left untouched.
/// - MEMTALK_E_SYSTEM, MEMTALK_E_BAD_ARGUMENT; MEMTALK_E_BAD_HANDLE for `cancel`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_open(
    name: *const c_char,
    options: *const memtalk_options,
    talk: *mut memtalk_talk,
) -> i32 {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let (place, options, name) = unsafe { sit_down_arguments(name, options, talk) }?;
        *place = add(options.open(&name)?)?;
        Ok(0)
    })
}

/// As memtalk_open, but without waiting for the peer: takes a seat. Then call
/// memtalk_wait_for_peer. (At a machine's memory this waits for the machine.)
///
/// Returns 0, or the errors of memtalk_open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_sit_down(
    name: *const c_char,
    options: *const memtalk_options,
    talk: *mut memtalk_talk,
) -> i32 {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let (place, options, name) = unsafe { sit_down_arguments(name, options, talk) }?;
        *place = add_waiting(options.sit_down(&name)?)?;
        Ok(0)
    })
}

/// Waits for the peer of a talk from memtalk_sit_down or memtalk_create, as long as its
/// options allow. After an error the talk can only be freed.
///
/// Returns 0, or the errors of memtalk_open; MEMTALK_E_NOT_OPEN if this was called before;
/// MEMTALK_E_ENDED if memtalk_leave has removed the name.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_wait_for_peer(talk: memtalk_talk) -> i32 {
    call(|| {
        let found = talk.find()?;
        // Locked while we wait, so that nobody frees the handle.
        let mut waiting = found.take(|talk| &talk.waiting)?;
        let seat = waiting.take().ok_or(memtalk_e::NotOpen)?;
        let handle = seat.handle();
        let channel = seat.wait_for_peer()?;
        found.value().fill(channel, Some(handle));
        Ok(0)
    })
}

/// Opens two talks that are each other's peer, without a name: for two threads, for
/// example. Of `options`, which may be NULL, only `pages` matters.
///
/// Returns 0, or MEMTALK_E_PAGES, MEMTALK_E_SYSTEM, MEMTALK_E_BAD_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_pair(
    options: *const memtalk_options,
    one: *mut memtalk_talk,
    other: *mut memtalk_talk,
) -> i32 {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let first = unsafe { out(one, NONE) }?;
        if one == other {
            return Err(memtalk_e::BadArgument.into());
        }
        // SAFETY: as above, and it is another place.
        let second = unsafe { out(other, NONE) }?;
        // SAFETY: as above.
        let options = unsafe { read(options) }?;
        let (channel, theirs) = options.pair()?;
        *second = add(theirs)?;
        *first = add(channel)?;
        Ok(0)
    })
}

/// Creates memory without a name, and takes the first seat there. Puts a descriptor of the
/// memory to `memory`: for a child that inherits it, or to be sent over a socket. It is
/// closed on exec, and you close it. Then call memtalk_wait_for_peer; the peer calls
/// memtalk_join.
///
/// Returns 0, or MEMTALK_E_PAGES, MEMTALK_E_SYSTEM, MEMTALK_E_BAD_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_create(
    options: *const memtalk_options,
    talk: *mut memtalk_talk,
    memory: *mut c_int,
) -> i32 {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let place = unsafe { out(talk, NONE) }?;
        // SAFETY: as above.
        let descriptor = unsafe { out(memory, -1) }?;
        // SAFETY: as above.
        let options = unsafe { read(options) }?;
        let (waiting, memory) = options.create_memfd()?;
        *place = add_waiting(waiting)?;
        *descriptor = memory.into_raw_fd();
        Ok(0)
    })
}

/// Joins a talk in memory without a name. `memory` is a descriptor of it, which you may
/// close afterwards.
///
/// Returns 0, or one of these errors:
/// - MEMTALK_E_PEER_STOPPED if the first party has gone, MEMTALK_E_BUSY if another has
///   joined.
/// - MEMTALK_E_NOT_AN_OBJECT, MEMTALK_E_UNSEALED, MEMTALK_E_FOREIGN if this is no such
///   memory.
/// - MEMTALK_E_PAGES_DIFFER, MEMTALK_E_STUCK, MEMTALK_E_SYSTEM, MEMTALK_E_BAD_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_join(
    memory: c_int,
    options: *const memtalk_options,
    talk: *mut memtalk_talk,
) -> i32 {
    call(|| {
        // SAFETY: the caller keeps to the header's contract.
        let place = unsafe { out(talk, NONE) }?;
        // SAFETY: as above.
        let options = unsafe { read(options) }?;
        if memory < 0 {
            return Err(memtalk_e::BadArgument.into());
        }
        // SAFETY: it is not -1. If it is not open, copying it fails.
        let memory = unsafe { BorrowedFd::borrow_raw(memory) };
        *place = add(options.join_memfd(memory)?)?;
        Ok(0)
    })
}

/// The arguments of what opens a talk by name.
///
/// # Safety
/// As for the functions that they are from.
unsafe fn sit_down_arguments<'a>(
    name_of: *const c_char,
    options: *const memtalk_options,
    talk: *mut memtalk_talk,
) -> Result<(&'a mut memtalk_talk, Options, memtalk::Name), Failure> {
    // SAFETY: by contract.
    let place = unsafe { out(talk, NONE) }?;
    // SAFETY: by contract.
    let options = unsafe { read(options) }?;
    // SAFETY: by contract.
    let name = unsafe { name(name_of) }?;
    Ok((place, options, name))
}

/// A handle to an open channel.
fn add(channel: Channel) -> Result<memtalk_talk, Failure> {
    let handle = TALKS.add(|talk| talk.fill(channel, None))?;
    Ok(memtalk_talk::new(handle))
}

/// A handle to a seat whose peer is not there yet.
fn add_waiting(waiting: Waiting) -> Result<memtalk_talk, Failure> {
    let handle: TalkHandle = waiting.handle();
    let added = TALKS.add(|talk| {
        *lock(&talk.waiting) = Some(waiting);
        *lock(&talk.about) = Some(About {
            handle,
            peer: None,
            capacity: 0,
        });
    });
    Ok(memtalk_talk::new(added?))
}
