//! Gives the linker the script that says where a program's memory is.

use std::env;
use std::path::PathBuf;

/// Target, program, and its linker script in `link`. Other programs need none.
const SCRIPTS: [(&str, &str, &str); 6] = [
    ("x86_64-unknown-none", "vm", "x86_64.ld"),
    ("aarch64-unknown-none", "vm", "aarch64.ld"),
    ("thumbv6m-none-eabi", "interrupt", "cortex-m0.ld"),
    ("thumbv6m-none-eabi", "embassy", "cortex-m0.ld"),
    ("thumbv7m-none-eabi", "firmware", "an385.ld"),
    ("thumbv7m-none-eabi", "embassy", "an385.ld"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let set = |name| env::var(name).unwrap_or_default();
    let (here, target) = (PathBuf::from(set("CARGO_MANIFEST_DIR")), set("TARGET"));
    for (_, program, script) in SCRIPTS.iter().filter(|(name, ..)| *name == target) {
        let script = here.join("link").join(script).display().to_string();
        println!("cargo::rerun-if-changed={script}");
        // The addresses in the script are final, because nothing relocates the program.
        for flag in ["--no-pie", &format!("-T{script}")] {
            println!("cargo::rustc-link-arg-bin={program}={flag}");
        }
    }
}
