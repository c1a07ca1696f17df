//! The names of users.

use std::ffi::CStr;
use std::ptr;

/// Room for one entry of the user database: more than any system asks for.
const ROOM: usize = 16_384;

/// The name of the user with this number. `None` if there is none, or if it cannot be found
/// out. A name comes from a database that others may fill.
#[must_use]
pub fn name(id: libc::uid_t) -> Option<String> {
    // SAFETY: a struct of integers and pointers, for which zero is a value.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let mut room = vec![0; ROOM];
    let mut found = ptr::null_mut();
    // SAFETY: all of them are valid for writes, and `room` has that many bytes.
    let failed = unsafe {
        libc::getpwuid_r(
            id,
            &raw mut entry,
            room.as_mut_ptr(),
            room.len(),
            &raw mut found,
        )
    };
    if failed != 0 || found.is_null() || entry.pw_name.is_null() {
        return None;
    }
    // SAFETY: the call has found an entry, whose name is a C string in `room`.
    let name = unsafe { CStr::from_ptr(entry.pw_name) };
    Some(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn users_have_names_and_unknown_numbers_have_none() {
        assert_eq!(name(0).as_deref(), Some("root"));
        assert_eq!(name(4_000_000_123), None);
    }
}
