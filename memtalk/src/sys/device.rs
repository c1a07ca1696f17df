//! Memory that a user names by a path: which kind of file it is, and how much there is.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{call, retry, shm};

/// An open file whose memory can perhaps be mapped.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    /// Whether it is a device's memory: futexes do not work there, and reading the file is not
    /// reading the memory.
    pub(crate) device: bool,
    /// The other file of the same memory, where a PCI device has two that differ in how the
    /// processor's caches treat it, and we may open both.
    pub(crate) twin: Option<File>,
}

/// Opens the file for reading and writing. `None` if it is of a kind that is never mapped, a
/// directory or a FIFO for example: it is not opened then, since that might be noticed.
/// [`io::ErrorKind::WouldBlock`] as for [`shm::open`].
pub(crate) fn open(path: &Path) -> io::Result<Option<Opened>> {
    let is_mappable = |data: &Metadata| data.is_file() || data.file_type().is_char_device();
    if !is_mappable(&call(|| fs::metadata(path))?) {
        return Ok(None);
    }
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = call(|| options.open(path))?;
    let data = shm::metadata(&file)?;
    if !is_mappable(&data) {
        return Ok(None);
    }
    // What is mapped of `/dev/zero` is a process's own.
    if data.file_type().is_char_device() && data.rdev() == libc::makedev(1, 5) {
        return Ok(None);
    }
    let sysfs = is_sysfs(&file)?;
    let device = !data.is_file() || sysfs;
    let twin = fs::canonicalize(path).ok().filter(|_| sysfs);
    let twin = twin.and_then(|path| options.open(twin_of(&path)?).ok());
    Ok(Some(Opened { file, device, twin }))
}

/// Where the other file of a PCI device's memory would be.
fn twin_of(path: &Path) -> Option<PathBuf> {
    const COMBINING: &str = "_wc";
    let name = path.file_name()?.to_str()?;
    let plain = name.strip_suffix(COMBINING);
    let number = plain.unwrap_or(name).strip_prefix("resource")?;
    number.parse::<u8>().ok()?;
    let twin = plain.map_or_else(|| format!("{name}{COMBINING}"), str::to_owned);
    Some(path.with_file_name(twin))
}

/// Whether the file is one of sysfs, where PCI cards show their memory as regular files.
fn is_sysfs(file: &File) -> io::Result<bool> {
    // As wide as the field, which differs between systems.
    const SYSFS_MAGIC: u32 = 0x6265_6572;
    // SAFETY: a struct of integers, for which zero is a value.
    let mut system: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: `system` is valid for writes.
    retry(|| unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut system) })?;
    Ok(system.f_type == SYSFS_MAGIC.into())
}

/// How many bytes the file has from the offset `at` on. `None` if nobody knows.
///
/// A UIO device has several memories: the offset that is `n` pages of memory leads to its
/// `n`-th (`Documentation/driver-api/uio-howto.rst` of Linux).
pub(crate) fn room(file: &File, at: u64) -> io::Result<Option<u64>> {
    let data = shm::metadata(file)?;
    if data.is_file() {
        return Ok(Some(data.len().saturating_sub(at)));
    }
    let (major, minor) = (libc::major(data.rdev()), libc::minor(data.rdev()));
    let (number, within) = in_memory(at);
    let size = format!("/sys/dev/char/{major}:{minor}/maps/map{number}/size");
    let size = call(|| fs::read_to_string(&size)).ok();
    Ok(size.and_then(|size| Some(size_of_memory(&size)?.saturating_sub(within))))
}

/// The number of a UIO device's memory to which an offset leads, and the offset in it.
fn in_memory(at: u64) -> (u64, u64) {
    let page = shm::page_size() as u64;
    (at / page, at % page)
}

/// The size in bytes that sysfs says of a UIO device's memory.
fn size_of_memory(text: &str) -> Option<u64> {
    let digits = text.trim_end().strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::{in_memory, is_sysfs, shm, size_of_memory, twin_of};

    #[test]
    fn files_of_sysfs_are_told_from_others() {
        for (path, expected) in [("/sys/class", true), ("/proc/self", false), ("/", false)] {
            let found = is_sysfs(&File::open(path).unwrap());
            assert_eq!(found.unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn an_offset_leads_to_a_uio_device_s_memory_of_that_number() {
        let page = shm::page_size() as u64;
        for (at, expected) in [
            (0, (0, 0)),
            (64, (0, 64)),
            (page, (1, 0)),
            (3 * page - 64, (2, page - 64)),
        ] {
            assert_eq!(in_memory(at), expected, "{at}");
        }
    }

    #[test]
    fn the_size_of_a_uio_device_s_memory_is_hexadecimal() {
        assert_eq!(size_of_memory("0x0000000000001000\n"), Some(4096));
        for other in ["", "4096\n", "0x\n", "0x10000000000000000\n"] {
            assert_eq!(size_of_memory(other), None, "{other}");
        }
    }

    #[test]
    fn a_pci_device_s_memory_may_have_two_files() {
        let twins = ["/sys/x/resource2", "/sys/x/resource2_wc"].map(Path::new);
        assert_eq!(twin_of(twins[0]).as_deref(), Some(twins[1]));
        assert_eq!(twin_of(twins[1]).as_deref(), Some(twins[0]));
        for other in [
            "resource",
            "resource_wc",
            "rom",
            "config",
            "resource2_wc_wc",
        ] {
            assert_eq!(twin_of(Path::new(other)), None, "{other}");
        }
    }
}
