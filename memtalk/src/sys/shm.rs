//! POSIX shared memory objects: creating, naming, opening, examining and removing them.
//!
//! On Linux they are the files of one directory (`shm_overview(7)`). That allows two things
//! for which POSIX has no call: to create an object that has no name yet, and to examine
//! what a name leads to without opening it.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use super::{call, check_number, retry};

/// The size of a page of memory in bytes, by `sysconf(3)`.
pub(crate) fn page_size() -> usize {
    // SAFETY: no pointers are involved.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // POSIX requires the value to exist; 4,096 is the common one.
    usize::try_from(size).unwrap_or(4096)
}

/// The directory of the objects.
const DIRECTORY: &str = "/dev/shm";

/// Opens the object `name` for reading and writing. [`io::ErrorKind::WouldBlock`] if
/// another process holds a [lease](super::lease) at this moment, to find out who has the
/// object open.
pub(crate) fn open(name: &CStr) -> io::Result<File> {
    // Without `O_NONBLOCK` the kernel waits for the lease, for up to 45 s.
    let flags = libc::O_RDWR | libc::O_NONBLOCK;
    // SAFETY: `name` is a C string.
    let fd = retry(|| unsafe { libc::shm_open(name.as_ptr(), flags, 0) })?;
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Opens the object `name` for reading, as an onlooker does. Errors as for [`open`]. Does not
/// follow a symbolic link, and does not wait for anybody.
pub(crate) fn open_to_look(name: &CStr) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY);
    call(|| options.open(path(name)))
}

/// The names of all objects, each with its slash.
pub(crate) fn names() -> io::Result<Vec<OsString>> {
    let entries = call(|| fs::read_dir(DIRECTORY))?;
    let name = |entry: fs::DirEntry| {
        let mut name = OsString::from("/");
        name.push(entry.file_name());
        name
    };
    entries.map(|entry| entry.map(name)).collect()
}

/// Creates an empty object without a name, with mode 0600, or less if the umask says so.
pub(crate) fn create() -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_TMPFILE);
    call(|| options.open(DIRECTORY))
}

/// Creates an empty object in memory, which never has a name and can be
/// [sealed](seal).
pub(crate) fn create_sealable() -> io::Result<File> {
    let create = |flags| {
        let flags = flags | libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: a C string.
        retry(|| unsafe { libc::memfd_create(c"memtalk".as_ptr(), flags) })
    };
    let fd = match create(libc::MFD_NOEXEC_SEAL) {
        // Before Linux 6.3, which has this to please administrators.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => create(0),
        fd => fd,
    }?;
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Sees to it that nobody can change the size of the object any more.
pub(crate) fn seal(file: &File) -> io::Result<()> {
    const SIZE: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;
    let fd = file.as_raw_fd();
    // SAFETY: no pointers are involved.
    let seals = retry(|| unsafe { libc::fcntl(fd, libc::F_GET_SEALS) })?;
    if seals & SIZE != SIZE {
        // SAFETY: as above.
        retry(|| unsafe { libc::fcntl(fd, libc::F_ADD_SEALS, SIZE) })?;
    }
    Ok(())
}

/// Opens an object once more, for reading and writing: with locks of its own.
pub(crate) fn open_again(file: &File) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    call(|| options.read(true).write(true).open(&path))
}

/// Gives `name` to an object without one; [`io::ErrorKind::AlreadyExists`] if the name
/// is in use.
pub(crate) fn publish(file: &File, name: &CStr) -> io::Result<()> {
    let fd = file.as_raw_fd();
    let to = c_path(name)?;
    let link = |at, from: &CStr, flags| {
        // SAFETY: both are C strings.
        let linked =
            || unsafe { libc::linkat(at, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), flags) };
        retry(linked).map(drop)
    };
    match link(fd, c"", libc::AT_EMPTY_PATH) {
        // Before Linux 6.10, only privileged processes may use `AT_EMPTY_PATH`.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let from = CString::new(format!("/proc/self/fd/{fd}"))?;
            link(libc::AT_FDCWD, &from, libc::AT_SYMLINK_FOLLOW)
        }
        result => result,
    }
}

