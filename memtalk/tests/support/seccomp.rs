//! System calls that fail, as they would where the kernel is out of something.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes a system call of `command` fail with `error`: always, or where its second
/// argument is `second`.
pub fn fail(command: &mut Command, call: libc::c_long, second: Option<u32>, error: i32) {
    // SAFETY: it makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(filter(call, second, error)) };
}

/// Makes a system call of this thread, and of those that it starts, fail with `error`.
pub fn fail_here(call: libc::c_long, error: i32) {
    filter(call, None, error)().expect("a filter");
}

/// What installs the filter that does it.
fn filter(
    call: libc::c_long,
    second: Option<u32>,
    error: i32,
) -> impl FnMut() -> io::Result<()> + Send + Sync + 'static {
    // Where the kernel's `seccomp_data` has the call's number and the lower half of its
    // second argument, on machines whose least significant byte comes first.
    const NUMBER: u32 = 0;
    const SECOND: u32 = 16 + 8;
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
    let failure = libc::SECCOMP_RET_ERRNO | error.unsigned_abs();
    let number = u32::try_from(call).expect("a small number");
    let mut filter = vec![load(NUMBER)];
    match second {
        None => filter.push(unless(number, 1)),
        Some(second) => filter.extend([unless(number, 3), load(SECOND), unless(second, 1)]),
    }
    filter.extend([give(failure), give(libc::SECCOMP_RET_ALLOW)]);

    move || {
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
}
