//! A parent and its child talk through memory without a name: nobody else can join, and
//! nothing is left to clean up.
//!
//! ```console
//! $ cargo run -p memtalk --example parent_and_child
//! ```

use std::error::Error;
use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;
use std::{env, io};

use memtalk::Options;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("child") => child(),
        _ => parent(),
    }
}

fn parent() -> Result<(), Box<dyn Error>> {
    // A child that ends before it joins is not noticed. So do not wait for ever.
    let options = Options::new().timeout(Duration::from_secs(10));
    let (waiting, memory) = options.create_memfd()?;
    // The child inherits the memory as its standard input.
    let mut child = Command::new(env::current_exe()?);
    let mut child = child.arg("child").stdin(memory).spawn()?;

    let mut channel = waiting.wait_for_peer()?;
    channel.sender.write_all(b"a word from the parent")?;
    let mut answer = Vec::new();
    // Ends our stream, reads the child's, and waits until the child has confirmed ours. If
    // the child dies, this is an error.
    channel.finish(&mut answer)?;
    println!("{}", String::from_utf8(answer)?);
    match child.wait()?.success() {
        true => Ok(()),
        false => Err("the child failed".into()),
    }
}

fn child() -> Result<(), Box<dyn Error>> {
    let mut channel = Options::new().join_memfd(io::stdin())?;
    let mut text = String::new();
    channel.receiver.read_to_string(&mut text)?;
    channel.sender.write_all(text.to_uppercase().as_bytes())?;
    Ok(channel.close()?)
}
