//! The names of users.

use std::ffi::CStr;

/// The name of the user with this number; the number, if no name is known.
#[must_use]
pub fn name_or_number(user: libc::uid_t) -> String {
    name(user).unwrap_or_else(|| user.to_string())
}

fn name(user: libc::uid_t) -> Option<String> {
    // The entry's texts, of which a name is one, are kept here. If they need more room, the
    // number has to do.
    let mut texts = [0; 4096];
    // SAFETY: a struct of integers and pointers, for which zero is a value.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    // SAFETY: places that are valid for writes, the second of the size that is given.
    let result = unsafe {
        libc::getpwuid_r(
            user,
            &raw mut entry,
            texts.as_mut_ptr(),
            texts.len(),
            &raw mut found,
        )
    };
    if result != 0 || found.is_null() {
        return None;
    }
    // SAFETY: a C string in `texts`, which is still there.
    let name = unsafe { CStr::from_ptr(entry.pw_name) };
    Some(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::name_or_number;

    #[test]
    fn a_user_is_named_and_one_without_a_name_is_numbered() {
        assert_eq!(name_or_number(0), "root");
        assert_eq!(name_or_number(4_294_967_000), "4294967000");
    }
}
