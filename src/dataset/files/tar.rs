//! Tar archives, whose files are read where they lie.

use super::tree::{File, Version};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An archive with the places of its files.
#[derive(Debug)]
pub struct Tar {
    path: PathBuf,
    file: Arc<fs::File>,
    version: Version,
    /// Start and size by path.
    entries: BTreeMap<String, (u64, u64)>,
}

impl Tar {
    /// Finds the files of an archive that is not compressed.
    ///
    /// # Errors
    /// Io; Data: no tar archive, or one that is cut short.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        let failed = |error: io::Error| Error::io(format!("read {}", path.display()), &error);
        let file = Arc::new(fs::File::open(path).map_err(failed)?);
        let facts = file.metadata().map_err(failed)?;
        let whole = Slice { file: file.clone(), start: 0, length: facts.len(), at: 0 };
        let entries = entries(whole, &path.display().to_string())?;
        Ok(Arc::new(Self { path: path.to_owned(), file, version: Version::of(&facts), entries }))
    }

    /// The files of an archive that lies in this one, each with its path in that.
    ///
    /// # Errors
    /// Data, as [`Tar::open`].
    pub fn within(self: &Arc<Self>, path: &str) -> Result<Vec<File>> {
        let place = format!("{}: {path}", self.path.display());
        let Some((start, length)) = self.entries.get(path).copied() else {
            return Err(Error::data(format!("{place}: expected an archive, found none")));
        };
        let inner = Slice { file: self.file.clone(), start, length, at: 0 };
        let found = entries(inner, &place)?.into_iter();
        Ok(found
            .map(|(path, (offset, size))| File::in_archive(self, path, start + offset, size))
            .collect())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Start and size of each file by its path.
    pub fn entries(&self) -> &BTreeMap<String, (u64, u64)> {
        &self.entries
    }

    /// Whether it holds a file or a folder at a path.
    pub fn has(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.entries.contains_key(path)
            || self.entries.range(below.clone()..).next().is_some_and(|e| e.0.starts_with(&below))
    }

    pub(super) fn file(&self) -> &Arc<fs::File> {
        &self.file
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }
}

fn entries(archive: Slice, place: &str) -> Result<BTreeMap<String, (u64, u64)>> {
    let length = archive.length;
    let damaged = |what: String| {
        Error::data(format!("{place}: expected a tar archive, found {what}"))
            .hint("a compressed archive must be unpacked first")
    };
    let unreadable = |error: io::Error| damaged(format!("damage: {error}"));
    let mut archive = tar::Archive::new(archive);
    let mut found = BTreeMap::new();
    for entry in archive.entries_with_seek().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path_bytes();
        let path = String::from_utf8(path.into_owned())
            .map_err(|_| damaged("a name that is no UTF-8".to_owned()))?;
        let parts: Vec<&str> =
            path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let (start, size) = (entry.raw_file_position(), entry.size());
        if start.checked_add(size).is_none_or(|end| end > length) {
            return Err(damaged(format!("its end within {path}")));
        }
        if !parts.last().is_none_or(|name| name.starts_with('.')) {
            found.insert(parts.join("/"), (start, size));
        }
    }
    match found.is_empty() {
        true => Err(damaged("no file in it".to_owned())),
        false => Ok(found),
    }
}

/// A part of a file, read without moving a cursor that others share.
struct Slice {
    file: Arc<fs::File>,
    start: u64,
    length: u64,
    at: u64,
}

impl Read for Slice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.at);
        let count = left.min(buffer.len() as u64) as usize;
        let into = buffer.get_mut(..count).unwrap_or_default();
        let read = self.file.read_at(into, self.start + self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Slice {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
