//! Two machines: `memtalk -f NAME -- ssh HOST memtalk -f NAME`, with a server on loopback.

mod support;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::{Object, Side, eventually, noise, not_tried};

/// A server of this user's, and a key that it lets in.
struct Server {
    process: Child,
    port: u16,
    folder: PathBuf,
}

impl Server {
    fn start() -> Option<Self> {
        const SSHD: &str = "/usr/sbin/sshd";
        if !Path::new(SSHD).exists() || Command::new("ssh").arg("-V").output().is_err() {
            not_tried("there is no OpenSSH (on Debian: apt-get install openssh-server)");
            return None;
        }
        // sshd demands this folder of root.
        let _ = fs::create_dir("/run/sshd");
        let name = format!("memtalk-test-ssh-{}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        for key in ["host", "user"] {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            assert!(command.arg(folder.join(key)).status().unwrap().success());
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut command = Command::new(SSHD);
        command.args(["-D", "-f", "/dev/null", "-E"]);
        command.arg(folder.join("log")).arg("-h");
        command.arg(folder.join("host"));
        let keys = format!("AuthorizedKeysFile={}", folder.join("user.pub").display());
        let port_option = format!("Port={port}");
        for option in [
            "ListenAddress=127.0.0.1",
            "PidFile=none",
            "StrictModes=no",
            "UsePAM=no",
            "PermitRootLogin=yes",
            &port_option,
            &keys,
        ] {
            command.args(["-o", option]);
        }
        let process = command.stdin(Stdio::null()).spawn().unwrap();
        let this = Self {
            process,
            port,
            folder,
        };
        eventually("the server listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(this)
    }

    /// `ssh` to this server.
    fn ssh(&self) -> Vec<String> {
        let key = self.folder.join("user").display().to_string();
        let port = self.port.to_string();
        [
            &["ssh", "-F", "/dev/null", "-p", &port, "-i", &key][..],
            &[
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ],
            &["-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "127.0.0.1"],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.join("log"));
            eprintln!("the server's log: {}", log.unwrap_or_default());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_talk_goes_on_at_another_machine() {
    let Some(server) = Server::start() else {
        return;
    };
    // The other machine is this one, so the names differ.
    let (here, there) = (Object::new(), Object::new());
    let bridge = |status: i32| {
        let mut command = here.memtalk();
        let remote = [env!("CARGO_BIN_EXE_memtalk"), "-f", &there.name()].map(str::to_owned);
        command.arg("--").args(server.ssh()).args(remote);
        let bridge = Side::start(command.stdin(Stdio::null()));
        move || assert_eq!(bridge.finish().code, Some(status))
    };

    let ended = bridge(0);
    let (sent, answer) = (noise(1_000_000, 1), noise(1_000_000, 2));
    let (one, other) = (here.side(&sent), there.side(&answer));
    one.finish().assert_complete(&answer);
    other.finish().assert_complete(&sent);
    ended();

    // A failure there is told here, too. ssh passes on the status.
    let ended = bridge(4);
    let (mut one, mut other) = (here.open_side(), there.open_side());
    one.say(b"hello");
    other.expect(b"hello");
    other.kill();
    one.end_input();
    ended();
    one.finish();
}
