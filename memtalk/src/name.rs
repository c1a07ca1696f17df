//! Names of POSIX shared memory objects, checked for `shm_open(3)`.

use std::ffi::{CStr, CString, OsStr};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use crate::escape::Escaped;

/// A portable name of a POSIX shared memory object: a `/`, then 1 to 254 bytes
/// that are neither `/` nor NUL. `/.` and `/..` are not names. It need not be UTF-8.
///
/// ```
/// use memtalk::Name;
///
/// assert!(Name::new("/someobject").is_ok());
/// assert!(Name::new("someobject").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(CString);

/// Why a string is not a [`Name`]. [`Display`](fmt::Display) says what a name looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// It does not start with a slash.
    NoSlash,
    /// Nothing follows the slash.
    Empty,
    /// More than 254 bytes follow the slash.
    TooLong,
    /// There is a second slash.
    SecondSlash,
    /// It contains a NUL byte.
    Nul,
    /// It is `/.` or `/..`.
    Dots,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "a name starts with a slash, like /someobject",
            Self::Empty => "something must follow the slash, like /someobject",
            Self::TooLong => "at most 254 bytes may follow the slash",
            Self::SecondSlash => "a name has one slash only, at its start, like /someobject",
            Self::Nul => "a name contains no NUL byte",
            Self::Dots => "the system keeps this name for itself; try /someobject",
        })
    }
}

impl std::error::Error for NameError {}

impl Name {
    /// The most bytes that may follow the slash.
    pub const MAX: usize = 254;

    /// Checks `name`, which includes the slash.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with it.
    pub fn new(name: impl AsRef<OsStr>) -> Result<Self, NameError> {
        let bytes = name.as_ref().as_bytes();
        let rest = bytes.strip_prefix(b"/").ok_or(NameError::NoSlash)?;
        match rest {
            b"" => Err(NameError::Empty),
            b"." | b".." => Err(NameError::Dots),
            _ if rest.contains(&b'/') => Err(NameError::SecondSlash),
            _ if rest.len() > Self::MAX => Err(NameError::TooLong),
            _ => CString::new(bytes).map(Self).map_err(|_| NameError::Nul),
        }
    }

    /// The name as it is, with its slash.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(self.0.to_bytes())
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        &self.0
    }
}

/// Control characters are escaped, since they could break the line or control a terminal.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0.to_string_lossy()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, NameError};

    #[test]
    fn portable_names_are_accepted() {
        let longest = format!("/{}", "n".repeat(254));
        for name in ["/a", "/some object", "/...", "/.hidden", "/größe", &longest] {
            assert_eq!(Name::new(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn control_characters_are_printed_escaped() {
        assert_eq!(Name::new("/a\nb").unwrap().to_string(), "/a\\nb");
    }

    #[test]
    fn other_names_are_refused_with_the_reason() {
        let too_long = format!("/{}", "n".repeat(255));
        for (name, reason) in [
            ("", NameError::NoSlash),
            ("noslash", NameError::NoSlash),
            ("/", NameError::Empty),
            ("/a/b", NameError::SecondSlash),
            ("//a", NameError::SecondSlash),
            ("/.", NameError::Dots),
            ("/..", NameError::Dots),
            ("/a\0b", NameError::Nul),
            (&too_long, NameError::TooLong),
        ] {
            assert_eq!(Name::new(name), Err(reason), "{name:?}");
        }
    }
}
