//! What a process asks for: a name, and an object of what kind.

use memtalk_ring::layout::{LINE, MAX_SIZE};

use crate::error::Error;
use crate::name::Name;
use crate::sys::shm;

/// Offsets of pages are less than this, and so far from the largest of a file.
const OFFSETS: u64 = 1 << 62;

/// Where a tenant's page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// At this offset in bytes.
    At(u64),
    /// Wherever one is found.
    Anywhere,
}

/// A name, and what is asked for there.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) name: Name,
    pub(crate) pages: Option<usize>,
    /// Permissions; given, objects of other users will do.
    pub(crate) mode: Option<u32>,
    /// The memory is somebody else's; ours, unless this is given.
    pub(crate) tenancy: Option<Tenancy>,
}

impl Request {
    /// # Errors
    /// [`Error::Pages`], [`Error::Mode`], [`Error::Offset`].
    pub(crate) fn new(
        name: Name,
        pages: Option<usize>,
        mode: Option<u32>,
        tenancy: Option<Tenancy>,
    ) -> Result<Self, Error> {
        if mode.is_some_and(|mode| ![0o600, 0o660, 0o606, 0o666].contains(&mode)) {
            return Err(Error::Mode);
        }
        if let Some(Tenancy::At(offset)) = tenancy
            && (!offset.is_multiple_of(LINE as u64) || offset >= OFFSETS)
        {
            return Err(Error::Offset);
        }
        let most = MAX_SIZE / shm::page_size();
        match pages {
            Some(pages) if !(1..=most).contains(&pages) => Err(Error::Pages { most }),
            _ => Ok(Self {
                name,
                pages,
                mode,
                tenancy,
            }),
        }
    }
}
