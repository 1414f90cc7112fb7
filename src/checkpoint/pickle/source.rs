//! The bytes of pickles, read as far as they are needed.

use crate::error::{Error, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The most bytes of pickles in one file. Weights lie outside of them; a data set of numpy arrays
/// such as CIFAR-100 takes 155 MB.
pub const MAX_PICKLED: u64 = 256 << 20;

/// The bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// The bytes of a file from its start, or bytes in memory.
pub struct Source<'a> {
    file: Option<&'a File>,
    length: u64,
    bytes: Vec<u8>,
    at: usize,
}

impl<'a> Source<'a> {
    /// The bytes of a file of `length` bytes.
    pub fn file(file: &'a File, length: u64) -> Self {
        Self { file: Some(file), length, bytes: Vec::new(), at: 0 }
    }

    /// These bytes.
    pub fn memory(bytes: Vec<u8>) -> Self {
        Self { file: None, length: bytes.len() as u64, bytes, at: 0 }
    }

    /// Where the next byte is.
    pub fn position(&self) -> u64 {
        self.at as u64
    }

    /// The bytes in all.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The bytes read so far.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes of a range that was taken.
    pub fn slice(&self, (from, to): (usize, usize)) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// Steps over `count` bytes and gives their range.
    ///
    /// # Errors
    /// Data: there are fewer. Io: they cannot be read.
    pub fn take(&mut self, count: u64) -> Result<(usize, usize)> {
        let left = self.length - self.position();
        if count > left {
            let found = format!("expected {count} more bytes, found {left}");
            return Err(Error::data(format!("ends early: {found}")));
        }
        let from = self.at;
        let to = from + count as usize;
        self.fill(to)?;
        self.at = to;
        Ok((from, to))
    }

    /// Steps over `N` bytes and gives them.
    ///
    /// # Errors
    /// As [`Source::take`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let range = self.take(N as u64)?;
        let mut array = [0; N];
        array.copy_from_slice(self.slice(range));
        Ok(array)
    }

    /// Steps over a line and its end, and gives the line's range.
    ///
    /// # Errors
    /// Data: no line ends. Io: they cannot be read.
    pub fn line(&mut self) -> Result<(usize, usize)> {
        let from = self.at;
        let mut searched = from;
        loop {
            let found = self.bytes.get(searched..).unwrap_or_default();
            if let Some(end) = found.iter().position(|&byte| byte == b'\n') {
                self.at = searched + end + 1;
                return Ok((from, searched + end));
            }
            searched = self.bytes.len();
            if searched as u64 == self.length {
                return Err(Error::data("ends early: expected the end of a line"));
            }
            self.fill(searched + 1)?;
        }
    }

    /// Reads so that there are at least `needed` bytes.
    fn fill(&mut self, needed: usize) -> Result<()> {
        let from = self.bytes.len();
        let Some(file) = self.file.filter(|_| needed > from) else { return Ok(()) };
        if needed as u64 > MAX_PICKLED {
            return Err(Error::data("pickles of more than 256 MiB are not read"));
        }
        let wanted = needed.max(from + CHUNK).min(self.length as usize);
        self.bytes.resize(wanted, 0);
        let read = file.read_exact_at(&mut self.bytes[from..], from as u64);
        read.map_err(|error| {
            self.bytes.truncate(from);
            Error::io("read", &error)
        })
    }
}
