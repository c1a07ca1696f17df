//! `memtalk_ring.h` is what cbindgen generates from the sources, and C and C++ compilers
//! accept it without a warning. `BLESS=1` writes a new one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use cbindgen::{Builder, DocumentationStyle, Language, RenameRule, Style};

/// The text at the top of the header: the contract for C programmers.
const CONTRACT: &str = "\
/*
 * memtalk's ring for C: a byte stream each way between two parties that share
 * memory. Both ends of both rings, without a heap and without an operating system.
 *
 * This file is generated from the sources of memtalk-ring-c. Change them, then run
 * BLESS=1 cargo test -p memtalk-ring-c --test header
 *
 * A page holds two rings. One party initialises it, the other one, its peer, attaches
 * to it. Each takes its seat, and opens the two ends of that seat:
 *
 *     static memtalk_page page;
 *     static memtalk_sender sender;
 *     static memtalk_receiver receiver;
 *
 *     while (memtalk_page_attach(&page, memory, size) != 0)
 *         ; // until the peer has initialised it
 *     if (memtalk_page_seat(&page, MEMTALK_SECOND) == 0) // else the seat is taken
 *         memtalk_page_join(&page, MEMTALK_OUTSIDE | MEMTALK_SILENT);
 *     memtalk_page_open(&page, MEMTALK_SECOND, &sender, &receiver);
 *
 * Results. Functions return a number that is 0 or more, or an error: a negative
 * number of memtalk_error. After an error from an end, other than
 * MEMTALK_ERROR_BAD_ARGUMENT and MEMTALK_ERROR_NOT_AT_END, that end moves no more
 * bytes.
 *
 * Waiting. No function waits: each returns at once, and wakes nobody. Look again
 * when it suits you: in the main loop, on a timer, when the peer interrupts.
 *
 * Trust. The peer may write anything into the page at any time. An end then returns
 * bytes or an error, and accesses no memory but its page's and yours. (The peer can of
 * course send garbage, or stay silent for ever.)
 *
 * Your part of the contract, which no function can check:
 * - `memory` is readable and writable as long as the page and its ends are in use. It
 *   is coherent with what the peer sees. You access it only through the page and
 *   its ends.
 * - A pointer to a memtalk_page, memtalk_sender or memtalk_receiver is NULL or points
 *   to one of those. Set each to zero before it is opened (static, or `= {0}`). Then to
 *   use it too early is an error instead of undefined behaviour. Do not copy an open
 *   one.
 * - `bytes` points to `len` bytes, none of them in the page.
 * - Once you call memtalk_page_initialise, memtalk_page_sit_down or memtalk_page_join,
 *   you use no end that you opened in that memory before.
 * - One call at a time for each page and each end. The two ends of a seat may be
 *   used by different threads or cores, or by an interrupt handler and the program
 *   that it interrupts.
 */
";

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn generated() -> String {
    let mut config = cbindgen::Config {
        language: Language::C,
        cpp_compat: true,
        style: Style::Both,
        documentation_style: DocumentationStyle::C99,
        header: Some(CONTRACT.into()),
        include_guard: Some("MEMTALK_RING_H".into()),
        no_includes: true,
        sys_includes: vec!["stddef.h".into(), "stdint.h".into()],
        usize_is_size_t: true,
        line_length: 84,
        ..Default::default()
    };
    config.enumeration.rename_variants = RenameRule::QualifiedScreamingSnakeCase;
    config.export.include = vec!["memtalk_error".into()];
    ["error", "page", "sender", "receiver"]
        .iter()
        .fold(Builder::new().with_config(config), |builder, module| {
            builder.with_src(here(&format!("src/{module}.rs")))
        })
        .generate()
        .map(|bindings| {
            let mut header = Vec::new();
            bindings.write(&mut header);
            String::from_utf8(header).expect("generated as UTF-8")
        })
        .expect("the sources parse")
}

#[test]
fn the_header_is_what_is_generated_from_the_sources() {
    let path = here("memtalk_ring.h");
    let generated = generated();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &generated).expect("the header is writable");
    }
    let committed = std::fs::read_to_string(&path).expect("the header is there");
    assert!(
        committed == generated,
        "memtalk_ring.h is not up to date: \
         BLESS=1 cargo test -p memtalk-ring-c --test header"
    );
}

#[test]
fn c_and_cpp_compilers_accept_the_header_without_a_warning() {
    for language in [["-xc", "-std=c99"], ["-xc++", "-std=c++11"]] {
        let compile = |options: &[&str], file: PathBuf| {
            let mut cc = Command::new("cc");
            let cc = cc.args(language).arg("-fsyntax-only").args(options);
            cc.arg(file).output().expect("cc starts")
        };
        // Not every C compiler knows C++. This is found out by an empty file: the text of
        // its messages does not tell, since `cc1plus` is in its warnings as well.
        if language[0] == "-xc++" && !compile(&[], "/dev/null".into()).status.success() {
            // Written past the test harness, which hides what a test that passes prints.
            let _ = writeln!(std::io::stderr(), "\nNOT TRIED: there is no C++ compiler");
            continue;
        }
        let strict = ["-Wall", "-Wextra", "-pedantic", "-Werror"];
        let compiled = compile(&strict, here("memtalk_ring.h"));
        let said = String::from_utf8_lossy(&compiled.stderr);
        assert!(compiled.status.success(), "{language:?}: {said}");
    }
}
