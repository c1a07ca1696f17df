//! The watcher: the thread that notices that the peer is gone.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Talk;
use crate::error::Error;
use crate::error::system::doing;
use crate::lifecycle::step::Step;
use crate::lifecycle::watch::Watch;
use crate::sys;

/// The time between two looks at a peer whose departure wakes nobody.
const LOOK: Duration = Duration::from_millis(100);

/// Starts the watcher: it waits until the peer is gone, and then fails the ends that the
/// peer left open, in its name.
///
/// The kernel frees the seat of a process however the process ends, so watching a process
/// needs no polling. If we get up first, the thread stays until the peer does, and keeps
/// nothing but the open object. A peer outside holds no lock. For it the thread looks ten
/// times a second whether it still has the object open, and whether it has started again.
/// If the kernel has no lock to give us, it looks at the peer's seat as often.
pub(crate) fn watch(talk: &Arc<Talk>) -> Result<(), Error> {
    let (seat, outside) = (talk.seated.seat, talk.seated.is_apart());
    let (mut place, object) = talk.seated.view_of_peer();
    let (fate, talk) = (Arc::clone(&talk.fate), Arc::downgrade(talk));
    let watcher = move || {
        let mut machine = Watch::begin(outside);
        loop {
            machine = match machine.step(&mut place, &object, seat) {
                Step::Next(next) => next,
                Step::Blocked(next) | Step::Early(next, _) => match fate.goes_on_for(LOOK) {
                    true => next,
                    false => return,
                },
                Step::Done(()) => break,
            };
        }
        if let Some(talk) = talk.upgrade() {
            talk.record_departure(outside);
        }
    };
    let thread = thread::Builder::new()
        .name("memtalk-watch".into())
        .stack_size(64 * 1024);
    sys::start_with_room(thread, watcher).map_err(Error::system(doing::START_THREAD))?;
    Ok(())
}
