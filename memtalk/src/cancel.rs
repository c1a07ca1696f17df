//! Giving up the wait for a peer from another thread: [`Cancel`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Ends waits for a peer, from any thread: give it to the
/// [`Options`](crate::Options::cancelled_by) of those who wait, and keep a clone.
///
/// ```
/// use memtalk::{Cancel, Error, Options};
/// use std::thread;
///
/// # let name = format!("/memtalk-cancel-{}", std::process::id());
/// # /*
/// let name = "/nobody-comes";
/// # */
/// let cancel = Cancel::new();
/// let options = Options::new().cancelled_by(&cancel);
/// let waits = thread::spawn(move || options.open(&name));
/// cancel.cancel();
/// assert!(matches!(waits.join().unwrap(), Err(Error::Cancelled)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// One that has cancelled nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the waits for a peer that have begun and those that begin later, with
    /// [`Error::Cancelled`]. They end like those whose time is over: a peer that has joined
    /// or waits already is not left behind. A wait notices this at its next look, 0.05 s
    /// later at most; while it searches a large memory ([`Options::anywhere`]), after that.
    /// An open channel does not notice it.
    ///
    /// [`Options::anywhere`]: crate::Options::anywhere
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// # Errors
    /// [`Error::Cancelled`] if there is one that says so.
    pub(crate) fn check(cancel: Option<&Self>) -> Result<(), Error> {
        match cancel.is_some_and(Self::is_cancelled) {
            true => Err(Error::Cancelled),
            false => Ok(()),
        }
    }
}
