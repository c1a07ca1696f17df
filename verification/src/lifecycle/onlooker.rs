//! The onlooker: a process that looks at the object, again and again, and may die meanwhile.
//! It drives the machine of `memtalk::lifecycle::look`, as the library does.

use memtalk::lifecycle::look::{Look, Sight};
use memtalk::lifecycle::os::Content;
use memtalk::lifecycle::step::Step;
use memtalk::look::State;

use super::calls::View;
use super::effect::Effect;
use super::kernel::ObjectId;
use super::mistakes::Bug;

/// An onlooker, between two looks or at one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Onlooker(Look<ObjectId, Content>);

/// What can happen to the onlooker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnlookerEvent {
    /// It makes its next call.
    Step,
    /// It is killed, and another one comes.
    Crash,
}

impl Onlooker {
    pub(super) fn new() -> Self {
        Self(Look::Open)
    }

    /// Whether it makes a call now that changes anything.
    pub(super) fn runs(&self, named: bool) -> bool {
        named || self.is_looking()
    }

    /// Whether it has an object open.
    pub(super) fn is_looking(&self) -> bool {
        self.0.object().is_some()
    }

    /// Lets it happen. It closes in the same step what it does not look at any longer.
    pub(super) fn meet(&mut self, event: OnlookerEvent, view: &mut View<'_>) {
        let last = self.0.object().copied();
        let machine = std::mem::replace(&mut self.0, Look::Open);
        if event == OnlookerEvent::Step {
            match machine.step(view) {
                Ok(Step::Next(next) | Step::Blocked(next) | Step::Early(next, _)) => self.0 = next,
                Ok(Step::Done(Some(Sight { words, locked }))) => {
                    if let Some(object) = last {
                        let state = State::of(words, locked);
                        view.record(Effect::Looked { object, state });
                    }
                }
                Ok(Step::Done(None)) | Err(_) => {}
            }
        }
        let kept = match view.has(Bug::OnlookerStays) && event == OnlookerEvent::Step {
            true => last.or(self.0.object().copied()),
            false => self.0.object().copied(),
        };
        view.close_all_but(kept);
    }
}
