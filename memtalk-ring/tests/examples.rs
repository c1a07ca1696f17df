//! The examples: one for each way to wait. Each runs within its bound.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Runs an example, which cargo builds before it runs all tests of this package, and returns
/// what it prints.
fn run(example: &str) -> String {
    let here = env::current_exe().unwrap();
    let built = here.parent().unwrap().with_file_name("examples");
    let built = built.join(example);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{example}.rs"));
    let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    assert!(
        time(&built) >= time(&source),
        "run all tests of the package, or cargo build --examples: {built:?} is not built from {source:?}"
    );
    let mut child = Command::new(built);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{example} hangs");
        }
        thread::sleep(Duration::from_millis(1));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{example}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

const ALL: &str = "10000 bytes arrived\n";

#[test]
fn cores_that_run_all_the_time_spin() {
    assert_eq!(run("spin"), ALL);
}

#[test]
fn a_peer_that_wakes_nobody_is_looked_at_now_and_then() {
    assert_eq!(run("idle"), ALL);
}

#[test]
fn an_interrupt_ends_a_wait_for_a_doorbell() {
    // The ring holds 1,856 bytes.
    assert_eq!(run("doorbell"), format!("{ALL}6 interrupts\n"));
}

#[test]
fn tasks_are_woken_by_a_bell() {
    assert_eq!(run("bell"), ALL);
}

#[test]
fn on_arm_a_core_waits_for_events() {
    let arm = cfg!(any(target_arch = "arm", target_arch = "aarch64"));
    let elsewhere = "this processor has no `wfe`: run it on Arm\n";
    assert_eq!(run("event"), if arm { ALL } else { elsewhere });
}

#[test]
fn a_way_to_wait_can_be_written() {
    assert_eq!(run("own_wait"), ALL);
}
