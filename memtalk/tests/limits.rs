//! Limits that a shell sets (`ulimit`): a process that reaches one names it, and its peer
//! does not take that for a death.

mod support;

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use support::users::Users;
use support::{Object, Side, eventually, shell};

#[test]
fn a_limit_on_open_files_is_named() {
    // The loader needs descriptors, too. So the limit comes later: while the process looks
    // again and again whether a machine is there.
    let object = Object::new();
    let mut command = object.memtalk();
    let side = Side::start(command.args(["-v", "--scan"]).stdin(Stdio::null()));
    eventually("it looks for a machine", || {
        side.is_in(&[libc::SYS_rt_sigtimedwait])
    });
    let none = libc::rlimit {
        rlim_cur: 3,
        rlim_max: 3,
    };
    let pid = side.pid().try_into().expect("a process id");
    // SAFETY: a limit that is valid for reads; the old one is not asked for.
    let set = unsafe {
        libc::prlimit(
            pid,
            libc::RLIMIT_NOFILE,
            &raw const none,
            std::ptr::null_mut(),
        )
    };
    assert_eq!(set, 0);
    fs::write(object.path(), []).unwrap();
    let end = side.finish_with_open_input();
    assert_eq!(end.code, Some(1), "{end:?}");
    let told =
        "cannot open the object: Too many open files; raise the limit on open files (ulimit -n)";
    assert!(end.stderr.contains(told), "{end:?}");
}

#[test]
fn a_limit_on_the_size_of_files_is_named() {
    let object = Object::new();
    let script = format!(
        "ulimit -f 8; exec $MEMTALK -f {} --pages 100",
        object.name()
    );
    let side = Side::start(shell(&script).stdin(Stdio::null()));
    side.finish().assert_failed(
        1,
        "cannot get memory for the object: File too large; \
         raise the limit on the size of files (ulimit -f); fewer pages need less",
    );
    assert!(!object.exists());
}

#[test]
fn a_limit_on_the_size_of_the_output_is_named() {
    let object = Object::new();
    let script = format!(
        "ulimit -f 8; exec $MEMTALK -f {} >$TMPDIR/{}",
        object.name(),
        object.name()
    );
    let mut command = shell(&script);
    command.env("TMPDIR", env!("CARGO_TARGET_TMPDIR"));
    let one = Side::start(command.stdin(Stdio::piped()));
    let other = object.side(&[b'x'; 5000]);
    one.finish_with_open_input().assert_failed(
        1,
        "cannot write standard output: File too large \
         (raise the limit on the size of files, ulimit -f)",
    );
    other
        .finish()
        .assert_failed(4, "it failed and says why on its side");
    let output = format!("{}/{}", env!("CARGO_TARGET_TMPDIR"), object.name());
    std::fs::remove_file(output).unwrap();
}

#[test]
fn a_limit_on_memory_is_named_and_the_peer_does_not_speak_of_a_death() {
    assert_named("-v", (5500..).step_by(40));
}

#[test]
fn a_limit_on_private_memory_is_named_and_the_peer_does_not_speak_of_a_death() {
    assert_named("-d", (1000..).step_by(40));
}

/// Checks that a process that has too little memory says so, until one has enough. `option`
/// is the `ulimit` that it has. `limits` are in KiB, from too little for its threads on.
#[track_caller]
fn assert_named(option: &str, limits: impl Iterator<Item = u32>) {
    let mut named = 0;
    for limit in limits {
        let object = Object::new();
        let peer = object.side(b"");
        peer.wait_until_seated(&object);
        let name = object.name();
        let script = format!("ulimit {option} {limit}; exec $MEMTALK -f {name}");
        let side = Side::start(shell(&script).stdin(Stdio::null())).finish();
        if side.code == Some(0) {
            peer.finish().assert_complete(b"");
            break;
        }
        // There may be too little to load the program. Then it is not the program's to say.
        if named == 0 && side.code != Some(1) {
            continue;
        }
        side.assert_failed(1, &format!("ulimit {option}"));
        named += 1;
        peer.signal(15);
        let peer = peer.finish_with_open_input();
        assert!(peer.signal.is_some() || peer.code == Some(4), "{peer:?}");
        assert!(!peer.stderr.contains("died"), "{peer:?}");
        object.assert_usable();
    }
    assert!(named > 2, "{named}");
}

#[test]
fn a_limit_on_processes_is_named() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let mut command = users.memtalk(users.ben, &object);
    // Not every shell has `ulimit -u`.
    let limit_processes = || {
        let one = libc::rlimit {
            rlim_cur: 1,
            rlim_max: 1,
        };
        // SAFETY: a limit that is valid for reads.
        match unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const one) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: it makes one system call.
    unsafe { command.pre_exec(limit_processes) };
    Side::start(command.stdin(Stdio::null()))
        .finish()
        .assert_failed(
            1,
            "cannot start a thread: Resource temporarily unavailable; \
             raise the limits on processes, memory and mappings (ulimit -u, ulimit -v, \
             ulimit -d, vm.max_map_count)",
        );
    assert!(!object.exists());
}
