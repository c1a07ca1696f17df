//! Who may see and change what: the table of `memtalk/ACCESS.md`, tried by two real users.
//!
//! The two are ordinary users. Root is needed to run the tests.

mod support;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use support::users::{User, Users};
use support::{Object, Side, eventually, try_lock};

const KILL: i32 = 9;
const TERM: i32 = 15;
const CONT: i32 = 18;

/// Opens the object for reading and writing, as another program would.
fn open(object: &Object) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(object.path())
}

fn contains(file: &File, text: &[u8]) -> bool {
    let mut bytes = vec![0; 4096];
    let count = file.read_at(&mut bytes, 0).expect("it can be read");
    bytes[..count]
        .windows(text.len())
        .any(|bytes| bytes == text)
}

/// Lets the two sides finish in good order.
#[track_caller]
fn finish(one: Side, mut other: Side) {
    other.end_input();
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

/// Two sides with these options that talk. The first party belongs to the first of the two
/// users.
fn talking(
    users: &Users,
    object: &Object,
    (one, other): (User, User),
    options: &[&str],
) -> (Side, Side) {
    let mut first = users.side(one, object, options);
    first.wait_until_seated(object);
    let mut second = users.side(other, object, options);
    first.say(b"hello");
    second.expect(b"hello");
    (first, second)
}

const SHARED: &[&str] = &["--mode", "666"];

#[test]
fn another_user_cannot_reach_a_private_talk() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let (one, other) = talking(&users, &object, (users.ann, users.ann), &[]);
    users.ben.does(|| {
        let denied = |result: io::Result<()>| {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied);
        };
        denied(open(&object).map(drop));
        denied(File::open(object.path()).map(drop));
        denied(fs::remove_file(object.path()));
        denied(fs::rename(object.path(), object.path().with_extension("x")));
    });
    // The other user's processes are refused, too, whatever their options.
    for options in [&[][..], SHARED] {
        users
            .side(users.ben, &object, options)
            .finish()
            .assert_failed(
                6,
                "the object belongs to another user (nobody), left untouched; \
                 if that is your peer, both sides need --mode",
            );
    }
    finish(one, other);
    assert!(!object.exists());
}

#[test]
fn without_a_mode_an_object_of_another_user_is_refused() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let one = users.side(users.ann, &object, SHARED);
    one.wait_until_seated(&object);
    // A process without a mode is refused, even root's, which may open anything.
    for user in [Some(users.ben), None] {
        let side = users.side(user, &object, &[]);
        side.finish().assert_failed(6, "belongs to another user");
    }
    finish(one, users.side(users.ben, &object, SHARED));
}

#[test]
fn an_object_of_ones_own_that_cannot_be_opened_is_no_other_users() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    users.ann.does(|| {
        let file = File::create_new(object.path()).unwrap();
        file.set_permissions(Permissions::from_mode(0o0)).unwrap();
    });
    users
        .side(users.ann, &object, &[])
        .finish()
        .assert_failed(1, "cannot open the object");
    assert!(object.exists());
}

#[test]
fn users_that_the_mode_lets_in_can_talk_and_others_cannot() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let (ann, ben) = (users.ann, users.ben);
    let bens_friend = User {
        gid: ann.gid,
        ..ben
    };
    let group = ["--mode", "660"];
    let first = users.side(ann, &object, &group);
    first.wait_until_seated(&object);
    assert_eq!(object.path().metadata().unwrap().mode() & 0o7777, 0o660);
    users
        .side(ben, &object, &group)
        .finish()
        .assert_failed(6, "belongs to another user");
    finish(first, users.side(bens_friend, &object, &group));
    // Only the owner of the object can remove the name.
    let (one, other) = talking(&users, &object, (ann, ben), SHARED);
    let removed = ben.does(|| fs::remove_file(object.path()));
    assert_eq!(removed.unwrap_err().kind(), ErrorKind::PermissionDenied);
    finish(one, other);
    assert!(!object.exists());
}

