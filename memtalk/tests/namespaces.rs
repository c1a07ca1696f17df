//! Namespaces: processes in containers that share `/dev/shm`, and a `/dev/shm` that is full,
//! missing, read-only or something else.
//!
//! Not every user may create namespaces. A user who may not sees a message, and nothing is
//! tried.

mod support;

use std::process::{Command, Stdio};

use support::users::Users;
use support::{Finished, Object, Side, memtalk, not_tried, shell};

/// Whether `unshare` may create namespaces of this kind.
fn may_unshare(kind: &str) -> bool {
    let tried = Command::new("unshare")
        .args([kind, "--fork", "true"])
        .output();
    let may = tried.is_ok_and(|output| output.status.success());
    if !may {
        not_tried(&format!("unshare {kind} is not permitted here"));
    }
    may
}

/// A side that is process 1 of a PID namespace of its own.
fn contained(object: &Object) -> Side {
    let mut command = Command::new("unshare");
    command
        .args(["--pid", "--fork", "--kill-child"])
        .arg(memtalk().get_program())
        .args(["-f", &object.name()]);
    Side::start(command.stdin(Stdio::piped()))
}

/// Two such sides whose inputs stay open, of which one has sent something.
fn talking_apart(object: &Object) -> (Side, Side) {
    let (mut one, mut other) = (contained(object), contained(object));
    one.say(b"hello");
    other.expect(b"hello");
    (one, other)
}

#[test]
fn processes_in_different_pid_namespaces_can_talk() {
    if !may_unshare("--pid") {
        return;
    }
    let object = Object::new();
    let (mut one, other) = talking_apart(&object);
    Side::start(object.memtalk().stdin(Stdio::null()))
        .finish()
        .assert_failed(5, "two processes already talk");
    one.end_input();
    other.finish().assert_complete(b"");
    one.finish().assert_complete(b"");
    assert!(!object.exists());
}

#[test]
fn a_death_in_another_pid_namespace_is_noticed() {
    if !may_unshare("--pid") {
        return;
    }
    let object = Object::new();
    let (mut one, other) = talking_apart(&object);
    one.kill();
    other
        .finish_with_open_input()
        .assert_failed(4, "the peer died");
    object.assert_usable();
}

#[test]
fn an_owner_that_a_user_namespace_does_not_know_is_another_user() {
    // Such owners, and whoever runs there without a user of its own, look like one user.
    if !may_unshare("--user") {
        return;
    }
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let first = users.side(users.ben, &object, &["--mode", "666"]);
    first.wait_until_seated(&object);
    let mut command = Command::new("unshare");
    command
        .arg("--user")
        .arg(memtalk().get_program())
        .args(["-f", &object.name()]);
    Side::start(command.stdin(Stdio::null()))
        .finish()
        .assert_failed(6, "belongs to another user");
    first.signal(15);
    assert_eq!(first.finish_with_open_input().signal, Some(15));
}

