//! Seccomp filters that make a system call fail, or run code in place of it.
//!
//! A call fails as it does when the kernel has run out of something.

use std::cell::Cell;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A system call. If a place, from 0, and a value are given: only with that value in the
/// lower half of the argument at that place.
#[derive(Clone, Copy, Debug)]
pub struct Call(pub libc::c_long, pub Option<(u32, u32)>);

/// Makes a system call of `command` fail with `error`.
pub fn fail(command: &mut Command, call: Call, error: i32) {
    let filter = call.filter(libc::SECCOMP_RET_ERRNO | error.unsigned_abs());
    // SAFETY: it makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(move || install(&filter)) };
}

/// Makes a system call of this thread, and of those that it starts, fail with `error`.
pub fn fail_here(call: Call, error: i32) {
    install(&call.filter(libc::SECCOMP_RET_ERRNO | error.unsigned_abs())).expect("a filter");
}

thread_local! {
    static INSTEAD: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

/// From now on this thread, and those that it starts, do not make this system call. The
/// first time, this thread runs `instead`. What the call returns is not defined.
pub fn instead_of(call: Call, instead: impl FnOnce() + 'static) {
    extern "C" fn handle(_signal: libc::c_int) {
        // The thread is about to make a system call, so this interrupts nothing else.
        if let Some(instead) = INSTEAD.take() {
            instead();
        }
    }
    let handler: extern "C" fn(libc::c_int) = handle;
    // SAFETY: a struct of integers and pointers, for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    // SAFETY: `action` is complete.
    let result = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
    INSTEAD.set(Some(Box::new(instead)));
    install(&call.filter(libc::SECCOMP_RET_TRAP)).expect("any thread may filter its own calls");
}

impl Call {
    /// A filter that returns `action` for this call, and allows all others.
    fn filter(self, action: u32) -> Vec<libc::sock_filter> {
        // Offsets of the call's number and its arguments in the kernel's `seccomp_data`. On
        // little-endian machines, the lower half of an argument comes first.
        const NUMBER: u32 = 0;
        const ARGUMENTS: u32 = 16;
        let statement = |code: u32, k, jt, jf| libc::sock_filter {
            code: code.try_into().expect("a small number"),
            jt,
            jf,
            k,
        };
        let load = |at| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at, 0, 0);
        let unless = |value, skipped| {
            statement(
                libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
                value,
                0,
                skipped,
            )
        };
        let give = |action| statement(libc::BPF_RET | libc::BPF_K, action, 0, 0);
        let Self(call, argument) = self;
        let number = u32::try_from(call).expect("a small number");
        let mut filter = vec![load(NUMBER)];
        match argument {
            None => filter.push(unless(number, 1)),
            Some((place, value)) => filter.extend([
                unless(number, 3),
                load(ARGUMENTS + 8 * place),
                unless(value, 1),
            ]),
        }
        filter.extend([give(action), give(libc::SECCOMP_RET_ALLOW)]);
        filter
    }
}

/// Filters the system calls of this thread, and of those that it starts.
fn install(filter: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: filter.len().try_into().expect("a few statements"),
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: no pointers are involved.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(result, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: a program that lives here.
    match unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