#[test]
fn a_process_refuses_an_object_that_lets_in_more_users_than_its_mode() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let first = users.side(users.ann, &object, SHARED);
    first.wait_until_seated(&object);
    for options in [&[][..], &["--mode", "660"]] {
        users
            .side(users.ann, &object, options)
            .finish()
            .assert_failed(6, "lets in other users");
    }
    // A process whose mode lets in more users than the object may join: the object lets in
    // nobody whom the process would not.
    let private = Object::new();
    let one = users.side(users.ann, &private, &[]);
    one.wait_until_seated(&private);
    // Root, which could open the object, does not join if the mode does not let it in.
    users
        .side(None, &private, SHARED)
        .finish()
        .assert_failed(6, "belongs to another user");
    finish(one, users.side(users.ann, &private, SHARED));
    finish(first, users.side(users.ben, &object, SHARED));
}

#[test]
fn an_object_that_another_user_had_open_is_not_used_for_a_private_talk() {
    let Some(users) = Users::here() else { return };
    // A shared talk: its first party is killed while it waits, or both are during the talk.
    for joined in [false, true] {
        let object = Object::new();
        let first = users.side(users.ann, &object, SHARED);
        first.wait_until_seated(&object);
        let second = joined.then(|| users.side(users.ann, &object, SHARED));
        let spy = users.ben.does(|| open(&object)).unwrap();
        first.signal(KILL);
        first.finish_with_open_input();
        if let Some(second) = &second {
            second.signal(KILL);
        }
        drop(second);
        let (mut one, mut other) = talking(&users, &object, (users.ann, users.ann), &[]);
        one.say(b"SECRET");
        other.expect(b"SECRET");
        assert_ne!(
            spy.metadata().unwrap().ino(),
            object.path().metadata().unwrap().ino()
        );
        assert!(contains(&object.open(), b"SECRET"));
        assert!(!contains(&spy, b"SECRET"));
        drop(one);
        drop(other);
    }
}

#[test]
fn another_user_that_keeps_the_door_makes_nobody_use_the_object_again() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let (one, other) = talking(&users, &object, (users.ann, users.ann), SHARED);
    let [spy, door] = [(); 2].map(|()| users.ben.does(|| open(&object)).unwrap());
    assert!(try_lock(&door, 0, libc::F_WRLCK));
    // The two cannot remove the name, and end all the same: after a signal they do not wait
    // for long.
    for side in [&one, &other] {
        side.signal(TERM);
    }
    for side in [one, other] {
        assert_eq!(side.finish_with_open_input().signal, Some(TERM));
    }
    assert!(object.exists());
    // No newcomer gets a seat. A timeout or a signal ends its wait.
    users
        .side(users.ann, &object, &["--timeout", "0.1"])
        .finish()
        .assert_failed(3, "no peer came");
    let impatient = users.side(users.ann, &object, &[]);
    eventually("it is at the door", || at_the_door(&impatient));
    impatient.signal(TERM);
    assert_eq!(impatient.finish_with_open_input().signal, Some(TERM));
    // The next two have an object of their own once the door is free.
    let mut one = users.side(users.ann, &object, &[]);
    let mut other = users.side(users.ann, &object, &[]);
    drop(door);
    one.say(b"SECRET");
    other.expect(b"SECRET");
    assert!(contains(&object.open(), b"SECRET"));
    assert!(!contains(&spy, b"SECRET"));
    finish(one, other);
}

/// Whether the side waits for its next try at the door: asleep for a time, with signals
/// blocked.
fn at_the_door(side: &Side) -> bool {
    let nap = format!(" {} ", libc::SYS_rt_sigtimedwait);
    side.threads().iter().any(|thread| thread.contains(&nap))
}

#[test]
fn an_object_that_cannot_be_removed_is_reported_and_the_talk_is_complete() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let (mut one, mut other) = talking(&users, &object, (users.ann, users.ann), SHARED);
    let door = users.ben.does(|| open(&object)).unwrap();
    assert!(try_lock(&door, 0, libc::F_WRLCK));
    // A newcomer waits at the door for as long as the two do.
    let newcomer = users.side(users.ann, &object, SHARED);
    one.end_input();
    other.end_input();
    newcomer
        .finish()
        .assert_failed(5, "keeps this object locked");
    for end in [one.finish(), other.finish()] {
        assert_eq!(end.code, Some(0), "{}", end.stderr);
        assert_eq!(end.stderr.lines().count(), 1, "{}", end.stderr);
        assert!(
            end.stderr.contains("the object may be left behind: "),
            "{}",
            end.stderr
        );
    }
    assert!(object.exists());
}

