//! Places for the files and shared memory objects that the bench makes.
//!
//! A directory in `/dev/shm` has files, sockets and FIFOs. The objects are beside it. All
//! names contain the process id. Everything is removed at the end, or by [`sweep`].

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;

use crate::Result;

/// The directory of POSIX shared memory objects. Files there need no disk.
const SHM: &str = "/dev/shm";

fn prefix() -> String {
    format!("memtalk-bench-{}", process::id())
}

/// The directory. It is removed with its content when this is dropped.
pub(crate) struct Scratch {
    directory: PathBuf,
    next: Cell<usize>,
}

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        let directory = Path::new(SHM).join(prefix());
        fs::create_dir(&directory)?;
        Ok(Self {
            directory,
            next: Cell::new(0),
        })
    }

    /// A new place.
    pub(crate) fn place(&self) -> Place {
        let number = self.next.replace(self.next.get() + 1);
        Place {
            path: self.directory.join(number.to_string()),
            object: format!("/{}-{number}", prefix()),
        }
    }

    /// A new file of `bytes` bytes.
    pub(crate) fn file(&self, bytes: usize) -> Result<Place> {
        let place = self.place();
        let mut file = File::create(&place.path)?;
        // The period is long and odd, so that a lost block shows.
        let block: Vec<u8> = (0..1_000_003_u32)
            .map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3])
            .collect();
        let mut rest = bytes;
        while rest > 0 {
            let part = rest.min(block.len());
            file.write_all(&block[..part])?;
            rest -= part;
        }
        Ok(place)
    }

    /// A new file of zeros, too long to be read to its end, which takes no memory.
    pub(crate) fn endless(&self) -> Result<Place> {
        let place = self.place();
        File::create(&place.path)?.set_len(1 << 40)?;
        Ok(place)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        sweep();
    }
}

/// A path in the directory, and the name of a shared memory object. Nothing is there at
/// first. Both are removed when this is dropped.
pub(crate) struct Place {
    path: PathBuf,
    object: String,
}

impl Place {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A second path.
    pub(crate) fn other_path(&self) -> PathBuf {
        self.path.with_extension("other")
    }

    /// The path as text, after `before`.
    pub(crate) fn text(&self, before: &str) -> String {
        format!("{before}{}", self.path.display())
    }

    /// The name of the object, with its slash.
    pub(crate) fn object(&self) -> &str {
        &self.object
    }

    /// The object as a file.
    pub(crate) fn object_path(&self) -> PathBuf {
        Path::new(SHM).join(&self.object[1..])
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for path in [self.path.clone(), self.other_path(), self.object_path()] {
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes all that this process has made.
pub(crate) fn sweep() {
    let directory = Path::new(SHM).join(prefix());
    // Another thread may be making files there. Once the directory is gone, it cannot.
    for _ in 0..1_000 {
        let _ = fs::remove_dir_all(&directory);
        if !directory.exists() {
            break;
        }
    }
    let objects = format!("{}-", prefix());
    let entries = fs::read_dir(SHM).into_iter().flatten().flatten();
    for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with(&objects)) {
        let _ = fs::remove_file(entry.path());
    }
}
