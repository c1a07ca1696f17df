//! On which processor a thread runs.

use std::ffi::c_ulong;

const BITS: usize = c_ulong::BITS as usize;

/// A set of processors, as the kernel has it: of the first 1,024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cpus([c_ulong; 1024 / BITS]);

impl Cpus {
    /// Those on which this thread may run. `None` if that is not to be had: if the machine
    /// has more than 1,024, for example.
    fn of_this_thread() -> Option<Self> {
        let mut cpus = Self::default();
        // SAFETY: `cpus` is valid for writes of its size.
        let got = unsafe { libc::sched_getaffinity(0, size_of::<Self>(), (&raw mut cpus).cast()) };
        (got == 0).then_some(cpus)
    }

    /// Lets this thread run on these. Returns whether that was possible.
    fn apply(&self) -> bool {
        // SAFETY: `self` is valid for reads of its size.
        unsafe { libc::sched_setaffinity(0, size_of::<Self>(), (&raw const *self).cast()) == 0 }
    }

    fn contains(&self, cpu: usize) -> bool {
        self.0
            .get(cpu / BITS)
            .is_some_and(|bits| bits >> (cpu % BITS) & 1 == 1)
    }

    fn insert(&mut self, cpu: usize) {
        self.0[cpu / BITS] |= 1 << (cpu % BITS);
    }

    /// Every other one of them, from the first or the second on.
    fn half(&self, second: bool) -> Self {
        let mut half = Self::default();
        let all = (0..1024).filter(|cpu| self.contains(*cpu));
        for cpu in all.skip(usize::from(second)).step_by(2) {
            half.insert(cpu);
        }
        half
    }
}

/// Moves this thread to a processor of one half of those that it may run on: every other
/// one, in the order of their numbers, from the first or from the second on. After that it
/// may run on all of them again. Returns whether it has moved. It has not if it runs in
/// that half already, if that half is empty, or if this is not permitted.
///
/// If somebody else changes the thread's processors at the same time, that may be undone. And
/// if the process gets more processors later (a larger cpuset), a thread that has moved
/// does not.
pub(crate) fn move_to_half(second: bool) -> bool {
    let Some(all) = Cpus::of_this_thread() else {
        return false;
    };
    let half = all.half(second);
    // SAFETY: it has no arguments.
    let here = unsafe { libc::sched_getcpu() };
    if usize::try_from(here).is_ok_and(|here| half.contains(here)) || !half.apply() {
        return false;
    }
    // If the first call was possible, this is.
    all.apply();
    true
}

#[cfg(test)]
mod tests {
    use super::{Cpus, move_to_half};

    fn cpus(numbers: &[usize]) -> Cpus {
        let mut cpus = Cpus::default();
        for cpu in numbers {
            cpus.insert(*cpu);
        }
        cpus
    }

    #[test]
    fn each_half_has_every_other_processor() {
        let all = cpus(&[1, 2, 5, 9, 64, 1023]);
        assert_eq!(all.half(false), cpus(&[1, 5, 64]));
        assert_eq!(all.half(true), cpus(&[2, 9, 1023]));
        assert_eq!(cpus(&[3]).half(true), Cpus::default());
        assert!(all.contains(9) && !all.contains(8) && !all.contains(2048));
    }

    #[test]
    fn a_thread_that_moves_may_run_on_all_its_processors_afterwards() {
        let before = Cpus::of_this_thread().unwrap();
        let moved = [false, true, false, true].map(move_to_half);
        assert_eq!(Cpus::of_this_thread(), Some(before));
        // With several processors, it was not in both halves.
        let several = before.half(true) != Cpus::default();
        assert_eq!(moved.contains(&true), several);
    }

    #[test]
    fn a_thread_with_one_processor_stays() {
        let one = cpus(&[(0..1024)
            .find(|cpu| Cpus::of_this_thread().unwrap().contains(*cpu))
            .unwrap()]);
        // The thread ends with this test.
        assert!(one.apply());
        assert!(!move_to_half(false));
        assert!(!move_to_half(true));
        assert_eq!(Cpus::of_this_thread(), Some(one));
    }
}
