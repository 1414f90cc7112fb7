//! A picture on its way through the steps: cropping, scaling and mirroring wait until bytes are
//! wanted, so that a crop copies nothing and only the pixels that survive are computed.

use super::resample::{Filter, Source, resample, rows};
use super::unit;
use crate::error::{Error, Result};
use crate::image::{Raster, Undecoded};
use std::borrow::Cow;

/// A width and a height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels of a row.
    pub width: usize,
    /// Pixels of a column.
    pub height: usize,
}

impl Size {
    /// `width` by `height` pixels.
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height }
    }
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The first column.
    pub x: usize,
    /// The first row.
    pub y: usize,
    /// How much of it.
    pub size: Size,
}

impl Region {
    /// The rectangle at (`x`, `y`).
    pub fn new(x: usize, y: usize, width: usize, height: usize) -> Self {
        Self { x, y, size: Size::new(width, height) }
    }

    fn whole(size: Size) -> Self {
        Self { x: 0, y: 0, size }
    }

    /// The rectangle `inner` of this rectangle, if it lies within.
    fn within(self, inner: Self) -> Option<Self> {
        let right = inner.x.checked_add(inner.size.width)?;
        let bottom = inner.y.checked_add(inner.size.height)?;
        let fits = right <= self.size.width && bottom <= self.size.height;
        let filled = inner.size.width > 0 && inner.size.height > 0;
        (fits && filled).then(|| Self { x: self.x + inner.x, y: self.y + inner.y, ..inner })
    }
}

/// A resize that waits: the visible window of the picture scaled to `size`.
#[derive(Debug, Clone, Copy)]
struct Scaling {
    filter: Filter,
    size: Size,
    window: Region,
}

/// Bytes of a picture, its own or borrowed, with what is still to be done to them.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    bytes: Cow<'a, [u8]>,
    /// What the bytes will be decoded from, as far as they are needed.
    undecoded: Option<Undecoded>,
    stored: Size,
    channels: usize,
    region: Region,
    scaling: Option<Scaling>,
    mirrored: bool,
}

impl From<Raster> for Frame<'_> {
    fn from(picture: Raster) -> Self {
        let stored = Size::new(picture.width(), picture.height());
        let channels = picture.channels();
        Self::stored(Cow::Owned(picture.into_bytes()), stored, channels)
    }
}

impl From<Undecoded> for Frame<'_> {
    fn from(picture: Undecoded) -> Self {
        let stored = Size::new(picture.width(), picture.height());
        let undecoded = Some(picture);
        Self { undecoded, ..Self::stored(Cow::Owned(Vec::new()), stored, 3) }
    }
}

impl<'a> From<&'a Raster> for Frame<'a> {
    fn from(picture: &'a Raster) -> Self {
        let stored = Size::new(picture.width(), picture.height());
        Self::stored(Cow::Borrowed(picture.bytes()), stored, picture.channels())
    }
}

impl<'a> Frame<'a> {
    fn stored(bytes: Cow<'a, [u8]>, stored: Size, channels: usize) -> Self {
        let region = Region::whole(stored);
        let (undecoded, scaling) = (None, None);
        Self { bytes, undecoded, stored, channels, region, scaling, mirrored: false }
    }

    /// A picture that lies elsewhere: `height` rows of `width` pixels of `channels` bytes (1 or 3).
    ///
    /// # Errors
    /// Internal: no pixel, other channels, or a number of bytes that is not theirs.
    pub fn borrowed(bytes: &'a [u8], size: Size, channels: usize) -> Result<Self> {
        let expected =
            size.width.checked_mul(size.height).and_then(|pixels| pixels.checked_mul(channels));
        if bytes.is_empty() || !matches!(channels, 1 | 3) || expected != Some(bytes.len()) {
            return Err(Error::internal(format!(
                "a frame of {} x {} pixels and {channels} channels got {} bytes",
                size.width,
                size.height,
                bytes.len()
            )));
        }
        Ok(Self::stored(Cow::Borrowed(bytes), size, channels))
    }

    /// The size as the next step sees it.
    pub fn size(&self) -> Size {
        self.scaling.map_or(self.region.size, |scaling| scaling.window.size)
    }

