//! [`Os`] on Linux: the machines' calls to the kernel, for one [`Request`].

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::OUTSIDE;
use memtalk_ring::{Beginning, Page, PageError, Presence, Seat};

use super::content::{self, HEAD};
use super::object::{Object, metadata};
use super::os::{Content, Found, Os};
use super::request::{Part, Place, Request, Tenancy};
use super::scan;
use crate::address::{BLANK, Device};
use crate::error::Error;
use crate::error::system::doing;
use crate::sys::device::{self, Opened};
use crate::sys::map::{self, Mapping};
use crate::sys::{self, guard, lease, shm};
use crate::wait::futex::Futex;

impl Request {
    /// The size in bytes of an object that we create.
    fn size(&self) -> usize {
        self.pages.unwrap_or(1) * shm::page_size()
    }

    /// The permissions of an object that we create.
    fn mode(&self) -> u32 {
        self.mode.unwrap_or(0o600)
    }

    /// Opens the object, if there is one.
    fn open_file(&self) -> Result<Found<File>, Error> {
        let name = match &self.place {
            Place::Name(name) => name,
            Place::Device(device) => return open_ordinary(device),
            Place::Unnamed(None) => return Ok(Found::Nothing),
            Place::Unnamed(Some(given)) => return open_again(given).map(Found::Object),
        };
        let file = match shm::open(name.as_c_str()) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Found::Contended),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                return match self.look_at_name()? {
                    Some(found) if found.uid() == shm::user() => Err(Error::system(doing::OPEN)(e)),
                    Some(found) => Err(Error::NotOurs { owner: found.uid() }),
                    // It was there a moment ago.
                    None => Ok(Found::Contended),
                };
            }
            Err(e) => {
                return Err(not_an_object(&e).unwrap_or_else(|| Error::system(doing::OPEN)(e)));
            }
        };
        let data = metadata(&file)?;
        if !data.is_file() {
            return Err(Error::NotAnObject);
        }
        // The owner of an object can read it. (In a user namespace, all users that it does
        // not know look like one user, which may be ours. So we ask the kernel as well.)
        let ours = data.uid() == shm::user() && lease::is_owner(&file);
        // Both sides must have said that other users may take part: we by our mode, the
        // object's owner by the object's.
        let shared = self.mode.is_some() && data.mode() & 0o066 != 0;
        if !ours && !shared {
            return Err(Error::NotOurs { owner: data.uid() });
        }
        Ok(Found::Object(file))
    }

    fn look_at_name(&self) -> Result<Option<Metadata>, Error> {
        let Some(name) = self.place.name() else {
            return Ok(None);
        };
        let found = shm::examine(name.as_c_str());
        found.map_err(Error::system(doing::EXAMINE))
    }

    /// The error for an object that only its owner can remove.
    pub(crate) fn left_behind(&self) -> Error {
        let found = self.look_at_name().ok().flatten();
        let owner = found.map(|data| data.uid());
        Error::LeftBehind { owner }
    }

    /// Checks that an object lets in no user that our mode does not let in. There is one
    /// exception: the owner of a machine decides who may read its memory (QEMU lets
    /// everybody read it). Nobody else can have written there that it is a machine's. An
    /// object without a name lets in whoever was given it.
    fn check_mode(&self, object: &Object, first: Option<Presence>) -> Result<(), Error> {
        const WRITE: u32 = 0o222;
        if !self.has_name() {
            return Ok(());
        }
        let (found, asked) = (object.metadata()?.mode() & 0o777, self.mode());
        let (more, machine) = (found & !asked, first.is_some_and(|first| first.outside));
        match more == 0 || machine && more & WRITE == 0 {
            true => Ok(()),
            false => Err(Error::ModesDiffer { asked, found }),
        }
    }

    /// The first bytes of the page, what they say, and the page's size in bytes: that of
    /// the object; in a machine's memory, what the page claims, if so much is there.
    fn examine(&self, object: &Object) -> Result<([u8; HEAD], Snapshot, usize), Error> {
        let mut head = [0; HEAD];
        shm::read(&object.file, &mut head, object.at).map_err(Error::system("read the object"))?;
        let said = Snapshot::from_bytes(&head);
        let there = object.size()?;
        let size = match (&self.place, self.tenancy) {
            (_, Some(_)) => there.min(said.size as usize),
            (Place::Device(device), None) => device.page_size(there as u64, said)?,
            (_, None) => there,
        };
        Ok((head, said, size))
    }
}

