//! The programs of `memtalk/guests`: building them, and the summary that they print.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A program for a target. It is built when it is first needed.
#[derive(Debug)]
pub struct Program {
    pub target: &'static str,
    name: &'static str,
    path: OnceLock<PathBuf>,
}

impl Program {
    pub const fn new(target: &'static str, name: &'static str) -> Self {
        let path = OnceLock::new();
        Self { target, name, path }
    }

    /// The path of the program, once it is built.
    pub fn path(&self) -> &Path {
        self.path.get_or_init(|| self.build())
    }

    fn build(&self) -> PathBuf {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/build");
        let mut command = Command::new("sh");
        let output = command.arg(script).args([self.target, self.name]).output();
        let output = output.expect("a shell starts");
        assert!(
            output.status.success(),
            "{} is not built: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        let path = String::from_utf8(output.stdout).expect("a path");
        path.trim_end().into()
    }
}

/// What the programs print about these bytes: the number, and a checksum, FNV-1a with 32
/// bits.
pub fn tally(bytes: &[u8]) -> String {
    let sum = |sum: u32, &byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let checksum = bytes.iter().fold(0x811C_9DC5, sum);
    format!("{} bytes checksum {checksum:08x}", bytes.len())
}
