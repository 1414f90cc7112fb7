//! A whole file of pictures, mapped into memory: opening it reads the index, a picture is read and
//! checked when it is wanted.

use super::header::{Entry, Header, LENGTH, ROW};
use crate::error::{Error, Result};
use crate::transform::{Frame, Size};
use memmap2::Mmap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A file of pictures.
#[derive(Debug)]
pub struct Mapped {
    map: Mmap,
    path: PathBuf,
}

impl Mapped {
    /// The file at `path`, which must have been built for `header`; none if there is none.
    ///
    /// # Errors
    /// Data: a damaged or another file. Io.
    pub fn open(path: &Path, header: &Header) -> Result<Option<Self>> {
        let unreadable = |error: std::io::Error| {
            Error::io(format!("pack: cannot read {}", path.display()), &error)
        };
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(unreadable)?,
        };
        // SAFETY: a file that has its name is whole and is never written again; the program only
        // removes it, which leaves the mapped bytes. Whoever cuts it from outside ends the
        // process, as with a mapped library.
        let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
        let index = usize::try_from(header.pixels()).ok();
        let index = index.and_then(|end| map.get(LENGTH..end)).unwrap_or_default();
        if let Some(why) = header.difference(map.get(..LENGTH).unwrap_or(&map), index) {
            return Err(damaged(path, why));
        }
        let end = index.rchunks_exact(ROW).next().and_then(Entry::read).map(|last| last.end());
        if end != Some(map.len() as u64) {
            let (expected, found) = (end.unwrap_or_default(), map.len());
            return Err(damaged(path, format!("expected {expected} bytes, found {found}")));
        }
        Ok(Some(Self { map, path: path.to_owned() }))
    }

    /// The picture at a place, where it lies.
    ///
    /// # Errors
    /// Data: its bytes are not those that were written.
    pub fn frame(&self, row: usize) -> Result<Frame<'_>> {
        let start = LENGTH + row * ROW;
        let entry = self.map.get(start..start + ROW).and_then(Entry::read);
        let part = entry.and_then(|entry| {
            let (start, end) = (usize::try_from(entry.start), usize::try_from(entry.end()));
            let bytes = self.map.get(start.ok()?..end.ok()?)?;
            (crc32fast::hash(bytes) == entry.check).then_some((bytes, entry))
        });
        let (bytes, entry) = part.ok_or_else(|| {
            let why = format!("picture {row} does not have the checksum that was written");
            damaged(&self.path, why)
        })?;
        Frame::borrowed(bytes, Size::new(entry.width as usize, entry.height as usize), 3)
    }
}

fn damaged(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::data(format!("pack: {} is damaged: {why}", path.display()))
        .hint("delete it and run again: it will be built again from the pictures")
}
