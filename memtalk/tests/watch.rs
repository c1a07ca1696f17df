//! `--status --watch`: the screen as a person sees it, and how the terminal is left.

mod support;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use support::lines::terminal;
use support::{Finished, Object, Side, TempFile, bounded, eventually, noise};

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// A person at a terminal who watches an object.
struct Person {
    screen: File,
    /// The terminal as the program has it, to ask for its settings.
    terminal: OwnedFd,
    shown: Arc<Mutex<Vec<u8>>>,
    before: Vec<u8>,
    watch: Side,
}

impl Person {
    fn watching(object: &Object, columns: u16, rows: u16) -> Self {
        let (screen, program) = terminal().expect("a pseudo-terminal");
        resize(&screen, columns, rows);
        let shown = Arc::default();
        let (mut from, to) = (screen.try_clone().unwrap(), Arc::clone(&shown));
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                let to: &Mutex<Vec<u8>> = &to;
                to.lock().unwrap().extend(&piece[..count]);
            }
        });
        Self {
            before: settings(&program),
            watch: watching(object, program.try_clone().unwrap()),
            screen,
            terminal: program,
            shown,
        }
    }

    fn types(&mut self, text: &str) {
        self.screen.write_all(text.as_bytes()).unwrap();
    }

    fn shown(&self) -> String {
        String::from_utf8(self.shown.lock().unwrap().clone()).unwrap()
    }

    /// The lines of the last picture that was shown whole.
    fn picture(&self) -> Vec<String> {
        let shown = self.shown();
        // The terminal makes a carriage return of its own of each line's end.
        let whole = shown.rsplit_once("\x1b[J").map_or("", |(whole, _)| whole);
        let last = whole.rsplit("\x1b[H").next().unwrap();
        let lines = last.split("\r\n");
        lines
            .map(|line| line.replace("\x1b[K", "").replace('\r', ""))
            .collect()
    }

    fn sees(&self, text: &str) {
        eventually(text, || self.picture().join("\n").contains(text));
    }

    /// Waits for the end, and checks that the terminal is as it was.
    #[track_caller]
    fn leaves(self) -> Finished {
        let Self {
            screen: _screen,
            terminal,
            shown,
            before,
            watch,
        } = self;
        let finished = watch.finish_with_open_input();
        assert_eq!(settings(&terminal), before, "the settings are as before");
        eventually("the screen is left", || {
            let shown = String::from_utf8_lossy(&shown.lock().unwrap()).into_owned();
            shown.starts_with(ENTER) && shown.ends_with(LEAVE)
        });
        finished
    }
}

/// `--watch` with this terminal as its own.
fn watching(object: &Object, terminal: OwnedFd) -> Side {
    let mut command = object.memtalk();
    command.args(["--status", "--watch"]);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    command.stdin(terminal.try_clone().unwrap());
    let own_terminal = || {
        // SAFETY: no pointers are involved.
        unsafe { libc::setsid() };
        // SAFETY: this request takes a number.
        unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
        Ok(())
    };
    // SAFETY: it makes two system calls, which are safe in a child.
    unsafe { command.pre_exec(own_terminal) };
    let side = Side::start_with(&mut command, terminal);
    // The command has a copy of the terminal.
    command.stdin(Stdio::null());
    side
}

