//! Virtual machines with Linux: a stock kernel, busybox, and the command, which reaches the
//! shared memory as a file in sysfs. The test drives a shell in the machine.

mod initramfs;

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

use self::initramfs::Archive;
use super::{Finished, Object, Side, TempFile};

/// A kind of machine, and how to start it.
#[derive(Debug)]
pub struct Architecture {
    name: &'static str,
    emulator: &'static str,
    /// The emulator's arguments for this machine.
    arguments: &'static [&'static str],
    console: &'static str,
}

pub static X86_64: Architecture = Architecture {
    name: "x86_64",
    emulator: "qemu-system-x86_64",
    arguments: &[],
    console: "ttyS0",
};

pub static AARCH64: Architecture = Architecture {
    name: "aarch64",
    emulator: "qemu-system-aarch64",
    arguments: &["-M", "virt", "-cpu", "cortex-a53"],
    console: "ttyAMA0",
};

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What else a machine has.
#[derive(Default)]
pub struct Extra<'a> {
    /// Files, by their paths without the first `/`.
    pub files: &'a [(&'a str, &'a [u8])],
    /// Parameters of its kernel.
    pub parameters: &'a str,
    /// Another processor.
    pub second_processor: bool,
    /// The shared memory stays as the firmware left it. Where there is none, it is switched
    /// off then.
    pub as_found: bool,
}

impl Architecture {
    /// Boots a machine that shares `object`. QEMU creates an object that does not exist, of
    /// one page.
    pub fn boot(&'static self, object: &Object) -> Guest {
        self.boot_with(object, &Extra::default())
    }

    /// Boots a machine that has more.
    pub fn boot_with(&'static self, object: &Object, extra: &Extra<'_>) -> Guest {
        let console = self.console;
        let parameters = extra.parameters;
        let files = TempFile::new(&self.files(extra));
        let mut command = Command::new(self.emulator);
        command
            .args(["-accel", "tcg", "-m", "512", "-nodefaults"])
            // Before 8.0, QEMU omits memory barriers if there can be only one processor.
            .args([
                "-smp",
                ["1,maxcpus=2", "2"][usize::from(extra.second_processor)],
            ])
            .args(["-display", "none", "-serial", "stdio"])
            .args(self.arguments)
            .arg("-kernel")
            .arg(self.part("kernel"))
            .arg("-initrd")
            .arg(&files.0)
            .arg("-append")
            .arg(format!(
                "console={console} loglevel=1 panic=-1 {parameters}"
            ))
            .args(sharing(object))
            .stdin(Stdio::piped());
        end_with_this_thread(&mut command);
        let mut guest = Guest {
            emulator: Side::start(&mut command),
            commands: 0,
        };
        guest.await_shell();
        if !extra.as_found {
            guest.switch_on();
        }
        guest
    }

    /// What the kernel unpacks as its first file system.
    fn files(&self, extra: &Extra<'_>) -> Vec<u8> {
        let part = |part| fs::read(self.part(part)).expect("it was made");
        let mut archive = Archive::default();
        archive.file("init", include_bytes!("init.sh"));
        archive.folder("bin");
        archive.file("bin/talk", include_bytes!("talk.sh"));
        archive.file("bin/busybox", &part("busybox"));
        archive.file("bin/memtalk", &part("memtalk"));
        for (name, contents) in extra.files {
            archive.file(name, contents);
        }
        archive.finish()
    }

    /// The path of a part of the machine, which is made when it is first needed.
    fn part(&self, part: &'static str) -> PathBuf {
        static MADE: LazyLock<Mutex<HashMap<(&str, &str), PathBuf>>> =
            LazyLock::new(Mutex::default);
        let mut made = MADE.lock().expect("no part failed");
        let make = || {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/linux");
            let mut command = Command::new("sh");
            let output = command.arg(script).args([self.name, part]).output();
            let output = output.expect("a shell starts");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{part} is not made: {said}");
            let path = String::from_utf8(output.stdout).expect("a path");
            path.trim_end().into()
        };
        made.entry((self.name, part)).or_insert_with(make).clone()
    }
}

