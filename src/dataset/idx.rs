//! The IDX format of the MNIST family, plain or gzipped
//! (<https://yann.lecun.org/exdb/mnist/>, section "File formats").
//!
//! A file is `00 00 TYPE RANK`, then RANK lengths as big-endian u32, then the elements. Only
//! unsigned bytes (TYPE 08) are read. Memory grows with the bytes found, never with the lengths
//! claimed.

use crate::error::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, Read};

/// The lengths and the elements of an IDX file of `RANK` dimensions.
///
/// # Errors
/// Data: no gzip, another magic, or elements missing or left over; `file` names the source.
pub fn read<const RANK: usize>(
    file: &str,
    stored: impl BufRead,
) -> Result<([usize; RANK], Vec<u8>)> {
    let mut reader =
        unpacked(stored).map_err(|error| Error::io(format!("{file}: read"), &error))?;
    let lengths = header(file, &mut reader)?;
    let expected = lengths
        .iter()
        .try_fold(1usize, |product, length| product.checked_mul(*length))
        .and_then(|product| u64::try_from(product).ok())
        .ok_or_else(|| Error::data(format!("{file}: lengths {lengths:?} are too large")))?;
    let mut elements = Vec::new();
    let outcome = (&mut reader).take(expected).read_to_end(&mut elements);
    let mut found = elements.len() as u64;
    // The reader goes on to its end: that checks the gzip checksum and counts what is left over.
    let outcome = outcome.and_then(|_| io::copy(&mut reader, &mut io::sink()));
    found += *outcome.as_ref().unwrap_or(&0);
    if found != expected {
        let start = header_length(RANK) as u64;
        return Err(Error::data(format!(
            "{file}: expected {} bytes, found {}",
            start.saturating_add(expected),
            start.saturating_add(found)
        ))
        .hint("the file is damaged or its download was cut short; fetch it again"));
    }
    outcome.map_err(|error| damaged(file, &error))?;
    Ok((lengths, elements))
}

/// The lengths alone, from the first bytes of a file.
///
/// # Errors
/// As [`read`].
pub fn lengths<const RANK: usize>(file: &str, stored: impl BufRead) -> Result<[usize; RANK]> {
    let mut reader =
        unpacked(stored).map_err(|error| Error::io(format!("{file}: read"), &error))?;
    header(file, &mut reader)
}

const fn header_length(rank: usize) -> usize {
    4 + 4 * rank
}

/// Unpacks gzip, recognised by its first two bytes, which no IDX file has.
fn unpacked<'a>(mut stored: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let packed = stored.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if packed { Box::new(MultiGzDecoder::new(stored)) } else { Box::new(stored) })
}

fn damaged(file: &str, error: &io::Error) -> Error {
    Error::data(format!("{file}: cannot be unpacked: {error}"))
        .hint("the file is damaged or its download was cut short; fetch it again")
}

fn header<const RANK: usize>(file: &str, reader: &mut dyn Read) -> Result<[usize; RANK]> {
    let expected = header_length(RANK);
    let mut start = Vec::new();
    reader.take(expected as u64).read_to_end(&mut start).map_err(|error| damaged(file, &error))?;
    if start.len() < expected {
        return Err(Error::data(format!(
            "{file}: expected at least {expected} bytes, found {}",
            start.len()
        )));
    }
    let (magic, rest) = start.split_at(4);
    let wanted = [0, 0, 8, RANK as u8];
    if magic != wanted {
        return Err(Error::data(format!(
            "{file}: expected IDX magic {wanted:02x?}, found {magic:02x?}"
        )));
    }
    let mut lengths = [0; RANK];
    for (length, bytes) in lengths.iter_mut().zip(rest.chunks_exact(4)) {
        *length = bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
    }
    Ok(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn file() -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6];
        bytes.extend((0..120u8).map(|value| value.wrapping_mul(37)));
        bytes
    }

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn refused(bytes: &[u8]) -> String {
        let error = read::<3>("x", bytes).unwrap_err();
        assert_eq!(error.kind(), Kind::Data, "{error}");
        error.to_string()
    }

    #[test]
    fn plain_and_gzipped_files_read_alike() {
        let plain = read::<3>("x", file().as_slice()).unwrap();
        assert_eq!(plain.0, [4, 5, 6]);
        assert_eq!(plain.1, &file()[16..]);
        assert_eq!(plain, read::<3>("x", packed(&file()).as_slice()).unwrap());
        assert_eq!(lengths::<3>("x", packed(&file()).as_slice()).unwrap(), [4, 5, 6]);
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        for whole in [file(), packed(&file())] {
            for end in 0..whole.len() {
                refused(&whole[..end]);
            }
        }
        assert_eq!(refused(&file()[..100]), "x: expected 136 bytes, found 100");
    }

    #[test]
    fn bytes_left_over_are_refused() {
        let mut longer = file();
        longer.extend([0; 3]);
        assert_eq!(refused(&longer), "x: expected 136 bytes, found 139");
        assert_eq!(refused(&packed(&longer)), "x: expected 136 bytes, found 139");
        let mut tail = packed(&file());
        tail.extend(b"tail");
        refused(&tail);
    }

    #[test]
    fn another_magic_is_named() {
        let mut labels = file();
        labels[3] = 1;
        assert_eq!(
            refused(&labels),
            "x: expected IDX magic [00, 00, 08, 03], found [00, 00, 08, 01]"
        );
        labels[2] = 0x0d;
        refused(&labels);
        refused(b"<html>not a data set</html>");
    }

    #[test]
    fn claimed_lengths_allocate_nothing() {
        let mut huge = file();
        huge[4..16].fill(0xff);
        assert!(refused(&huge).contains("too large"));
        huge[8..16].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(refused(&huge), "x: expected 4294967311 bytes, found 136");
    }

    proptest! {
        #[test]
        fn a_flipped_bit_never_gives_other_elements(at in 0usize..2000, bit in 0u32..8) {
            let mut bytes = packed(&file());
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(read) = read::<3>("x", bytes.as_slice()) {
                prop_assert_eq!(read.1, &file()[16..]);
            }
        }
    }
}
