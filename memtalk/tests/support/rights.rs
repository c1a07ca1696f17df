//! A descriptor that is sent to another process over a Unix socket (`SCM_RIGHTS`).

use std::ffi::c_int;
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// A control message with one descriptor, as `CMSG_DATA` and `CMSG_SPACE` of `cmsg(3)` lay it
/// out.
#[repr(C)]
struct Rights {
    header: libc::cmsghdr,
    descriptor: c_int,
}

impl Rights {
    fn new(descriptor: c_int) -> Self {
        // SAFETY: a header of zeroes is valid.
        let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
        header.cmsg_len = offset_of!(Self, descriptor) + size_of::<c_int>();
        header.cmsg_level = libc::SOL_SOCKET;
        header.cmsg_type = libc::SCM_RIGHTS;
        Self { header, descriptor }
    }

    /// Makes `call` with a message of one byte and this.
    fn pass(&mut self, call: impl FnOnce(*mut libc::msghdr) -> isize) {
        let mut byte = 0_u8;
        let mut part = libc::iovec {
            iov_base: (&raw mut byte).cast(),
            iov_len: 1,
        };
        // SAFETY: a message of zeroes is valid.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut *self).cast();
        message.msg_controllen = size_of::<Self>();
        assert_eq!(call(&raw mut message), 1, "one byte passes");
    }
}

/// Sends a copy of a descriptor.
pub fn send(socket: &UnixStream, descriptor: impl AsFd) {
    Rights::new(descriptor.as_fd().as_raw_fd()).pass(|message| {
        // SAFETY: a valid message.
        unsafe { libc::sendmsg(socket.as_raw_fd(), message, 0) }
    });
}

/// Waits for a descriptor.
pub fn receive(socket: &UnixStream) -> OwnedFd {
    let mut rights = Rights::new(-1);
    rights.pass(|message| {
        // SAFETY: a message that is valid for writes.
        unsafe { libc::recvmsg(socket.as_raw_fd(), message, libc::MSG_CMSG_CLOEXEC) }
    });
    assert!(rights.descriptor >= 0, "a descriptor came with the byte");
    // SAFETY: a new descriptor that nobody else owns.
    unsafe { OwnedFd::from_raw_fd(rights.descriptor) }
}
