//! The words for what was seen: users, ages, sizes, modes, parties.

use std::time::Duration;

use memtalk::escape::Escaped;
use memtalk::look::{Party, Process};
use memtalk::sys::user;

/// A user's name, or its number where it has none.
pub(super) fn user(id: u32) -> String {
    user::name(id).map_or_else(|| id.to_string(), |name| Escaped(&name).to_string())
}

/// An age in its largest unit, like `12m`.
pub(super) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Bytes with three digits that count, like `12.3 MB`.
pub(super) fn bytes(count: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let (mut count, mut unit) = (count, 0);
    while count >= 999.5 && unit + 1 < units.len() {
        (count, unit) = (count / 1000.0, unit + 1);
    }
    let digits = match count {
        _ if unit == 0 => 0,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{count:.digits$} {}", units[unit])
}

/// `count` of something: `1 page`, `2 pages`.
pub(super) fn number(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Who sits at a seat, in short; a process by its number and what `describe` says.
pub(super) fn party(party: &Party, describe: impl FnOnce(&Process) -> String) -> String {
    match party {
        Party::Process(process) => format!("{} {}", process.pid, describe(process)),
        Party::Hidden => "another user's process".into(),
        Party::Outside => "outside".into(),
        Party::Gone => "gone".into(),
        _ => "-".into(),
    }
}

/// At most `width` characters of `text`.
pub(super) fn cut(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::{age, bytes};
    use std::time::Duration;

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h"),
            (172_799, "47h"),
            (172_800, "2d"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn bytes_have_three_digits_that_count() {
        for (count, text) in [
            (0.0, "0 B"),
            (999.0, "999 B"),
            (1000.0, "1.00 kB"),
            (9996.0, "10.0 kB"),
            (99_960.0, "100 kB"),
            (999_499.0, "999 kB"),
            (999_500.0, "1.00 MB"),
            (12_345_678.0, "12.3 MB"),
            (2e15, "2000 TB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
