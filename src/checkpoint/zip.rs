//! Zip archives as `torch.save` writes them since PyTorch 1.6 (`caffe2/serialize/
//! inline_container.cc`): a folder with `data.pkl` and one record for each storage.
//!
//! Only what the format needs is read: the central directory with its zip64 parts, and records
//! that are stored or deflated (APPNOTE.TXT 6.3.10, sections 4.3 and 4.5). Names are keys of a
//! table, never paths. Records may not share a name or a byte, since readers that choose between
//! them differently see different files.

use super::extent::Extent;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The most bytes of a central directory: room for a million storages.
const MAX_DIRECTORY: u64 = 128 << 20;

/// How often its packed bytes a record may hold, and how many bytes any may hold.
const MAX_RATIO: u64 = 64;
const MAX_SMALL: u64 = 1 << 20;

const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
/// The mark of a record's head, with which archives start.
pub const RECORD: [u8; 4] = *b"PK\x03\x04";

/// The records of an archive.
#[derive(Debug)]
pub struct Archive {
    /// The folder that all names of a checkpoint start with.
    pub root: String,
    records: BTreeMap<String, Extent>,
}

impl Archive {
    /// Reads the directory of an archive of `length` bytes and finds the checkpoint in it.
    ///
    /// # Errors
    /// Data: the archive is damaged, encrypted, spans disks, packs suspiciously well, names a
    /// record twice or lets two overlap, or holds no checkpoint or two. Io.
    pub fn open(file: &File, length: u64) -> Result<Self> {
        let (at, size, count) = directory(file, length)?;
        let bytes = read(file, at, size)?;
        let mut rest = Bytes(&bytes);
        let mut records = BTreeMap::new();
        let mut stretches = Vec::new();
        for _ in 0..count {
            let entry = Entry::read(&mut rest)?;
            let extent = entry.locate(file, at)?;
            stretches.push((entry.header, extent.at + extent.stored));
            let name = entry.name;
            if records.insert(name.clone(), extent).is_some() {
                return Err(Error::data(format!("zip: {name} is there twice")));
            }
        }
        if !rest.0.is_empty() {
            return Err(Error::data("zip: the directory has more entries than it says"));
        }
        stretches.sort_unstable();
        if stretches.windows(2).any(|two| two[0].1 > two[1].0) {
            return Err(Error::data("zip: two records overlap"));
        }
        let root = root(&records)?;
        Ok(Self { root, records })
    }

    /// A record of the checkpoint, by its name below the root.
    pub fn record(&self, name: &str) -> Option<&Extent> {
        self.records.get(&format!("{}/{name}", self.root))
    }
}

/// The folder of the one `data.pkl`.
fn root(records: &BTreeMap<String, Extent>) -> Result<String> {
    let folder = |name: &str| {
        let folder = name.strip_suffix("/data.pkl")?;
        (!folder.is_empty() && !folder.contains('/')).then(|| folder.to_owned())
    };
    let mut roots = records.keys().filter_map(|name| folder(name));
    match (roots.next(), roots.next()) {
        (Some(root), None) => Ok(root),
        (Some(first), Some(second)) => {
            Err(Error::data(format!("zip: two checkpoints, in {first} and {second}")))
        }
        (None, _) => {
            let error = Error::data("zip: no checkpoint: no record is named FOLDER/data.pkl");
            Err(match records.keys().next() {
                Some(name) if name.ends_with(".npy") => error.hint("it is an archive of numpy"),
                Some(name) => error.hint(format!("its first record is {name}")),
                None => error.hint("it has no records"),
            })
        }
    }
}

/// The central directory: where it is, its bytes, and the number of its entries.
type Directory = (u64, u64, u64);

fn directory(file: &File, length: u64) -> Result<Directory> {
    // The end record has 22 bytes and a comment of at most 65535.
    let tail_at = length.saturating_sub(22 + 65_535);
    let tail = read(file, tail_at, length - tail_at)?;
    let ends_here = |&place: &usize| {
        let comment =
            tail.get(place + 20..place + 22).map(|two| u16::from_le_bytes([two[0], two[1]]));
        tail[place..].starts_with(&END)
            && comment.is_some_and(|comment| place + 22 + usize::from(comment) == tail.len())
    };
    let Some(place) = (0..tail.len()).rev().find(ends_here) else {
        return Err(Error::data("zip: the end of the archive is missing")
            .hint("the file is damaged or its download was cut short; fetch it again"));
    };
    let mut end = Bytes(&tail[place + 4..]);
    let disks = (end.u16()?, end.u16()?);
    let (here, count) = (u64::from(end.u16()?), u64::from(end.u16()?));
    let (size, at) = (u64::from(end.u32()?), u64::from(end.u32()?));
    let end_at = tail_at + place as u64;
    // PyTorch writes the wide record always, with the narrow numbers where they fit.
    let (found, limit) = match wide_directory(file, end_at)? {
        None => ((at, size, count), end_at),
        Some((wide, record_at)) => {
            let agree = |narrow: u64, wide: u64, all: u64| narrow == wide || narrow == all;
            if !(agree(at, wide.0, 0xffff_ffff)
                && agree(size, wide.1, 0xffff_ffff)
                && agree(count, wide.2, 0xffff))
            {
                return Err(Error::data("zip: its two ends name different directories"));
            }
            (wide, record_at)
        }
    };
    let (at, size, entries) = found;
    if disks != (0, 0) || here != count {
        return Err(Error::data("zip: it spans several disks"));
    }
    if at.checked_add(size) != Some(limit) || size > MAX_DIRECTORY || entries > size / 46 {
        return Err(Error::data("zip: the directory is not where the end of the archive says"));
    }
    Ok(found)
}

