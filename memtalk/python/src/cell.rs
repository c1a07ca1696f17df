//! Where an end is kept: one thread at a time may use it, in the process that opened it.
//!
//! # Contract
//! - A call has the end until it returns, also while it waits. A second thread is refused, and
//!   does not wait.
//! - A forked child inherits the memory of its parent, and with it our end. If it used or
//!   dropped it, it would do so in the parent's name. So it is refused, and the end is
//!   forgotten there in place of being dropped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

use memtalk::Error;
use pyo3::prelude::*;

use crate::errors;

pub(crate) struct Cell<E> {
    /// `None` once it is closed or given up.
    end: Mutex<Option<E>>,
    process: u32,
    /// Another thread has given up the talk. The end is dropped as soon as nobody uses it.
    pub(crate) given_up: Arc<AtomicBool>,
}

impl<E> Cell<E> {
    pub(crate) fn new(end: E, given_up: &Arc<AtomicBool>) -> Self {
        Self {
            end: Mutex::new(Some(end)),
            process: std::process::id(),
            given_up: Arc::clone(given_up),
        }
    }

    /// Calls `call` with the end.
    ///
    /// # Errors
    /// `Forked` in a forked child, `InUse` if another thread has the end, `Ended` if it is
    /// closed; those of `call`.
    pub(crate) fn with<T>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&mut E) -> PyResult<T>,
    ) -> PyResult<T> {
        self.with_slot(py, |slot| match slot {
            Some(end) => call(end),
            None => Err(errors::talk_error(py, &Error::Ended)),
        })
    }

    /// Takes the end out, and so closes it, unless it is closed already.
    ///
    /// # Errors
    /// `Forked`, `InUse`.
    pub(crate) fn take(&self, py: Python<'_>) -> PyResult<Option<E>> {
        self.with_slot(py, |slot| Ok(slot.take()))
    }

    /// Drops the end, unless another thread is using it or this is a forked child.
    pub(crate) fn release(&self, py: Python<'_>) {
        // Whoever uses it has to drop it.
        drop(self.take(py));
    }

    /// Makes another end of it.
    ///
    /// # Errors
    /// `Forked`, `InUse`.
    pub(crate) fn change(&self, py: Python<'_>, change: impl FnOnce(E) -> E) -> PyResult<()> {
        self.with_slot(py, |slot| {
            *slot = slot.take().map(change);
            Ok(())
        })
    }

    fn with_slot<T>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&mut Option<E>) -> PyResult<T>,
    ) -> PyResult<T> {
        errors::check_process(py, self.process)?;
        let mut slot = match self.end.try_lock() {
            Ok(slot) => slot,
            // Nothing of ours is half done in a call that panicked.
            Err(TryLockError::Poisoned(slot)) => slot.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(errors::in_use(py)),
        };
        let result = call(&mut slot);
        if self.given_up.load(Ordering::Relaxed) {
            *slot = None;
        }
        result
    }
}

impl<E> Drop for Cell<E> {
    fn drop(&mut self) {
        if std::process::id() != self.process
            && let Ok(slot) = self.end.get_mut()
        {
            std::mem::forget(slot.take());
        }
    }
}
