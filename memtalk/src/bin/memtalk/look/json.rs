//! What was seen, as JSON. Fields may be added; those that are here keep their meaning.

use memtalk::look::{End, EndState, Party, Ring, Seen, State, THE_END};
use serde::Serialize;

use super::rates::Rate;

/// One object.
#[derive(Serialize)]
struct Object {
    name: String,
    state: &'static str,
    /// Why it is foreign.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    size: u64,
    pages: u64,
    /// In octal.
    mode: String,
    owner: User,
    age_seconds: f64,
    first: Sitter,
    second: Sitter,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_to_second: Option<Stream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_to_first: Option<Stream>,
}

#[derive(Serialize)]
struct User {
    uid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// Who sits at a seat.
#[derive(Serialize)]
struct Sitter {
    party: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
}

#[derive(Serialize)]
struct Stream {
    used: u32,
    sender: StreamEnd,
    receiver: StreamEnd,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<f64>,
    /// Since the first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The two above may be too small.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<bool>,
}

#[derive(Serialize)]
struct StreamEnd {
    index: u32,
    state: &'static str,
    /// What it sleeps for: a number of bytes, or `"end"`; null while it is awake.
    wants: Option<Wants>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Wants {
    Bytes(u32),
    End(&'static str),
}

/// All objects, as an array on one line.
pub(super) fn list(all: &[Seen]) -> String {
    let objects: Vec<_> = all.iter().map(|seen| object(seen, None)).collect();
    line(&objects)
}

/// One object, on one line.
pub(super) fn one(seen: &Seen, rates: Option<[Rate; 2]>) -> String {
    line(&object(seen, rates))
}

fn line(what: &impl Serialize) -> String {
    // Text, numbers and structs of them: this does not fail.
    serde_json::to_string(what).unwrap_or_default() + "\n"
}

fn object(seen: &Seen, rates: Option<[Rate; 2]>) -> Object {
    let stream = |from: usize| {
        let ring = &seen.rings.as_ref()?[from];
        Some(stream(ring, rates.map(|rates| rates[from])))
    };
    let [first, second] = &seen.parties;
    Object {
        name: seen.name.as_os_str().to_string_lossy().into_owned(),
        state: state(seen.state),
        reason: match seen.state {
            State::Foreign(reason) => Some(reason.to_string()),
            _ => None,
        },
        size: seen.size,
        pages: seen.pages(),
        mode: format!("{:03o}", seen.mode),
        owner: user(seen.owner),
        age_seconds: seen.age.as_secs_f64(),
        first: sitter(first),
        second: sitter(second),
        capacity: seen.rings.map(|_| seen.capacity),
        first_to_second: stream(0),
        second_to_first: stream(1),
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Talking => "talking",
        State::Over => "over",
        State::LeftBehind => "left_behind",
        State::Machine => "machine",
        State::Blank => "blank",
        State::Corrupt => "corrupt",
        _ => "foreign",
    }
}

fn user(uid: u32) -> User {
    let name = memtalk::sys::user::name(uid);
    User { uid, name }
}

fn sitter(party: &Party) -> Sitter {
    let process = match party {
        Party::Process(process) => Some(process),
        _ => None,
    };
    Sitter {
        party: match party {
            Party::Process(_) => "process",
            Party::Hidden => "hidden",
            Party::Outside => "outside",
            Party::Gone => "gone",
            _ => "nobody",
        },
        pid: process.map(|process| process.pid),
        command: process.map(|process| process.command.clone()),
        user: process.map(|process| user(process.user)),
    }
}

fn stream(ring: &Ring, rate: Option<Rate>) -> Stream {
    Stream {
        used: ring.used,
        sender: end(&ring.sender),
        receiver: end(&ring.receiver),
        bytes_per_second: rate.map(|rate| rate.bytes_per_second),
        bytes: rate.map(|rate| rate.total),
        at_least: rate.map(|rate| rate.at_least),
    }
}

fn end(end: &End) -> StreamEnd {
    StreamEnd {
        index: end.index,
        state: match end.state {
            EndState::Open => "open",
            EndState::Closed => "closed",
            EndState::Failed => "failed",
        },
        wants: match end.wants {
            0 => None,
            THE_END => Some(Wants::End("end")),
            count => Some(Wants::Bytes(count)),
        },
    }
}