/// Runs a script whose mounts nobody else sees. In it, `$MEMTALK` is the binary.
fn with_mounts_of_its_own(script: &str) -> Finished {
    let mut command = Command::new("unshare");
    let inner = shell(script);
    command.args(["--mount", "sh", "-c", script]).envs(
        inner
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    Side::start(command.stdin(Stdio::null())).finish()
}

#[test]
fn a_directory_of_objects_that_is_not_as_it_should_be_is_reported_with_the_remedy() {
    if !may_unshare("--mount") {
        return;
    }
    let talk = "exec $MEMTALK -f /x --timeout 0.1";
    for (mounts, told) in [
        (
            "mount -t tmpfs none /dev",
            "cannot create the object: No such file or directory; \
             there is no directory /dev/shm: mount a tmpfs there",
        ),
        (
            "mount -t tmpfs -o ro none /dev/shm",
            "cannot create the object: Read-only file system; \
             /dev/shm is read-only: mount it for writing",
        ),
        (
            "mount -t tmpfs none /dev/shm && echo >/dev/shm/x && mount -o remount,ro /dev/shm",
            "cannot open the object: Read-only file system; \
             /dev/shm is read-only: mount it for writing",
        ),
        (
            "mount -t tmpfs -o nr_inodes=1 none /dev/shm",
            "cannot create the object: No space left on device; \
             /dev/shm holds as many objects as it may (df -i /dev/shm)",
        ),
        (
            "mount -t tmpfs -o size=4k none /dev/shm && echo >/dev/shm/y",
            "cannot get memory for the object: No space left on device; \
             /dev/shm is full (df /dev/shm)",
        ),
        (
            "mount -t proc none /dev/shm",
            "/dev/shm is not a tmpfs: mount one there",
        ),
    ] {
        let ended = with_mounts_of_its_own(&format!("{mounts} || exit 99; {talk}"));
        ended.assert_failed(1, told);
        assert!(
            ended.stderr.starts_with("memtalk: /x: "),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn without_a_view_of_itself_in_proc_a_process_talks_or_says_what_it_takes() {
    if !may_unshare("--mount") {
        return;
    }
    for over in [
        "mount -t tmpfs none /proc",
        "unshare --pid --fork mount -t proc none /proc",
    ] {
        let ended = with_mounts_of_its_own(&format!(
            "mount -t tmpfs none /dev/shm; {over} || exit 99
            exec $MEMTALK -f /x --timeout 0.1"
        ));
        match ended.code {
            Some(3) => ended.assert_failed(3, "no peer came"),
            _ => ended.assert_failed(1, "mount procfs at /proc"),
        }
    }
}

#[test]
fn a_directory_in_which_a_user_may_not_create_objects_is_reported_with_the_remedy() {
    if !may_unshare("--mount") {
        return;
    }
    let Some(users) = Users::here() else { return };
    let object = Object::new();
    let theirs = users.memtalk(None, &object);
    for mode in ["755", "700"] {
        let ended = with_mounts_of_its_own(&format!(
            "mount -t tmpfs -o mode={mode} none /dev/shm || exit 99
            exec setpriv --reuid {} --regid {} --clear-groups {} -f /x",
            users.ben.uid,
            users.ben.gid,
            theirs.get_program().display()
        ));
        ended.assert_failed(1, "Permission denied; every user must be allowed");
    }
}

#[test]
fn a_full_file_system_is_reported() {
    if !may_unshare("--mount") {
        return;
    }
    // The file system is full at the start; then while the object is in use, because
    // somebody takes the memory out of the object and uses it up.
    let script = "
        mount -t tmpfs -o size=64k tmpfs /dev/shm || exit 99
        $MEMTALK -f /x --pages 100 </dev/null
        echo $?
        ls /dev/shm
        mkfifo /dev/shm/one /dev/shm/other
        $MEMTALK -f /x </dev/shm/one >/dev/null & one=$!
        exec 3>/dev/shm/one
        $MEMTALK -f /x </dev/shm/other >/dev/shm/said & other=$!
        exec 4>/dev/shm/other
        echo hello >&3
        until [ -s /dev/shm/said ]; do sleep 0.01; done
        # A process that still looks at the page would get the memory back too early.
        while cat /proc/$one/task/*/stat /proc/$other/task/*/stat | grep -q ') R '; do :; done
        fallocate --punch-hole --offset 0 --length 4096 /dev/shm/x
        dd if=/dev/zero of=/dev/shm/rest 2>/dev/null
        echo again >&3
        wait $one; echo $?
        wait $other; echo $?";
    let ended = with_mounts_of_its_own(script);
    let statuses = String::from_utf8(ended.stdout).expect("numbers");
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(statuses, "1\n6\n6\n", "{}", ended.stderr);
    assert_eq!(lines.len(), 3, "{}", ended.stderr);
    assert!(lines[0].contains("cannot get memory for the object"));
    assert!(lines[1].contains("filled its file system"));
    assert!(lines[2].contains("filled its file system"));
}

#[test]
fn an_empty_list_is_said_to_be_empty() {
    if !may_unshare("--mount") {
        return;
    }
    let script = "mount -t tmpfs tmpfs /dev/shm && $MEMTALK --list --json && exec $MEMTALK --list";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script])
        .env("MEMTALK", memtalk().get_program());
    let ended = Side::start(command.stdin(Stdio::null())).finish();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, b"[]\n");
    assert!(ended.stderr.contains("nobody waits or talks"));
}

#[test]
fn an_onlooker_in_another_pid_namespace_sees_that_somebody_is_there() {
    if !may_unshare("--pid") {
        return;
    }
    let object = Object::new();
    let side = object.open_side();
    side.wait_until_seated(&object);
    let mut command = Command::new("unshare");
    command
        .args(["--pid", "--fork", "--mount-proc"])
        .arg(memtalk().get_program())
        .args(["-f", &object.name(), "--status"]);
    let seen = Side::start(command.stdin(Stdio::null())).finish();
    assert_eq!(seen.code, Some(0), "{}", seen.stderr);
    let picture = String::from_utf8(seen.stdout).unwrap();
    assert!(picture.contains("\nwaiting, "), "{picture}");
    assert!(
        picture.contains("\nfirst   another user's process\n"),
        "{picture}"
    );
    drop(side);
}