    /// 1 or 3.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Keeps a rectangle only; nothing is copied.
    ///
    /// # Errors
    /// Internal: it is empty or not within the picture.
    pub fn crop(mut self, region: Region) -> Result<Self> {
        let size = self.size();
        let outside = || Error::internal(format!("a crop {region:?} of {size:?}"));
        let mut region = Region::whole(size).within(region).ok_or_else(outside)?;
        if self.mirrored {
            region.x = size.width - region.x - region.size.width;
        }
        let outer = self.scaling.as_mut().map_or(&mut self.region, |scaling| &mut scaling.window);
        *outer = outer.within(region).ok_or_else(outside)?;
        Ok(self)
    }

    /// Mirrors left and right; nothing is copied.
    #[must_use]
    pub fn mirror(mut self) -> Self {
        self.mirrored = !self.mirrored;
        self
    }

    /// Scales to `size`; nothing is computed yet.
    ///
    /// # Errors
    /// Internal: no pixel is wanted.
    pub fn resize(self, size: Size, filter: Filter) -> Result<Self> {
        if size.width == 0 || size.height == 0 {
            return Err(Error::internal(format!("a resize to {size:?}")));
        }
        if size == self.size() {
            return Ok(self);
        }
        // Filters treat the two sides of a pixel alike up to rounding only.
        let mut frame = match self.scaling.is_some() || self.mirrored {
            true => Self::from(self.into_raster()?),
            false => self,
        };
        frame.scaling = Some(Scaling { filter, size, window: Region::whole(size) });
        Ok(frame)
    }

    /// The same with its bytes, at least down to the last row that is to be seen.
    fn decoded(mut self) -> Result<Self> {
        let Some(undecoded) = self.undecoded.take() else { return Ok(self) };
        let height = self.region.size.height;
        let rows = match self.scaling {
            Some(Scaling { filter, size, window }) => {
                let seen = window.y..window.y + window.size.height;
                rows(height, size.height, seen, filter).end
            }
            None => height,
        };
        let picture = undecoded.rows(self.region.y + rows)?;
        self.bytes = Cow::Owned(picture.into_bytes());
        Ok(self)
    }

    fn source(&self) -> Source<'_> {
        Source {
            bytes: &self.bytes,
            stride: self.stored.width * self.channels,
            channels: self.channels,
            region: self.region,
        }
    }

    /// What is to be seen, as bytes of its own.
    ///
    /// # Errors
    /// Data: the picture is damaged.
    pub fn into_raster(self) -> Result<Raster> {
        let frame = self.decoded()?;
        let (size, channels) = (frame.size(), frame.channels);
        let mut bytes = match frame.scaling {
            Some(Scaling { filter, size, window }) => {
                resample(&frame.source(), size, filter, window)
            }
            None if frame.region == Region::whole(frame.stored) => frame.bytes.into_owned(),
            None => frame.source().copied(),
        };
        if frame.mirrored {
            for row in bytes.chunks_exact_mut(size.width * channels) {
                reverse(row, channels);
            }
        }
        Raster::new(size.width, size.height, channels, bytes)
    }

    /// Writes what is to be seen as numbers of [0,1], bytes over 255 as `ToTensor` does:
    /// `[channels, height, width]`.
    ///
    /// # Errors
    /// Data: the picture is damaged. Internal: `out` is of another length.
    pub fn write(self, out: &mut [f32]) -> Result<()> {
        let frame = self.decoded()?;
        let (size, channels) = (frame.size(), frame.channels);
        if out.len() != size.width * size.height * channels {
            return Err(Error::internal(format!(
                "a picture of {size:?} was written to {} numbers",
                out.len()
            )));
        }
        if let Some(Scaling { filter, size: full, window }) = frame.scaling {
            let bytes = resample(&frame.source(), full, filter, window);
            unit::write(&Source::tight(&bytes, size, channels), frame.mirrored, out);
        } else {
            unit::write(&frame.source(), frame.mirrored, out);
        }
        Ok(())
    }
}

