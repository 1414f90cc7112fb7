//! Stored images, by the id of their sample. They can be read on any thread.

use super::files::File;
use super::pack::Pack;
use crate::error::{Error, Result};
use crate::image::{Raster, Undecoded, decode};
use crate::transform::Frame;
use once_cell::sync::OnceCell;
use std::sync::Arc;

/// Decodes the stored images of some ids (ascending), one byte per pixel, image after image, each
/// in the order channels, height, width.
pub type Decode = Box<dyn Fn(&[u64]) -> Result<Vec<u8>> + Send + Sync>;

/// How an archive stores images of one size.
pub struct Encoding {
    /// Channels, height and width as stored.
    pub shape: [i64; 3],
    /// The stored value of a pixel of 1.0.
    pub white: u8,
    /// The decoder.
    pub decode: Decode,
}

/// Where images come from.
pub enum Storage {
    /// Images of one size, decoded together when first needed.
    Packed(Packed),
    /// A file for each image, decoded whenever it is needed; the id is the position.
    Files {
        /// The files.
        files: Arc<[File]>,
        /// Whether rows below the last that is used may be left undecoded.
        partly: bool,
    },
    /// Pictures of files, resized once and kept in one file.
    Mapped(Pack),
}

/// Images of one size in memory.
pub struct Packed {
    encoding: Encoding,
    ids: Vec<u64>,
    held: OnceCell<Vec<u8>>,
}

impl Packed {
    /// The images of `ids`; decodes nothing yet.
    pub fn new(encoding: Encoding, mut ids: Vec<u64>) -> Self {
        ids.sort_unstable();
        Self { encoding, ids, held: OnceCell::new() }
    }

    /// Channels, height and width.
    pub fn shape(&self) -> [i64; 3] {
        self.encoding.shape
    }

    /// The stored value of a pixel of 1.0.
    pub fn white(&self) -> u8 {
        self.encoding.white
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// All images in the order of their ids, as [`Decode`] gives them.
    ///
    /// # Errors
    /// Data: the files are damaged or changed.
    pub fn all(&self) -> Result<&[u8]> {
        let decoded = || {
            let bytes = (self.encoding.decode)(&self.ids)?;
            let (count, found) = (self.ids.len(), bytes.len());
            match found == count * self.area() {
                true => Ok(bytes),
                false => {
                    Err(Error::internal(format!("decoding {count} images gave {found} bytes")))
                }
            }
        };
        self.held.get_or_try_init(decoded).map(Vec::as_slice)
    }

    /// The position of an image in [`Packed::all`].
    ///
    /// # Errors
    /// Internal: an unknown id.
    pub fn row(&self, id: u64) -> Result<usize> {
        let row = self.ids.binary_search(&id);
        row.map_err(|_| Error::internal(format!("no image has the id {id}")))
    }

    fn area(&self) -> usize {
        self.encoding.shape.iter().product::<i64>() as usize
    }

    fn raster(&self, id: u64) -> Result<Raster> {
        let (row, area) = (self.row(id)?, self.area());
        let planes = self.all()?.get(row * area..(row + 1) * area).unwrap_or_default();
        let [channels, height, width] = self.encoding.shape.map(|length| length as usize);
        let white = usize::from(self.encoding.white);
        let scaled = |value: u8| ((usize::from(value) * 255 + white / 2) / white).min(255) as u8;
        let pixels = (0..height * width)
            .flat_map(|pixel| (0..channels).map(move |channel| channel * height * width + pixel));
        let bytes = pixels.map(|place| scaled(planes[place])).collect();
        Raster::new(width, height, channels, bytes)
    }
}

impl Storage {
    /// The bytes held in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Packed(packed) => packed.held.get().map_or(0, Vec::len),
            Self::Files { .. } | Self::Mapped(_) => 0,
        }
    }

    /// One image at its own size, 255 at its brightest.
    ///
    /// # Errors
    /// Data: a damaged or changed file. Internal: an unknown id.
    pub fn raster(&self, id: u64) -> Result<Raster> {
        match self {
            Self::Packed(packed) => packed.raster(id),
            Self::Files { files, .. } => decoded(files, id),
            Self::Mapped(pack) => pack.frame(id)?.into_raster(),
        }
    }

    /// As [`Storage::raster`], without a copy where the bytes lie ready, and without the rows that
    /// are not used where that was asked for.
    ///
    /// # Errors
    /// As [`Storage::raster`].
    pub fn frame(&self, id: u64) -> Result<Frame<'_>> {
        match self {
            Self::Mapped(pack) => pack.frame(id),
            Self::Files { files, partly: true } => {
                let file = file_of(files, id)?;
                match Undecoded::new(file.read()?) {
                    Ok(picture) => Ok(Frame::from(picture)),
                    Err(bytes) => decode(&bytes, &file.place()).map(Frame::from),
                }
            }
            _ => self.raster(id).map(Frame::from),
        }
    }

    /// Where the image is, if it is a file of its own.
    pub fn path(&self, id: u64) -> Option<&str> {
        match self {
            Self::Packed(_) => None,
            Self::Files { files, .. } => file_of(files, id).ok().map(|file| file.path.as_str()),
            Self::Mapped(pack) => pack.path_of(id),
        }
    }
}

/// The picture in the file of an id.
///
/// # Errors
/// As [`Storage::raster`].
pub fn decoded(files: &[File], id: u64) -> Result<Raster> {
    let file = file_of(files, id)?;
    decode(&file.read()?, &file.place())
}

fn file_of(files: &[File], id: u64) -> Result<&File> {
    let file = usize::try_from(id).ok().and_then(|id| files.get(id));
    file.ok_or_else(|| Error::internal(format!("no image has the id {id}")))
}
