//! What a kernel unpacks as its first file system: a cpio archive of the kind "newc".

/// An archive, to which files are added.
#[derive(Default)]
pub struct Archive(Vec<u8>);

impl Archive {
    pub fn folder(&mut self, name: &str) {
        self.entry(name, 0o040_755, &[]);
    }

    /// A file that may be executed.
    pub fn file(&mut self, name: &str, contents: &[u8]) {
        self.entry(name, 0o100_755, contents);
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.0
    }

    fn entry(&mut self, name: &str, mode: usize, contents: &[u8]) {
        // Number, mode, owner, group, links, time, size, four device numbers, length of the
        // name, checksum.
        let mut fields = [0; 13];
        (fields[1], fields[4]) = (mode, 1);
        (fields[6], fields[11]) = (contents.len(), name.len() + 1);
        self.0.extend(b"070701");
        for field in fields {
            self.0.extend(format!("{field:08x}").bytes());
        }
        self.0.extend(name.bytes());
        self.0.push(0);
        self.pad();
        self.0.extend(contents);
        self.pad();
    }

    /// Name and contents begin at a multiple of four.
    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}
