//! What to do about a failure, in the command's terms: its options, and its standard input
//! and output. The library's own words know nothing of them.

use std::fmt::{self, Display};
use std::io;

use memtalk::{Error, sys};

/// Says what went wrong with a talk, and what to do.
pub(crate) struct Advised<'a>(pub(crate) &'a Error);

impl Display for Advised<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        match with_options(error) {
            Some(remedy) => write!(f, "{error:#}; {remedy}"),
            None => error.fmt(f),
        }
    }
}

/// The remedy, where it is an option.
fn with_options(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Busy => "wait for your turn with --wait, or use another name",
        Error::NotOurs { .. } => {
            "if that is your peer, both sides need --mode; if not, use another name"
        }
        Error::ModesDiffer { .. } => "start both sides with the same --mode, or use another name",
        Error::PagesDiffer { .. } => "leave --pages out, or start both sides with the same number",
        Error::NoLength => "say it with --length",
        Error::SeveralPages(..) => "say which with --offset",
        _ => return None,
    })
}

/// Says what the system said of standard input or output, and what to do if that is known.
pub(crate) struct Own<'a>(pub(crate) &'a io::Error);

impl Display for Own<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sys::reason(self.0))?;
        let remedy = match self.0.raw_os_error() {
            Some(libc::EBADF) => "it is closed; open it, with /dev/null for example",
            Some(libc::EISDIR) => "give it a file or a pipe",
            Some(libc::ENOSPC | libc::EDQUOT) => "free some space there",
            Some(libc::EFBIG) => "raise the limit on the size of files, ulimit -f",
            Some(libc::EPIPE) => "its reader has ended",
            _ => return Ok(()),
        };
        write!(f, " ({remedy})")
    }
}

#[cfg(test)]
mod tests {
    use super::Advised;
    use memtalk::Error;

    #[test]
    fn an_option_takes_the_place_of_the_librarys_remedy() {
        let error = Error::PagesDiffer { asked: 2, found: 1 };
        assert_eq!(
            Advised(&error).to_string(),
            "the object has 1 page(s), not 2; \
             leave --pages out, or start both sides with the same number"
        );
        assert!(!error.to_string().contains("--"));
        let error = Error::Stuck;
        assert_eq!(Advised(&error).to_string(), error.to_string());
    }
}
