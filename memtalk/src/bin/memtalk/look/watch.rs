//! `--status --watch`: the picture again each second, on a screen of its own, until `q`.
//!
//! Signals are taken between two looks. So Ctrl-Z does not stop the process while it has the
//! object open.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use memtalk::look::{Onlooker, Seen};

use super::paint::Paint;
use super::rates::{Meter, Rate};
use super::{Failure, json, picture, see, width, write};
use crate::say;
use crate::terminal::{self, Event, Screen};

/// The time from one look to the next.
const INTERVAL: Duration = Duration::from_secs(1);

/// An object that has disappeared may be replaced at once, by the next talk. So look again.
const REPLACED_WITHIN: Duration = Duration::from_millis(100);

/// Looks until the object has disappeared, or somebody ends it.
pub(super) fn run(onlooker: Onlooker, json: bool) -> Result<(), Failure> {
    let mut watch = Watch {
        onlooker,
        meter: Meter::new(),
    };
    let first = watch.look()?.ok_or(Failure::Missing)?;
    let gone = match terminal::is_output() && !json {
        true => watch.on_screen(first),
        false => watch.as_text(first, json),
    };
    match gone {
        Ok(Some(name)) => {
            say::write(&say::line(
                Some(&name),
                &"the object is gone: its talk is over, or nobody waits there any more",
            ));
            Ok(())
        }
        // Who typed `q` knows; and nobody reads any more what a pipe's reader has left.
        Ok(None) => Ok(()),
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// An object, and how fast its streams move.
struct Watch {
    onlooker: Onlooker,
    meter: Meter,
}

type View = (Seen, Option<[Rate; 2]>);

/// The name of an object that is gone; `None` if somebody has ended the watch.
type Gone = Option<memtalk::Name>;

impl Watch {
    fn look(&mut self) -> Result<Option<View>, Failure> {
        let mut seen = see(&mut self.onlooker)?;
        if seen.is_none() {
            thread::sleep(REPLACED_WITHIN);
            seen = see(&mut self.onlooker)?;
        }
        Ok(seen.map(|seen| {
            let rates = self.meter.rates(&seen);
            (seen, rates)
        }))
    }

    /// One picture after the other, or one line of JSON.
    fn as_text(&mut self, mut view: View, json: bool) -> Result<Gone, Failure> {
        let mut next = Instant::now();
        loop {
            let (seen, rates) = view;
            let text = match json {
                true => json::one(&seen, rates),
                false => picture::of(&seen, rates, width(), Paint::for_stdout()) + "\n",
            };
            write(&text).map_err(Failure::Output)?;
            next += INTERVAL;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            view = match self.look()? {
                Some(view) => view,
                None => return Ok(Some(seen.name)),
            };
        }
    }

    fn on_screen(&mut self, mut view: View) -> Result<Gone, Failure> {
        let mut screen = Screen::open().map_err(Failure::system("take the terminal"))?;
        let paint = Paint::for_stdout();
        let mut next = Instant::now();
        loop {
            next = Instant::now().max(next + INTERVAL);
            loop {
                let (seen, rates) = &view;
                let picture = picture::of(seen, *rates, width(), paint);
                let ends = if screen.has_keys() { "q" } else { "Ctrl-C" };
                let shown = screen.show(&format!("{picture}\n{ends} ends this\n"));
                shown.map_err(Failure::Output)?;
                let left = next.saturating_duration_since(Instant::now());
                match screen.wait(left) {
                    Event::Nothing if Instant::now() >= next => break,
                    Event::Keys(keys) if keys.contains(&b'q') => return Ok(None),
                    Event::Signal(libc::SIGTSTP) => screen.stop().map_err(Failure::Output)?,
                    Event::Signal(libc::SIGCONT) => screen.enter().map_err(Failure::Output)?,
                    Event::Signal(libc::SIGWINCH) | Event::Keys(_) | Event::Nothing => {}
                    Event::Signal(signal) => screen.die(signal),
                }
            }
            view = match self.look()? {
                Some(view) => view,
                None => return Ok(Some(view.0.name)),
            };
        }
    }
}