/// Opens memory that a path leads to.
pub(crate) fn open_memory(device: &Device) -> Result<Found<Opened>, Error> {
    match device::open(&device.path) {
        Ok(Some(opened)) => Ok(Found::Object(opened)),
        Ok(None) => Err(Error::NotMappable),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Found::Contended),
        Err(e) => Err(Error::system(doing::OPEN_MEMORY)(e)),
    }
}

/// The same for memory of the user's own, an ordinary file.
fn open_ordinary(device: &Device) -> Result<Found<File>, Error> {
    Ok(match open_memory(device)? {
        Found::Object(opened) if opened.device => return Err(Error::NotMappable),
        Found::Object(opened) => Found::Object(opened.file),
        Found::Contended => Found::Contended,
        Found::Nothing => Found::Nothing,
    })
}

/// Opens an object that we were given once more: locks belong to an open file, and whoever
/// gave it to us may keep it open. Nobody can truncate it from now on.
fn open_again(given: &File) -> Result<File, Error> {
    if !metadata(given)?.is_file() {
        return Err(Error::NotAnObject);
    }
    shm::seal(given).map_err(|_| Error::Unsealed)?;
    shm::open_again(given).map_err(Error::system(doing::OPEN_AGAIN))
}

impl Os for Request {
    type Object = Object;
    type Error = Error;

    fn is_tenant(&self) -> bool {
        self.tenancy.is_some()
    }

    fn is_client(&self) -> bool {
        self.part == Part::Client
    }

    fn has_name(&self) -> bool {
        self.place.name().is_some()
    }

    fn is_fixed(&self) -> bool {
        matches!(self.place, Place::Device(_))
    }

    fn owns_page(&self, object: &Object) -> bool {
        // It may have left by now, which does not make the page ours.
        let outside = |page: &Page<Mapping>| page.seat_value(Seat::First) & OUTSIDE != 0;
        let by_process = !object.page.as_ref().is_some_and(outside);
        let stays = self.has_name() || self.is_fixed() && !object.is_device();
        stays && !self.is_tenant() && by_process
    }

    fn open(&mut self) -> Result<Found<Object>, Error> {
        let file = match self.open_file()? {
            Found::Object(file) => file,
            Found::Nothing => return Ok(Found::Nothing),
            Found::Contended => return Ok(Found::Contended),
        };
        let at = match self.tenancy {
            None => self.place.offset(),
            Some(Tenancy::At(offset)) => offset,
            Some(Tenancy::Anywhere) => match scan::find_page(&file, metadata(&file)?.len())? {
                Some(offset) => offset,
                None => return Ok(Found::Nothing),
            },
        };
        Ok(Found::Object(Object::new(file, at)))
    }

    fn create(&mut self) -> Result<Object, Error> {
        let size = self.size();
        let file = match self.has_name() {
            true => shm::create(),
            false => shm::create_sealable(),
        };
        let file = file.map_err(Error::system(doing::CREATE))?;
        if self.has_name() {
            shm::set_mode(&file, self.mode()).map_err(Error::system("set the object's mode"))?;
        }
        shm::allocate(&file, size).map_err(Error::system(doing::ALLOCATE))?;
        if !self.has_name() {
            shm::seal(&file).map_err(Error::system("seal the object"))?;
        }
        let mut object = Object::new(file, 0);
        if !object.try_sit(Seat::First)? {
            // Nobody else has it open, so this cannot be. But nobody sits without the lock.
            return Err(Error::Stuck);
        }
        if self.part == Part::BusyService && !object.try_take_turn()? {
            return Err(Error::Stuck);
        }
        let mapping = object.map(size)?;
        let page = map::initialise(mapping, Presence::PROCESS).map_err(Error::Foreign)?;
        object.page = Some(page);
        Ok(object)
    }

