//! `memtalk.h` is what cbindgen generates from the sources, and C and C++ compilers accept it
//! without a warning. `BLESS=1` writes a new one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use cbindgen::{Builder, DocumentationStyle, Language, RenameRule, Style};

/// The text at the top of the header: the contract for C programmers.
const CONTRACT: &str = include_str!("contract.h");

/// The rooms that have something for the header, in the order in which it has them.
const ROOMS: [&str; 9] = [
    "error", "talk", "cancel", "options", "open", "read", "write", "close", "peer",
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn generated() -> String {
    let mut config = cbindgen::Config {
        language: Language::C,
        cpp_compat: true,
        style: Style::Both,
        documentation_style: DocumentationStyle::C99,
        header: Some(CONTRACT.trim_end().into()),
        include_guard: Some("MEMTALK_H".into()),
        no_includes: true,
        sys_includes: vec!["stddef.h".into(), "stdint.h".into()],
        usize_is_size_t: true,
        line_length: 88,
        ..Default::default()
    };
    config.enumeration.rename_variants = RenameRule::QualifiedScreamingSnakeCase;
    let enums = ["memtalk_e", "memtalk_party", "memtalk_departure"];
    config.export.include = enums.map(String::from).into();
    let builder = Builder::new().with_config(config);
    let builder = ROOMS.iter().fold(builder, |builder, room| {
        builder.with_src(here(&format!("src/{room}.rs")))
    });
    let mut header = Vec::new();
    let bindings = builder.generate().expect("the sources parse");
    bindings.write(&mut header);
    String::from_utf8(header).expect("generated as UTF-8")
}

#[test]
fn the_header_is_what_is_generated_from_the_sources() {
    let path = here("memtalk.h");
    let generated = generated();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &generated).expect("the header is writable");
    }
    let committed = std::fs::read_to_string(&path).expect("the header is there");
    assert!(
        committed == generated,
        "memtalk.h is not up to date: BLESS=1 cargo test -p memtalk-c --test header"
    );
}

/// Compiles a text that includes the header. `None` if the compiler does not know the
/// language.
fn compile(language: [&str; 2], text: &str) -> Option<(bool, String)> {
    let compile = |text: &str| {
        let mut cc = Command::new("cc");
        cc.args(language)
            .args(["-fsyntax-only", "-Wall", "-Wextra"]);
        cc.args(["-Werror", "-pedantic", "-I"]).arg(here(""));
        // Found only where the whole repository is.
        cc.arg("-I").arg(here("../../memtalk-ring/c")).arg("-");
        let mut cc = cc
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("cc starts");
        let mut input = cc.stdin.take().expect("a pipe");
        // It does not read its input if it does not know the language.
        let _ = input.write_all(text.as_bytes());
        drop(input);
        let output = cc.wait_with_output().expect("cc ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    };
    let knows = language[0] == "-xc" || compile("extern int x;\n").0;
    if !knows {
        // Written past the test harness, which hides what a test that passes prints.
        let _ = writeln!(std::io::stderr(), "\nNOT TRIED: there is no C++ compiler");
    }
    knows.then(|| compile(text))
}

const LANGUAGES: [[&str; 2]; 3] = [
    ["-xc", "-std=c11"],
    ["-xc", "-std=c99"],
    ["-xc++", "-std=c++17"],
];

#[test]
fn c_and_cpp_compilers_accept_the_header_without_a_warning() {
    for language in LANGUAGES {
        if let Some((accepted, said)) = compile(language, "#include <memtalk.h>\nextern int x;\n") {
            assert!(accepted, "{language:?}: {said}");
        }
    }
}

#[test]
fn a_program_may_also_include_the_header_of_the_ring() {
    if !here("../../memtalk-ring/c/memtalk_ring.h").exists() {
        let _ = writeln!(
            std::io::stderr(),
            "\nNOT TRIED: the ring's header is not here"
        );
        return;
    }
    let both = "#include <memtalk.h>\n#include <memtalk_ring.h>\nextern int x;\n";
    for language in LANGUAGES {
        if let Some((accepted, said)) = compile(language, both) {
            assert!(accepted, "{language:?}: {said}");
        }
    }
}