/// Sets the size of a terminal.
fn resize(screen: &File, columns: u16, rows: u16) {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: a valid size.
    let result = unsafe { libc::ioctl(screen.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(result, 0);
}

/// A terminal's settings, as bytes.
fn settings(terminal: &OwnedFd) -> Vec<u8> {
    // SAFETY: a struct of integers, for which zero is a value.
    let mut settings: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: `settings` is valid for writes.
    let result = unsafe { libc::tcgetattr(terminal.as_raw_fd(), &raw mut settings) };
    assert_eq!(result, 0);
    let flags = [
        settings.c_iflag,
        settings.c_oflag,
        settings.c_cflag,
        settings.c_lflag,
    ];
    let flags = flags.into_iter().flat_map(u32::to_ne_bytes);
    flags.chain(settings.c_cc).collect()
}

fn end(mut one: Side, mut other: Side) {
    one.end_input();
    other.end_input();
    one.finish().assert_complete(b"");
    other.finish().assert_complete(b"");
}

#[test]
fn the_picture_is_shown_on_a_screen_of_its_own_until_q_is_typed() {
    let object = Object::new();
    let (mut one, mut other) = object.talking_sides();
    let mut person = Person::watching(&object, 80, 24);
    person.sees("talking, 4096 bytes");
    let picture = person.picture();
    assert_eq!(picture[0], object.name());
    assert_eq!(picture.last().unwrap(), "q ends this");
    person.sees("0 B/s, 0 B since the first look");
    one.say(b"twelve bytes");
    other.expect(b"twelve bytes");
    person.sees("12 B since the first look");
    // Other keys do nothing.
    person.types("x\r");
    person.types("q");
    let finished = person.leaves();
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
    end(one, other);
}

#[test]
fn a_signal_ends_it_and_leaves_the_terminal_as_it_was() {
    let object = Object::new();
    let (one, other) = object.talking_sides();
    const CTRL_C: &str = "\x03";
    for (signal, typed) in [
        (2, Some(CTRL_C)),
        (2, None),
        (15, None),
        (1, None),
        (3, None),
    ] {
        let mut person = Person::watching(&object, 80, 24);
        person.sees("talking");
        match typed {
            Some(key) => person.types(key),
            None => person.watch.signal(signal),
        }
        let finished = person.leaves();
        assert_eq!(finished.signal, Some(signal));
        assert_eq!(finished.stderr, "");
    }
    end(one, other);
}

#[test]
fn it_ends_with_its_terminal() {
    let object = Object::new();
    let (one, other) = object.talking_sides();
    let (mut screen, program) = terminal().expect("a pseudo-terminal");
    let watch = watching(&object, program);
    let screen = bounded("the screen", move || {
        let (mut shown, mut byte) = (Vec::new(), [0]);
        while !shown.ends_with(b"q ends this") {
            screen.read_exact(&mut byte).unwrap();
            shown.push(byte[0]);
        }
        screen
    });
    drop(screen);
    let finished = watch.finish_with_open_input();
    assert_eq!(finished.signal, Some(1), "{finished:?}");
    end(one, other);
}

#[test]
fn it_says_so_when_the_object_is_gone() {
    let object = Object::new();
    let (one, other) = object.talking_sides();
    let person = Person::watching(&object, 80, 24);
    person.sees("talking");
    end(one, other);
    let finished = person.leaves();
    assert_eq!(finished.code, Some(0));
    let line = format!("memtalk: {}: the object is gone: ", object.name());
    assert!(finished.stderr.starts_with(&line), "{}", finished.stderr);
    assert_eq!(finished.stderr.lines().count(), 1);
}

#[test]
fn a_small_terminal_gets_what_fits_and_a_larger_one_more_at_once() {
    let object = Object::new();
    let (one, other) = object.talking_sides();
    let mut person = Person::watching(&object, 12, 5);
    person.sees("talking, 409");
    let picture = person.picture();
    assert_eq!(picture.len(), 5);
    assert!(
        picture.iter().all(|line| line.chars().count() <= 12),
        "{picture:?}"
    );
    resize(&person.screen, 100, 30);
    person.sees("q ends this");
    person.types("q");
    assert_eq!(person.leaves().code, Some(0));
    end(one, other);
}

#[test]
fn without_a_terminal_it_prints_one_picture_after_the_other() {
    let object = Object::new();
    let (one, other) = object.talking_sides();
    let mut command = object.memtalk();
    let command = command.args(["--status", "--watch"]).stdin(Stdio::null());
    let mut watch = Side::start(command);
    let picture = format!(
        "{}\ntalking, 4096 bytes (1 page), mode 600, of ",
        object.name()
    );
    watch.expect(picture.as_bytes());
    end(one, other);
    let finished = watch.finish();
    assert_eq!(finished.code, Some(0));
    assert!(finished.stderr.contains("the object is gone"));
    assert!(!finished.stdout.contains(&0x1b));
}

#[test]
fn as_json_it_counts_every_byte() {
    let object = Object::new();
    let (mut one, mut other) = object.talking_sides();
    let first = one.pid();
    let seen = TempFile::new(b"");
    let output = fs::OpenOptions::new().append(true).open(&seen.0).unwrap();
    let mut command = object.memtalk();
    let command = command.args(["--status", "--watch", "--json"]);
    let watch = Side::start_with(command.stdin(Stdio::null()), output);
    // The lines that are there whole.
    let lines = || {
        let text = fs::read_to_string(&seen.0).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    eventually("the first look", || !lines().is_empty());
    let bytes = noise(3_000_001, 1);
    let sent = bytes.clone();
    thread::scope(|threads| {
        threads.spawn(|| one.say(&sent));
        other.expect(&bytes);
    });
    let way = match lines()[0]["first"]["pid"] == first {
        true => "first_to_second",
        false => "second_to_first",
    };
    eventually("it has counted them", || {
        let last = lines().pop().unwrap();
        last[way]["bytes"] == 3_000_001 && last[way]["at_least"] == false
    });
    end(one, other);
    assert_eq!(watch.finish().code, Some(0));
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_goes_on() {
    let there = Command::new("tmux").arg("-V").output();
    if !there.is_ok_and(|output| output.status.success()) {
        support::not_tried("there is no tmux");
        return;
    }
    let object = Object::new();
    let (one, other) = object.talking_sides();
    let tmux = Tmux::start(&object);
    tmux.types("PS1='$ '; clear; echo before");
    tmux.shows("before\n$");
    let before = tmux.settings();
    tmux.types(&format!(
        "{} -f {} --status --watch",
        env!("CARGO_BIN_EXE_memtalk"),
        object.name()
    ));
    tmux.shows("q ends this");
    assert!(!tmux.screen().contains("before"));
    assert_ne!(tmux.settings(), before);
    for _ in 0..2 {
        tmux.key("C-z");
        tmux.shows("Stopped");
        assert!(tmux.screen().starts_with("before\n"), "{}", tmux.screen());
        assert_eq!(tmux.settings(), before);
        tmux.types("clear; echo before; fg");
        tmux.shows("q ends this");
    }
    tmux.key("q");
    tmux.shows("before\n");
    tmux.types("clear; echo status $?");
    tmux.shows("status 0");
    assert_eq!(tmux.settings(), before);
    end(one, other);
}

/// A terminal in tmux with a shell.
struct Tmux(String);

impl Tmux {
    fn start(object: &Object) -> Self {
        let tmux = Self(object.name()[1..].to_owned());
        tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "sh",
            "-i",
        ]);
        tmux
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.0]).args(arguments);
        let output = command.env_remove("TMUX").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn types(&self, line: &str) {
        self.run(&["send-keys", "-l", line]);
        self.key("Enter");
    }

    fn key(&self, key: &str) {
        self.run(&["send-keys", key]);
    }

    fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    fn shows(&self, text: &str) {
        eventually(text, || self.screen().contains(text));
    }

    /// The terminal's settings, as `stty` prints them.
    fn settings(&self) -> String {
        let terminal = self.run(&["display-message", "-p", "#{pane_tty}"]);
        let output = Command::new("stty")
            .args(["-g", "-F", terminal.trim()])
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux")
            .args(["-L", &self.0, "kill-server"])
            .output();
    }
}