    fn publish(&mut self, object: &Object) -> Result<bool, Error> {
        let Some(name) = self.place.name() else {
            return Ok(true);
        };
        match shm::publish(&object.file, name.as_c_str()) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(Error::system(doing::PUBLISH)(e)),
        }
    }

    fn unlink(&mut self) -> Result<bool, Error> {
        let Some(name) = self.place.name() else {
            return Ok(true);
        };
        match shm::unlink(name.as_c_str()).map_err(|e| (e.kind(), e)) {
            Ok(()) | Err((io::ErrorKind::NotFound, _)) => Ok(true),
            Err((io::ErrorKind::PermissionDenied, _)) => Ok(false),
            Err((_, e)) => Err(Error::system("remove the object")(e)),
        }
    }

    fn is_named(&mut self, object: &Object) -> Result<bool, Error> {
        if !self.has_name() {
            // Only the first party asks this of a device.
            return Ok(!object.is_device() || !object.is_restarted(Seat::First));
        }
        let ours = object.metadata()?;
        let same = |found: Metadata| (found.dev(), found.ino()) == (ours.dev(), ours.ino());
        Ok(self.look_at_name()?.is_some_and(same))
    }

    fn try_door(&mut self, object: &Object) -> Result<bool, Error> {
        object.try_door()
    }

    fn leave_door(&mut self, object: &Object) -> Result<(), Error> {
        object.leave_door()
    }

    fn is_seated(&mut self, object: &Object, seat: Seat) -> Result<bool, Error> {
        object.is_seated(seat)
    }

    fn is_attended(&mut self, object: &Object) -> Result<bool, Error> {
        object.is_turn_taken().map(|taken| !taken)
    }

    fn try_sit(&mut self, object: &Object, seat: Seat) -> Result<bool, Error> {
        object.try_sit(seat)
    }

    fn renew(&mut self, object: &mut Object) -> Result<(), Error> {
        let (_, _, size) = self.examine(object)?;
        let mapping = object.map(size)?;
        // If nobody has it open, there is no party outside that may believe in its talk.
        let page = match self.is_open_elsewhere(object)? {
            true => map::renew(mapping),
            false => map::initialise(mapping, Presence::PROCESS),
        };
        let page = page.map_err(|reason| self.place.foreign(reason))?;
        object.page = Some(page);
        Ok(())
    }

    fn is_for_next(&mut self, object: &Object) -> Result<bool, Error> {
        if self.is_fixed() {
            return Ok(true);
        }
        let (head, _, _) = self.examine(object)?;
        let [_, second] = content::seat_words(&head);
        let by_process = second != 0 && second & OUTSIDE == 0;
        let more = object.metadata()?.mode() & 0o777 & !self.mode();
        Ok(self.has_name() && !by_process && more == 0 && self.is_open_elsewhere(object)?)
    }

    fn end_page(&mut self, object: &Object, seat: Seat) -> Result<(), Error> {
        if let (Some(page), Seat::First) = (&object.page, seat) {
            // Our own may be a private copy by now.
            let shared = object.map_again(page).unwrap_or_else(|| page.clone());
            shared.stand(seat, object.presence());
        }
        Ok(())
    }

    fn stand(&mut self, object: &Object, seat: Seat) -> Result<(), Error> {
        object.stand(seat)
    }

    fn inspect(&mut self, object: &Object) -> Result<Content, Error> {
        let (head, _, size) = self.examine(object)?;
        Ok(match Content::of(&head, size, self.is_tenant()) {
            // For another user's object, we cannot find out who has it open.
            Content::Unclaimed(reason @ PageError::BadMemory(0))
                if object.metadata()?.uid() != shm::user() =>
            {
                Content::Foreign(reason)
            }
            // Somebody else may have left the first words at 0.
            Content::Unclaimed(reason) if self.is_fixed() => {
                let mut start = vec![0; BLANK.min(size)];
                let read = shm::read(&object.file, &mut start, object.at);
                read.map_err(Error::system("read the object"))?;
                match start.iter().all(|&byte| byte == 0) {
                    true => Content::Unclaimed(reason),
                    false => Content::Foreign(reason),
                }
            }
            // It was initialised before we were given it, or never will be.
            Content::Unclaimed(reason) if !self.has_name() => Content::Foreign(reason),
            content => content,
        })
    }

    fn is_open_elsewhere(&mut self, object: &Object) -> Result<bool, Error> {
        // Newcomers at the door have it open for some microseconds at a time. So look
        // again, over 5 ms.
        let mut again = [500, 1000, 1500, 2000]
            .map(Duration::from_micros)
            .into_iter();
        while lease::is_open_elsewhere(&object.file) {
            match again.next() {
                Some(pause) => sys::nap(pause),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    fn is_kept(&self, object: &Object) -> bool {
        let second = |page: &Page<Mapping>| page.seat_value(Seat::Second);
        object.page.as_ref().map(second) == Some(OUTSIDE)
    }

    fn speak_for(&mut self, object: &Object, seat: Seat) -> Result<(), Error> {
        let (_, _, size) = self.examine(object)?;
        // If the page is being initialised at this moment, there is nobody to tell.
        if let Ok(page) = Page::attach(object.map(size)?) {
            map::mourn(&page, seat, &Futex::for_waking());
            leave(&page, seat);
        }
        Ok(())
    }

    fn attach(&mut self, object: &mut Object) -> Result<bool, Error> {
        let (_, said, size) = self.examine(object)?;
        if said.check(size).is_err() {
            return Ok(false);
        }
        let found = size / shm::page_size();
        match self.pages {
            Some(asked) if !self.is_tenant() && asked != found => {
                return Err(Error::PagesDiffer { asked, found });
            }
            _ => {}
        }
        let mapping = object.map(size)?;
        let Ok(page) = Page::attach(mapping) else {
            return Ok(false);
        };
        self.check_mode(object, page.presence(Seat::First))?;
        object.page = Some(page);
        Ok(true)
    }

    fn join(&mut self, object: &Object) -> Result<(), Error> {
        let Some(page) = &object.page else {
            return Ok(());
        };
        if page.presence(Seat::First).is_none_or(|first| first.outside) {
            object.start_guard(guard::Party::Process(Seat::Second))?;
        }
        map::join(page).map_err(Error::system("join the talk"))
    }

    fn is_joined(&mut self, object: &Object) -> Result<bool, Error> {
        // Where the memory has gone, it may read as if somebody sat there.
        let gone = object.is_device() && object.is_restarted(Seat::First);
        let page = object.page.as_ref().filter(|_| !gone);
        Ok(page.is_some_and(|page| !page.is_free(Seat::Second)))
    }

    fn beginning(&mut self, object: &Object) -> Beginning {
        let page = object.page.as_ref();
        let page = page.filter(|_| !object.is_restarted(Seat::Second));
        page.map_or(Beginning::Lost, |page| page.beginning(Seat::Second))
    }

    fn is_restarted(&mut self, object: &Object, seat: Seat) -> bool {
        object.is_restarted(seat)
    }

    fn is_alone(&mut self, object: &Object) -> bool {
        !object.is_device() && !lease::is_open_elsewhere(&object.file)
    }

    fn watch(&mut self, object: &Object, seat: Seat) -> Result<bool, Error> {
        // Sleeps until the seat is free.
        object.watch(seat).map(|()| true)
    }

    fn unwatch(&mut self, object: &Object, seat: Seat) -> Result<(), Error> {
        object.stand(seat)
    }

    fn tell_outside(&mut self, object: &Object, seat: Seat) {
        // Where its memory was, there may be something else by now.
        if object.is_device() && object.is_restarted(seat) {
            return;
        }
        // Even if nobody has joined, a party outside may have the object open already.
        if let Some(page) = &object.page
            && (object.is_device() || page.presence(seat.peer()).is_none_or(|peer| peer.outside))
        {
            let page = object.fail_ends(page, seat).page;
            match object.is_device() {
                true => page.stand(seat, object.presence()),
                false => leave(&page, seat),
            }
        }
    }
}

/// Marks the second seat, where a process sat, as left. Not if the first party has
/// initialised the page again meanwhile: then somebody else may be about to sit down.
fn leave(page: &Page<Mapping>, seat: Seat) {
    if seat == Seat::Second {
        page.leave();
    }
}

/// The errors of `shm_open(3)` for a directory (`EINVAL` from glibc, which can mean
/// nothing else, since the name is portable), a symbolic link, a socket or a device.
fn not_an_object(error: &io::Error) -> Option<Error> {
    matches!(
        error.raw_os_error(),
        Some(libc::EISDIR | libc::EINVAL | libc::ELOOP | libc::ENXIO | libc::ENODEV)
    )
    .then_some(Error::NotAnObject)
}
