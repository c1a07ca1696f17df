//! `--status` as a picture: the two parties, and the two rings with their ends.

use memtalk::escape::Escaped;
use memtalk::look::{End, EndState, Party, Ring, Seen, State, THE_END};

use super::paint::Paint;
use super::rates::Rate;
use super::text;

/// The seats, by name.
const SEATS: [&str; 2] = ["first", "second"];

/// The widest bar, in characters.
const WIDEST: usize = 40;

/// The picture, in lines that are no longer than `width`.
pub(super) fn of(seen: &Seen, rates: Option<[Rate; 2]>, width: usize, paint: Paint) -> String {
    let mut lines = vec![
        paint.bold(&text::cut(&seen.name.to_string(), width)),
        painted_state(seen, width, paint),
        String::new(),
    ];
    let mut say = |line: String| lines.push(text::cut(&line, width));
    for (seat, party) in SEATS.into_iter().zip(&seen.parties) {
        say(format!("{seat:6}  {}", party_at(party)));
    }
    let rings = seen.rings.iter().flatten().enumerate();
    for (from, ring) in rings {
        let (to, capacity) = (1 - from, seen.capacity);
        say(String::new());
        say(bar(
            &format!("{} to {}", SEATS[from], SEATS[to]),
            ring,
            capacity,
            width,
        ));
        let there = |seat: usize| is_there(&seen.parties[seat]);
        say(format!(
            "  sender    {}",
            end(&ring.sender, SENDER, there(from))
        ));
        say(format!(
            "  receiver  {}",
            end(&ring.receiver, RECEIVER, there(to))
        ));
        if let Some(rates) = &rates {
            say(format!("  {}", rates[from]));
        }
    }
    lines.join("\n") + "\n"
}

fn painted_state(seen: &Seen, width: usize, paint: Paint) -> String {
    let state = match seen.state {
        State::Corrupt => "corrupt: something overwrote the page's words".into(),
        State::Blank => "no page: a machine may be about to initialise one".into(),
        State::Machine => "a machine's page".into(),
        state => state.to_string(),
    };
    let rest = format!(
        ", {} ({}), mode {:03o}, of {}, {} old",
        text::number(seen.size, "byte"),
        text::number(seen.pages(), "page"),
        seen.mode,
        text::user(seen.owner),
        text::age(seen.age),
    );
    let state = text::cut(&state, width);
    let left = width - state.chars().count();
    paint.state(seen.state, &state) + &text::cut(&rest, left)
}

fn party_at(party: &Party) -> String {
    let by = |process: &memtalk::look::Process| {
        let user = text::user(process.user);
        format!("{user}  {}", Escaped(&process.command))
    };
    match party {
        Party::Gone => "has left or died".into(),
        Party::Outside => "outside: a machine, or a program without locks".into(),
        Party::Nobody | Party::Process(_) | Party::Hidden => text::party(party, by),
        _ => String::new(),
    }
}

/// Whether a process is known to be there, so that what its words say of it is still so.
fn is_there(party: &Party) -> bool {
    matches!(party, Party::Process(_) | Party::Hidden)
}

/// A ring as a bar: how full it is.
fn bar(label: &str, ring: &Ring, capacity: u32, width: usize) -> String {
    let (used, capacity) = (u64::from(ring.used), u64::from(capacity));
    let rest = format!("{used} of {}", text::number(capacity, "byte"));
    let around = label.len() + rest.len() + "  [] ".len();
    let wide = width.saturating_sub(around).min(WIDEST);
    // A ring with a byte in it does not look empty, nor one with room full.
    let filled = match (used * wide as u64).div_ceil(capacity.max(1)) {
        filled if used < capacity => filled.min((wide as u64).saturating_sub(1)),
        filled => filled,
    };
    let filled = usize::try_from(filled).unwrap_or(wide).min(wide);
    let (full, free) = ("#".repeat(filled), ".".repeat(wide - filled));
    format!("{label}  [{full}{free}] {rest}")
}

/// The words for an end: closed, asleep for the other end's end, and what it sleeps for.
struct Words {
    closed: &'static str,
    the_end: &'static str,
    wanted: &'static str,
}

const SENDER: Words = Words {
    closed: "has ended the stream",
    the_end: "the stream is confirmed",
    wanted: "free",
};

const RECEIVER: Words = Words {
    closed: "has confirmed the stream",
    the_end: "the stream ends",
    wanted: "there",
};

fn end(end: &End, words: Words, there: bool) -> String {
    let state = match end.state {
        EndState::Open => "open",
        EndState::Closed => words.closed,
        EndState::Failed => "has failed",
    };
    let sleep = match end.wants {
        0 if there && end.state == EndState::Open => ", awake".into(),
        0 => String::new(),
        THE_END => format!(", asleep until {}", words.the_end),
        1 => format!(", asleep until 1 byte is {}", words.wanted),
        count => format!(", asleep until {count} bytes are {}", words.wanted),
    };
    format!("at {}, {state}{sleep}", end.index)
}
