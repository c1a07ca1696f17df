//! The machine: a process that has the object open, and a guest in it.

use memtalk_ring::sit_down::Outcome;
use memtalk_ring::{PageError, Presence, Seat};

use super::effect::Effect;
use super::kernel::{At, Kernel, Object, ObjectId, Page, Pid, SIZE};
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
    /// Its process has ended, or was killed. The guard has yet to say so.
    Guarded(At),
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
    /// The guest's process ends, or is killed. Its guard speaks for it, and then the next may
    /// come.
    Leave,
}

impl Machine {
    /// Whether something happens to it without a mishap: it may be switched on, or the guest
    /// has something to do.
    pub(super) fn runs(&self, kernel: &Kernel) -> bool {
        match self.guest {
            Guest::Off => self.starts > 0,
            Guest::Booted(_) | Guest::Initialising(_) | Guest::Guarded(_) => true,
            // Somebody has come; or the talk is over, and the process gone: the next.
            Guest::Seated((id, Seat::First)) => {
                let object = kernel.object(id);
                object.left || object.waiting && object.second.is_some()
            }
            // It looks at its own seat while it waits, and whether the first has left.
            Guest::Seated((id, Seat::Second)) => {
                let object = kernel.object(id);
                object.second.is_none() || object.over
            }
            Guest::Idle(_) => false,
        }
    }

    /// The mishaps that it can meet.
    pub(super) fn mishaps(&self) -> impl Iterator<Item = MachineEvent> {
        let on = self.guest != Guest::Off;
        let restarts = on && self.starts > 0;
        let leaves = restarts && matches!(self.guest, Guest::Seated(_));
        let mishaps = [
            (on, MachineEvent::Crash),
            (restarts, MachineEvent::Restart),
            (leaves, MachineEvent::Leave),
        ];
        mishaps
            .into_iter()
            .filter_map(|(may, event)| may.then_some(event))
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
            MachineEvent::Leave => {
                self.starts -= 1;
                if let Guest::Seated(at) = self.guest {
                    self.guest = Guest::Guarded(at);
                }
            }
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
            | Guest::Guarded((id, _))
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
                kernel.object_mut(id).initialise(presence(bug));
                effect = Some(Effect::PageInitialised(id));
                Guest::Seated((id, Seat::First))
            }
            Guest::Seated((id, Seat::First)) if kernel.object(id).waiting => {
                kernel.object_mut(id).waiting = false;
                Guest::Seated((id, Seat::First))
            }
            Guest::Seated((id, seat)) => {
                if seat == Seat::Second {
                    leave_seat(kernel.object_mut(id), seat);
                }
                Guest::Booted(id)
            }
            Guest::Guarded((id, seat)) => {
                if bug != Some(Bug::GuestUnguarded) {
                    leave_seat(kernel.object_mut(id), seat);
                }
                Guest::Booted(id)
            }
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

/// The guest looks at the page, by the rules of the code that it runs, and joins it or begins
/// to initialise it.
fn look_at_page(id: ObjectId, object: &mut Object, bug: Option<Bug>) -> Guest {
    let (said, [first, second]) = object.words();
    let second = match bug {
        Some(Bug::GuestHurries) => 0,
        _ => second,
    };
    match Outcome::of(said, SIZE as usize, [first, second]) {
        Outcome::Initialise => {
            object.page = match bug {
                Some(Bug::GuestClaims) => Page::Claimed,
                _ => Page::Begun,
            };
            object.magic = false;
            Guest::Initialising(id)
        }
        Outcome::Join => {
            object.second = Some(presence(bug));
            (object.kept, object.guest_left) = (false, false);
            Guest::Seated((id, Seat::Second))
        }
        Outcome::Leave => {
            leave_seat(object, Seat::Second);
            Guest::Booted(id)
        }
        // A process has something to do first: it looks again.
        Outcome::Refused(PageError::Over | PageError::Unfinished) => Guest::Booted(id),
        Outcome::Refused(_) => Guest::Idle(id),
    }
}

/// Marks the guest's seat as left, if it is still its own.
fn leave_seat(object: &mut Object, seat: Seat) {
    match seat {
        Seat::First => object.over = true,
        Seat::Second if object.second.is_some_and(|second| second.outside) => {
            (object.second, object.guest_left) = (None, true);
        }
        Seat::Second => {}
    }
}
