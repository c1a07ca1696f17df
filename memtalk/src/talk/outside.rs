//! Sitting down outside: at a device's memory, on whose other side the peer is.

use std::time::Duration;

use memtalk_ring::header::Snapshot;
use memtalk_ring::{PageError, Seat};

use crate::address::{BLANK, Device};
use crate::error::Error;
use crate::error::system::doing;
use crate::lifecycle::linux::open_memory;
use crate::lifecycle::object::Object;
use crate::lifecycle::os::Found;
use crate::lifecycle::request::Part;
use crate::lifecycle::retry::{DOOR_WAIT, Deadline, GUARD_WAIT};
use crate::lifecycle::step::Awaited;
use crate::sys::crash_points;
use crate::sys::device;
use crate::sys::guard::Party;
use crate::sys::map::Mapping;

/// Opens the device. `None` if it is an ordinary file. `idle` as for `Seated::sit_down`.
pub(super) fn open(
    device: &Device,
    deadline: &Deadline,
    mut idle: impl FnMut(Duration, Option<Awaited>),
) -> Result<Option<Object>, Error> {
    let mut contended = deadline.retry(DOOR_WAIT);
    let opened = loop {
        match open_memory(device)? {
            Found::Object(opened) => break opened,
            _ => contended.pause(|time| idle(time, None))?,
        }
    };
    let outside = opened.device || device.as_device;
    Ok(outside.then(|| Object::device(opened.file, opened.twin, device.offset)))
}

/// Takes a seat there. `idle` as for `Seated::sit_down`.
pub(super) fn sit_down(
    mut object: Object,
    device: &Device,
    part: Part,
    deadline: &Deadline,
    mut idle: impl FnMut(Duration, Option<Awaited>),
) -> Result<(Object, Seat), Error> {
    let mut at_seat = deadline.retry(GUARD_WAIT);
    while !object.try_device()? {
        crash_points::step();
        match part {
            Part::Client => idle(deadline.time_to_look(Duration::ZERO)?, Some(Awaited::Turn)),
            _ => at_seat.pause_at_seat(|time| idle(time, None))?,
        }
    }
    let mapping = map(&object, device)?;
    object.start_guard_of(&mapping, Party::Outside)?;
    loop {
        crash_points::step();
        match object.sit_down(mapping.clone()) {
            // It swallows what is written.
            Ok(Seat::First) if object.is_restarted(Seat::First) => return Err(Error::SwitchedOff),
            Ok(seat) => return Ok((object, seat)),
            Err(PageError::Unfinished | PageError::Over) => {
                idle(deadline.time_to_look(Duration::ZERO)?, Some(Awaited::Host))
            }
            Err(PageError::Taken) => return Err(Error::Busy),
            Err(reason) => return Err(Error::ForeignMemory(reason)),
        }
    }
}

/// Maps the page, and makes sure that nobody else's memory is written to.
fn map(object: &Object, device: &Device) -> Result<Mapping, Error> {
    let there = device::room(&object.file, device.offset);
    let there = there.map_err(Error::system(doing::EXAMINE))?;
    let there = there.or(device.length).ok_or(Error::NoLength)?;
    let mut head = [0; size_of::<[u32; 5]>()];
    if there >= size_of_val(&head) as u64 {
        object.map(size_of_val(&head))?.read(0, &mut head);
    }
    if head == [0xFF; size_of::<[u32; 5]>()] {
        return Err(Error::SwitchedOff);
    }
    let said = Snapshot::from_bytes(&head);
    let mapping = object.map(device.page_size(there, said)?)?;
    if (said.magic, said.claim) == (0, 0) {
        let mut start = [0; BLANK];
        mapping.read(0, &mut start);
        if start != [0; BLANK] {
            return Err(Error::ForeignMemory(PageError::NotAPage));
        }
    }
    Ok(mapping)
}
