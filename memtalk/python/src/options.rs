//! What Python passes as numbers: times, and the options of a talk.
//!
//! A number that the library's type does not hold becomes one that the library refuses, with
//! its own words.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use memtalk::Options;
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use crate::errors::invalid;

/// How long each wait of an end may take; `None` for any time.
#[derive(Default)]
pub(crate) struct Limit(Mutex<Option<Duration>>);

impl Limit {
    pub(crate) fn get(&self) -> Option<Duration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seconds(&self) -> Option<f64> {
        self.get().map(|limit| limit.as_secs_f64())
    }

    /// # Errors
    /// `InvalidArgument` for zero, as in the library, and for what is no time.
    pub(crate) fn set(&self, py: Python<'_>, limit: Option<f64>) -> PyResult<()> {
        let limit = limit.map(|limit| seconds(py, limit)).transpose()?;
        if limit == Some(Duration::ZERO) {
            let text = "a timeout of zero: use None for no timeout, or a call that never waits";
            return Err(invalid(py, text));
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = limit;
        Ok(())
    }
}

/// A number of seconds as a duration.
///
/// # Errors
/// `InvalidArgument` if it is negative, infinite or no number.
pub(crate) fn seconds(py: Python<'_>, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| invalid(py, "a time is a finite number of seconds, 0 or more"))
}

/// The options of a talk, all by keyword.
#[derive(FromPyObject)]
pub(crate) struct Wanted<'py> {
    #[pyo3(item)]
    timeout: Option<f64>,
    #[pyo3(item)]
    pages: Option<Bound<'py, PyAny>>,
    #[pyo3(item)]
    mode: Option<Bound<'py, PyAny>>,
    #[pyo3(item)]
    offset: Option<Bound<'py, PyAny>>,
    #[pyo3(item)]
    scan: bool,
    #[pyo3(item)]
    wait: bool,
}

impl Wanted<'_> {
    pub(crate) fn options(self, py: Python<'_>) -> PyResult<Options> {
        let mut options = Options::new();
        if let Some(timeout) = self.timeout {
            options = options.timeout(seconds(py, timeout)?);
        }
        if let Some(pages) = self.pages {
            options = options.pages(number(&pages, usize::MAX)?);
        }
        if let Some(mode) = self.mode {
            options = options.mode(number(&mode, u32::MAX)?);
        }
        if let Some(offset) = self.offset {
            options = options.at_offset(number(&offset, u64::MAX)?);
        }
        if self.scan {
            options = options.anywhere();
        }
        if self.wait {
            options = options.as_client();
        }
        Ok(options)
    }
}

/// The number, or `otherwise` if it is too large or negative.
fn number<'py, T>(number: &Bound<'py, PyAny>, otherwise: T) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    match number.extract::<T>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(number.py()) => Ok(otherwise),
        result => result,
    }
}
