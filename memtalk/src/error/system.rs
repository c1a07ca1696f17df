//! What to do when a system call fails: by what it was for, and by the system's error.

/// What system calls are for, where the remedy depends on it: [`Error::System::doing`].
///
/// [`Error::System::doing`]: crate::Error::System::doing
pub(crate) mod doing {
    pub(crate) const ALLOCATE: &str = "get memory for the object";
    pub(crate) const CREATE: &str = "create the object";
    pub(crate) const EXAMINE: &str = "examine the object";
    pub(crate) const OPEN_AGAIN: &str = "open the object again";
    pub(crate) const OPEN: &str = "open the object";
    pub(crate) const OPEN_MEMORY: &str = "open the memory";
    pub(crate) const MAP_MEMORY: &str = "map the memory";
    pub(crate) const PUBLISH: &str = "give the object its name";
    pub(crate) const START_GUARD: &str = "start a guard process";
    pub(crate) const START_THREAD: &str = "start a thread";
}

/// The remedy, if there is one that a user can try. `error` is the number of the error.
pub(super) fn remedy(doing: &str, error: i32) -> Option<&'static str> {
    Some(match (error, doing) {
        (libc::EPERM, doing::OPEN_MEMORY | doing::MAP_MEMORY) => {
            "root may do this, unless the kernel is locked down, as with Secure Boot (cat /sys/kernel/security/lockdown)"
        }
        (libc::EACCES, doing::OPEN_MEMORY) => "give yourself the right to read and write it",
        (libc::EROFS, doing::OPEN_MEMORY) => "it is read-only: mount its file system for writing",
        (libc::ENOENT | libc::ENOTDIR, doing::OPEN_MEMORY) => {
            "nothing is created at a path: make the file, or see that the path is right"
        }
        (libc::ENOENT | libc::ENOTDIR, doing::CREATE) => {
            "there is no directory /dev/shm: mount a tmpfs there"
        }
        (libc::EOPNOTSUPP | libc::EISDIR | libc::EINVAL, doing::CREATE) => {
            "/dev/shm is not a tmpfs: mount one there"
        }
        (libc::ENOENT, doing::PUBLISH) => {
            "mount procfs at /proc, which this takes before Linux 6.10"
        }
        (libc::ENOENT, doing::OPEN_AGAIN) => "mount procfs at /proc, which this takes",
        (libc::ENOSPC | libc::EDQUOT, doing::CREATE | doing::PUBLISH) => {
            "/dev/shm holds as many objects as it may (df -i /dev/shm): remove those that nobody uses"
        }
        (libc::ENOSPC | libc::EDQUOT, _) => {
            "/dev/shm is full (df /dev/shm): remove what nobody uses there; fewer pages need less"
        }
        (libc::EACCES | libc::EPERM, doing::CREATE | doing::PUBLISH | doing::EXAMINE) => {
            "every user must be allowed to create files in /dev/shm: give it mode 1777"
        }
        (libc::EACCES, doing::OPEN) => {
            "give yourself the right to read and write it, or remove it, or use another name"
        }
        (libc::EPERM | libc::ENOSYS, _) => "a sandbox may forbid this: allow it there",
        (libc::EROFS, _) => "/dev/shm is read-only: mount it for writing",
        (libc::EFBIG, _) => {
            "raise the limit on the size of files (ulimit -f); fewer pages need less"
        }
        (libc::EMFILE, _) => "raise the limit on open files (ulimit -n)",
        (libc::ENFILE, _) => "too many files are open on this machine: end what has them open",
        (libc::EAGAIN, doing::START_THREAD | doing::START_GUARD) => {
            "raise the limits on processes, memory and mappings (ulimit -u, ulimit -v, ulimit -d, vm.max_map_count)"
        }
        (libc::ENOMEM, _) => "free memory, or raise the limit on it (ulimit -v)",
        _ => return None,
    })
}