/// The directory by the zip64 record in front of the end at
/// `end_at`, and where that record is; `None` if there is none.
fn wide_directory(file: &File, end_at: u64) -> Result<Option<(Directory, u64)>> {
    let Some(locator_at) = end_at.checked_sub(20) else { return Ok(None) };
    let locator = read(file, locator_at, 20)?;
    let mut locator = Bytes(&locator);
    if locator.array()? != LOCATOR_64 {
        return Ok(None);
    }
    locator.u32()?;
    let record_at = locator.u64()?;
    let record = read(file, record_at, 56)?;
    let mut record = Bytes(&record);
    record.mark(&END_64, "zip64 end")?;
    record.take(8 + 2 + 2)?;
    let disks = (record.u32()?, record.u32()?);
    let (here, entries) = (record.u64()?, record.u64()?);
    if disks != (0, 0) || here != entries {
        return Err(Error::data("zip: it spans several disks"));
    }
    let size = record.u64()?;
    Ok(Some(((record.u64()?, size, entries), record_at)))
}

/// A line of the central directory.
struct Entry {
    name: String,
    method: u16,
    crc: u32,
    stored: u64,
    bytes: u64,
    header: u64,
}

impl Entry {
    fn read(rest: &mut Bytes) -> Result<Self> {
        rest.mark(&ENTRY, "directory entry")?;
        rest.take(4)?;
        let (flags, method) = (rest.u16()?, rest.u16()?);
        rest.take(4)?;
        let crc = rest.u32()?;
        let (stored, bytes) = (rest.u32()?, rest.u32()?);
        let (name, extra, comment) = (rest.u16()?, rest.u16()?, rest.u16()?);
        let disk = rest.u16()?;
        rest.take(6)?;
        let header = rest.u32()?;
        let name = rest.take(usize::from(name))?;
        let extra = rest.take(usize::from(extra))?;
        rest.take(usize::from(comment))?;
        let name = String::from_utf8(name.to_vec());
        let name = name.map_err(|_| Error::data("zip: a name is no text"))?;
        // Bits 0, 6 and 13: encrypted in one way or another.
        if flags & 0x2041 != 0 {
            return Err(Error::data(format!("zip: {name} is encrypted")));
        }
        if disk != 0 && disk != 0xffff {
            return Err(Error::data("zip: it spans several disks"));
        }
        let mut wide = wide_part(extra)?;
        let mut number = |narrow: u32| match narrow {
            u32::MAX => wide.u64(),
            narrow => Ok(u64::from(narrow)),
        };
        // In this order the wide part has them.
        let (bytes, stored, header) = (number(bytes)?, number(stored)?, number(header)?);
        Ok(Self { name, method, crc, stored, bytes, header })
    }

    /// Where the bytes are, which only the head in front of them says. The directory is at `end`.
    fn locate(&self, file: &File, end: u64) -> Result<Extent> {
        let Self { name, stored, bytes, .. } = self;
        let wrong = |what: &str| Err(Error::data(format!("zip: {name} {what}")));
        if self.header.checked_add(30).is_none_or(|start| start > end) {
            return wrong("lies outside the archive");
        }
        let head = read(file, self.header, 30)?;
        let mut head = Bytes(&head);
        head.mark(&RECORD, "record")?;
        let (_version, flags, method) = (head.u16()?, head.u16()?, head.u16()?);
        head.take(16)?;
        let (name_length, extra) = (u64::from(head.u16()?), u64::from(head.u16()?));
        let at = self.header + 30 + name_length + extra;
        if at.checked_add(*stored).is_none_or(|last| last > end) {
            return wrong("lies outside the archive");
        }
        if read(file, self.header + 30, name_length)? != name.as_bytes() || method != self.method {
            return wrong("is called or packed otherwise in its own head");
        }
        if flags & 0x2041 != 0 {
            return wrong("is encrypted");
        }
        let deflated = match method {
            0 => false,
            8 => true,
            other => return wrong(&format!("is packed by method {other}, not stored or deflated")),
        };
        if !deflated && stored != bytes {
            return wrong("is stored with another number of bytes than it has");
        }
        if deflated && *bytes > stored.saturating_mul(MAX_RATIO).max(MAX_SMALL) {
            return wrong("unpacks to more than 64 times its size");
        }
        // PyTorch writes 0 where it was told to leave checksums out.
        let crc = (self.crc != 0).then_some(self.crc);
        Ok(Extent { at, stored: *stored, bytes: *bytes, deflated, crc })
    }
}

/// The part of the extra fields that holds numbers of 64 bits.
fn wide_part(extra: &[u8]) -> Result<Bytes<'_>> {
    let mut rest = Bytes(extra);
    while rest.0.len() >= 4 {
        let (kind, length) = (rest.u16()?, rest.u16()?);
        let part = rest.take(usize::from(length))?;
        if kind == 1 {
            return Ok(Bytes(part));
        }
    }
    Ok(Bytes(&[]))
}

fn read(file: &File, at: u64, count: u64) -> Result<Vec<u8>> {
    if count > MAX_DIRECTORY {
        return Err(Error::data("zip: the directory is too large"));
    }
    let mut bytes = vec![0; count as usize];
    file.read_exact_at(&mut bytes, at).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
            Error::data("zip: the archive ends early")
        }
        _ => Error::io("zip: read", &error),
    })?;
    Ok(bytes)
}

/// Bytes that numbers are taken from.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| Error::data("zip: the directory ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn mark(&mut self, expected: &[u8; 4], what: &str) -> Result<()> {
        if self.array::<4>()? == *expected {
            return Ok(());
        }
        Err(Error::data(format!("zip: no {what} where one should be")))
    }

    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}
