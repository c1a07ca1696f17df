//! The words for each error: what happened, and what to do.
//!
//! A remedy names parts of the library's interface, never options of the command. The
//! command has its own remedies where that makes a difference.

use std::fmt;

use super::{Error, system};
use crate::escape::Escaped;
use crate::sys;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what(f)?;
        match self.remedy() {
            Some(remedy) if !f.alternate() => write!(f, "; {remedy}"),
            _ => Ok(()),
        }
    }
}

impl Error {
    fn what(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(reason) => fmt::Display::fmt(reason, f),
            Self::Pages { most } => write!(f, "the number of pages must be from 1 to {most}"),
            Self::Mode => f.write_str("the mode must be 600, 660, 606 or 666"),
            Self::Offset => f.write_str("the offset must be a multiple of 64, less than 2^62"),
            Self::Length => {
                f.write_str("the length must be a multiple of 64 from 512 to 1073741824 (1 GiB)")
            }
            Self::NoLength => f.write_str("nobody knows how much memory this device has"),
            Self::Timeout(after) => {
                write!(f, "no peer came within {} s", after.as_secs_f64())
            }
            Self::Busy => f.write_str("two processes already talk through this object"),
            Self::Stuck => f.write_str("another process keeps this object locked"),
            Self::Foreign(reason) => write!(
                f,
                "not a memtalk object of this version, left untouched ({reason})"
            ),
            Self::ForeignMemory(reason) => write!(
                f,
                "this memory holds something else, left untouched ({reason})"
            ),
            Self::SwitchedOff => f.write_str("the device is switched off: its memory holds nothing"),
            Self::NotMappable => f.write_str("this is not memory that can be mapped shared"),
            Self::TooShort { asked, there } => {
                write!(f, "there are {there} bytes of memory, not {asked}")
            }
            Self::NotAnObject => {
                f.write_str("the name leads to something that is not a shared memory object")
            }
            Self::Unsealed => f.write_str("this memory can be truncated at any time"),
            Self::NotOurs { owner } => {
                f.write_str("the object belongs to another user")?;
                named(Some(*owner), f)?;
                f.write_str(", left untouched")
            }
            Self::ModesDiffer { asked, found } => write!(
                f,
                "the object lets in other users (mode {found:o}, not {asked:o}), left untouched"
            ),
            Self::Unreadable => f.write_str("this user may not read the object"),
            Self::LeftBehind { owner } => {
                f.write_str("an earlier talk left an object of another user")?;
                named(*owner, f)
            }
            Self::PagesDiffer { asked, found } => {
                write!(f, "the object has {found} page(s), not {asked}")
            }
            Self::SeveralPages(first, second) => {
                write!(f, "pages are at offsets {first} and {second} of this memory")
            }
            Self::PeerRestarted => {
                f.write_str("the peer has started again, or its memory has gone: the streams are incomplete")
            }
            Self::PeerDied => f.write_str(
                "the peer died, so the streams are incomplete (what it had sent was delivered)",
            ),
            Self::PeerStopped => f.write_str(
                "the peer stopped before the streams were complete: it was interrupted, or it failed and says why on its side",
            ),
            Self::Corrupt => f.write_str(
                "the shared memory was overwritten by something that is not memtalk",
            ),
            Self::Truncated => f.write_str(
                "another process truncated the shared memory object, or filled its file system",
            ),
            Self::Stalled => f.write_str("the peer did not go on in time"),
            Self::Cancelled => f.write_str("the wait for a peer was given up"),
            Self::Ended => f.write_str("this end of the channel is already closed"),
            Self::NotAtEnd => f.write_str("the end of the stream is not reached yet"),
            Self::Forked => f.write_str(
                "this process was forked from one whose threads wait for its asynchronous ends",
            ),
            Self::System { doing, source } => {
                write!(f, "cannot {doing}: {}", sys::reason(source))
            }
        }
    }

    fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Name(_)
            | Self::Pages { .. }
            | Self::Mode
            | Self::Offset
            | Self::Length
            | Self::Cancelled
            | Self::Ended => return None,
            Self::System { doing, source } => {
                return system::remedy(doing, source.raw_os_error()?);
            }
            Self::Timeout(_) => "start the other side, or allow more time",
            Self::Busy => "use another name",
            Self::Stuck => "continue it or end it if it is stopped, or use another name",
            Self::Foreign(_) => "use another name, or remove the object",
            Self::NoLength => "say it with Device::length",
            Self::ForeignMemory(_) => {
                "see that path, offset and length are right; if nobody uses what is there, fill it with zeros"
            }
            Self::SwitchedOff => "switch it on: write 1 to the file enable beside its resources",
            Self::NotMappable => {
                "give the path of a file in memory, of a PCI device's resource, or of a UIO device"
            }
            Self::TooShort { .. } => "ask for less, or see that the offset is right",
            Self::NotAnObject => "use another name",
            Self::Unsealed => "make it with memfd_create(2), and allow sealing",
            Self::NotOurs { .. } => {
                "if that is your peer, both sides need the same Options::mode; if not, use another name"
            }
            Self::ModesDiffer { .. } => {
                "start both sides with the same Options::mode, or use another name"
            }
            Self::Unreadable => "look at it as the user that it belongs to, or as root",
            Self::LeftBehind { .. } => {
                "let that user remove it or talk here again, or use another name"
            }
            Self::PagesDiffer { .. } => {
                "leave Options::pages out, or start both sides with the same number"
            }
            Self::SeveralPages(..) => "say which with Options::at_offset",
            Self::PeerRestarted => "start this side again",
            Self::PeerDied | Self::PeerStopped | Self::Corrupt | Self::Truncated => {
                "start both sides again"
            }
            Self::Forked => "fork before the first of them waits, or exec in the child",
            Self::Stalled => "try again, or allow more time",
            Self::NotAtEnd => "read on until a read returns 0",
        })
    }
}

/// Says in brackets which user it is, by name or number, if that is known.
fn named(user: Option<u32>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(user) = user else {
        return Ok(());
    };
    let name = sys::user::name(user).unwrap_or_else(|| user.to_string());
    write!(f, " ({})", Escaped(&name))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::Error;

    #[test]
    fn the_alternate_form_says_only_what_happened() {
        let error = Error::PagesDiffer { asked: 2, found: 1 };
        assert_eq!(format!("{error:#}"), "the object has 1 page(s), not 2");
        assert!(format!("{error}").starts_with("the object has 1 page(s), not 2; leave "));
    }

    #[test]
    fn a_system_error_is_told_in_words_with_a_remedy_and_without_its_number() {
        let error = Error::system("map the object")(io::Error::from_raw_os_error(libc::ENOMEM));
        assert_eq!(
            error.to_string(),
            "cannot map the object: Cannot allocate memory; \
             free memory, or raise the limit on it (ulimit -v)"
        );
        let error = Error::system("map the object")(io::Error::other("it is not there"));
        assert_eq!(error.to_string(), "cannot map the object: it is not there");
    }
}