/// What `name` leads to; `None` if it leads to nothing. Uses no descriptor.
pub(crate) fn examine(name: &CStr) -> io::Result<Option<Metadata>> {
    match call(|| fs::symlink_metadata(path(name))) {
        Ok(data) => Ok(Some(data)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The metadata of an object.
#[track_caller]
pub(crate) fn metadata(file: &File) -> io::Result<Metadata> {
    call(|| file.metadata())
}

/// Sets an object's permissions, whatever the umask says.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    call(|| file.set_permissions(Permissions::from_mode(mode)))
}

/// The path of the object. `name` begins with its slash.
fn path(name: &CStr) -> PathBuf {
    let mut path = OsString::from(DIRECTORY);
    path.push(OsStr::from_bytes(name.to_bytes()));
    path.into()
}

/// The same path for system calls.
pub(crate) fn c_path(name: &CStr) -> io::Result<CString> {
    Ok(CString::new(path(name).into_os_string().into_vec())?)
}

/// The user that owns the objects that this process creates.
pub(crate) fn user() -> libc::uid_t {
    // SAFETY: no pointers are involved.
    unsafe { libc::geteuid() }
}

/// Removes the name. Processes that have the object open keep it.
pub(crate) fn unlink(name: &CStr) -> io::Result<()> {
    // SAFETY: `name` is a C string.
    retry(|| unsafe { libc::shm_unlink(name.as_ptr()) }).map(drop)
}

/// Makes the object `size` bytes long, and allocates the memory now, so that no later
/// access fails for want of memory.
pub(crate) fn allocate(file: &File, size: usize) -> io::Result<()> {
    call(|| file.set_len(size as u64))?;
    let size = libc::off_t::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
    // SAFETY: no pointers are involved.
    call(|| check_number(unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, size) }))
}

/// The offset in bytes of the first data at or after `from`; `None` if there is none.
/// Memory that was never written to does not count as data.
pub(crate) fn next_data(file: &File, from: u64) -> io::Result<Option<u64>> {
    let from = libc::off_t::try_from(from).map_err(|_| io::ErrorKind::FileTooLarge)?;
    // SAFETY: no pointers are involved.
    match retry(|| unsafe { libc::lseek(file.as_raw_fd(), from, libc::SEEK_DATA) }) {
        // Never negative: -1 is an error.
        Ok(at) => Ok(Some(at.unsigned_abs())),
        Err(e) if e.raw_os_error() == Some(libc::ENXIO) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Reads from offset `at` on into `bytes`, until `bytes` is full or the file ends. Returns
/// the number of bytes read.
pub(crate) fn read(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match call(|| file.read_at(&mut bytes[done..], at + done as u64))? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::fs::File;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::symlink;

    use super::{examine, next_data, open_to_look, path};

    #[test]
    fn an_onlooker_follows_no_symbolic_link() {
        let name = CString::new(format!("/memtalk-test-{}-link", std::process::id())).unwrap();
        symlink("/dev/null", path(&name)).unwrap();
        let opened = open_to_look(&name);
        std::fs::remove_file(path(&name)).unwrap();
        assert_eq!(opened.unwrap_err().raw_os_error(), Some(libc::ELOOP));
    }

    #[test]
    fn only_a_missing_name_leads_to_nothing() {
        assert!(examine(c"/memtalk-test-no-such-name").unwrap().is_none());
        let too_long = CString::new(format!("/{}", "n".repeat(300))).unwrap();
        assert!(examine(&too_long).is_err());
    }

    #[test]
    fn only_the_end_of_a_file_is_the_end_of_its_data() {
        let (reader, _writer) = std::io::pipe().unwrap();
        assert!(next_data(&File::from(OwnedFd::from(reader)), 0).is_err());
    }
}
