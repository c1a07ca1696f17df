//! Where a talk is: under a name, or in memory that a path leads to. [`Address`], [`Device`].

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use memtalk_ring::PageError;
use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::{LINE, capacity_of};

use crate::error::Error;
use crate::escape::Escaped;
use crate::name::{Name, NameError};

/// How many bytes of memory must be 0, if there are so many, before a page is initialised
/// where none was.
pub(crate) const BLANK: usize = 64 * 1024;

/// Offsets of pages are less than this. That is far from the largest offset of a file.
const OFFSETS: u64 = 1 << 62;

/// This offset of a page in bytes, if it is in range.
///
/// # Errors
/// [`Error::Offset`].
pub(crate) fn checked_offset(offset: u64) -> Result<u64, Error> {
    match offset.is_multiple_of(LINE as u64) && offset < OFFSETS {
        true => Ok(offset),
        false => Err(Error::Offset),
    }
}

/// Where a talk is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// The shared memory object of this name.
    Name(Name),
    /// This memory.
    Device(Device),
}

/// Memory that a path leads to: any file that can be mapped shared.
///
/// - **An ordinary file**, on tmpfs or hugetlbfs for example, that two processes of one
///   kernel share: two containers that see no common `/dev/shm`. They lock, sleep and wake
///   each other as at a named object.
/// - **A device's memory**: `/sys/bus/pci/devices/…/resource2`, `/dev/uio0`, `/dev/mem`. The
///   peer is on the other side of the device: on the host, if this is a virtual machine's
///   guest. We see no locks and no wake-ups there, so our ends look again, at least every
///   5 ms, and tell the peer that they wake nobody. Two processes of this kernel do not come
///   at once: the second gets [`Error::Busy`].
///
/// The memory is yours: nothing is created or removed. One talk follows the other in it.
/// A page is initialised only where there was one, or where the first 64 KiB are zero.
/// Permissions are the file's: whoever may write to it can take part.
///
/// ```no_run
/// use memtalk::{Device, Options};
///
/// # fn main() -> Result<(), memtalk::Error> {
/// let window = Device::new("/sys/bus/pci/devices/0000:00:02.0/resource2");
/// let channel = Options::new().open(window)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    pub(crate) path: PathBuf,
    pub(crate) offset: u64,
    pub(crate) length: Option<u64>,
    /// Whether an ordinary file is used as a device is.
    pub(crate) as_device: bool,
}

impl Device {
    /// All of the memory that `path` leads to; of a UIO device, its first memory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            offset: 0,
            length: None,
            as_device: false,
        }
    }

    /// Begins at this offset, in bytes and a multiple of 64.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Uses this many bytes: a multiple of 64 from 512 to 1 GiB. Without this, as many as the
    /// page that is there claims, or all that there are. For a device whose length nobody
    /// knows, such as `/dev/mem`, this must be said.
    #[must_use]
    pub fn length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// Uses an ordinary file as a device is used: for tests of this side without a device.
    #[doc(hidden)]
    #[must_use]
    pub fn as_device(mut self) -> Self {
        self.as_device = true;
        self
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size in bytes of the page, where there are so many bytes from its offset on, and
    /// where its header says this.
    ///
    /// # Errors
    /// [`Error::TooShort`]; [`Error::ForeignMemory`] if no page has so many bytes.
    pub(crate) fn page_size(&self, there: u64, said: Snapshot) -> Result<usize, Error> {
        let claimed = u64::from(said.size);
        let is_page = said.check(said.size as usize).is_ok() && claimed <= there;
        let asked = match self.length {
            Some(asked) if asked > there => return Err(Error::TooShort { asked, there }),
            Some(asked) => asked,
            None if is_page => claimed,
            None => there,
        };
        let size = usize::try_from(asked).unwrap_or(usize::MAX);
        match capacity_of(size) {
            Some(_) => Ok(size),
            None => Err(Error::ForeignMemory(PageError::BadMemory(size))),
        }
    }

    /// Checks that offset and length are in range.
    ///
    /// # Errors
    /// [`Error::Offset`], [`Error::Length`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        checked_offset(self.offset)?;
        match self.length.map(usize::try_from) {
            Some(Ok(length)) if capacity_of(length).is_none() => Err(Error::Length),
            Some(Err(_)) => Err(Error::Length),
            _ => Ok(()),
        }
    }
}

/// As it is printed: control characters are escaped.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.path.to_string_lossy()).fmt(f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Device(device) => device.fmt(f),
        }
    }
}

macro_rules! from_addresses {
    ($($variant:ident: $type:ty),*) => {$(
        impl From<$type> for Address {
            fn from(address: $type) -> Self {
                Self::$variant(address)
            }
        }

        impl From<&$type> for Address {
            fn from(address: &$type) -> Self {
                Self::$variant(address.clone())
            }
        }
    )*};
}

from_addresses!(Name: Name, Device: Device);

impl From<&Address> for Address {
    fn from(address: &Address) -> Self {
        address.clone()
    }
}

macro_rules! from_texts {
    ($($text:ty),*) => {$(
        /// A name.
        impl TryFrom<$text> for Address {
            type Error = NameError;

            fn try_from(name: $text) -> Result<Self, NameError> {
                Name::new(name).map(Self::Name)
            }
        }
    )*};
}

from_texts!(&str, &String, String, &OsStr, &OsString, OsString);

#[cfg(test)]
mod tests {
    use super::{Address, Device};
    use crate::error::Error;

    #[test]
    fn offsets_and_lengths_of_no_page_are_refused() {
        let device = || Device::new("/dev/mem");
        assert!(device().check().is_ok());
        assert!(device().at_offset(64).length(512).check().is_ok());
        assert!(device().length(1 << 30).check().is_ok());
        for length in [0, 1, 448, 500, 4097, (1 << 30) + 64, u64::MAX] {
            let checked = device().length(length).check();
            assert!(matches!(checked, Err(Error::Length)), "{length}");
        }
        for offset in [1, 32, 1 << 62] {
            let checked = device().at_offset(offset).check();
            assert!(matches!(checked, Err(Error::Offset)), "{offset}");
        }
    }

    #[test]
    fn texts_are_names_and_control_characters_are_printed_escaped() {
        let name = Address::try_from("/a\nb").unwrap();
        assert_eq!(name.to_string(), "/a\\nb");
        let device = Address::from(Device::new("/dev/\x1b"));
        assert_eq!(device.to_string(), "/dev/\\u{1b}");
        assert!(Address::try_from("a").is_err());
    }
}
