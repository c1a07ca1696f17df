//! The processes that hold the locks of seats, as `/proc` shows them.
//!
//! An open file description lock has no process id. But `/proc/PID/fdinfo/FD` has a line
//! for each lock of the open file that FD is. All of this is made by the kernel: nothing here
//! touches the files that other processes have open.

use std::cell::OnceCell;
use std::fs::{self, Metadata};
use std::io::Read;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::sys;

/// No more of a command line is read than this number of bytes.
const LONGEST_COMMAND: u64 = 4096;

/// What tells a file from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for FileId {
    fn from(data: &Metadata) -> Self {
        let (device, inode) = (data.dev(), data.ino());
        Self { device, inode }
    }
}

/// A process that sits at a seat, as it was when it was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// Its process id, in this PID namespace.
    pub pid: u32,
    /// The user that it runs as.
    pub user: u32,
    /// Its short name, at most 15 bytes. A process can choose it.
    pub name: String,
    /// Its command line, at most 4,096 bytes, with spaces between the arguments; the short name
    /// if it has none. A process can change it.
    pub command: String,
    /// The descriptor whose open file has the lock.
    descriptor: u32,
}

/// How many bytes a process has read and written so far, through system calls of all kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

impl Process {
    /// Its traffic so far. `None` if it has ended, or the kernel does not tell.
    #[must_use]
    pub fn traffic(&self) -> Option<Traffic> {
        let text = fs::read_to_string(folder(self.pid).join("io")).ok()?;
        let count = |name| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        };
        Some(Traffic {
            read: count("rchar:")?,
            written: count("wchar:")?,
        })
    }

    /// Whether it still holds the write lock on this byte.
    pub(super) fn holds(&self, file: FileId, byte: u64) -> bool {
        let locks = locks_of(&folder(self.pid), self.descriptor);
        locks.iter().any(|lock| lock.is_on(file, byte))
    }

    fn found(pid: u32, descriptor: u32) -> Option<Self> {
        let folder = folder(pid);
        let user = fs::metadata(&folder).ok()?.uid();
        let name = fs::read(folder.join("comm")).ok()?;
        let name = String::from_utf8_lossy(&name).trim_end().to_owned();
        let mut command = Vec::new();
        let cmdline = fs::File::open(folder.join("cmdline")).ok()?;
        cmdline
            .take(LONGEST_COMMAND)
            .read_to_end(&mut command)
            .ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        Some(Self {
            pid,
            user,
            command: match command.trim_end() {
                "" => name.clone(),
                command => command.to_owned(),
            },
            name,
            descriptor,
        })
    }
}

/// Who holds which write locks. Looked up once, when it is first asked.
#[derive(Default)]
pub(crate) struct Holders(OnceCell<Vec<(u32, u32, WriteLock)>>);

impl Holders {
    /// The process that holds the write lock on this byte, if it is shown to this user.
    pub(crate) fn find(&self, file: FileId, byte: u64) -> Option<Process> {
        let all = self.0.get_or_init(all_locks);
        let mut holders = all.iter().filter(|(.., lock)| lock.is_on(file, byte));
        holders.find_map(|&(pid, descriptor, _)| Process::found(pid, descriptor))
    }
}

/// A write lock that belongs to an open file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WriteLock {
    file: FileId,
    bytes: RangeInclusive<u64>,
}

impl WriteLock {
    fn is_on(&self, file: FileId, byte: u64) -> bool {
        self.file == file && self.bytes.contains(&byte)
    }

    /// Reads one from a line like this; the numbers are the device, the inode, and the first
    /// and the last byte:
    ///
    /// ```text
    /// lock:   1: OFDLCK ADVISORY  WRITE -1 00:1b:6748346 1 1
    /// ```
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("lock:")?.split_whitespace().skip(1);
        let mut next = || words.next();
        let (kind, _, access, _) = (next()?, next()?, next()?, next()?);
        if (kind, access) != ("OFDLCK", "WRITE") {
            return None;
        }
        let mut place = next()?.splitn(3, ':');
        let mut number = |radix| u64::from_str_radix(place.next()?, radix).ok();
        let (major, minor, inode) = (number(16)?, number(16)?, number(10)?);
        let (from, to) = (next()?.parse().ok()?, next()?);
        let to = match to {
            "EOF" => u64::MAX,
            to => to.parse().ok()?,
        };
        let device = libc::makedev(major.try_into().ok()?, minor.try_into().ok()?);
        Some(Self {
            file: FileId { device, inode },
            bytes: from..=to,
        })
    }
}

