//! Searching a machine's memory for its page (`--scan`).

use std::fs::File;

use memtalk_ring::header::Snapshot;
use memtalk_ring::layout::LINE;

use crate::error::Error;
use crate::sys::shm;

/// The bytes that are read at once: a multiple of a page of memory.
const CHUNK: usize = 64 * 1024;

/// The offset in bytes of the page in `file`, whose size is `end` bytes. A page begins at a
/// multiple of 64, with a magic number, and the rest of its header, its size included, is
/// right. Memory that was never written to is not read.
///
/// # Errors
/// [`Error::SeveralPages`] if there is more than one.
pub(crate) fn find_page(file: &File, end: u64) -> Result<Option<u64>, Error> {
    let failed = || Error::system("read the object");
    let mut chunk = vec![0; CHUNK];
    let mut found = None;
    // Where the page that was found last ends. Bytes that were sent through a page may look
    // like a page, so do not search inside.
    let mut searched = 0;
    let mut from = 0;
    while let Some(data) = shm::next_data(file, from).map_err(failed())? {
        let count = shm::read(file, &mut chunk, data).map_err(failed())?;
        for (line, offset) in chunk[..count]
            .chunks_exact(LINE)
            .zip((data..).step_by(LINE))
        {
            let said = Snapshot::from_bytes(line);
            if offset < searched
                || said.check(said.size as usize).is_err()
                || u64::from(said.size) > end.saturating_sub(offset)
            {
                continue;
            }
            searched = offset + u64::from(said.size);
            if let Some(first) = found.replace(offset) {
                return Err(Error::SeveralPages(first, offset));
            }
        }
        from = data + CHUNK as u64;
    }
    Ok(found)
}
