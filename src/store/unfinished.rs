//! Large files that take long to write: one grows as `<name>.part`, goes on after a kill, and gets
//! its name when it is whole. It lies with the blobs, and may be deleted as they may.
//!
//! The writer of an address holds its lease. Where a file system cannot lock, two writers meet in
//! one file; that is safe as long as the address alone decides which byte stands where.

use super::{BLOBS, Store, check_name, writer};
use crate::error::Result;
use crate::lineage::Address;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How the names of files end that are not whole.
pub(super) const PART: &str = ".part";

/// A file that grows.
#[derive(Debug)]
pub struct Unfinished {
    file: File,
    path: PathBuf,
    place: PathBuf,
}

impl Store {
    /// Where the large file `name` of an address lies, or will lie when it is whole.
    ///
    /// # Errors
    ///
    /// `Kind::Internal` for a name that is no file name.
    pub fn large_file(&self, address: &Address, name: &str) -> Result<PathBuf> {
        check_name(name)?;
        Ok(self.spread(BLOBS, address).join(address.as_str()).join(name))
    }

    /// The large file `name` of an address as far as it was written: empty at first.
    ///
    /// # Errors
    ///
    /// `Kind::Io` where it cannot be made.
    pub fn unfinished(&self, address: &Address, name: &str) -> Result<Unfinished> {
        let place = self.large_file(address, name)?;
        let path = place.with_file_name(format!("{name}{PART}"));
        writer::ensure_folder(path.parent().unwrap_or(Path::new(".")))?;
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(|error| writer::cannot_write(&path, &error))?;
        Ok(Unfinished { file, path, place })
    }
}

impl Unfinished {
    /// How long it is, in bytes.
    ///
    /// # Errors
    ///
    /// `Kind::Io`.
    pub fn length(&self) -> Result<u64> {
        let facts = self.file.metadata();
        Ok(facts.map_err(|error| writer::cannot_read(&self.path, &error))?.len())
    }

    /// The bytes from `start` on, `length` of them or as many as there are.
    ///
    /// # Errors
    ///
    /// `Kind::Io`.
    pub fn read(&self, start: u64, length: usize) -> Result<Vec<u8>> {
        let there = usize::try_from(self.length()?.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; there.min(length)];
        let read = self.file.read_exact_at(&mut bytes, start);
        read.map_err(|error| writer::cannot_read(&self.path, &error))?;
        Ok(bytes)
    }

    /// Writes bytes from `start` on.
    ///
    /// # Errors
    ///
    /// `Kind::Io`, a full disk included.
    pub fn write(&self, bytes: &[u8], start: u64) -> Result<()> {
        self.file.write_all_at(bytes, start).map_err(|error| self.unwritable(&error))
    }

    /// Makes durable what was written: what is written later is on the disk later.
    ///
    /// # Errors
    ///
    /// `Kind::Io`.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| self.unwritable(&error))
    }

    /// Gives the file its name; it has `length` bytes and is not changed any more.
    ///
    /// # Errors
    ///
    /// `Kind::Io`.
    pub fn finish(self, length: u64) -> Result<()> {
        let place = || -> io::Result<()> {
            self.file.set_len(length)?;
            self.file.sync_all()?;
            match fs::rename(&self.path, &self.place) {
                // Another writer of the same bytes was faster.
                Err(error) if error.kind() == ErrorKind::NotFound && self.place.exists() => Ok(()),
                renamed => renamed,
            }?;
            writer::sync_folder(writer::folder_of(&self.place))
        };
        place().map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &io::Error) -> crate::error::Error {
        writer::cannot_write(&self.path, error)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fresh, lineage};
    use super::*;

    #[test]
    fn a_file_goes_on_where_it_ended_and_is_named_when_whole() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        let place = store.large_file(asked.address(), "long").unwrap();
        let begin = || store.unfinished(asked.address(), "long").unwrap();
        begin().write(b"one two", 0).unwrap();
        assert!(!place.exists());
        let again = begin();
        assert_eq!(again.length().unwrap(), 7);
        assert_eq!(again.read(4, 9).unwrap(), b"two");
        assert_eq!(again.read(9, 9).unwrap(), b"");
        again.write(b"too", 4).unwrap();
        let other = begin();
        again.finish(6).unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"one to");
        other.finish(6).unwrap();
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
        assert!(store.large_file(asked.address(), "../x").is_err());
    }
}
