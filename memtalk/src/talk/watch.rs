//! The watcher: the thread that notices that the peer is gone.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Talk;
use crate::error::Error;
use crate::lifecycle::step::Step;
use crate::lifecycle::watch::Watch;
use crate::sys;

/// How often to look whether a peer is still there, where nothing wakes us when it goes.
const LOOK: Duration = Duration::from_millis(100);

/// Starts a thread that waits until the peer is gone, and then speaks for it if it has
/// died.
///
/// The kernel frees the seat of a process whichever way it ends, so that needs no
/// polling. If we get up first, the thread stays until the peer does, and keeps
/// nothing but the open object. A peer outside has no lock: the thread looks ten times
/// a second whether it still has the object open, and whether it has started again; and
/// as often at the seat, where the kernel has no lock to give.
pub(crate) fn watch(talk: &Arc<Talk>) -> Result<(), Error> {
    let (seat, outside) = (talk.seated.seat, talk.seated.peer_is_outside());
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
            talk.part(outside);
        }
    };
    let thread = thread::Builder::new()
        .name("memtalk-watch".into())
        .stack_size(64 * 1024);
    sys::start(thread, watcher).map_err(Error::system("start a thread"))?;
    Ok(())
}
