//! The definition of the command line. Help, messages, the man page and the completions are
//! made from it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::{Arg, ArgGroup, Parser, ValueHint};
use memtalk::{Address, Device, Name, Options};
use memtalk_ring::layout;

// Where `examples/generate.rs` includes this file, they are its neighbours, too.
use super::look::{Look, LookArgs};
use super::values;

/// Talk to another process through a page of shared memory.
///
/// Run the same command twice, in either order. What one reads from its standard
/// input, the other writes to its standard output, both ways at once.
#[derive(Debug, Parser)]
#[command(
    name = "memtalk",
    bin_name = "memtalk",
    version = &**VERSION,
    after_long_help = MORE,
    mut_args = with_any_value,
    verbatim_doc_comment
)]
#[command(group(ArgGroup::new("served").args(["receive", "program"])))]
pub(crate) struct CommandLine {
    /// The talk that is asked for; or, with a look, only its name and offset.
    #[command(flatten)]
    pub(crate) talk: Option<Args>,

    #[command(flatten)]
    look: LookArgs,
}

/// The options of a talk.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Shared memory object to talk through, like /words
    ///
    /// A slash, then 1 to 254 bytes without another slash. While it exists,
    /// the object is the file /dev/shm/NAME.
    #[arg(short, long, value_name = "NAME", required_unless_present_any = ["list", "device"], value_parser = values::name(), verbatim_doc_comment)]
    file: Option<Name>,

    /// In place of -f: memory that this path leads to
    ///
    /// A file that can be mapped: one on tmpfs that two containers share; or
    /// in a virtual machine, /sys/bus/pci/devices/*/resource2 or /dev/uio0,
    /// whose other side is the host. Nothing is created or removed. A page
    /// is initialised only where there was one, or nothing but zeros.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["file", "pages", "mode", "scan", "keep"], verbatim_doc_comment)]
    device: Option<PathBuf>,

    /// With --device: use this many bytes [default: all]
    ///
    /// A multiple of 64 from 512 to 1 GiB, like 4096 or 0x1000.
    #[arg(long, value_name = "BYTES", requires = "device", value_parser = values::offset)]
    length: Option<u64>,

    /// Create the object with this many pages [default: 1]
    #[arg(long, value_name = "N", value_parser = values::pages)]
    pages: Option<u32>,

    /// Talk with other users: permissions, like 660
    ///
    /// Those of the object, in octal: 600, 660, 606 or 666, whatever the
    /// umask says. An object that another user created is accepted, unless
    /// it lets in more users than these. Without this option: 600, and no
    /// other user's object.
    #[arg(long, value_name = "MODE", value_parser = values::mode, verbatim_doc_comment)]
    mode: Option<u32>,

    /// Talk to a machine: offset of the page in its memory
    ///
    /// In bytes, a multiple of 64, like 4096 or 0x1000. The object is the
    /// memory of the machine, which initialises the page, now or later. This
    /// side creates, initialises and removes nothing. With --device, where
    /// the memory begins that is used.
    #[arg(long, value_name = "BYTES", value_parser = values::offset, conflicts_with_all = ["scan", "pages"], verbatim_doc_comment)]
    offset: Option<u64>,

    /// Like --offset, but search the memory for the page
    #[arg(long, conflicts_with = "pages")]
    scan: bool,

    /// Only send: the peer is to send nothing
    ///
    /// Standard output stays untouched.
    #[arg(long, conflicts_with = "receive")]
    pub(crate) send: bool,

    /// Only receive: standard input is not read
    #[arg(long)]
    pub(crate) receive: bool,

    /// Run a program and talk to it
    ///
    /// It starts once a peer is there. What is received is its standard
    /// input, its standard output is sent. INT, TERM and HUP are passed on
    /// to it. If the talk fails, it gets TERM.
    #[arg(last = true, value_name = "CMD", conflicts_with_all = ["send", "receive"], verbatim_doc_comment)]
    pub(crate) program: Vec<OsString>,

    /// Serve one peer after the other, with --receive or CMD
    ///
    /// A new CMD for each; or all streams on standard output, one after the
    /// other. A talk that fails is told, and the next one begins. INT and
    /// TERM end this after the talk, and a second one at once.
    #[arg(long, requires = "served", conflicts_with_all = ["send", "offset", "scan", "timeout", "wait"], verbatim_doc_comment)]
    pub(crate) keep: bool,

    /// Wait for a party that waits, and for our turn
    ///
    /// For the clients of --keep. They are served in the order in which they
    /// come. This side creates nothing, and waits where it would otherwise
    /// end with status 5.
    #[arg(long, verbatim_doc_comment)]
    wait: bool,

    /// Give up if no peer comes within this time, like 10s
    ///
    /// A number with the unit ms, s, m or h. Without a unit: seconds. With 0,
    /// join a peer that waits already, or give up.
    #[arg(long, value_name = "TIME", value_parser = values::time, verbatim_doc_comment)]
    timeout: Option<Duration>,

    /// Show the progress on standard error
    ///
    /// How much has passed, how fast, and how long it may still take: as one
    /// line on a terminal, unless the streams are there, too; otherwise as a
    /// line at each --interval. In the end, the total.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) progress: bool,

    /// Time between two looks at the progress [default: 1s]
    #[arg(long, value_name = "TIME", requires = "progress", value_parser = values::interval)]
    pub(crate) interval: Option<Duration>,

    /// How many bytes will pass, where no file tells
    ///
    /// Of our stream, or of the peer's with --receive.
    #[arg(long, value_name = "BYTES", requires = "progress", value_parser = values::offset)]
    pub(crate) size: Option<u64>,

    /// Report events on standard error
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// The version of the command, and that of the page: both sides need the same one of the
/// latter.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let (command, page) = (env!("CARGO_PKG_VERSION"), layout::VERSION);
    format!("{command} (page layout {page})")
});

