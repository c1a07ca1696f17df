//! The options of a look, and what they ask for.

use clap::Args;
use memtalk::Name;

/// What is asked for.
pub(crate) enum Look<'a> {
    /// All objects.
    List,
    /// One object.
    Status {
        name: &'a Name,
        /// Where the page is in a machine's memory.
        offset: Option<u64>,
        /// Look again and again.
        watch: bool,
    },
}

/// The options that are about a talk, and make no sense with a look.
const TALKING: [&str; 15] = [
    "device", "length", "pages", "mode", "scan", "send", "receive", "program", "keep", "wait",
    "timeout", "verbose", "progress", "interval", "size",
];

#[derive(Debug, Args)]
pub(crate) struct LookArgs {
    /// List the objects, and who waits or talks there
    ///
    /// Looking changes nothing and disturbs nobody.
    #[arg(long, group = "looking", conflicts_with_all = TALKING, conflicts_with_all = ["file", "offset"])]
    list: bool,

    /// Show the page of -f: who sits there, how full it is
    ///
    /// Looking changes nothing and disturbs nobody. With --offset, the page
    /// at that offset of a machine's memory.
    #[arg(
        long,
        group = "looking",
        requires = "file",
        conflicts_with_all = TALKING,
        verbatim_doc_comment
    )]
    status: bool,

    /// With --status: look each second, until q is typed
    // An option that excludes --status would lift the requirement.
    #[arg(long, requires = "status", conflicts_with = "list", conflicts_with_all = TALKING)]
    watch: bool,

    /// With --list or --status: print JSON
    ///
    /// With --watch, one object a line.
    #[arg(long, requires = "looking")]
    pub(crate) json: bool,
}

impl LookArgs {
    /// What is to be looked at, if anything; with the values of `--file` and `--offset`.
    pub(crate) fn of<'a>(&self, at: Option<(&'a Name, Option<u64>)>) -> Option<Look<'a>> {
        if self.list {
            return Some(Look::List);
        }
        let (name, offset) = at.filter(|_| self.status)?;
        let watch = self.watch;
        Some(Look::Status {
            name,
            offset,
            watch,
        })
    }
}
