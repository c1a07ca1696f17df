//! The machine: a process that has the object open, and a guest in it.

use memtalk_ring::{Presence, Seat};

use super::effect::Effect;
use super::kernel::{At, Kernel, Object, ObjectId, Page, Pid};
use super::mistakes::Bug;

/// What the machine is doing, and with which object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Guest {
    /// Not running.
    Off,
    /// Running; the guest has yet to look at the page.
    Booted(ObjectId),
    Initialising(ObjectId),
    Seated(At),
    /// There is no place for it.
    Idle(ObjectId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Machine {
    pub(super) guest: Guest,
    /// How often it may still be switched on, or its guest start again.
    pub(super) starts: u8,
}

/// What can happen to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MachineEvent {
    /// It is switched on, or its guest makes its next step.
    Step,
    /// It is killed.
    Crash,
    /// Its guest starts again.
    Restart,
}

impl Machine {
    /// Whether something happens to it without a mishap: it may be switched on, or the guest
    /// has something to do.
    pub(super) fn runs(&self, kernel: &Kernel) -> bool {
        match self.guest {
            Guest::Off => self.starts > 0,
            Guest::Booted(_) | Guest::Initialising(_) => true,
            // The talk is over, and the process gone: the next.
            Guest::Seated((id, Seat::First)) => kernel.object(id).left,
            // It looks at its own seat while it waits.
            Guest::Seated((id, Seat::Second)) => kernel.object(id).second.is_none(),
            Guest::Idle(_) => false,
        }
    }

    /// The mishaps that it can meet.
    pub(super) fn mishaps(&self) -> impl Iterator<Item = MachineEvent> {
        let on = self.guest != Guest::Off;
        let restarts = on && self.starts > 0;
        let crash = on.then_some(MachineEvent::Crash);
        crash
            .into_iter()
            .chain(restarts.then_some(MachineEvent::Restart))
    }

    /// Lets it happen, and says what that did.
    pub(super) fn meet(
        &mut self,
        event: MachineEvent,
        kernel: &mut Kernel,
        bug: Option<Bug>,
    ) -> Option<Effect> {
        match event {
            MachineEvent::Step => return self.step(kernel, bug),
            MachineEvent::Crash => self.switch_off(kernel),
            MachineEvent::Restart => self.restart(),
        }
        None
    }

    /// Kills it, which closes the object.
    pub(super) fn switch_off(&mut self, kernel: &mut Kernel) {
        self.guest = Guest::Off;
        kernel.close_all_but(Pid::MACHINE, None);
    }

    /// Starts the guest again. The object stays open.
    fn restart(&mut self) {
        if let Some(id) = self.object() {
            self.starts -= 1;
            self.guest = Guest::Booted(id);
        }
    }

    fn object(&self) -> Option<ObjectId> {
        match self.guest {
            Guest::Off => None,
            Guest::Booted(id)
            | Guest::Initialising(id)
            | Guest::Seated((id, _))
            | Guest::Idle(id) => Some(id),
        }
    }

    /// The next step by itself.
    fn step(&mut self, kernel: &mut Kernel, bug: Option<Bug>) -> Option<Effect> {
        let mut effect = None;
        self.guest = match self.guest {
            Guest::Off => {
                self.starts -= 1;
                Guest::Booted(switch_on(kernel))
            }
            Guest::Booted(id) => {
                let guest = look_at_page(id, kernel.object_mut(id), bug);
                let begins = guest == Guest::Initialising(id);
                effect = begins.then_some(Effect::PageBegun(id));
                guest
            }
            Guest::Initialising(id) => {
                initialise(kernel.object_mut(id), bug);
                effect = Some(Effect::PageInitialised(id));
                Guest::Seated((id, Seat::First))
            }
            Guest::Seated((id, _)) => Guest::Booted(id),
            Guest::Idle(id) => Guest::Idle(id),
        };
        effect
    }
}

/// Opens the object that the name leads to; makes one, full of zeros, if there is none.
fn switch_on(kernel: &mut Kernel) -> ObjectId {
    if let Some(id) = kernel.name() {
        kernel.open(Pid::MACHINE, id);
        return id;
    }
    let zeros = kernel.create(Pid::MACHINE, Object::default());
    kernel.set_name(Some(zeros));
    zeros
}

/// As what a guest appears in the seat words.
fn presence(bug: Option<Bug>) -> Presence {
    Presence {
        outside: bug != Some(Bug::OutsideUnsaid),
        silent: true,
    }
}

/// The guest looks at the page, and joins it or begins to initialise it.
fn look_at_page(id: ObjectId, object: &mut Object, bug: Option<Bug>) -> Guest {
    let first_outside = object.first.is_some_and(|first| first.outside);
    match (object.page, object.magic) {
        (Page::Zeros, _) => Guest::Initialising(id),
        (Page::Initialised, true) if first_outside => {
            object.magic = false;
            object.page = match bug {
                Some(Bug::GuestClaims) => Page::Claimed,
                _ => Page::Zeros,
            };
            Guest::Initialising(id)
        }
        (_, true) if object.second.is_none() => {
            object.second = Some(presence(bug));
            Guest::Seated((id, Seat::Second))
        }
        // Its creator has not finished: it looks again.
        (Page::Claimed, false) => Guest::Booted(id),
        _ => Guest::Idle(id),
    }
}

fn initialise(object: &mut Object, bug: Option<Bug>) {
    (object.page, object.magic) = (Page::Initialised, true);
    (object.first, object.second, object.left) = (Some(presence(bug)), None, false);
}
