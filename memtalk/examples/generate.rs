//! Makes the man page and the completions, from the definition of the command line.
//!
//! It is an example and no part of the command, so that an installed command does not carry
//! the code that only its installation needs. `make install` runs it.

#[path = "../src/bin/memtalk/args.rs"]
#[allow(dead_code, reason = "only the definition is used")]
mod args;
#[path = "../src/bin/memtalk/look/args.rs"]
#[allow(dead_code, reason = "only the definition is used")]
mod look;
#[path = "../src/bin/memtalk/values.rs"]
mod values;

use std::path::Path;
use std::{env, fs, io};

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;

fn main() -> io::Result<()> {
    match env::args_os().nth(1) {
        Some(folder) => generate(Path::new(&folder)),
        None => Err(io::Error::other("usage: generate FOLDER")),
    }
}

/// Writes `memtalk.1` and a completion for each shell to the folder, under the names that
/// the shells expect (bash: `memtalk.bash`, to be renamed `memtalk`).
pub(crate) fn generate(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut command = args::CommandLine::command();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
        generate_to(shell, &mut command, "memtalk", folder)?;
    }
    fs::write(folder.join("memtalk.1"), man_page(&command)?)
}

/// The man page. The headings below the options are sections of it.
fn man_page(command: &Command) -> io::Result<Vec<u8>> {
    let more = command.get_after_long_help().map(ToString::to_string);
    let command = command.clone().after_long_help(None);
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for paragraph in more.unwrap_or_default().split("\n\n") {
        section(paragraph, &mut page)?;
    }
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// A heading, and lines that are kept as they are. They are up to 80 columns wide, so the
/// usual indentation is too much.
fn section(paragraph: &str, page: &mut impl io::Write) -> io::Result<()> {
    let (heading, lines) = paragraph.split_once('\n').unwrap_or_default();
    let heading = heading.trim_end_matches(':').to_uppercase();
    writeln!(page, ".SH \"{heading}\"\n.nf\n.in 2n")?;
    for line in lines.lines() {
        // A dot or a quote at the start would be a command, and a minus sign a hyphen.
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        writeln!(page, "\\&{line}")?;
    }
    writeln!(page, ".fi")
}
