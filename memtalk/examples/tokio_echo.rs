//! An echo server on tokio: one thread of the runtime serves many peers at once, each under a
//! name of its own.
//!
//! ```console
//! $ cargo run -p memtalk --features tokio --example tokio_echo
//! ```
//!
//! starts the server, and a process for each of its peers. Or start the server alone, and
//! talk to it from other terminals:
//!
//! ```console
//! $ cargo run -p memtalk --features tokio --example tokio_echo -- /echo-1 /echo-2
//! $ memtalk -f /echo-1
//! ```

use std::process::{Child, Command};
use std::time::Duration;
use std::{env, io, process};

use memtalk::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_buf};
use tokio::task::{JoinSet, spawn_blocking};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => all().await,
        [ask, name] if ask == "ask" => self::ask(name.clone()).await,
        names => serve(names).await,
    }
}

/// The server and three peers.
async fn all() -> Result {
    let names: Vec<_> = (1..=3)
        .map(|i| format!("/echo-{}-{i}", process::id()))
        .collect();
    let program = env::current_exe()?;
    let start = |name| Command::new(&program).args(["ask", name]).spawn();
    let peers: Vec<Child> = names
        .iter()
        .map(|name| start(name))
        .collect::<io::Result<_>>()?;
    serve(&names).await?;
    for mut peer in peers {
        if !peer.wait()?.success() {
            return Err("a peer failed".into());
        }
    }
    Ok(())
}

async fn serve(names: &[String]) -> Result {
    let mut talks = JoinSet::new();
    for name in names {
        talks.spawn(echo(name.clone()));
    }
    while let Some(ended) = talks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn echo(name: String) -> Result {
    // The wait for a peer blocks a thread of those that are there for such waits.
    let channel = spawn_blocking(|| memtalk::open(name)).await??;
    let mut channel = channel.into_async();
    copy_buf(&mut channel.receiver, &mut channel.sender).await?;
    // All that came is sent: we can confirm it. Then we wait until it has arrived.
    channel.sender.end();
    channel.receiver.close()?;
    channel.sender.shutdown().await?;
    Ok(())
}

async fn ask(name: String) -> Result {
    let options = Options::new().timeout(Duration::from_secs(10));
    let channel = spawn_blocking(move || options.open(name)).await??;
    let mut channel = channel.into_async();
    let question = format!("hello from process {}", process::id());
    channel.sender.write_all(question.as_bytes()).await?;
    channel.sender.end();
    let mut answer = String::new();
    channel.receiver.read_to_string(&mut answer).await?;
    println!("{answer}");
    channel.receiver.close()?;
    channel.sender.close().await?;
    Ok(())
}