/// Puts the pixels of a row into the opposite order.
fn reverse(row: &mut [u8], channels: usize) {
    if channels == 1 {
        row.reverse();
        return;
    }
    let width = row.len() / channels;
    for left in 0..width / 2 {
        let right = width - 1 - left;
        for channel in 0..channels {
            row.swap(left * channels + channel, right * channels + channel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picture(width: usize, height: usize, channels: usize) -> Raster {
        let bytes = (0..width * height * channels).map(|i| (i * 37 % 251) as u8).collect();
        Raster::new(width, height, channels, bytes).unwrap()
    }

    /// Everything at once, one thing after the other.
    fn eager(frame: Frame<'_>) -> Frame<'static> {
        Frame::from(frame.into_raster().unwrap())
    }

    proptest! {
        #[test]
        fn what_waits_gives_what_is_done_at_once(
            channels in prop_oneof![Just(1usize), Just(3)],
            (width, height) in (1usize..40, 1usize..40),
            steps in proptest::collection::vec((0..3, 0.0f64..1.0, 0.0f64..1.0), 0..6),
        ) {
            let source = picture(width, height, channels);
            let mut lazy = Frame::from(&source);
            let mut done = Frame::from(source.clone());
            for (kind, a, b) in steps {
                let size = lazy.size();
                prop_assert_eq!(size, done.size());
                let part = |whole: usize, share: f64| ((whole as f64 * share) as usize).min(whole - 1);
                (lazy, done) = match kind {
                    0 => (lazy.mirror(), eager(done.mirror())),
                    1 => {
                        let (x, y) = (part(size.width, a), part(size.height, b));
                        let region = Region::new(
                            x,
                            y,
                            1 + part(size.width - x, b),
                            1 + part(size.height - y, a),
                        );
                        (lazy.crop(region).unwrap(), eager(done.crop(region).unwrap()))
                    }
                    _ => {
                        let to = Size::new(1 + (a * 50.0) as usize, 1 + (b * 50.0) as usize);
                        let filter = Filter::Bicubic;
                        (lazy.resize(to, filter).unwrap(), eager(done.resize(to, filter).unwrap()))
                    }
                };
            }
            let size = lazy.size();
            let mut floats = vec![0.0; size.width * size.height * channels];
            lazy.clone().write(&mut floats).unwrap();
            let (lazy, done) = (lazy.into_raster().unwrap(), done.into_raster().unwrap());
            prop_assert_eq!(&lazy, &done);
            let pixels = size.width * size.height;
            for (at, float) in floats.iter().enumerate() {
                let byte = done.bytes()[at % pixels * channels + at / pixels];
                prop_assert_eq!(*float, f32::from(byte) / 255.0);
            }
        }
    }

    #[test]
    fn decoding_as_far_as_needed_changes_no_pixel() {
        use crate::image::decode;
        use crate::seed::Stream;
        let bytes = include_bytes!("../../tests/parity/images.safetensors");
        let all = safetensors::SafeTensors::deserialize(bytes).unwrap();
        let mut generator = Stream::new(0, "crops").generator();
        for name in ["jpeg_tall_420.file", "jpeg_tall_444.file", "jpeg_tall_grey.file"] {
            let file = all.tensor(name).unwrap().data().to_vec();
            let whole = decode(&file, name).unwrap();
            let undecoded = Undecoded::new(file).unwrap();
            for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos, Filter::Nearest] {
                for _ in 0..20 {
                    let (y, height) = (generator.below(60), 1 + generator.below(57));
                    let region = Region::new(3, y, 15, height);
                    let window = Region::new(1, generator.below(9), 7, 8);
                    let seen = |frame: Frame<'static>| {
                        let frame = frame.crop(region).unwrap().mirror();
                        let cut = frame.clone().into_raster().unwrap();
                        let frame = frame.resize(Size::new(9, 17), filter).unwrap();
                        (cut, frame.crop(window).unwrap().into_raster().unwrap())
                    };
                    let expected = seen(Frame::from(whole.clone()));
                    assert_eq!(seen(Frame::from(undecoded.clone())), expected);
                }
            }
        }
    }

    #[test]
    fn a_crop_outside_is_refused() {
        let source = picture(4, 3, 1);
        for region in [
            Region::new(0, 0, 5, 1),
            Region::new(4, 0, 1, 1),
            Region::new(1, 1, 0, 1),
            Region::new(usize::MAX, 0, 2, 1),
        ] {
            assert!(Frame::from(&source).crop(region).is_err(), "{region:?}");
        }
        assert!(Frame::from(&source).write(&mut [0.0; 11]).is_err());
        assert!(Frame::from(&source).resize(Size::new(0, 1), Filter::Box).is_err());
        assert!(Frame::borrowed(&[0; 11], Size::new(4, 3), 1).is_err());
    }
}
