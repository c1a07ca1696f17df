//! The values of options: from what the user typed to what is meant. An error says what is
//! expected.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use memtalk::Name;

/// A name of an object. What was meant is suggested if that can be told.
pub(super) fn name() -> impl TypedValueParser<Value = Name> {
    OsStringValueParser::new().try_map(|typed: OsString| parse_name(&typed))
}

fn parse_name(typed: &OsStr) -> Result<Name, String> {
    Name::new(typed).map_err(|error| {
        let file = ["/dev/shm", "dev/shm"].iter().find_map(|folder| {
            let rest = typed.as_bytes().strip_prefix(folder.as_bytes())?;
            Name::new(OsStr::from_bytes(rest)).ok()
        });
        let mut slashed = OsString::from("/");
        slashed.push(typed);
        match (file, Name::new(slashed)) {
            (Some(name), _) => format!("the name of this object is {name}"),
            (None, Ok(name)) => format!("a name starts with a slash: {name}"),
            (None, Err(_)) => error.to_string(),
        }
    })
}

/// A length of time: a number with a unit, or of seconds.
///
/// The crates for this refuse fractions or plain numbers, or know months and years, which
/// nobody waits for.
pub(super) fn time(typed: &str) -> Result<Duration, &'static str> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let with_unit = units.iter().find_map(|(unit, seconds)| {
        let number: f64 = typed.strip_suffix(unit)?.trim_end().parse().ok()?;
        Some(number * seconds)
    });
    with_unit
        .or_else(|| typed.parse().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or("a time is expected, like 10s, 500ms or 2m, or a number of seconds, like 0.5")
}

/// A time between two events.
pub(super) fn interval(typed: &str) -> Result<Duration, &'static str> {
    match time(typed)? {
        Duration::ZERO => Err("a time of more than 0 is expected, like 500ms"),
        time => Ok(time),
    }
}

/// A number of pages.
pub(super) fn pages(typed: &str) -> Result<u32, &'static str> {
    typed
        .parse()
        .ok()
        .filter(|pages| (1..=262_144).contains(pages))
        .ok_or("a number of pages from 1 to 262144 is expected, like 16")
}

/// Permissions in octal.
pub(super) fn mode(typed: &str) -> Result<u32, &'static str> {
    u32::from_str_radix(typed, 8).map_err(|_| "permissions are expected: 600, 660, 606 or 666")
}

/// An offset in bytes, in decimal or hexadecimal.
pub(super) fn offset(typed: &str) -> Result<u64, &'static str> {
    let (digits, radix) = match typed.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (typed, 10),
    };
    u64::from_str_radix(digits, radix)
        .map_err(|_| "a number of bytes is expected, like 4096 or 0x1000")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::{parse_name, time};

    #[test]
    fn times_are_non_negative_numbers_with_or_without_a_unit() {
        for (typed, milliseconds) in [
            ("0", 0),
            ("0.5", 500),
            ("3", 3000),
            ("1e3", 1_000_000),
            ("500ms", 500),
            ("10s", 10_000),
            ("1.5 s", 1500),
            ("2m", 120_000),
            ("0.5h", 1_800_000),
        ] {
            assert_eq!(time(typed).unwrap().as_millis(), milliseconds, "{typed}");
        }
        for wrong in [
            "", "x", "-1", "-1s", "nan", "inf", "infs", "1e300", "1e300h", "s", "ms", "5d", "5sm",
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_suggested_where_it_can_be_told() {
        let reason = |typed: &str| parse_name(OsStr::new(typed)).unwrap_err();
        assert_eq!(reason("x"), "a name starts with a slash: /x");
        for typed in ["/dev/shm/x", "dev/shm/x"] {
            assert_eq!(reason(typed), "the name of this object is /x");
        }
        assert_eq!(reason("x\x1b"), r"a name starts with a slash: /x\u{1b}");
        for typed in ["", "/", "a/b", "/a/b", "/dev/shm/", "/dev/shm/a/b", "."] {
            assert!(!reason(typed).contains(": /"), "{typed}");
        }
    }
}
