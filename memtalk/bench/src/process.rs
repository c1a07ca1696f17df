//! Child processes, which are killed when they are dropped, and when the bench ends or dies.

use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Result, sys};

/// The ids of all that run.
static CHILDREN: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A running child.
pub(crate) struct Process {
    child: Child,
    what: String,
}

impl Process {
    /// Starts `command`, and closes our copies of the descriptors that it was given.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        sys::die_with_parent(&mut command);
        let what = command.get_program().display().to_string();
        let mut children = children();
        match command.spawn() {
            Ok(child) => {
                children.push(child.id());
                Ok(Self { child, what })
            }
            Err(error) => Err(format!("cannot start {what}: {error}").into()),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has ended, with success.
    pub(crate) fn finish(mut self) -> Result {
        let status = self.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{} failed: {status}", self.what).into()),
        }
    }

    fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait();
        children().retain(|id| *id != self.child.id());
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing if the process has ended.
        let _ = self.child.kill();
        let _ = self.wait();
    }
}

/// Kills all children. While the result lives, no others start.
pub(crate) fn end_all() -> MutexGuard<'static, Vec<u32>> {
    let children = children();
    children.iter().copied().for_each(sys::kill);
    children
}

fn children() -> MutexGuard<'static, Vec<u32>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}
