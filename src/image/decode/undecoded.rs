//! A picture that is decoded as far down as it is needed.

use super::{Format, expect_size, jpeg, raster};
use crate::error::{Error, Result};
use crate::image::Raster;

/// A JPEG picture whose data hold the rows in order, not decoded yet.
#[derive(Debug, Clone)]
pub struct Undecoded {
    bytes: Vec<u8>,
    width: usize,
    height: usize,
}

impl Undecoded {
    /// The picture in a file's `bytes`; the bytes again where it has to be decoded as a whole: in
    /// other formats, and in progressive JPEG pictures.
    ///
    /// # Errors
    /// The bytes.
    pub fn new(bytes: Vec<u8>) -> std::result::Result<Self, Vec<u8>> {
        let size = (Format::of(&bytes) == Some(Format::Jpeg)).then(|| jpeg::size(&bytes)).flatten();
        match size {
            Some((width, height)) if expect_size(width, height).is_ok() => {
                Ok(Self { bytes, width: width as usize, height: height as usize })
            }
            _ => Err(bytes),
        }
    }

    /// Pixels of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels of a column.
    pub fn height(&self) -> usize {
        self.height
    }

    /// At least the first `count` rows, as [`super::decode`] gives them. Damage below them is not
    /// noticed.
    ///
    /// # Errors
    /// Data, without a path: it is damaged or cut short.
    pub fn rows(&self, count: usize) -> Result<Raster> {
        let count = count.min(self.height);
        let rows = raster(Format::Jpeg, || jpeg::read_rows(&self.bytes, count))?;
        let enough = rows.height() >= count && rows.width() == self.width;
        enough.then_some(rows).ok_or_else(|| {
            Error::internal(format!("decoding {count} rows of {} x {}", self.width, self.height))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::super::parity::{Case, files};
    use super::*;

    #[test]
    fn rows_are_those_of_the_whole_picture() {
        let mut lower = 0;
        for (name, Case { file, .. }) in files() {
            let whole = decode(&file, &name).unwrap();
            let Ok(undecoded) = Undecoded::new(file) else { continue };
            assert_eq!((undecoded.width(), undecoded.height()), (whole.width(), whole.height()));
            for count in (0..=whole.height() + 1).chain([usize::MAX]) {
                let rows = undecoded.rows(count).unwrap();
                let shared = 3 * whole.width() * count.min(whole.height());
                assert_eq!(rows.bytes()[..shared], whole.bytes()[..shared], "{name} {count}");
                lower += usize::from(rows.height() < whole.height());
            }
        }
        assert!(lower > 100, "only {lower} pictures were decoded in part");
    }
}
