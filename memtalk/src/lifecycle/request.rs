//! What a process asks for: the place, size and permissions of the page.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use memtalk_ring::PageError;
use memtalk_ring::layout::MAX_SIZE;

use crate::address::{Address, Device, checked_offset};
use crate::error::Error;
use crate::name::Name;
use crate::sys::shm;

/// The object that the page is in.
#[derive(Clone)]
pub(crate) enum Place {
    /// The one that this name leads to, or is to lead to.
    Name(Name),
    /// Memory of the user's own, where one talk follows the other.
    Device(Device),
    /// One without a name: a new one, whose first party we are; or one of which somebody has
    /// given us this open file. Its first party has initialised it before that.
    Unnamed(Option<Arc<File>>),
}

impl Place {
    /// The object with this name, or this memory.
    ///
    /// # Errors
    /// [`Error::Name`] if it is none.
    pub(crate) fn of(address: impl TryInto<Address, Error: Into<Error>>) -> Result<Self, Error> {
        Ok(match address.try_into().map_err(Into::into)? {
            Address::Name(name) => Self::Name(name),
            Address::Device(device) => Self::Device(device),
        })
    }

    /// The offset of the page in bytes, unless we are a tenant.
    pub(crate) fn offset(&self) -> u64 {
        match self {
            Self::Device(device) => device.offset,
            Self::Name(_) | Self::Unnamed(_) => 0,
        }
    }

    /// The error where there is something else.
    pub(crate) fn foreign(&self, reason: PageError) -> Error {
        match self {
            Self::Device(_) => Error::ForeignMemory(reason),
            Self::Name(_) | Self::Unnamed(_) => Error::Foreign(reason),
        }
    }

    /// The name, if there is one.
    pub(crate) fn name(&self) -> Option<&Name> {
        match self {
            Self::Name(name) => Some(name),
            Self::Device(_) | Self::Unnamed(_) => None,
        }
    }
}

/// The name or the path as it is printed elsewhere.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Device(device) => device.path.fmt(f),
            Self::Unnamed(_) => f.write_str("without a name"),
        }
    }
}

/// Where a tenant's page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// At this offset in bytes, a multiple of 64.
    At(u64),
    /// Wherever a search finds it.
    Anywhere,
}

/// A place, and what is asked for there.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) place: Place,
    /// Pages of an object that we create, or that an object must have.
    pub(crate) pages: Option<usize>,
    /// Permissions. If they are given, objects of other users are accepted.
    pub(crate) mode: Option<u32>,
    /// Given if we are a tenant: the memory is somebody else's.
    pub(crate) tenancy: Option<Tenancy>,
    /// Our part where one party talks to many.
    pub(crate) part: Part,
}

/// Our part where one party talks to many, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// None.
    #[default]
    None,
    /// We only join, and wait for our turn.
    Client,
    /// We are the party that talks to many, and talk to somebody else now.
    BusyService,
}

impl Request {
    /// Checks that the options are in range.
    ///
    /// # Errors
    /// [`Error::Pages`], [`Error::Mode`], [`Error::Offset`], [`Error::Length`].
    pub(crate) fn new(
        place: Place,
        pages: Option<usize>,
        mode: Option<u32>,
        tenancy: Option<Tenancy>,
        part: Part,
    ) -> Result<Self, Error> {
        if mode.is_some_and(|mode| ![0o600, 0o660, 0o606, 0o666].contains(&mode)) {
            return Err(Error::Mode);
        }
        if let Some(Tenancy::At(offset)) = tenancy {
            checked_offset(offset)?;
        }
        if let Place::Device(device) = &place {
            device.check()?;
        }
        let most = MAX_SIZE / shm::page_size();
        match pages {
            Some(pages) if !(1..=most).contains(&pages) => Err(Error::Pages { most }),
            _ => Ok(Self {
                place,
                pages,
                mode,
                tenancy,
                part,
            }),
        }
    }
}
