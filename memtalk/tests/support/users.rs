//! Programs and threads of other users.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use super::{Object, Side, not_tried};

/// A user and its only group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

impl User {
    /// Runs `work` in a thread of this user, and waits for it.
    pub fn does<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|threads| {
            let thread = threads.spawn(|| {
                // The system calls themselves are about the calling thread only.
                let become_user = [
                    (libc::SYS_setgroups, 0),
                    (libc::SYS_setresgid, self.gid),
                    (libc::SYS_setresuid, self.uid),
                ];
                for (call, id) in become_user {
                    // SAFETY: no pointers are involved: of groups there are none.
                    let result = unsafe { libc::syscall(call, id, id, id) };
                    assert_eq!(result, 0, "it may become another user");
                }
                work()
            });
            thread.join().expect("it does not panic")
        })
    }
}

/// Two users that are not us, in groups of their own, and a copy of the binary that both
/// can reach.
pub struct Users {
    pub ann: User,
    pub ben: User,
    copy: PathBuf,
}

impl Users {
    /// `None`, and a word about it, unless we may run programs as any user.
    pub fn here() -> Option<Self> {
        if fs::metadata("/proc/self").map_or(1, |data| data.uid()) != 0 {
            not_tried("only root can run programs as two users");
            return None;
        }
        let copy = std::env::temp_dir().join(&Object::new().name()[1..]);
        // In another process: a child that a test forks meanwhile would have the
        // copy open for writing, and nobody could run it.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_memtalk"))
            .arg(&copy)
            .status();
        assert!(copied.is_ok_and(|status| status.success()));
        let user = |id| User { uid: id, gid: id };
        let (ann, ben) = (user(65534), user(1));
        Some(Self { ann, ben, copy })
    }

    /// `memtalk -f` this object, run by `user`, or by us.
    pub fn memtalk(&self, user: impl Into<Option<User>>, object: &Object) -> Command {
        let mut command = Command::new(&self.copy);
        command.args(["-f", &object.name()]).current_dir("/");
        if let Some(User { uid, gid }) = user.into() {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// A side of `user` with these options, whose input stays open.
    pub fn side(&self, user: impl Into<Option<User>>, object: &Object, options: &[&str]) -> Side {
        let mut command = self.memtalk(user, object);
        Side::start(command.args(options).stdin(Stdio::piped()))
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.copy);
    }
}
