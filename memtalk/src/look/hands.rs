//! [`Onlook`] on Linux: an onlooker's calls to the kernel.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

use memtalk_ring::Seat;
use memtalk_ring::look::RING_BYTES;

use super::page::{Bytes, Page, START};
use super::process::FileId;
use crate::error::Error;
use crate::lifecycle::look::Onlook;
use crate::lifecycle::object::{metadata, seat_byte};
use crate::lifecycle::os::Found;
use crate::name::Name;
use crate::sys::{lock, shm};

/// The calls about one page.
pub(super) struct Hands<'n> {
    pub(super) name: &'n Name,
    /// The offset in bytes of the page in a machine's memory, if that is what the object is.
    pub(super) offset: Option<u64>,
}

impl Hands<'_> {
    fn at(&self) -> u64 {
        self.offset.unwrap_or(0)
    }
}

/// What was read of an object.
pub(super) struct Copied {
    pub(super) metadata: Metadata,
    /// The offset of the page in bytes.
    pub(super) at: u64,
    bytes: Bytes,
}

impl Copied {
    pub(super) fn page(&self) -> Page {
        self.bytes.decode()
    }

    pub(super) fn file(&self) -> FileId {
        FileId::from(&self.metadata)
    }

    pub(super) fn mode(&self) -> u32 {
        self.metadata.mode() & 0o7777
    }

    pub(super) fn owner(&self) -> u32 {
        self.metadata.uid()
    }

    /// The last change of the object's name or permissions.
    pub(super) fn changed(&self) -> io::Result<SystemTime> {
        let seconds = u64::try_from(self.metadata.ctime()).map_err(io::Error::other)?;
        Ok(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
    }

    /// Whether `name` still leads there.
    pub(super) fn is_named(&self, name: &Name) -> Result<bool, Error> {
        let found = shm::examine(name.as_c_str()).map_err(Error::system("examine the object"))?;
        Ok(found.is_some_and(|found| FileId::from(&found) == self.file()))
    }
}

impl Onlook for Hands<'_> {
    type Object = File;
    type Words = Copied;
    type Error = Error;

    fn open(&mut self) -> Result<Found<File>, Error> {
        let name = self.name.as_c_str();
        // First, since opening a FIFO or a device would be noticed.
        match shm::examine(name).map_err(Error::system("examine the object"))? {
            Some(found) if found.is_file() => {}
            Some(_) => return Err(Error::NotAnObject),
            None => return Ok(Found::Nothing),
        }
        match shm::open_to_look(name) {
            Ok(file) if metadata(&file)?.is_file() => Ok(Found::Object(file)),
            Ok(_) => Err(Error::NotAnObject),
            Err(e) if e.raw_os_error() == Some(libc::ELOOP) => Err(Error::NotAnObject),
            Err(e) => match e.kind() {
                io::ErrorKind::NotFound => Ok(Found::Nothing),
                io::ErrorKind::WouldBlock => Ok(Found::Contended),
                io::ErrorKind::PermissionDenied => Err(Error::Unreadable),
                _ => Err(Error::system("open the object")(e)),
            },
        }
    }

    fn read(&mut self, file: &File) -> Result<Copied, Error> {
        let read = |bytes: &mut [u8], at| {
            let read = shm::read(file, bytes, at);
            read.map_err(Error::system("read the object"))
        };
        let (metadata, at) = (metadata(file)?, self.at());
        let there = metadata.len().saturating_sub(at);
        let mut bytes = Bytes {
            start: [0; START],
            second: [0; RING_BYTES],
            // What no address space can hold is not a page either.
            size: usize::try_from(there).unwrap_or(usize::MAX),
            within: self.offset.is_some(),
        };
        read(&mut bytes.start, at)?;
        if let Some(second) = bytes.second_at() {
            read(&mut bytes.second, at + second)?;
        }
        Ok(Copied {
            metadata,
            at,
            bytes,
        })
    }

    fn is_seated(&mut self, file: &File, seat: Seat) -> Result<bool, Error> {
        lock::is_write_locked(file, self.at() + seat_byte(seat))
            .map_err(Error::system("examine the object's locks"))
    }
}
