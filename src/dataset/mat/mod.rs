//! MATLAB files of version 5, as data sets keep their labels
//! (<https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf>).
//!
//! Numbers, text, structures and cells are read, compressed or not; what else a file holds is
//! skipped. Memory grows with the bytes found, never with the lengths claimed.

mod element;
#[cfg(test)]
pub mod tests;

use crate::error::{Error, Result};
use element::{COMPRESSED, Elements, MATRIX};
use flate2::bufread::ZlibDecoder;
use std::collections::BTreeMap;
use std::io::Read;

/// A value of a file; arrays are in MATLAB's order, the first index fastest.
#[derive(Debug, Clone, PartialEq)]
pub enum Mat {
    /// Numbers; of complex ones the real parts.
    Numbers(Vec<f64>),
    /// Characters.
    Text(String),
    /// The elements of a structure array, each a map of its fields.
    Structs(Vec<BTreeMap<String, Mat>>),
    /// The items of a cell array.
    Cells(Vec<Mat>),
    /// What is not read: objects, functions, sparse matrices.
    Other,
}

impl Mat {
    /// The only number of an array of one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Numbers(numbers) => match numbers.as_slice() {
                [number] => Some(*number),
                _ => None,
            },
            _ => None,
        }
    }

    /// A text; a cell of one counts as its text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Cells(items) => match items.as_slice() {
                [item] => item.text(),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The most bytes of a file after decompression.
const MOST: u64 = 1 << 28;
/// How deep arrays may lie in arrays.
const DEPTH: usize = 16;

/// Why a file could not be read, for the end of a message.
type Reason = String;

/// The variables of a file; `place` is for messages.
///
/// # Errors
/// Data: no MATLAB file of version 5, or a damaged one.
pub fn read(bytes: &[u8], place: &str) -> Result<BTreeMap<String, Mat>> {
    variables(bytes).map_err(|reason| {
        Error::data(format!("{place}: expected a MATLAB file of version 5, found {reason}"))
    })
}

/// The variable of this name.
///
/// # Errors
/// Data: there is none.
pub fn variable(variables: &mut BTreeMap<String, Mat>, name: &str, place: &str) -> Result<Mat> {
    variables.remove(name).ok_or_else(|| {
        let names: Vec<&str> = variables.keys().map(String::as_str).collect();
        Error::data(format!(
            "{place}: expected the variable {name}, found {}",
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        ))
    })
}

fn variables(bytes: &[u8]) -> std::result::Result<BTreeMap<String, Mat>, Reason> {
    let (Some(header), Some(body)) = (bytes.get(..128), bytes.get(128..)) else {
        return Err(format!("{} bytes", bytes.len()));
    };
    let big_endian = match header {
        [.., 1, 0, b'M', b'I'] => true,
        [.., 0, 1, b'I', b'M'] => false,
        _ => return Err("another header".to_owned()),
    };
    let mut found = BTreeMap::new();
    let mut left = MOST;
    let mut elements = Elements::new(body, big_endian);
    while let Some((kind, content)) = elements.next()? {
        let unpacked;
        let (kind, content) = match kind {
            COMPRESSED => {
                unpacked = inflated(content, left)?;
                left -= unpacked.len() as u64;
                match Elements::new(&unpacked, big_endian).next()? {
                    Some(element) => element,
                    None => continue,
                }
            }
            _ => (kind, content),
        };
        if kind == MATRIX {
            let (name, value) = element::matrix(content, big_endian, DEPTH)?;
            found.insert(name, value);
        }
    }
    Ok(found)
}

fn inflated(packed: &[u8], most: u64) -> std::result::Result<Vec<u8>, Reason> {
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed)
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("compressed data that end early or are damaged ({error})"))?;
    match bytes.len() as u64 <= most {
        true => Ok(bytes),
        false => Err(format!("more than {MOST} bytes of data")),
    }
}
