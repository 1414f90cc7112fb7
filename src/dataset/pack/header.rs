//! The layout of a file of pictures: a header of one line of text, an index, the pixels.
//!
//! ```text
//! 0       "rtscript pictures " and JSON: version, address, options, number of pictures and the
//!         SHA-256 of the index; blanks, and a line break as byte 1023
//! 1024    for each picture 24 bytes, little-endian: start (u64), height, width, CRC-32 of the
//!         pixels and CRC-32 of the 20 bytes before it (u32 each)
//! then    the pixels, picture after picture: rows of red, green and blue bytes
//! ```
//!
//! An entry of the index depends on nothing but the pictures, so that a file that was interrupted
//! ends with the same bytes as one that was not.

use crate::lineage::{Address, sha256_hex};
use serde_json::Value as Json;

/// The bytes of the header.
pub const LENGTH: usize = 1024;
/// The bytes of an entry of the index.
pub const ROW: usize = 24;
const MAGIC: &str = "rtscript pictures ";

/// What a file of pictures is of.
#[derive(Debug, Clone)]
pub struct Header {
    /// The address of the source files, the ids and the options.
    pub address: Address,
    /// The shorter side in pixels.
    pub size: i64,
    /// Whether only the square in the middle is kept.
    pub crop: bool,
    /// The number of pictures.
    pub images: usize,
}

impl Header {
    fn json(&self, index: &str) -> Json {
        serde_json::json!({
            "version": super::VERSION, "address": self.address, "size": self.size,
            "crop": self.crop, "images": self.images, "index": index,
        })
    }

    /// The bytes of the header of a file with this index; without one, of a file that grows.
    pub fn bytes(&self, index: Option<&[u8]>) -> Vec<u8> {
        let hash = index.map_or_else(|| "unfinished".to_owned(), sha256_hex);
        let text = format!("{MAGIC}{}", self.json(&hash));
        format!("{text:width$}\n", width = LENGTH - 1).into_bytes()
    }

    /// Where the pixels begin.
    pub fn pixels(&self) -> u64 {
        LENGTH as u64 + self.images as u64 * ROW as u64
    }

    /// Says why `found`, of a file with `index`, is not this header; nothing where it is.
    pub fn difference(&self, found: &[u8], index: &[u8]) -> Option<String> {
        let expected = self.bytes(Some(index));
        if found == expected {
            return None;
        }
        let text = String::from_utf8_lossy(found);
        let Some(json) = text.strip_prefix(MAGIC) else {
            return Some("it is no file of packed pictures".to_owned());
        };
        let Ok(json) = serde_json::from_str::<Json>(json) else {
            return Some("its header is damaged".to_owned());
        };
        let ours = self.json("");
        for key in ["version", "size", "crop", "images", "address"] {
            if json[key] != ours[key] {
                return Some(format!("expected {key} {}, found {}", ours[key], json[key]));
            }
        }
        Some("its index is damaged".to_owned())
    }
}

/// Where a picture lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The first byte.
    pub start: u64,
    /// Pixels of a column.
    pub height: u32,
    /// Pixels of a row.
    pub width: u32,
    /// CRC-32 of the pixels.
    pub check: u32,
}

impl Entry {
    /// The bytes in the index.
    pub fn bytes(&self) -> [u8; ROW] {
        let mut bytes = [0; ROW];
        bytes[..8].copy_from_slice(&self.start.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.height.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.width.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.check.to_le_bytes());
        let own = crc32fast::hash(&bytes[..20]);
        bytes[20..].copy_from_slice(&own.to_le_bytes());
        bytes
    }

    /// The entry in some bytes, if they are whole.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| {
            let four = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(four))
        };
        let start = u64::from(number(0)?) | u64::from(number(4)?) << 32;
        let entry = Self { start, height: number(8)?, width: number(12)?, check: number(16)? };
        (entry.bytes() == *bytes && entry.length() > 0).then_some(entry)
    }

    /// The bytes of the pixels.
    pub fn length(&self) -> u64 {
        u64::from(self.height) * u64::from(self.width) * 3
    }

    /// Where the next picture starts.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.length())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_and_no_flipped_bit_goes_unseen() {
        let entry = Entry { start: (7 << 32) + 5, height: 256, width: 341, check: 0xfedc_ba98 };
        let bytes = entry.bytes();
        assert_eq!(Entry::read(&bytes), Some(entry));
        assert_eq!(entry.end(), (7 << 32) + 5 + 256 * 341 * 3);
        for at in 0..ROW {
            assert_eq!(Entry::read(&bytes[..at]), None);
            for bit in 0..8 {
                let mut flipped = bytes;
                flipped[at] ^= 1 << bit;
                assert_eq!(Entry::read(&flipped), None, "bit {bit} of byte {at}");
            }
        }
        assert_eq!(Entry::read(&[0; ROW]), None);
    }
}
