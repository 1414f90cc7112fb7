//! A picture in memory.

use crate::error::{Error, Result};

/// Pixels of one byte per channel, row after row, the channels of a pixel side by side (as Pillow
/// holds an `RGB` or an `L` image).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    width: usize,
    height: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Raster {
    /// A picture of `width` by `height` pixels with 1 channel (grey) or 3 (red, green, blue).
    ///
    /// # Errors
    /// Internal: no pixel, other channels, or a number of bytes that is not theirs.
    pub fn new(width: usize, height: usize, channels: usize, bytes: Vec<u8>) -> Result<Self> {
        let expected = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(channels));
        let plausible = matches!(channels, 1 | 3) && !bytes.is_empty();
        if !plausible || expected != Some(bytes.len()) {
            let found = bytes.len();
            return Err(Error::internal(format!(
                "a raster of {width} x {height} pixels and {channels} channels got {found} bytes"
            )));
        }
        Ok(Self { width, height, channels, bytes })
    }

    /// Pixels of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels of a column.
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1 or 3.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All bytes, `height * width * channels`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All bytes, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The bytes alone, to be used again.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_do_not_fill_the_picture_are_refused() {
        assert!(Raster::new(2, 3, 3, vec![0; 18]).is_ok());
        for (width, height, channels, bytes) in
            [(2, 3, 3, 17), (2, 3, 2, 12), (0, 3, 3, 0), (usize::MAX, 2, 1, 2)]
        {
            let found = Raster::new(width, height, channels, vec![0; bytes]);
            assert!(found.unwrap_err().to_string().contains("a raster of"));
        }
    }
}