/// A value that begins like an option is a value all the same: so `--timeout -1` is told
/// what a time looks like. And no value is the name of a file, which a shell would complete.
fn with_any_value(arg: Arg) -> Arg {
    match arg.is_positional() || !arg.get_action().takes_values() {
        true => arg,
        false => arg.allow_hyphen_values(true).value_hint(ValueHint::Other),
    }
}

/// Paragraphs whose first line is a heading: underlined in bold, as clap's own are.
const MORE: &str = "\
\x1b[1;4mExamples:\x1b[0m
  memtalk -f /chat                        # in two terminals: a conversation
  find /usr | memtalk -f /files --send    # one way, from here
  memtalk -f /files --receive | wc -l     # to there
  memtalk -f /sorted -- sort              # a program as the peer of another

\x1b[1;4mExit status:\x1b[0m
  0    both streams complete: every byte was written at the other end
  1    this side failed: reading stdin, writing stdout, a system call
  3    no peer came within the --timeout; --status: there is no such object
  4    the peer died or stopped early: a stream is incomplete
  5    two processes already talk through this object
  6    the object is not memtalk's, or another user's, or of another version,
       layout or size, or it was truncated
  255  usage: -f is missing, or the name or an option is not valid
  CMD's own status, if that is not 0; 128 and the signal's number if a signal
       killed it; 126 if it cannot be run, 127 if it is not found
  INT, TERM, HUP: the name is removed, then the signal's default action";

impl Args {
    /// Where the talk is.
    pub(crate) fn address(&self) -> Address {
        match (&self.file, &self.device) {
            (Some(name), _) => name.into(),
            (None, path) => {
                // Clap has seen to it that there is one of the two.
                let device = Device::new(path.clone().unwrap_or_default());
                let device = device.at_offset(self.offset.unwrap_or(0));
                match self.length {
                    Some(length) => device.length(length),
                    None => device,
                }
                .into()
            }
        }
    }

    /// The options of the library that these arguments ask for.
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new();
        if let Some(pages) = self.pages {
            options = options.pages(pages as usize);
        }
        if let Some(mode) = self.mode {
            options = options.mode(mode);
        }
        if let Some(timeout) = self.timeout {
            options = options.timeout(timeout);
        }
        if let Some(offset) = self.offset
            && self.device.is_none()
        {
            options = options.at_offset(offset);
        }
        if self.wait {
            options = options.as_client();
        }
        if self.scan {
            options = options.anywhere();
        }
        options
    }
}

// A look in place of a talk.
impl CommandLine {
    /// What is to be looked at, if anything.
    pub(crate) fn look(&self) -> Option<Look<'_>> {
        let talk = self.talk.as_ref();
        let at = talk.and_then(|talk| Some((talk.file.as_ref()?, talk.offset)));
        self.look.of(at)
    }

    /// Whether what is seen is printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.look.json
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::CommandLine;

    #[test]
    fn the_definition_of_the_arguments_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_help_fits_eighty_columns() {
        let help = CommandLine::command().render_long_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
