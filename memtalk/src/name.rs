//! Names of POSIX shared memory objects, checked for `shm_open(3)`.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;

use crate::escape::Escaped;

/// A portable name of a POSIX shared memory object: a `/`, then 1 to 254 bytes
/// that are neither `/` nor NUL. `/.` and `/..` are not names. It need not be UTF-8.
///
/// Texts of all kinds turn into names, so whatever takes a name takes a text as well.
///
/// ```
/// use memtalk::{Name, NameError};
///
/// let name: Name = "/someobject".parse()?;
/// assert_eq!(Name::try_from("/someobject"), Ok(name));
/// assert_eq!(Name::new("someobject"), Err(NameError::NoSlash));
/// # Ok::<(), NameError>(())
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

impl FromStr for Name {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

/// So that a `&Name` is as good as a text where a name is asked for.
impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

macro_rules! from_texts {
    ($($text:ty),*) => {$(
        impl TryFrom<$text> for Name {
            type Error = NameError;

            fn try_from(name: $text) -> Result<Self, NameError> {
                Self::new(name)
            }
        }
    )*};
}

from_texts!(&str, &String, String, &OsStr, &OsString, OsString);

impl AsRef<OsStr> for Name {
    fn as_ref(&self) -> &OsStr {
        self.as_os_str()
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
    fn texts_of_all_kinds_turn_into_names() {
        use std::ffi::{OsStr, OsString};
        let name = Name::new("/a").unwrap();
        assert_eq!("/a".parse().as_ref(), Ok(&name));
        assert_eq!(Name::try_from("/a").as_ref(), Ok(&name));
        assert_eq!(Name::try_from(String::from("/a")).as_ref(), Ok(&name));
        assert_eq!(Name::try_from(&String::from("/a")).as_ref(), Ok(&name));
        assert_eq!(Name::try_from(OsStr::new("/a")).as_ref(), Ok(&name));
        assert_eq!(Name::try_from(OsString::from("/a")).as_ref(), Ok(&name));
        assert_eq!(Name::try_from(&OsString::from("/a")).as_ref(), Ok(&name));
        let text: &OsStr = name.as_ref();
        assert_eq!(text, "/a");
        assert_eq!("a".parse::<Name>(), Err(NameError::NoSlash));
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
