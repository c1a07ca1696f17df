//! Virtual machines that run `memtalk/guests` and share an object with processes here.

use std::fmt;
use std::process::{Command, Stdio};

use super::program::Program;
use super::{Finished, Object, Side};

/// A kind of machine, and how to start it.
#[derive(Debug)]
pub struct Machine {
    program: Program,
    emulator: &'static str,
    /// The emulator's arguments for this machine.
    arguments: &'static [&'static str],
    /// The emulator's status for a guest's status of 0, and the step for each one more.
    status: (i32, i32),
}

pub static X86_64: Machine = Machine {
    program: Program::new("x86_64-unknown-none", "vm"),
    emulator: "qemu-system-x86_64",
    arguments: &["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
    status: (129, 2),
};

pub static AARCH64: Machine = Machine {
    program: Program::new("aarch64-unknown-none", "vm"),
    emulator: "qemu-system-aarch64",
    arguments: &[
        "-M",
        "virt",
        "-cpu",
        "cortex-a53",
        "-semihosting-config",
        "enable=on,target=native",
    ],
    status: (0, 1),
};

impl Machine {
    /// Starts it with `object` as the memory that it shares. QEMU creates an object that
    /// does not exist, of one page.
    pub fn start(&'static self, object: &Object) -> Guest {
        let path = object.path();
        let size = match path.metadata().map_or(0, |data| data.len()) {
            0 => 4096,
            size => size,
        };
        let path = path.display();
        let backend = format!("memory-backend-file,id=page,mem-path={path},size={size},share=on");
        self.start_with(&["-object", &backend, "-device", "ivshmem-plain,memdev=page"])
    }

    /// Starts it with nothing to share.
    pub fn start_alone(&'static self) -> Guest {
        self.start_with(&[])
    }

    fn start_with(&'static self, sharing: &[&str]) -> Guest {
        let mut command = Command::new(self.emulator);
        command
            .args(["-accel", "tcg", "-m", "64", "-nodefaults", "-no-reboot"])
            // Before 8.0, QEMU omits memory barriers if there can be only one processor.
            .args(["-smp", "1,maxcpus=2"])
            .args(["-display", "none", "-serial", "stdio"])
            .arg("-kernel")
            .arg(self.program.path())
            .args(self.arguments)
            .args(sharing);
        Guest {
            machine: self,
            emulator: Side::start(command.stdin(Stdio::null())),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program.target)
    }
}

/// A machine that runs. It is killed if the test fails.
pub struct Guest {
    machine: &'static Machine,
    emulator: Side,
}

/// How a guest ended.
#[derive(Debug)]
pub struct Ended {
    /// The guest's exit status; see `memtalk/guests/src/failure.rs`.
    pub status: i32,
    /// What the guest wrote to its console.
    pub console: String,
}

impl Guest {
    /// Kills the emulator, and waits until it is gone.
    pub fn kill(&mut self) {
        self.emulator.kill();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn finish(self) -> Ended {
        let Finished {
            code,
            stdout,
            stderr,
            ..
        } = self.emulator.finish();
        let (base, step) = self.machine.status;
        let code = code.expect("nobody killed it");
        let status = (code - base) / step;
        assert!(
            (0..16).contains(&status) && code == base + step * status,
            "{} itself failed with {code}: {stderr}",
            self.machine.emulator
        );
        Ended {
            status,
            console: String::from_utf8(stdout).expect("it writes text"),
        }
    }
}

impl Ended {
    /// Checks that it ended with this status, and one line on its console that contains
    /// `text`.
    #[track_caller]
    pub fn assert_said(&self, status: i32, text: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.console.lines().count(), 1, "{self:?}");
        assert!(self.console.starts_with("vm: "), "{self:?}");
        assert!(self.console.contains(text), "{self:?}");
    }
}
