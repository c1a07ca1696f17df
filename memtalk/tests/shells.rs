//! The man page and the completions, in the shells and the reader that they are for.

mod support;

#[path = "../examples/generate.rs"]
#[allow(dead_code, reason = "its `main` is not used")]
mod generate;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use support::lines::terminal;
use support::{Side, bounded, memtalk, not_tried};

/// The folder with the man page and the completions.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("generated");
    generate::generate(&folder).unwrap();
    folder
});

/// The path of one of them.
fn path(name: &str) -> String {
    FOLDER.join(name).into_os_string().into_string().unwrap()
}

/// What a program prints. It must succeed and complain of nothing. `None`, with a message, if
/// it is not installed.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    if Command::new(program).arg("--version").output().is_err() {
        not_tried(&format!("{program} is not installed"));
        return None;
    }
    let mut command = Command::new(program);
    command.args(arguments).env("MANWIDTH", "80");
    let end = Side::start(command.stdin(Stdio::null())).finish();
    assert_eq!((end.code, &end.stderr[..]), (Some(0), ""), "{program}");
    Some(String::from_utf8(end.stdout).unwrap())
}

/// The long options, as the help has them.
fn options() -> BTreeSet<String> {
    let help = Side::start(memtalk().arg("-h").stdin(Stdio::null())).finish();
    let help = String::from_utf8(help.stdout).unwrap();
    let options = help.lines().filter_map(|line| {
        let (_, option) = line.split_once(" --")?;
        let name = option.split_whitespace().next()?;
        line.starts_with(' ').then(|| format!("--{name}"))
    });
    let options: BTreeSet<_> = options.collect();
    assert!(options.len() > 7, "{options:?}");
    options
}

#[test]
fn bash_completes_every_option() {
    let script = r#"
        . "$0"
        COMP_WORDS=(memtalk --) COMP_CWORD=1
        _memtalk memtalk -- memtalk
        printf '%s\n' "${COMPREPLY[@]}""#;
    let Some(found) = output("bash", &["--norc", "-c", script, &path("memtalk.bash")]) else {
        return;
    };
    let found: BTreeSet<_> = found.lines().map(str::to_owned).collect();
    assert_eq!(found, options());
}

#[test]
fn a_person_at_bash_presses_the_tabulator() {
    if output("bash", &["--version"]).is_none() {
        return;
    }
    let (mut screen, program) = terminal().expect("a pseudo-terminal");
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile", "-i"])
        .env("TERM", "dumb")
        .env("INPUTRC", "/dev/null")
        .stdin(program.try_clone().unwrap());
    let _side = Side::start_with(&mut bash, program);
    // A command of this name need not be installed.
    let typed = format!(
        "memtalk() {{ echo \"[$*]\"; }}; . '{}'\nmemtalk --time\t3\n",
        path("memtalk.bash")
    );
    screen.write_all(typed.as_bytes()).unwrap();
    bounded("the screen", move || {
        let mut seen = String::new();
        while !seen.contains("[--timeout 3]") {
            let mut some = [0; 1024];
            let count = screen.read(&mut some).expect("more to see");
            seen.push_str(&String::from_utf8_lossy(&some[..count]));
        }
    });
}

#[test]
fn zsh_can_read_its_completion() {
    output("zsh", &["-n", &path("_memtalk")]);
}

#[test]
fn fish_completes_every_option() {
    let script = format!("source {}; complete -C 'memtalk --'", path("memtalk.fish"));
    let Some(found) = output("fish", &["--no-config", "-c", &script]) else {
        return;
    };
    let option = |line: &str| line.split('\t').next().map(str::to_owned);
    assert_eq!(
        found.lines().filter_map(option).collect::<BTreeSet<_>>(),
        options()
    );
}

#[test]
fn power_shell_is_told_of_every_option() {
    let script = fs::read_to_string(FOLDER.join("_memtalk.ps1")).unwrap();
    for option in options() {
        assert!(script.contains(&format!("'{option}'")), "{option}");
    }
}

#[test]
fn the_man_page_is_rendered_without_a_warning_and_has_everything() {
    let arguments = ["--warnings", "-E", "ascii", "-l", &path("memtalk.1")];
    let Some(page) = output("man", &arguments) else {
        return;
    };
    for option in options() {
        assert!(page.contains(&option), "{option}");
    }
    for text in [
        "NAME",
        "EXAMPLES",
        "EXIT STATUS",
        "  255 ",
        "memtalk -f /chat",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    for line in page.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}
