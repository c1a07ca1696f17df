//! Request and reply, a line each: one process adds numbers, the other one asks.
//!
//! ```console
//! $ cargo run -p memtalk --example request_reply
//! ```
//!
//! starts both. Or start each in a terminal of its own, in any order:
//!
//! ```console
//! $ cargo run -p memtalk --example request_reply -- /adder
//! $ cargo run -p memtalk --example request_reply -- /adder 1 2 3
//! ```

use std::error::Error;
use std::io::{BufRead, ErrorKind, Write};
use std::process::Command;
use std::time::Duration;
use std::{env, io, process};

use memtalk::Options;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => both(),
        [name] => reply(name),
        [name, numbers @ ..] => request(name, &[&numbers.join(" ")]),
    }
}

fn both() -> Result<(), Box<dyn Error>> {
    let name = format!("/adder-{}", process::id());
    let mut other = Command::new(env::current_exe()?).arg(&name).spawn()?;
    request(&name, &["1 2 3", "0.5 0.25", "one two"])?;
    match other.wait()?.success() {
        true => Ok(()),
        false => Err("the other process failed".into()),
    }
}

fn request(name: &str, requests: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut channel = options().open(name)?;
    channel.receiver.set_read_timeout(Some(PATIENCE))?;
    for request in requests {
        // One write: the peer is woken once.
        channel
            .sender
            .write_all(format!("{request}\n").as_bytes())?;
        let mut reply = String::new();
        if channel.receiver.read_line(&mut reply)? == 0 {
            return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
        }
        print!("{request}: {reply}");
    }
    // Both sides know now that all was received.
    Ok(channel.close_within(PATIENCE)?)
}

fn reply(name: &str) -> Result<(), Box<dyn Error>> {
    let mut channel = options().open(name)?;
    let mut request = String::new();
    // Until the end of the stream.
    while channel.receiver.read_line(&mut request)? > 0 {
        let numbers = request.split_whitespace().map(str::parse::<f64>);
        let reply = match numbers.sum::<Result<f64, _>>() {
            Ok(sum) => format!("{sum}\n"),
            Err(error) => format!("{error}\n"),
        };
        channel.sender.write_all(reply.as_bytes())?;
        request.clear();
    }
    Ok(channel.close()?)
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Gives up if no peer comes.
fn options() -> Options {
    Options::new().timeout(PATIENCE)
}
