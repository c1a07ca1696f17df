//! Python's buffer protocol: the bytes of an object, used where they are.
//!
//! # Contract
//! - The object keeps its memory in place until the [`Buffer`] is dropped. A `bytearray`, for
//!   example, refuses to be resized meanwhile.
//! - Another Python thread may write to the memory while we read or write there without the
//!   interpreter's lock, as with every file of Python. It spoils its own bytes then.
//!
//! The stable interface of Python has these calls from 3.11 on, and PyO3 offers them only from
//! there. The calls and the structure are the same in 3.9 and 3.10, so they are declared here.

use std::ffi::{c_char, c_int, c_void};
use std::mem::MaybeUninit;

use pyo3::prelude::*;
use pyo3::{exceptions::PyBufferError, ffi};

/// `Py_buffer`, as Python 3.9 to 3.15 have it.
#[repr(C)]
struct View {
    start: *mut c_void,
    object: *mut ffi::PyObject,
    len: ffi::Py_ssize_t,
    item_size: ffi::Py_ssize_t,
    read_only: c_int,
    dimensions: c_int,
    format: *mut c_char,
    shape: *mut ffi::Py_ssize_t,
    strides: *mut ffi::Py_ssize_t,
    suboffsets: *mut ffi::Py_ssize_t,
    internal: *mut c_void,
}

/// Asks for contiguous bytes: `PyBUF_SIMPLE`.
const SIMPLE: c_int = 0;
/// Asks for bytes that may be written: `PyBUF_WRITABLE`.
const WRITABLE: c_int = 1;

unsafe extern "C" {
    #[link_name = "PyObject_GetBuffer"]
    fn get_buffer(object: *mut ffi::PyObject, view: *mut View, flags: c_int) -> c_int;
    #[link_name = "PyBuffer_Release"]
    fn release_buffer(view: *mut View);
}

/// The bytes of a Python object. To be dropped with the interpreter's lock held, as all that
/// has a lifetime `'py` is.
pub(crate) struct Buffer<'py> {
    // On the heap, since the exporter may keep its address.
    view: Box<View>,
    /// Where the bytes are: not null.
    start: *mut u8,
    len: usize,
    _py: Python<'py>,
}

impl<'py> Buffer<'py> {
    /// The bytes of `object`, to read them.
    ///
    /// # Errors
    /// `TypeError` if it is no such object, `BufferError` if its bytes are not contiguous.
    pub(crate) fn to_read(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::of(object, SIMPLE)
    }

    /// The bytes of `object`, to write there.
    ///
    /// # Errors
    /// As above, and `BufferError` if they are read-only.
    pub(crate) fn to_write(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::of(object, WRITABLE)
    }

    fn of(object: &Bound<'py, PyAny>, flags: c_int) -> PyResult<Self> {
        let py = object.py();
        let mut view: Box<MaybeUninit<View>> = Box::new(MaybeUninit::zeroed());
        // SAFETY: a valid object, room for the view, and the interpreter's lock.
        if unsafe { get_buffer(object.as_ptr(), view.as_mut_ptr(), flags) } != 0 {
            return Err(PyErr::fetch(py));
        }
        // SAFETY: the call has filled it; and all of its fields may be zero.
        let view = unsafe { view.assume_init() };
        let start = match view.start.is_null() {
            false => view.start.cast(),
            // Of an empty object.
            true => std::ptr::NonNull::dangling().as_ptr(),
        };
        let len = usize::try_from(view.len);
        let buffer = Self {
            len: *len.as_ref().unwrap_or(&0),
            view,
            start,
            _py: py,
        };
        len.map_err(|_| PyBufferError::new_err("the buffer has a negative length"))?;
        Ok(buffer)
    }

    /// The bytes. Somebody else may write there meanwhile: pass them on, and conclude nothing
    /// from them.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the exporter keeps `len` bytes there until the view is released.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    /// The bytes, to write there, of a buffer [to write](Self::to_write).
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        if self.view.read_only != 0 {
            return &mut [];
        }
        // SAFETY: as above, and the exporter lets us write.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        // SAFETY: a view that `get_buffer` has filled, released once, under the lock.
        unsafe { release_buffer(&raw mut *self.view) };
    }
}
