//! Talks that go on through `socat`: memtalk behind a socket, and a socket behind memtalk.

mod support;

use std::process::{Command, Stdio};

use support::{Object, Side, eventually, noise, not_tried};

fn there_is_no_socat() -> bool {
    let missing = Command::new("socat").arg("-V").output().is_err();
    if missing {
        not_tried("there is no socat (on Debian: apt-get install socat)");
    }
    missing
}

/// Socat's address of a socket that has this object's name, and no file.
fn socket(kind: &str, object: &Object) -> String {
    format!("ABSTRACT-{kind}:memtalk{}", object.name())
}

/// A server that does this for each client.
fn serve(object: &Object, what: &str) -> Side {
    let listen = socket("LISTEN", object) + ",fork";
    let mut server = Command::new("socat");
    let server = Side::start(server.args([&listen, what]).stdin(Stdio::null()));
    let sockets = || std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let path = format!("@memtalk{}\n", object.name());
    eventually("the server listens", || sockets().contains(&path));
    server
}

/// A server that starts a side for each client: its standard input and output are the
/// client's socket, as with inetd.
fn serve_talks(object: &Object, options: &str) -> Side {
    let program = env!("CARGO_BIN_EXE_memtalk");
    let side = format!("EXEC:{program} -f {}{options},nofork", object.name());
    serve(object, &side)
}

/// A client of that server. It waits for the answer as long as it takes.
fn client(object: &Object, input: &[u8]) -> Side {
    let mut client = Command::new("socat");
    client.args(["-t", "60", "-", &socket("CONNECT", object)]);
    let mut client = Side::start(client.stdin(Stdio::piped()));
    client.write_in_background(input.to_vec());
    client
}

#[test]
fn a_side_behind_a_socket_talks_both_ways() {
    if there_is_no_socat() {
        return;
    }
    let object = Object::new();
    let _server = serve_talks(&object, "");
    let (sent, answer) = (noise(1_000_000, 1), noise(1_000_000, 2));
    let client = client(&object, &sent);
    object.side(&answer).finish().assert_complete(&sent);
    client.finish().assert_complete(&answer);
}

#[test]
fn the_end_of_a_stream_reaches_the_client_of_a_socket_before_the_talk_ends() {
    if there_is_no_socat() {
        return;
    }
    let object = Object::new();
    let _server = serve_talks(&object, "");
    let mut client = Command::new("socat");
    // It answers once it has everything.
    client.args(["-t", "60", "SYSTEM:cat >/dev/null; echo done"]);
    client.arg(socket("CONNECT", &object));
    let client = Side::start(client.stdin(Stdio::null()));
    object.side(b"hello").finish().assert_complete(b"done\n");
    client.finish().assert_complete(b"");
}

#[test]
fn clients_of_a_socket_take_turns_at_a_service() {
    if there_is_no_socat() {
        return;
    }
    let object = Object::new();
    let mut service = object.memtalk();
    service.args(["--keep", "--", "sort"]);
    let _service = Side::start(service.stdin(Stdio::null()));
    let _server = serve_talks(&object, " --wait");
    let clients =
        [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|n| client(&object, format!("z\n{n}\n").as_bytes()));
    for (n, client) in (1..).zip(clients) {
        client
            .finish()
            .assert_complete(format!("{n}\nz\n").as_bytes());
    }
}

#[test]
fn a_server_of_sockets_is_the_peer() {
    if there_is_no_socat() {
        return;
    }
    let object = Object::new();
    let _server = serve(&object, "EXEC:cat");
    let mut side = object.memtalk();
    side.args(["--", "socat", "-t", "60", "-", &socket("CONNECT", &object)]);
    let side = Side::start(side.stdin(Stdio::null()));
    let sent = noise(1_000_000, 1);
    object.side(&sent).finish().assert_complete(&sent);
    side.finish().assert_complete(b"");
}
