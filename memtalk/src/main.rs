//! The `memtalk` command.

fn main() -> std::process::ExitCode {
    memtalk::cli::main().into()
}
