//! Removing an object in a signal handler: [`NamedObject`].

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use super::shm;

/// An object and its name, for a program that handles SIGBUS: the signal for an access to
/// an object that somebody has truncated.
///
/// Without its page the object is not recognised as memtalk's. If it keeps the name, the
/// next talk is refused. So the handler should [remove](Self::remove) it.
#[derive(Debug)]
pub struct NamedObject {
    path: CString,
    device: u64,
    inode: u64,
}

impl NamedObject {
    /// The object `file`, and its name.
    pub(crate) fn new(name: &CStr, file: &File) -> io::Result<Self> {
        let (path, data) = (shm::c_path(name)?, shm::metadata(file)?);
        let (device, inode) = (data.dev(), data.ino());
        Ok(Self {
            path,
            device,
            inode,
        })
    }

    /// Removes the name if it leads to the object. Safe to call in a signal handler: it
    /// calls `lstat(2)` and `unlink(2)`, and nothing else.
    pub fn remove(&self) {
        // SAFETY: a struct of integers, for which zero is a value.
        let mut found: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: a C string, and a place that is valid for writes.
        let result = unsafe { libc::lstat(self.path.as_ptr(), &raw mut found) };
        if result == 0 && (found.st_dev, found.st_ino) == (self.device, self.inode) {
            // SAFETY: a C string.
            unsafe { libc::unlink(self.path.as_ptr()) };
        }
    }
}
