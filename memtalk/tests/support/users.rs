//! Running programs and threads as other users.

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
    /// Runs `work` in a thread that belongs to this user, and waits for it.
    pub fn does<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|threads| {
            let thread = threads.spawn(|| {
                // The bare system calls change the calling thread only.
                let become_user = [
                    (libc::SYS_setgroups, 0),
                    (libc::SYS_setresgid, self.gid),
                    (libc::SYS_setresuid, self.uid),
                ];
                for (call, id) in become_user {
                    // SAFETY: no pointers are used: the number of groups is 0.
                    let result = unsafe { libc::syscall(call, id, id, id) };
                    assert_eq!(result, 0, "it may become another user");
                }
                work()
            });
            thread.join().expect("it does not panic")
        })
    }
}

/// Two other users, in groups of their own, and a copy of the binary that both can run.
pub struct Users {
    pub ann: User,
    pub ben: User,
    copy: PathBuf,
}

impl Users {
    /// `None`, with a message, unless we may run programs as any user.
    pub fn here() -> Option<Self> {
        if fs::metadata("/proc/self").map_or(1, |data| data.uid()) != 0 {
            not_tried("only root can run programs as two users");
            return None;
        }
        let copy = std::env::temp_dir().join(&Object::new().name()[1..]);
        // Copied by another process. If this one wrote the copy, a child that another test
        // forks meanwhile would have it open for writing, and nobody could run it.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_memtalk"))
            .arg(&copy)
            .status();
        assert!(copied.is_ok_and(|status| status.success()));
        let user = |id| User { uid: id, gid: id };
        let (ann, ben) = (user(65534), user(1));
        Some(Self { ann, ben, copy })
    }

    /// `memtalk -f` this object, run as `user`, or as ourselves.
    pub fn memtalk(&self, user: impl Into<Option<User>>, object: &Object) -> Command {
        let mut command = Command::new(&self.copy);
        command.args(["-f", &object.name()]).current_dir("/");
        if let Some(User { uid, gid }) = user.into() {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Starts a side as `user` with these options; its input stays open.
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
