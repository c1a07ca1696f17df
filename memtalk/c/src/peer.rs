//! The peer of a talk: who it is, and whether it has gone. None of these functions uses the
//! ends, so they may be called while other threads read and write.

use memtalk::Departure;
use memtalk::look::Party;

use crate::call::call;
use crate::error::memtalk_e;
use crate::pointer::out;
use crate::talk::memtalk_talk;

/// Who the peer is: what memtalk_peer returns.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum memtalk_party {
    /// Nobody any more.
    Gone = 0,
    /// A process, of which the process id and the user are known.
    Process = 1,
    /// A process that is not shown to this user, or is in another PID namespace.
    Hidden = 2,
    /// A party outside: a virtual machine, a device, a program that holds no locks.
    Outside = 3,
}

/// How the peer went: what memtalk_peer_wait_until_gone returns.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum memtalk_departure {
    /// It has not gone: our part of the talk ended first.
    None = 0,
    /// It closed both its ends: both streams are complete.
    Complete = 1,
    /// It gave up.
    GaveUp = 2,
    /// It died.
    Died = 3,
    /// It was a machine, and has started again.
    Restarted = 4,
}

/// Who the peer is at this moment. For a process, puts its process id and the number of its
/// user to `pid` and `user`, and otherwise 0. Both may be NULL. This searches /proc, which
/// takes milliseconds.
///
/// Returns a memtalk_party, or MEMTALK_E_BAD_ARGUMENT, MEMTALK_E_BAD_HANDLE,
/// MEMTALK_E_NOT_OPEN, MEMTALK_E_SYSTEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtalk_peer(talk: memtalk_talk, pid: *mut u32, user: *mut u32) -> i32 {
    call(|| {
        let (mut no_pid, mut no_user) = (0, 0);
        let pid = match pid.is_null() {
            true => &mut no_pid,
            // SAFETY: the caller keeps to the header's contract.
            false => unsafe { out(pid, 0) }?,
        };
        let user = match user.is_null() {
            true => &mut no_user,
            // SAFETY: as above.
            false => unsafe { out(user, 0) }?,
        };
        let peer = talk.about()?.peer.ok_or(memtalk_e::NotOpen)?;
        let party = match peer.party()? {
            Some(Party::Process(process)) => {
                (*pid, *user) = (process.pid, process.user);
                memtalk_party::Process
            }
            Some(Party::Hidden) => memtalk_party::Hidden,
            Some(Party::Outside) => memtalk_party::Outside,
            _ => memtalk_party::Gone,
        };
        Ok(party as i32)
    })
}

/// Whether the peer has gone, as far as is known at this moment. It never waits, and makes no
/// system call.
///
/// Returns 1 or 0, or MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_peer_is_gone(talk: memtalk_talk) -> i32 {
    call(|| {
        let peer = talk.about()?.peer.ok_or(memtalk_e::NotOpen)?;
        Ok(peer.is_gone().into())
    })
}

/// Waits, asleep, until the peer has closed its ends and left, or has died; or until our own
/// ends are closed or given up. The handle may be freed meanwhile.
///
/// Returns a memtalk_departure, or MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN.
#[unsafe(no_mangle)]
pub extern "C" fn memtalk_peer_wait_until_gone(talk: memtalk_talk) -> i32 {
    call(|| {
        let peer = talk.about()?.peer.ok_or(memtalk_e::NotOpen)?;
        let departure = match peer.wait_until_gone() {
            Some(Departure::Complete) => memtalk_departure::Complete,
            Some(Departure::Died) => memtalk_departure::Died,
            Some(Departure::Restarted) => memtalk_departure::Restarted,
            Some(_) => memtalk_departure::GaveUp,
            None => memtalk_departure::None,
        };
        Ok(departure as i32)
    })
}