/// The emulator's options by which a machine shares `object`.
pub fn sharing(object: &Object) -> Vec<String> {
    let size = match object.path().metadata().map_or(0, |data| data.len()) {
        0 => 4096,
        size => size,
    };
    let path = object.path();
    let path = path.display();
    vec![
        "-object".to_owned(),
        format!("memory-backend-file,id=page,mem-path={path},size={size},share=on"),
        "-device".to_owned(),
        "ivshmem-plain,memdev=page".to_owned(),
    ]
}

/// Lets a process be killed when this thread ends, and so also when the test program is.
fn end_with_this_thread(command: &mut Command) {
    let set = || {
        // SAFETY: no pointers are involved.
        match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: the child makes one system call before it becomes the program.
    unsafe { command.pre_exec(set) };
}

/// A machine that runs. It is killed if the test fails.
pub struct Guest {
    emulator: Side,
    commands: u32,
}

/// A command that runs in the background of a machine.
#[derive(Clone, Copy)]
pub struct Running(u32);

impl Guest {
    fn await_shell(&mut self) {
        while !self.emulator.next_line().ends_with("the shell is up") {}
    }

    fn next_number(&mut self) -> u32 {
        self.commands += 1;
        self.commands
    }

    /// Runs a command of the shell. Returns its status, and what it wrote, which is text.
    pub fn try_run(&mut self, command: &str) -> (i32, String) {
        assert!(!command.contains('\n'), "the shell reads line by line");
        let number = self.next_number();
        let line = format!("{{ {command}; }} 2>&1; echo \"@@{number}:$?\"\n");
        self.emulator.say(line.as_bytes());
        let mark = format!("@@{number}:");
        let mut output = String::new();
        loop {
            let line = self.emulator.next_line();
            if let Some((rest, status)) = line.split_once(&mark) {
                output.push_str(rest);
                return (status.parse().expect("a status"), output);
            }
            output.push_str(&line);
            output.push('\n');
        }
    }

    /// Runs a command that succeeds. Returns what it wrote.
    #[track_caller]
    pub fn run(&mut self, command: &str) -> String {
        let (status, output) = self.try_run(command);
        assert_eq!(status, 0, "{command}: {output}");
        output
    }

    /// Starts a command in the background.
    pub fn start(&mut self, command: &str) -> Running {
        let number = self.next_number();
        assert!(!command.contains('\''), "{command}: it is quoted");
        self.run(&format!("start {number} '{command}'"));
        Running(number)
    }

    /// Lets the shared memory be seen.
    pub fn switch_on(&mut self) {
        self.run("echo 1 >${PAGE%/*}/enable");
    }

    /// Switches the shared memory off: the device answers to no address.
    pub fn switch_off(&mut self) {
        // The command word of PCI.
        self.run("printf \"\\0\\0\" | dd of=${PAGE%/*}/config bs=1 seek=4 conv=notrunc");
    }

    /// Waits until a command has written a line that contains `text`.
    pub fn expect(&mut self, Running(number): Running, text: &str) {
        self.run(&format!(
            "until grep -q \"{text}\" /tmp/{number}.out; do usleep 2000; done"
        ));
    }

    /// Waits until memtalk, which a command has just started, has the memory.
    #[track_caller]
    pub fn await_talk(&mut self, Running(number): Running) {
        let (status, _) = self.try_run(&format!("came {number}"));
        let said = self.run(&format!("cat /tmp/{number}.err"));
        assert_eq!(status, 0, "it has ended: {said}");
    }

    /// Waits until a command has ended.
    pub fn finish(&mut self, Running(number): Running) -> Finished {
        let status = self.run(&format!("ended {number}; cat /tmp/{number}.status"));
        Finished {
            code: Some(status.trim_end().parse().expect("a status")),
            signal: None,
            stdout: self.run(&format!("cat /tmp/{number}.out")).into_bytes(),
            stderr: self.run(&format!("cat /tmp/{number}.err")),
        }
    }

    /// Whether a command has ended.
    pub fn has_ended(&mut self, Running(number): Running) -> bool {
        self.try_run(&format!("[ -e /tmp/{number}.status ]")).0 == 0
    }

    /// Starts the machine's kernel again, in the same emulator.
    pub fn reboot(&mut self) {
        self.emulator.say(b"reboot -f\n");
        self.await_shell();
        self.switch_on();
    }

    /// Kills the emulator, and waits until it is gone.
    pub fn kill(&mut self) {
        self.emulator.kill();
    }
}