fn folder(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// The write locks of the open file that `descriptor` is in a process.
fn locks_of(process: &Path, descriptor: u32) -> Vec<WriteLock> {
    let info = fs::read(process.join("fdinfo").join(descriptor.to_string()));
    let info = info.unwrap_or_default();
    String::from_utf8_lossy(&info)
        .lines()
        .filter_map(WriteLock::parse)
        .collect()
}

/// Those of all processes that are shown to this user, with their process ids and descriptors.
fn all_locks() -> Vec<(u32, u32, WriteLock)> {
    let mut all = Vec::new();
    for (pid, process) in numbered(Path::new("/proc")) {
        for (descriptor, link) in numbered(&process.join("fd")) {
            // A file: what is none, a socket for example, is a text without a slash at its start.
            let file = sys::call(|| fs::read_link(&link));
            if file.is_ok_and(|file| file.as_os_str().as_bytes().starts_with(b"/")) {
                let locks = locks_of(&process, descriptor).into_iter();
                all.extend(locks.map(|lock| (pid, descriptor, lock)));
            }
        }
    }
    all
}

/// The entries of a directory whose names are numbers. None if it cannot be read.
fn numbered(directory: &Path) -> impl Iterator<Item = (u32, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, entry.path()))
    })
}

#[cfg(test)]
mod tests {
    use super::{FileId, Holders, WriteLock};
    use crate::sys::lock::{Kind, try_lock};
    use crate::sys::shm;

    #[test]
    fn lines_of_write_locks_of_open_files_are_read() {
        let parsed = |line| WriteLock::parse(line);
        let lock = |bytes| {
            let (device, inode) = (libc::makedev(0, 0x1b), 6_748_346);
            let file = FileId { device, inode };
            Some(WriteLock { file, bytes })
        };
        let line = "lock:\t1: OFDLCK ADVISORY  WRITE -1 00:1b:6748346 1 1";
        assert_eq!(parsed(line), lock(1..=1));
        let line = "lock:\t17: OFDLCK ADVISORY  WRITE -1 00:1b:6748346 0 EOF";
        assert_eq!(parsed(line), lock(0..=u64::MAX));
        for other in [
            "lock:\t1: OFDLCK ADVISORY  READ -1 00:1b:6748346 1 1",
            "lock:\t1: POSIX  ADVISORY  WRITE 4711 00:1b:6748346 1 1",
            "lock:\t1: LEASE  ACTIVE    WRITE 4711 00:1b:6748346 0 EOF",
            "lock:\t1: OFDLCK ADVISORY  WRITE -1 00:1b 1 1",
            "lock:\t1: OFDLCK ADVISORY  WRITE -1 00:1b:6748346 1",
            "lock:\t1: OFDLCK ADVISORY  WRITE -1 00:1b:6748346 1 -1",
            "lock:",
            "pos:\t0",
            "",
        ] {
            assert_eq!(parsed(other), None, "{other}");
        }
    }

    #[test]
    fn a_process_is_found_by_the_byte_that_it_has_locked() {
        let file = shm::create().unwrap();
        let id = FileId::from(&shm::metadata(&file).unwrap());
        assert!(Holders::default().find(id, 1).is_none());
        assert!(try_lock(&file, 1, Kind::Write).unwrap());
        assert!(try_lock(&file, 2, Kind::Read).unwrap());
        let found = Holders::default().find(id, 1).unwrap();
        assert_eq!(found.pid, std::process::id());
        assert_eq!(found.user, shm::user());
        assert!(found.command.contains("memtalk"), "{}", found.command);
        assert!(found.holds(id, 1));
        assert!(!found.holds(id, 2));
        assert!(found.traffic().unwrap().read > 0);
        for other in [0, 2] {
            assert!(Holders::default().find(id, other).is_none());
        }
        drop(file);
        assert!(!found.holds(id, 1));
    }
}
