//! Strangers at the same name: third processes, and objects that are not memtalk's.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use memtalk_ring::layout::{CLAIM, MAGIC};
use support::{Object, Side, TempFile, eventually, noise, words};

fn attempt(object: &Object) -> support::Finished {
    Side::start(object.memtalk().stdin(Stdio::null())).finish()
}

#[test]
fn a_third_process_is_refused_and_disturbs_nothing() {
    let object = Object::new();
    let (mut one, mut other) = object.talking_sides();
    for _ in 0..5 {
        attempt(&object).assert_failed(5, "two processes already talk");
    }
    other.say(b"after");
    one.expect(b"after");
    one.end_input();
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
    assert!(!object.exists());
}

#[test]
fn nobody_joins_a_talk_that_one_party_has_left() {
    let object = Object::new();
    let (one, other) = object.talking_sides();
    // Stop the other, so that it cannot notice the death, and keeps its seat.
    other.stop();
    one.signal(9);
    assert_eq!(one.finish_with_open_input().signal, Some(9));
    // Two newcomers get a talk of their own under the same name, at once.
    object.assert_usable();
    other.signal(18);
    other
        .finish_with_open_input()
        .assert_failed(4, "the peer died");
}

#[test]
fn an_object_that_another_program_uses_is_refused_at_once() {
    for contents in [&noise(4096, 1), &noise(100_000, 2)] {
        let object = Object::new();
        fs::write(object.path(), contents).unwrap();
        let _open = object.open();
        attempt(&object).assert_failed(6, "left untouched");
    }
}

#[test]
fn objects_of_other_programs_are_left_untouched() {
    for contents in [
        &b""[..],
        b"x",
        &[0; 4096],
        &noise(4096, 1),
        &noise(100_000, 2),
    ] {
        let object = Object::new();
        fs::write(object.path(), contents).unwrap();
        attempt(&object).assert_failed(6, "left untouched");
        assert!(fs::read(object.path()).unwrap() == contents);
    }
}

#[test]
fn pages_of_another_layout_are_left_untouched() {
    let object = Object::new();
    let side = object.open_side();
    side.wait_until_seated(&object);
    side.signal(9);
    side.finish_with_open_input();
    let page = fs::read(object.path()).unwrap();
    let change = |at: usize, word: u32| {
        let mut page = page.clone();
        words::put(&mut page, at, word);
        page
    };
    let longer = [&page[..], &page[..]].concat();
    for (what, contents) in [
        ("layout version 1", change(words::VERSION, 1)),
        (
            "the other byte order",
            change(words::MAGIC, MAGIC.swap_bytes()),
        ),
        (
            "claims 8192 bytes, but its memory",
            change(words::SIZE, 8192),
        ),
        ("its capacity does not match", change(words::CAPACITY, 100)),
        ("claims 4096 bytes, but its memory", page[..100].to_vec()),
        ("claims 4096 bytes, but its memory", longer),
    ] {
        fs::write(object.path(), &contents).unwrap();
        attempt(&object).assert_failed(6, what);
        assert!(
            fs::read(object.path()).unwrap() == contents,
            "{what}: it was changed"
        );
    }
    fs::write(object.path(), &page).unwrap();
    object.assert_usable();
}

#[test]
fn directories_links_and_fifos_are_refused() {
    let object = Object::new();
    fs::create_dir(object.path()).unwrap();
    attempt(&object).assert_failed(6, "not a shared memory object");
    fs::remove_dir(object.path()).unwrap();

    let target = TempFile::new(b"");
    symlink(&target.0, object.path()).unwrap();
    attempt(&object).assert_failed(6, "not a shared memory object");
    assert_eq!(fs::read(&target.0).unwrap(), b"");
    fs::remove_file(object.path()).unwrap();

    assert!(
        Command::new("mkfifo")
            .arg(object.path())
            .status()
            .unwrap()
            .success()
    );
    attempt(&object).assert_failed(6, "not a shared memory object");
}

