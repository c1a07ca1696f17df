//! Usage errors: clap's message of several paragraphs as one line.

use clap::error::{ContextValue, ErrorKind};
use memtalk::escape::Escaped;

/// The message for a usage error. Takes whatever clap says, so that it serves every option,
/// conflicts between options included.
pub(crate) fn line(error: clap::Error) -> String {
    let missing = error.kind() == ErrorKind::MissingRequiredArgument;
    let text = escaped(error).render().to_string();
    let mut line = String::from("memtalk: ");
    for paragraph in text.split("\n\n").map(str::trim) {
        if paragraph.starts_with("Usage:") || paragraph.starts_with("For more information") {
            continue;
        }
        for (number, part) in paragraph.lines().map(str::trim).enumerate() {
            line.push_str(match (part, number) {
                (part, _) if part.starts_with("error: ") => "",
                (part, _) if part.starts_with("tip: ") => "; ",
                (_, 0 | 1) => " ",
                _ => ", ",
            });
            let part = part.strip_prefix("error: ").unwrap_or(part);
            line.push_str(part.strip_prefix("tip: ").unwrap_or(part));
        }
    }
    line.push_str(match missing && line.contains("--file") {
        true => "; try memtalk -f /words, or see memtalk --help\n",
        false => "; see memtalk --help\n",
    });
    line
}

/// Escapes control characters in what the user typed, wherever `error` repeats it. All
/// other text is clap's own, or ours.
fn escaped(mut error: clap::Error) -> clap::Error {
    let escaped = |text: &str| Escaped(text).to_string();
    let typed = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => Some((kind, ContextValue::String(escaped(text)))),
        // Tips.
        ContextValue::StyledStrs(texts) => {
            let texts = texts.iter().map(|text| escaped(&text.to_string()).into());
            Some((kind, ContextValue::StyledStrs(texts.collect())))
        }
        _ => None,
    });
    for (kind, value) in typed.collect::<Vec<_>>() {
        error.insert(kind, value);
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command, arg};

    use super::line;

    fn said(arguments: &[&str]) -> String {
        let command = Command::new("memtalk").args([
            arg!(--one <N>).conflicts_with_all(["two", "three"]),
            arg!(--two <N>),
            arg!(--three),
            Arg::new("four").long("four").required(true),
        ]);
        let arguments = [&["memtalk"], arguments].concat();
        line(command.try_get_matches_from(arguments).unwrap_err())
    }

    #[test]
    fn every_usage_error_is_one_line() {
        for (arguments, expected) in [
            (
                &["--four", "4", "--one", "1", "--two", "2"][..],
                "memtalk: the argument '--one <N>' cannot be used with '--two <N>'; \
                 see memtalk --help\n",
            ),
            (
                &["--four", "4", "--one", "1", "--two", "2", "--three"],
                "memtalk: the argument '--one <N>' cannot be used with: --two <N>, --three; \
                 see memtalk --help\n",
            ),
            (
                &["--four", "4", "--thre"],
                "memtalk: unexpected argument '--thre' found; a similar argument exists: \
                 '--three'; see memtalk --help\n",
            ),
            (
                &[],
                "memtalk: the following required arguments were not provided: --four <four>; \
                 see memtalk --help\n",
            ),
        ] {
            assert_eq!(said(arguments), expected);
        }
    }
}
