//! Child processes, which are killed when they are dropped, and when the bench dies.

use std::process::{Child, Command};

use crate::{Result, sys};

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
        match command.spawn() {
            Ok(child) => Ok(Self { child, what }),
            Err(error) => Err(format!("cannot start {what}: {error}").into()),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has ended, with success.
    pub(crate) fn finish(mut self) -> Result {
        let status = self.child.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{} failed: {status}", self.what).into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing if the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