#[test]
fn of_a_hundred_at_once_one_pair_talks_and_the_others_are_refused() {
    let object = Object::new();
    let mut sides: Vec<_> = (0..100).map(|_| object.open_side()).collect();
    // Two of them talk, and go on talking, since their inputs stay open.
    eventually("all but two are sent away", || {
        let ended = sides.iter_mut().map(|side| usize::from(side.has_ended()));
        ended.sum::<usize>() == 98
    });
    let mut two = Vec::new();
    for mut side in sides {
        if side.has_ended() {
            side.finish().assert_failed(5, "two processes already talk");
        } else {
            two.push(side);
        }
    }
    let [mut one, mut other] = <[Side; 2]>::try_from(two).unwrap_or_else(|_| unreachable!());
    one.say(b"to the other");
    other.expect(b"to the other");
    other.say(b"to the one");
    one.expect(b"to the one");
    one.end_input();
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
    assert!(!object.exists());
}

#[test]
fn an_object_that_a_dead_process_left_keeps_nobody_from_talking() {
    // A process that was killed while it waited; and a program of another kind that died
    // between the claim and the magic number.
    let object = Object::new();
    let side = object.open_side();
    side.wait_until_seated(&object);
    side.signal(9);
    side.finish_with_open_input();
    assert!(object.exists());
    object.assert_usable();

    for size in [8, 128, 4096, 10_000] {
        fs::write(object.path(), vec![0; size]).unwrap();
        words::write(&object.open(), words::CLAIM, CLAIM);
        object.assert_usable();
    }
}

#[test]
fn a_name_that_another_talk_has_taken_is_left_alone() {
    let object = Object::new();
    let (mut one, other) = object.talking_sides();
    // Somebody removes the name, and another process uses it.
    fs::remove_file(object.path()).unwrap();
    let new = object.open_side();
    new.wait_until_seated(&object);
    one.end_input();
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
    assert!(object.exists(), "it belongs to another talk");
    let joined = object.side(b"");
    new.finish().assert_complete(b"");
    joined.finish().assert_complete(b"");
}

#[test]
fn many_at_once_form_pairs_whose_streams_never_mix() {
    const PAIRS: usize = 50;
    let object = Object::new();
    let sides: Vec<_> = (0..2 * PAIRS)
        .map(|i| {
            let input = TempFile::new(format!("{i}\n").repeat(2000).as_bytes());
            let mut command = object.memtalk();
            Side::start(command.args(["--timeout", "1"]).stdin(input.open()))
        })
        .collect();
    let finished: Vec<_> = sides.into_iter().map(Side::finish).collect();
    let mut talked = 0;
    for (i, side) in finished.iter().enumerate() {
        match side.code {
            Some(0) => {
                let text = String::from_utf8(side.stdout.clone()).unwrap();
                let peer: usize = text.lines().next().unwrap().parse().unwrap();
                assert_eq!(text, format!("{peer}\n").repeat(2000));
                let theirs = String::from_utf8(finished[peer].stdout.clone()).unwrap();
                assert_eq!(theirs, format!("{i}\n").repeat(2000), "they are a pair");
                talked += 1;
            }
            // The last one may be alone, after others have talked and gone.
            Some(3) => side.assert_failed(3, "no peer came"),
            _ => side.assert_failed(5, "two processes already talk"),
        }
    }
    assert!(talked >= 2 && talked % 2 == 0, "{talked}");
}

#[test]
fn an_object_that_others_may_read_is_refused() {
    let object = Object::new();
    let mut first = object.open_side();
    first.wait_until_seated(&object);
    let set_mode = |mode| {
        fs::set_permissions(object.path(), Permissions::from_mode(mode)).unwrap();
    };
    set_mode(0o644);
    attempt(&object).assert_failed(6, "lets in other users");
    set_mode(0o600);
    let second = object.side(b"hello");
    first.end_input();
    second.finish().assert_complete(b"");
    first.finish().assert_complete(b"hello");
}
