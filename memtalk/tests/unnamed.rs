//! Talks without a name: pairs, memory that is inherited or passed, and the limits of a
//! process.

mod support;

use std::fs::{File, Permissions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use memtalk::{Channel, Departure, Error, Options, Waiting};
use support::seccomp::{self, Call};
use support::{
    BOUND, bound_the_whole, bounded, fcntl, limit_descriptors, open_files, rights, try_lock,
};

/// A child: this test program, which runs only the test of this name.
fn child(test: &str, stdin: impl Into<Stdio>) -> Child {
    support::child(test).stdin(stdin).spawn().unwrap()
}

/// Options of a first party whose peer may never come.
fn bounded_options() -> Options {
    bound_the_whole();
    Options::new().timeout(BOUND)
}

#[test]
fn a_pair_talks_and_leaves_nothing_behind() {
    bound_the_whole();
    let (mut one, other) = Channel::pair().unwrap();
    assert_eq!(one.sender.capacity(), 1856);
    one.sender.write_all(b"hello").unwrap();
    let other = std::thread::spawn(move || {
        let mut received = Vec::new();
        other.finish(&mut received).unwrap();
        received
    });
    bounded("closing", move || one.close()).unwrap();
    assert_eq!(other.join().unwrap(), b"hello");
}

#[test]
fn a_pair_has_the_pages_that_were_asked_for() {
    bound_the_whole();
    let (one, other) = Options::new().pages(16).pair().unwrap();
    assert!(one.sender.capacity() > 30_000);
    assert_eq!(other.sender.capacity(), one.sender.capacity());
    for pages in [0, usize::MAX] {
        let refused = Options::new().pages(pages).pair();
        assert!(matches!(refused, Err(Error::Pages { .. })));
    }
}

/// Options that would make a talk under a name wait for ever, or fail.
#[test]
fn a_pair_ignores_options_that_are_about_names() {
    bound_the_whole();
    let cancel = memtalk::Cancel::new();
    cancel.cancel();
    for options in [
        Options::new().at_offset(64),
        Options::new().anywhere(),
        Options::new().as_client(),
        Options::new().mode(1),
        Options::new().timeout(Duration::ZERO),
        Options::new().cancelled_by(&cancel),
    ] {
        let (one, other) = options.pair().unwrap();
        let other = std::thread::spawn(move || other.close());
        bounded("closing", move || one.close()).unwrap();
        other.join().unwrap().unwrap();
    }
}

#[test]
fn dropping_one_of_a_pair_is_noticed_by_the_other() {
    bound_the_whole();
    let (one, other) = Channel::pair().unwrap();
    drop(one);
    let peer = other.peer.clone();
    let departure = bounded("the departure", move || peer.wait_until_gone());
    assert_eq!(departure, Some(Departure::GaveUp));
}

#[test]
fn a_child_inherits_the_memory() {
    let (waiting, memory) = bounded_options().create_memfd().unwrap();
    talk_to(child("child_that_echoes", memory), waiting);
}

#[test]
fn memory_that_is_sent_over_a_socket_is_joined_by_who_received_it() {
    let (waiting, memory) = bounded_options().create_memfd().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let child = child("child_that_is_sent_memory", OwnedFd::from(theirs));
    rights::send(&ours, &memory);
    drop(memory);
    talk_to(child, waiting);
}

/// Talks to a child that answers with the length of what it was sent.
fn talk_to(mut child: Child, waiting: Waiting) {
    let mut channel = waiting.wait_for_peer().unwrap();
    let sent = support::noise(100_000, 1);
    let copy = sent.clone();
    let writer = std::thread::spawn(move || {
        channel.sender.write_all(&copy).unwrap();
        channel
    });
    let channel = bounded("writing", move || writer.join()).unwrap();
    let mut back = Vec::new();
    channel.finish(&mut back).unwrap();
    assert_eq!(back, sent.len().to_string().as_bytes());
    assert!(child.wait().unwrap().success());
}

#[test]
#[ignore = "the child of another test"]
fn child_that_echoes() {
    answer(std::io::stdin());
}

#[test]
#[ignore = "the child of another test"]
fn child_that_is_sent_memory() {
    bound_the_whole();
    let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    answer(rights::receive(&socket.into()));
}

fn answer(memory: impl AsFd) {
    let mut channel = bounded_options().join_memfd(memory).unwrap();
    let mut received = Vec::new();
    channel.receiver.read_to_end(&mut received).unwrap();
    write!(channel.sender, "{}", received.len()).unwrap();
    channel.close().unwrap();
}

#[test]
fn the_death_of_a_child_is_noticed_although_its_parent_keeps_the_descriptor() {
    let (waiting, memory) = bounded_options().create_memfd().unwrap();
    let mut child = child("child_that_dies", memory.try_clone().unwrap());
    let mut channel = waiting.wait_for_peer().unwrap();
    let mut received = Vec::new();
    let error = channel.receiver.read_to_end(&mut received).unwrap_err();
    assert_eq!(received, b"last words");
    assert!(matches!(Error::from_io(&error), Some(Error::PeerDied)));
    let _ = child.wait();
    // The memory has had its talk.
    let late = Options::new().join_memfd(&memory);
    assert!(
        matches!(late, Err(Error::Busy | Error::PeerStopped)),
        "{late:?}"
    );
    drop(channel);
    let late = Options::new().join_memfd(&memory);
    assert!(matches!(late, Err(Error::PeerStopped)), "{late:?}");
}

#[test]
#[ignore = "the child of another test"]
fn child_that_dies() {
    let mut channel = bounded_options().join_memfd(std::io::stdin()).unwrap();
    channel.sender.write_all(b"last words").unwrap();
    // SAFETY: no pointers are involved.
    unsafe { libc::kill(std::process::id().cast_signed(), libc::SIGKILL) };
}

/// A child that does not exec shares the locks.
#[test]
fn a_death_is_noticed_once_a_forked_child_has_ended_too() {
    let (waiting, memory) = bounded_options().create_memfd().unwrap();
    let mut child = child("child_that_forks_and_dies", memory);
    let mut channel = waiting.wait_for_peer().unwrap();
    let mut forked = String::new();
    channel.receiver.read_line(&mut forked).unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(!channel.peer.is_gone());
    let nothing = channel.receiver.try_read(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    // SAFETY: no pointers are involved.
    unsafe { libc::kill(forked.trim().parse().unwrap(), libc::SIGKILL) };
    let error = channel.receiver.read(&mut [0]).unwrap_err();
    assert!(matches!(Error::from_io(&error), Some(Error::PeerDied)));
}

#[test]
#[ignore = "the child of another test"]
fn child_that_forks_and_dies() {
    let mut channel = bounded_options().join_memfd(std::io::stdin()).unwrap();
    // SAFETY: the child makes system calls only.
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        // SAFETY: no pointers are involved. The alarm ends it if nobody else does.
        unsafe { libc::alarm(60) };
        // SAFETY: as above.
        unsafe { libc::pause() };
        // SAFETY: as above.
        unsafe { libc::_exit(0) };
    }
    writeln!(channel.sender, "{forked}").unwrap();
    // SAFETY: as above.
    unsafe { libc::kill(std::process::id().cast_signed(), libc::SIGKILL) };
}

#[test]
fn the_death_of_who_created_the_memory_is_noticed() {
    bound_the_whole();
    let (told, tells) = std::io::pipe().unwrap();
    let mut first = child("child_that_creates_and_dies", tells);
    let mut number = String::new();
    BufReader::new(told).read_line(&mut number).unwrap();
    // As good as a descriptor that it has sent.
    let path = format!("/proc/{}/fd/{}", first.id(), number.trim());
    let memory = File::options().read(true).write(true).open(path).unwrap();
    let mut channel = Options::new().join_memfd(&memory).unwrap();
    drop(memory);
    let mut received = Vec::new();
    let error = channel.receiver.read_to_end(&mut received).unwrap_err();
    assert_eq!(received, b"last words");
    assert!(matches!(Error::from_io(&error), Some(Error::PeerDied)));
    let _ = first.wait();
}

#[test]
#[ignore = "the child of another test"]
fn child_that_creates_and_dies() {
    let (waiting, memory) = bounded_options().create_memfd().unwrap();
    let tells = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    writeln!(File::from(tells), "{}", memory.as_raw_fd()).unwrap();
    let mut channel = waiting.wait_for_peer().unwrap();
    channel.sender.write_all(b"last words").unwrap();
    // SAFETY: no pointers are involved.
    unsafe { libc::kill(std::process::id().cast_signed(), libc::SIGKILL) };
}

#[test]
fn one_joins_and_a_second_one_is_refused() {
    let (waiting, memory) = bounded_options().create_memfd().unwrap();
    let one = Options::new().join_memfd(&memory).unwrap();
    let refused = Options::new().join_memfd(&memory);
    assert!(matches!(refused, Err(Error::Busy)), "{refused:?}");
    let other = waiting.wait_for_peer().unwrap();
    let closing = std::thread::spawn(move || one.close());
    bounded("closing", move || other.close()).unwrap();
    closing.join().unwrap().unwrap();
    let late = Options::new().join_memfd(&memory);
    assert!(matches!(late, Err(Error::PeerStopped)), "{late:?}");
}

#[test]
fn a_first_whose_peer_does_not_come_gives_up() {
    bound_the_whole();
    let options = Options::new().timeout(Duration::from_millis(20));
    let (waiting, memory) = options.create_memfd().unwrap();
    assert!(matches!(waiting.wait_for_peer(), Err(Error::Timeout(_))));
    let late = Options::new().join_memfd(&memory);
    assert!(matches!(late, Err(Error::PeerStopped)), "{late:?}");
}

#[test]
fn a_first_that_does_not_wait_for_its_peer_has_not_died() {
    let (waiting, memory) = bounded_options().create_memfd().unwrap();
    let other = Options::new().join_memfd(&memory).unwrap();
    drop(waiting);
    let departure = bounded("the departure", move || other.peer.wait_until_gone());
    assert_eq!(departure, Some(Departure::GaveUp));
}

#[test]
fn memory_without_a_name_is_left_although_somebody_keeps_its_door() {
    bound_the_whole();
    let (_waiting, memory) = bounded_options().create_memfd().unwrap();
    let other = Options::new().join_memfd(&memory).unwrap();
    let kept = open_again(&File::from(memory));
    // The door.
    assert!(try_lock(&kept, 0, libc::F_WRLCK));
    other.handle().leave(Duration::ZERO).unwrap();
}

#[test]
fn pages_that_differ_are_refused() {
    let (_waiting, memory) = bounded_options().pages(2).create_memfd().unwrap();
    let refused = Options::new().pages(3).join_memfd(&memory);
    assert!(matches!(
        refused,
        Err(Error::PagesDiffer { asked: 3, found: 2 })
    ));
    Options::new().pages(2).join_memfd(&memory).unwrap();
}

#[test]
fn nobody_can_change_the_size_of_the_memory() {
    let (_waiting, memory) = bounded_options().create_memfd().unwrap();
    let file = File::from(memory);
    let len = file.metadata().unwrap().len();
    for size in [0, len - 1, len + 1] {
        let changed = file.set_len(size);
        assert_eq!(changed.unwrap_err().raw_os_error(), Some(libc::EPERM));
    }
}

/// Everything that `memfd_create(2)` is asked for.
const FLAGS: u32 = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL;

/// Of `memfd_create(2)`, since Linux 6.3.
const MFD_NOEXEC_SEAL: u32 = 8;

#[test]
fn no_program_inherits_the_memory_unasked_or_runs_it() {
    let (_waiting, memory) = bounded_options().create_memfd().unwrap();
    assert_eq!(fcntl(&memory, libc::F_GETFD, 0).unwrap(), libc::FD_CLOEXEC);
    if memfd(MFD_NOEXEC_SEAL).is_err() {
        support::not_tried("this takes Linux 6.3");
        return;
    }
    let file = File::from(memory);
    assert_eq!(file.metadata().unwrap().mode() & 0o111, 0);
    let changed = file.set_permissions(Permissions::from_mode(0o777));
    assert_eq!(changed.unwrap_err().raw_os_error(), Some(libc::EPERM));
}

#[test]
fn memory_that_is_sealed_for_good_is_joined() {
    let (_waiting, memory) = bounded_options().create_memfd().unwrap();
    fcntl(&memory, libc::F_ADD_SEALS, libc::F_SEAL_SEAL).unwrap();
    Options::new().join_memfd(&memory).unwrap();
}

#[test]
fn a_kernel_that_cannot_forbid_to_run_the_memory_has_memory_too() {
    let mut child = support::child("child_with_an_old_kernel");
    seccomp::fail(
        &mut child,
        Call(libc::SYS_memfd_create, Some((1, FLAGS))),
        libc::EINVAL,
    );
    assert!(child.status().unwrap().success());
}

#[test]
#[ignore = "the child of another test"]
fn child_with_an_old_kernel() {
    bound_the_whole();
    let (_waiting, memory) = bounded_options().create_memfd().unwrap();
    let seals = fcntl(&memory, libc::F_GET_SEALS, 0).unwrap();
    assert_eq!(seals, libc::F_SEAL_SHRINK | libc::F_SEAL_GROW);
    Options::new().join_memfd(&memory).unwrap();
}

/// A memfd with these flags for `memfd_create(2)`.
fn memfd(flags: u32) -> io::Result<File> {
    // SAFETY: a C string.
    match unsafe { libc::memfd_create(c"test".as_ptr(), flags) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: a new descriptor that nobody else owns.
        fd => Ok(unsafe { File::from_raw_fd(fd) }),
    }
}

/// Another open file of the same memory.
fn open_again(memory: &File) -> File {
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    File::options().read(true).write(true).open(path).unwrap()
}

#[test]
fn what_is_not_such_memory_is_refused() {
    bound_the_whole();
    let join = |memory: &dyn AsFd| Options::new().join_memfd(memory.as_fd());
    let (pipe, _writer) = std::io::pipe().unwrap();
    assert!(matches!(join(&pipe), Err(Error::NotAnObject)));
    let folder = File::open("/").unwrap();
    assert!(matches!(join(&folder), Err(Error::NotAnObject)));
    let unsealable = memfd(0).unwrap();
    unsealable.set_len(4096).unwrap();
    assert!(matches!(join(&unsealable), Err(Error::Unsealed)));
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    assert!(matches!(join(&file), Err(Error::Unsealed)));
    for size in [0, 1, 4096, 5000] {
        let blank = memfd(libc::MFD_ALLOW_SEALING).unwrap();
        blank.set_len(size).unwrap();
        // Whether or not somebody has it open: there is no machine to wait for.
        for _again in [None, Some(open_again(&blank))] {
            let refused = join(&blank);
            assert!(matches!(refused, Err(Error::Foreign(_))), "{refused:?}");
        }
    }
    let mut garbage = memfd(libc::MFD_ALLOW_SEALING).unwrap();
    garbage.write_all(&support::noise(4096, 1)).unwrap();
    let refused = join(&garbage);
    assert!(matches!(refused, Err(Error::Foreign(_))), "{refused:?}");
}

#[test]
fn memory_that_cannot_be_written_is_refused() {
    let (_waiting, memory) = bounded_options().create_memfd().unwrap();
    fcntl(&memory, libc::F_ADD_SEALS, libc::F_SEAL_FUTURE_WRITE).unwrap();
    let refused = Options::new().join_memfd(&memory);
    assert!(matches!(refused, Err(Error::System { .. })), "{refused:?}");
}

#[test]
fn at_the_limit_of_descriptors_nothing_is_left_behind() {
    let status = child("child_with_few_descriptors", Stdio::null()).wait();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "the child of another test"]
fn child_with_few_descriptors() {
    bound_the_whole();
    // So that all numbers below the limit are taken, whatever we have inherited.
    let mut fill = Vec::new();
    let highest = loop {
        let last = File::open("/dev/null").unwrap();
        let number = u64::try_from(last.as_raw_fd()).unwrap();
        // From 0 to `last`, and the directory that is read.
        if open_files() as u64 == number + 2 {
            break number;
        }
        fill.push(last);
    };
    let before = open_files();
    let mut succeeded = 0;
    for more in 0..8 {
        limit_descriptors(highest + more);
        match Channel::pair() {
            Ok(_) => succeeded += 1,
            Err(error) => {
                let told = error.to_string();
                assert!(told.contains("Too many open files"), "{told}");
                assert!(told.contains("ulimit -n"), "{told}");
            }
        }
        limit_descriptors(1000);
        // The watchers close what they had open.
        support::eventually("all is closed", || open_files() == before);
    }
    assert_eq!(succeeded, 4, "a pair takes four descriptors");
}

#[test]
fn whatever_a_pair_lacks_nothing_is_left_behind() {
    let status = child("child_that_lacks_something", Stdio::null()).wait();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "the child of another test"]
fn child_that_lacks_something() {
    bound_the_whole();
    let before = open_files();
    for (call, error, told) in [
        (libc::SYS_memfd_create, libc::EMFILE, "ulimit -n"),
        (
            libc::SYS_fallocate,
            libc::ENOSPC,
            "get memory for the object",
        ),
        (libc::SYS_openat, libc::ENOENT, "mount procfs at /proc"),
        (libc::SYS_clone3, libc::EAGAIN, "ulimit -u"),
    ] {
        let lacks = move || {
            seccomp::fail_here(Call(call, None), error);
            Channel::pair().map(drop)
        };
        let error = std::thread::spawn(lacks).join().unwrap().unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        support::eventually("all is closed", || open_files() == before);
    }
    Channel::pair().unwrap();
}

#[test]
fn as_many_pairs_are_open_at_once_as_there_are_descriptors_for() {
    let status = child("child_with_many_pairs", Stdio::null()).wait();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "the child of another test"]
fn child_with_many_pairs() {
    bound_the_whole();
    let most = support::setting("DESCRIPTORS", 1000);
    limit_descriptors(most as u64);
    let before = open_files();
    let mut pairs = Vec::new();
    let error = loop {
        match Channel::pair() {
            Ok(pair) => pairs.push(pair),
            Err(error) => break error,
        }
    };
    println!("{} pairs, then {error}", pairs.len());
    // Past 10,000 threads, room for mappings may end first.
    let limit = ["ulimit -n", "vm.max_map_count"][usize::from(pairs.len() > 4000)];
    let error = error.to_string();
    assert!(
        error.contains("ulimit -n") || error.contains(limit),
        "{error}"
    );
    assert!(pairs.len() > 4000.min(most / 2 - 20));
    for (one, other) in &mut pairs {
        one.sender.try_write(b"x").unwrap();
        assert_eq!(other.receiver.try_read(&mut [0; 2]).unwrap(), 1);
    }
    drop(pairs);
    support::eventually("all is closed", || open_files() == before);
    Channel::pair().unwrap();
}

#[test]
fn a_process_without_room_for_mappings_gets_an_error() {
    let status = child("child_with_few_mappings", Stdio::null()).wait();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "the child of another test"]
fn child_with_few_mappings() {
    bound_the_whole();
    let before = open_files();
    let len = 4096;
    let mut mappings = Vec::with_capacity(100_000);
    loop {
        // Two neighbours with the same rights would be one mapping.
        let rights = [libc::PROT_READ, libc::PROT_NONE][mappings.len() % 2];
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: new memory at an address of the kernel's choice.
        match unsafe { libc::mmap(std::ptr::null_mut(), len, rights, flags, -1, 0) } {
            libc::MAP_FAILED => break,
            mapping => mappings.push(mapping),
        }
    }
    let mut failed = 0;
    let pair = loop {
        // SAFETY: nobody uses this memory.
        unsafe { libc::munmap(mappings.pop().unwrap(), len) };
        match Channel::pair() {
            Ok(pair) => break pair,
            Err(error) => {
                failed += 1;
                let error = error.to_string();
                let told = error.contains("cannot map the object: Cannot allocate memory")
                    || error.contains("cannot start a thread");
                assert!(told, "{error}");
            }
        }
    };
    assert!((10..60).contains(&failed), "{failed}");
    for mapping in mappings {
        // SAFETY: nobody uses this memory.
        unsafe { libc::munmap(mapping, len) };
    }
    drop(pair);
    support::eventually("all is closed", || open_files() == before);
}
