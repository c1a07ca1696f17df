//! The machine: a process that has the object open, and a guest in it.

use memtalk_ring::{Presence, Seat};

use super::kernel::{Object, Page};
use super::world::{Action, World};
use super::{Bug, ObjectId, Pid};

/// What the machine is doing, and with which object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Guest {
    /// Not running.
    Off,
    /// Running; the guest has yet to look at the page.
    Booted(ObjectId),
    Initialising(ObjectId),
    Seated(ObjectId, Seat),
    /// There is no place for it.
    Idle(ObjectId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Machine {
    pub(super) guest: Guest,
    /// How often it may still be switched on, or its guest start again.
    pub(super) starts: u8,
}

/// As what the machine appears in actions; it never owns a lock.
pub(super) const MACHINE: Pid = Pid::MAX - 1;

impl Machine {
    pub(super) fn has_open(&self) -> Option<ObjectId> {
        match self.guest {
            Guest::Off => None,
            Guest::Booted(object)
            | Guest::Initialising(object)
            | Guest::Seated(object, _)
            | Guest::Idle(object) => Some(object),
        }
    }
}

impl World {
    /// One step of the machine.
    pub(super) fn machine_after(
        mut self,
        action: Action,
        bug: Option<Bug>,
    ) -> Result<Self, String> {
        let outside = Presence {
            outside: bug != Some(Bug::OutsideUnsaid),
            silent: true,
        };
        let guest = match (action, self.machine.guest) {
            (Action::Crash(_), _) => Guest::Off,
            (_, Guest::Off) => {
                self.machine.starts -= 1;
                let object = self.kernel.name.unwrap_or_else(|| {
                    let zeros = self.kernel.create(Object::default());
                    *self.kernel.name.insert(zeros)
                });
                Guest::Booted(object)
            }
            (
                Action::Finish(_),
                Guest::Booted(id)
                | Guest::Initialising(id)
                | Guest::Seated(id, _)
                | Guest::Idle(id),
            ) => {
                self.machine.starts -= 1;
                Guest::Booted(id)
            }
            (_, Guest::Booted(id)) => {
                let first_sits = self
                    .processes
                    .iter()
                    .any(|process| process.sits_at() == Some((id, Seat::First)));
                let object = self.kernel.objects[usize::from(id)].as_mut().unwrap();
                let first_outside = object.first.is_some_and(|first| first.outside);
                match (object.page, object.magic) {
                    (Page::Zeros, _) => Guest::Initialising(id),
                    (Page::Initialised, true) if first_outside => {
                        object.page = match bug {
                            Some(Bug::GuestClaims) => Page::Claimed,
                            _ => Page::Zeros,
                        };
                        object.magic = false;
                        if first_sits {
                            return Err("a guest initialises a process's page".into());
                        }
                        Guest::Initialising(id)
                    }
                    (_, true) if object.second.is_none() => {
                        object.second = Some(outside);
                        Guest::Seated(id, Seat::Second)
                    }
                    // Whose creator has not finished: it looks again.
                    (Page::Claimed, false) => Guest::Booted(id),
                    _ => Guest::Idle(id),
                }
            }
            (_, Guest::Initialising(id)) => {
                let object = self.kernel.objects[usize::from(id)].as_mut().unwrap();
                if object.page == Page::Initialised {
                    return Err("a guest and a process both initialise a page".into());
                }
                object.page = Page::Initialised;
                object.magic = true;
                (object.first, object.second, object.left) = (Some(outside), None, false);
                Guest::Seated(id, Seat::First)
            }
            (_, Guest::Seated(id, _)) => Guest::Booted(id),
            (_, guest @ Guest::Idle(_)) => guest,
        };
        self.machine.guest = guest;
        // Nobody's locks are dropped; but an object may be out of reach now.
        self.kernel.close(
            MACHINE,
            self.machine.has_open(),
            &self.processes,
            self.machine,
        );
        self.check().map(|()| self)
    }
}
