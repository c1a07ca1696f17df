//! Two people talk at two terminals.

mod support;

use std::fs::File;
use std::io::{Read, Write};

use support::lines::terminal;
use support::{Object, Side, bounded};

struct Person {
    screen: File,
    side: Side,
}

impl Person {
    fn at(object: &Object) -> Self {
        let (screen, program) = terminal().expect("a pseudo-terminal");
        let stdin = program.try_clone().unwrap();
        let side = Side::start_with(object.memtalk().stdin(stdin), program);
        Self { screen, side }
    }

    fn types(&mut self, text: &[u8]) {
        self.screen.write_all(text).unwrap();
    }

    /// Checks that the terminal shows `text` next, typed or received.
    fn sees(&mut self, text: &str) {
        let mut screen = self.screen.try_clone().unwrap();
        let mut found = vec![0; text.len()];
        let found = bounded("the screen", move || {
            screen.read_exact(&mut found).unwrap();
            found
        });
        assert_eq!(String::from_utf8(found).unwrap(), text);
    }
}

#[test]
fn two_people_see_each_others_lines_at_once() {
    const END_OF_FILE: &[u8] = b"\x04";
    let object = Object::new();
    let (mut ann, mut ben) = (Person::at(&object), Person::at(&object));
    ann.types(b"hello\n");
    ann.sees("hello\r\n");
    ben.sees("hello\r\n");
    ben.types(b"hi, Ann\n");
    ben.sees("hi, Ann\r\n");
    ann.sees("hi, Ann\r\n");

    // Ctrl-D on one side leaves the other direction open.
    ann.types(END_OF_FILE);
    ben.types(b"still there?\n");
    ben.sees("still there?\r\n");
    ann.sees("still there?\r\n");
    ben.types(END_OF_FILE);
    ann.side.finish().assert_complete(b"");
    ben.side.finish().assert_complete(b"");
    assert!(!object.exists());
}
