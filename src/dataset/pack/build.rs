//! Builds a file of pictures on all threads. What was written is made durable now and then: first
//! pixels, then their entries of the index, so that an entry that is there tells of whole pixels
//! and a later build goes on behind the last.

use super::header::{Entry, LENGTH, ROW};
use super::{FILE, Pack};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::Raster;
use crate::store::Unfinished;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Pictures of a thread between two looks at an interrupt; they are held in memory.
const AT_ONCE: usize = 16;
/// How many bytes a kill may cost.
const UNSAFE_BYTES: u64 = 128 << 20;

/// Builds the file on `threads` threads, whose number changes no byte, unless another process
/// does; then it waits for that.
///
/// # Errors
/// As [`Pack::prepare`].
pub fn build(context: &Context, pack: &Pack, threads: usize) -> Result<()> {
    let _lease = context.claim(&pack.header.address)?;
    if pack.place.exists() {
        return Ok(());
    }
    let file = context.store.unfinished(&pack.header.address, FILE)?;
    let mut growing = Growing::resume(pack, &file)?;
    let done = growing.count();
    context.monitor.begin(&format!("pack {}", pack.what), pack.ids.len() as u64, done as u64);
    let filled = fill(context, pack, threads.max(1), &mut growing);
    let kept = growing.keep();
    context.monitor.end();
    filled.and(kept)?;
    let Growing { index, end, .. } = growing;
    file.write(&pack.header.bytes(Some(&index)), 0)?;
    file.finish(end)
}

fn fill(context: &Context, pack: &Pack, threads: usize, growing: &mut Growing<'_>) -> Result<()> {
    let left = pack.ids.get(growing.count()..).unwrap_or_default();
    for ids in left.chunks(threads * AT_ONCE) {
        if context.interrupt.is_requested() {
            return Err(Error::interrupted("interrupted while pictures are packed")
                .hint("run it again to go on: what was packed is kept"));
        }
        for (_, picture) in shrunk(pack, ids, threads) {
            growing.add(&picture?)?;
            context.monitor.advance("");
        }
        if growing.unsafe_bytes > UNSAFE_BYTES || context.monitor.checkpoint_due() {
            growing.keep()?;
        }
    }
    Ok(())
}

/// The pictures of `ids` with their places, in order; a thread stops at the first that fails.
fn shrunk(pack: &Pack, ids: &[u64], threads: usize) -> Vec<(usize, Result<Raster>)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(id) = ids.get(place) else { return made };
            made.push((place, pack.shrunk(*id)));
            if made.last().is_some_and(|(_, picture)| picture.is_err()) {
                return made;
            }
        }
    };
    let mut pictures: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| {
            let lost = |_| vec![(0, Err(Error::internal("packing pictures ended in a panic")))];
            worker.join().unwrap_or_else(lost)
        });
        ended.flatten().collect()
    });
    pictures.sort_by_key(|(place, _)| *place);
    pictures
}

/// A file that grows.
struct Growing<'f> {
    file: &'f Unfinished,
    /// The index so far.
    index: Vec<u8>,
    /// How much of it is in the file.
    kept: usize,
    /// Where the next picture starts.
    end: u64,
    /// How many bytes of pixels are not in the index of the file.
    unsafe_bytes: u64,
}

impl<'f> Growing<'f> {
    /// Goes on behind the last picture that is whole; what is no file of this pack is begun.
    fn resume(pack: &Pack, file: &'f Unfinished) -> Result<Self> {
        let (header, begin) = (&pack.header, pack.header.pixels());
        let mut growing = Self { file, index: Vec::new(), kept: 0, end: begin, unsafe_bytes: 0 };
        let empty = header.bytes(None);
        if file.read(0, LENGTH)? != empty {
            // The whole index now: a disk that fills up can then still take its entries.
            file.write(&[empty, vec![0; header.images * ROW]].concat(), 0)?;
            return Ok(growing);
        }
        let length = file.length()?;
        for bytes in file.read(LENGTH as u64, header.images * ROW)?.chunks_exact(ROW) {
            match Entry::read(bytes) {
                Some(entry) if entry.start == growing.end && entry.end() <= length => {
                    growing.index.extend_from_slice(bytes);
                    growing.end = entry.end();
                }
                _ => break,
            }
        }
        growing.kept = growing.index.len();
        Ok(growing)
    }

    /// The number of pictures.
    fn count(&self) -> usize {
        self.index.len() / ROW
    }

    fn add(&mut self, picture: &Raster) -> Result<()> {
        if picture.channels() != 3 {
            return Err(Error::internal("packing a picture without colours"));
        }
        let bytes = picture.bytes();
        let entry = Entry {
            start: self.end,
            height: picture.height() as u32,
            width: picture.width() as u32,
            check: crc32fast::hash(bytes),
        };
        self.file.write(bytes, self.end)?;
        self.index.extend_from_slice(&entry.bytes());
        self.end = entry.end();
        self.unsafe_bytes += entry.length();
        Ok(())
    }

    /// Makes durable what was added.
    fn keep(&mut self) -> Result<()> {
        self.file.sync()?;
        let new = self.index.get(self.kept..).unwrap_or_default();
        self.file.write(new, (LENGTH + self.kept) as u64)?;
        self.kept = self.index.len();
        self.unsafe_bytes = 0;
        Ok(())
    }
}
