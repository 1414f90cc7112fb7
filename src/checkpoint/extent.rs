//! Stretches of a file.

use crate::error::{Error, Result};
use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// A stretch of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The first byte.
    pub at: u64,
    /// The bytes in the file.
    pub stored: u64,
    /// The bytes once they are unpacked.
    pub bytes: u64,
    /// Whether they are packed with deflate.
    pub deflated: bool,
    /// The checksum of the unpacked bytes, where the file gives one.
    pub crc: Option<u32>,
}

impl Extent {
    /// Bytes as they stand in the file.
    pub fn plain(at: u64, bytes: u64) -> Self {
        Self { at, stored: bytes, bytes, deflated: false, crc: None }
    }

    /// Reads the bytes, which are as many as `into` takes, in one go unless they are packed.
    ///
    /// # Errors
    /// Data: they do not unpack to that many bytes, or the checksum is another. Io.
    pub fn read(&self, file: &File, into: &mut [u8]) -> Result<()> {
        if self.deflated {
            self.unpack(file, into)?;
        } else {
            file.read_exact_at(into, self.at).map_err(|error| unread(&error))?;
        }
        let Some(expected) = self.crc else { return Ok(()) };
        let mut crc = Crc::new();
        crc.update(into);
        if crc.sum() == expected {
            return Ok(());
        }
        let found = format!("checksum {expected:08x} expected, {:08x} found", crc.sum());
        Err(Error::data(format!("the bytes are damaged: {found}")))
    }

    fn unpack(&self, file: &File, into: &mut [u8]) -> Result<()> {
        let stored = Stored { file, at: self.at, end: self.at.saturating_add(self.stored) };
        let mut decoder = DeflateDecoder::new(stored);
        decoder.read_exact(into).map_err(|error| unread(&error))?;
        match decoder.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Error::data("the bytes unpack to more than the file says")),
            Err(error) => Err(unread(&error)),
        }
    }
}

fn unread(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::data("the bytes end early"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Error::data(format!("the bytes cannot be unpacked: {error}"))
        }
        _ => Error::io("read", error),
    }
}

/// The bytes of a file from `at` to `end`.
struct Stored<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Stored<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let count = into.len().min(left);
        let read = self.file.read_at(&mut into[..count], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
