//! Tagged elements, and the matrices in them.

use super::{Mat, Reason};
use std::collections::BTreeMap;

/// The types of elements that this module tells apart.
pub const MATRIX: u32 = 14;
pub const COMPRESSED: u32 = 15;
const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT16: u32 = 3;
const UINT16: u32 = 4;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const SINGLE: u32 = 7;
const DOUBLE: u32 = 9;
const INT64: u32 = 12;
const UINT64: u32 = 13;
const UTF8: u32 = 16;
const UTF16: u32 = 17;

/// Elements one after the other.
pub struct Elements<'a> {
    rest: &'a [u8],
    big_endian: bool,
}

impl<'a> Elements<'a> {
    pub fn new(rest: &'a [u8], big_endian: bool) -> Self {
        Self { rest, big_endian }
    }

    /// The type and the content of the next element; none at the end.
    pub fn next(&mut self) -> Result<Option<(u32, &'a [u8])>, Reason> {
        // Padding may stand behind the last element.
        if self.rest.iter().all(|byte| *byte == 0) && self.rest.len() < 8 {
            return Ok(None);
        }
        let tag = self.word(0)?;
        let (kind, size, start) = match tag >> 16 {
            0 => (tag, self.word(4)? as usize, 8),
            // Up to four bytes stand within the tag.
            small => (tag & 0xffff, small.min(4) as usize, 4),
        };
        let content =
            self.rest.get(start..).and_then(|rest| rest.get(..size)).ok_or_else(|| {
                let found = self.rest.len().saturating_sub(start);
                format!("an element of {size} bytes, of which {found} are there")
            })?;
        let padded = match (start, kind) {
            (4, _) => 8,
            (_, COMPRESSED) => start + size,
            _ => (start + size).next_multiple_of(8),
        };
        self.rest = self.rest.get(padded..).unwrap_or_default();
        Ok(Some((kind, content)))
    }

    fn required(&mut self) -> Result<(u32, &'a [u8]), Reason> {
        self.next()?.ok_or_else(|| "a matrix that ends early".to_owned())
    }

    fn word(&self, at: usize) -> Result<u32, Reason> {
        let bytes = self.rest.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        let bytes: [u8; 4] = bytes.ok_or_else(|| "an element that ends in its tag".to_owned())?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn numbers(&mut self) -> Result<Vec<f64>, Reason> {
        let (kind, content) = self.required()?;
        numbers(kind, content, self.big_endian)
    }
}

/// The name and the value of a matrix; up to `depth` others may lie in each other within it.
pub fn matrix(content: &[u8], big_endian: bool, depth: usize) -> Result<(String, Mat), Reason> {
    if content.is_empty() {
        return Ok((String::new(), Mat::Numbers(Vec::new())));
    }
    if depth == 0 {
        return Err("arrays too deep in each other".to_owned());
    }
    let mut elements = Elements::new(content, big_endian);
    let flags = elements.numbers()?.first().copied().unwrap_or_default() as u32;
    let lengths = elements.numbers()?;
    let (_, name) = elements.required()?;
    let name = String::from_utf8_lossy(name).into_owned();
    let count = lengths.iter().product::<f64>();
    if lengths.iter().any(|length| *length < 0.0) || count > content.len() as f64 {
        return Err(format!("a matrix of the lengths {lengths:?} in {} bytes", content.len()));
    }
    let count = count as usize;
    let item = |elements: &mut Elements| -> Result<Mat, Reason> {
        match elements.required()? {
            (MATRIX, content) => Ok(matrix(content, big_endian, depth - 1)?.1),
            (kind, _) => Err(format!("an element of type {kind} in place of a matrix")),
        }
    };
    let value = match flags & 0xff {
        1 => Mat::Cells((0..count).map(|_| item(&mut elements)).collect::<Result<_, _>>()?),
        2 => {
            let length = elements.numbers()?.first().copied().unwrap_or_default() as usize;
            let (_, names) = elements.required()?;
            if length == 0 && !names.is_empty() {
                return Err("fields without names".to_owned());
            }
            let name = |name: &[u8]| {
                let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
                String::from_utf8_lossy(name.get(..end).unwrap_or_default()).into_owned()
            };
            let names: Vec<String> = names.chunks(length.max(1)).map(name).collect();
            let mut fields = || -> Result<BTreeMap<String, Mat>, Reason> {
                names.iter().map(|name| Ok((name.clone(), item(&mut elements)?))).collect()
            };
            Mat::Structs((0..count).map(|_| fields()).collect::<Result<_, _>>()?)
        }
        4 if count == 0 => Mat::Text(String::new()),
        4 => {
            let (kind, content) = elements.required()?;
            Mat::Text(text(kind, content, big_endian)?)
        }
        6..=15 if count == 0 => Mat::Numbers(Vec::new()),
        6..=15 => {
            let numbers = elements.numbers()?;
            if numbers.len() != count {
                return Err(format!("{} numbers for the lengths {lengths:?}", numbers.len()));
            }
            Mat::Numbers(numbers)
        }
        _ => Mat::Other,
    };
    Ok((name, value))
}

/// Numbers as they are stored, which may be in a narrower type than that of their matrix.
fn numbers(kind: u32, content: &[u8], big_endian: bool) -> Result<Vec<f64>, Reason> {
    macro_rules! read {
        ($type:ty) => {
            content
                .as_chunks()
                .0
                .iter()
                .map(|bytes| match big_endian {
                    true => <$type>::from_be_bytes(*bytes) as f64,
                    false => <$type>::from_le_bytes(*bytes) as f64,
                })
                .collect()
        };
    }
    Ok(match kind {
        INT8 => read!(i8),
        UINT8 => read!(u8),
        INT16 => read!(i16),
        UINT16 => read!(u16),
        INT32 => read!(i32),
        UINT32 => read!(u32),
        SINGLE => read!(f32),
        DOUBLE => read!(f64),
        INT64 => read!(i64),
        UINT64 => read!(u64),
        _ => return Err(format!("numbers of type {kind}")),
    })
}

fn text(kind: u32, content: &[u8], big_endian: bool) -> Result<String, Reason> {
    let units = || numbers(UINT16, content, big_endian);
    match kind {
        UTF8 => Ok(String::from_utf8_lossy(content).into_owned()),
        INT8 | UINT8 => Ok(content.iter().map(|byte| char::from(*byte)).collect()),
        UTF16 | UINT16 => {
            let units: Vec<u16> = units()?.into_iter().map(|unit| unit as u16).collect();
            Ok(String::from_utf16_lossy(&units))
        }
        _ => Err(format!("characters of type {kind}")),
    }
}
