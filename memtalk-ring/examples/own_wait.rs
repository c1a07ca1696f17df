//! [`Wait`]: a way to wait of your own. This one does what Linux's `futex(2)` does, with a
//! lock and a condition variable.
//!
//! ```console
//! $ cargo run -p memtalk-ring --example own_wait
//! ```

mod parties;

use std::error::Error;
use std::hint;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use memtalk_ring::{Atomics, Wait, Watched};

/// Sleeps until the peer wakes us. Both ends have clones of one value.
#[derive(Clone, Default)]
struct Sleep(Arc<(Mutex<()>, Condvar)>);

impl<A: Atomics> Wait<A> for Sleep {
    const SLEEPS: bool = true;

    /// Spins for a short time before it sleeps.
    fn pause(&mut self, looks: u32) -> bool {
        hint::spin_loop();
        looks < 100
    }

    /// The lock makes comparing and falling asleep one step: the peer has published before
    /// it wakes, and it cannot wake in between.
    fn sleep(&mut self, word: Watched<'_, A>, seen: u32) {
        let (lock, woken) = &*self.0;
        let held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        if word.is(seen) {
            drop(woken.wait(held));
        }
    }

    fn wake(&self, _word: Watched<'_, A>) {
        let (lock, woken) = &*self.0;
        let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        woken.notify_all();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let sleep = Sleep::default();
    parties::run(parties::ring(sleep.clone(), sleep)?)
}