#[test]
fn no_byte_of_an_old_talk_is_in_the_object_of_the_next() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let (mut one, mut other) = talking(&users, &object, (users.ann, users.ann), &[]);
    one.say(b"SECRET");
    other.expect(b"SECRET");
    assert!(contains(&object.open(), b"SECRET"));
    for mut side in [one, other] {
        side.kill();
    }
    let next = users.side(users.ann, &object, SHARED);
    let found = || users.ben.does(|| open(&object));
    eventually("others can open it", || found().is_ok());
    assert!(!contains(&found().unwrap(), b"SECRET"));
    finish(next, users.side(users.ben, &object, SHARED));
}

#[test]
fn nobody_waits_for_a_machine_in_an_empty_object_of_another_user() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    users.ann.does(|| {
        let file = File::create_new(object.path()).unwrap();
        file.set_permissions(Permissions::from_mode(0o666)).unwrap();
    });
    let ben = users.side(users.ben, &object, &["--mode", "666"]);
    ben.finish().assert_failed(6, "cannot hold a page");
}

#[test]
fn another_user_gets_no_lease() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let (one, other) = talking(&users, &object, (users.ann, users.ben), SHARED);
    let error = users.ben.does(|| {
        let file = open(&object).unwrap();
        // SAFETY: no pointers are involved.
        let lease = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) };
        (lease == -1).then(io::Error::last_os_error)
    });
    assert_eq!(error.unwrap().kind(), ErrorKind::PermissionDenied);
    finish(one, other);
}

#[test]
fn a_user_that_may_open_the_object_can_spoil_the_talk_and_no_more() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let (mut one, other) = talking(&users, &object, (users.ann, users.ben), SHARED);
    users
        .ben
        .does(|| open(&object).unwrap().write_all_at(&[0xFF; 4096], 0))
        .unwrap();
    // It may have noticed by now.
    one.write_in_background(b"b".to_vec());
    for side in [one, other] {
        let side = side.finish_with_open_input();
        assert_eq!((side.code, side.stderr.lines().count()), (Some(4), 1));
    }
}

#[test]
fn a_process_waits_until_another_user_removes_its_old_object() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let (ann, ben) = (users.ann, users.ben);
    let (one, other) = talking(&users, &object, (ann, ben), SHARED);
    one.signal(KILL);
    one.finish_with_open_input();
    let owner = "left an object of another user (nobody); ";
    // The survivor reports that it could not remove the object, which is not its own.
    let other = other.finish_with_open_input();
    assert_eq!(other.code, Some(4));
    let lines: Vec<_> = other.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("the peer died")));
    let left = lines
        .iter()
        .find(|line| line.contains("may be left behind: "));
    assert!(left.is_some_and(|line| line.contains(owner)), "{left:?}");
    // The next process of that user cannot remove it either. It gives up at its timeout,
    let late = users.side(ben, &object, &["--mode", "666", "--timeout", "0.2"]);
    let late = late.finish();
    assert_eq!(late.code, Some(3), "{}", late.stderr);
    assert!(late.stderr.contains(owner), "{}", late.stderr);
    // or waits until a process of the owner comes.
    let mut ben = users.side(ben, &object, SHARED);
    let waiting = ben.message("waiting: ");
    assert!(waiting.contains(owner), "{waiting}");
    finish(users.side(ann, &object, SHARED), ben);
    assert!(!object.exists());
}

#[test]
fn a_process_waits_for_a_survivor_of_another_user_to_leave() {
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let (ann, ben) = (users.ann, users.ben);
    let (one, other) = talking(&users, &object, (ann, ben), SHARED);
    one.stop();
    other.signal(KILL);
    other.finish_with_open_input();
    let mut next = users.side(ben, &object, SHARED);
    next.expect_message("waiting: ");
    one.signal(CONT);
    one.finish_with_open_input()
        .assert_failed(4, "the peer died");
    let last = users.side(ann, &object, SHARED);
    finish(last, next);
}
