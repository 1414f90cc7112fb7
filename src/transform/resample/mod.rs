//! Resizing, bit for bit as Pillow 13 does it: weights of 22 bits, one axis after the other, bytes in
//! between.
//!
//! Only the input pixels and the output pixels that are wanted are computed. On processors with AVX2
//! products of 16 bits are summed in pairs: a weight is split into 15 low bits and the rest, so
//! that the sum is the same integer as in the plain code, which `avx2_equals_the_plain_code` holds.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod axis;
mod filter;
mod nearest;
mod plain;

pub use filter::Filter;

use super::frame::{Region, Size};
use axis::Axis;
use std::ops::Range;

/// A rectangle of a stored picture.
pub(super) struct Source<'a> {
    /// All bytes of the stored picture.
    pub bytes: &'a [u8],
    /// Bytes from a stored row to the next.
    pub stride: usize,
    /// Bytes of a pixel.
    pub channels: usize,
    /// The rectangle, within the stored picture.
    pub region: Region,
}

impl Source<'_> {
    /// All of a picture whose rows follow one another.
    pub(super) fn tight(bytes: &[u8], size: Size, channels: usize) -> Source<'_> {
        let region = Region { x: 0, y: 0, size };
        Source { bytes, stride: size.width * channels, channels, region }
    }

    /// A part of the rectangle, which `region` counts from.
    fn part(&self, region: Region) -> Self {
        let region = Region { x: self.region.x + region.x, y: self.region.y + region.y, ..region };
        Self { region, ..*self }
    }

    /// The rectangle as bytes of its own.
    pub(super) fn copied(&self) -> Vec<u8> {
        let Size { width, height } = self.region.size;
        let mut bytes = Vec::with_capacity(width * height * self.channels);
        for y in 0..height {
            bytes.extend_from_slice(self.row(y));
        }
        bytes
    }

    /// The first byte of a row of the rectangle.
    fn offset(&self, y: usize) -> usize {
        (self.region.y + y) * self.stride + self.region.x * self.channels
    }

    /// The bytes of a row of the rectangle.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.bytes[self.offset(y)..][..self.region.size.width * self.channels]
    }
}

/// Which code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Code {
    fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return Self::Avx2;
        }
        Self::Plain
    }

    /// Each row of `source` weighed along `axis`.
    fn across(self, source: &Source, axis: &Axis) -> Vec<u8> {
        let mut out = vec![0; axis.len() * source.channels * source.region.size.height];
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if source.channels == 3 => avx2::across(source, axis, &mut out),
            _ => plain::across(source, axis, &mut out),
        }
        out
    }

    /// The rows of `source` weighed along `axis`.
    fn down(self, source: &Source, axis: &Axis) -> Vec<u8> {
        let width = source.region.size.width * source.channels;
        let mut out = vec![0; axis.len() * width];
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if width >= avx2::CHUNK => avx2::down(source, axis, &mut out),
            _ => plain::down(source, axis, &mut out),
        }
        out
    }
}

/// The pixels `window` of `source` scaled to `size`, row after row.
pub(super) fn resample(source: &Source, size: Size, filter: Filter, window: Region) -> Vec<u8> {
    match filter {
        Filter::Nearest => nearest::sampled(source, size, window),
        _ => weighed(source, size, filter, window, Code::best()),
    }
}

/// The input rows, of `inputs`, that make the output rows `range` of `outputs`.
pub(super) fn rows(
    inputs: usize,
    outputs: usize,
    range: Range<usize>,
    filter: Filter,
) -> Range<usize> {
    match filter {
        _ if inputs == outputs => range,
        Filter::Nearest => 0..inputs,
        _ => Axis::new(inputs, outputs, range, filter).inputs(),
    }
}

/// Whether Pillow 13 weighs down the columns first: where that takes more than twice as many rows
/// away as the other pass takes columns. Older versions always began with the rows.
fn columns_first(from: Size, to: Size) -> bool {
    let rows_less = from.height as i64 - to.height as i64;
    let columns_less = from.width as i64 - to.width as i64;
    rows_less > 0 && rows_less > 2 * columns_less
}

fn weighed(source: &Source, size: Size, filter: Filter, window: Region, code: Code) -> Vec<u8> {
    let from = source.region.size;
    let columns = window.x..window.x + window.size.width;
    let rows = window.y..window.y + window.size.height;
    let axis = |inputs: usize, outputs: usize, range: &Range<usize>| {
        (inputs != outputs).then(|| Axis::new(inputs, outputs, range.clone(), filter))
    };
    let across = axis(from.width, size.width, &columns);
    let down = axis(from.height, size.height, &rows);
    let columns = across.as_ref().map_or(columns, Axis::inputs);
    let rows = down.as_ref().map_or(rows, Axis::inputs);
    let source = source.part(Region::new(columns.start, rows.start, columns.len(), rows.len()));
    let across = across.map(|axis| axis.moved(columns.start));
    let down = down.map(|axis| axis.moved(rows.start));
    match (across, down) {
        (None, None) => source.copied(),
        (Some(across), None) => code.across(&source, &across),
        (None, Some(down)) => code.down(&source, &down),
        (Some(across), Some(down)) if columns_first(from, size) => {
            let between = code.down(&source, &down);
            let size = Size::new(columns.len(), down.len());
            code.across(&Source::tight(&between, size, source.channels), &across)
        }
        (Some(across), Some(down)) => {
            let between = code.across(&source, &across);
            let size = Size::new(across.len(), rows.len());
            code.down(&Source::tight(&between, size, source.channels), &down)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;
    use proptest::prelude::*;

    fn noise(length: usize, seed: i64) -> Vec<u8> {
        let mut generator = Stream::new(seed, "noise").generator();
        // Half the bytes are extreme, where sums overflow first.
        (0..length)
            .map(|_| match generator.below(4) {
                0 => 0,
                1 => 255,
                _ => generator.below(256) as u8,
            })
            .collect()
    }

    const WEIGHED: [Filter; 4] = [Filter::Box, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos];

    #[cfg(target_arch = "x86_64")]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn avx2_equals_the_plain_code(
            (width, height) in (1usize..90, 1usize..70),
            (right, down) in (0usize..9, 0usize..9),
            (to_width, to_height) in (1usize..90, 1usize..90),
            channels in prop_oneof![Just(1usize), Just(3)],
            which in 0usize..4,
            seed in 0i64..1000,
        ) {
            if !std::arch::is_x86_feature_detected!("avx2") {
                return Ok(());
            }
            let stored = (width + right) * (height + down) * channels;
            let bytes = noise(stored, seed);
            let region = Region::new(right / 2, down / 2, width, height);
            let source = Source { bytes: &bytes, stride: (width + right) * channels, channels, region };
            let size = Size::new(to_width, to_height);
            let window = Region::new(
                to_width / 5,
                to_height / 4,
                to_width - to_width / 5,
                to_height - to_height / 3,
            );
            let filter = WEIGHED[which];
            let plain = weighed(&source, size, filter, window, Code::Plain);
            let fast = weighed(&source, size, filter, window, Code::Avx2);
            prop_assert_eq!(plain, fast);
        }
    }

    #[test]
    fn a_flat_picture_stays_flat() {
        for filter in WEIGHED {
            for value in [0, 1, 77, 254, 255] {
                let bytes = vec![value; 31 * 17 * 3];
                let region = Region::new(0, 0, 31, 17);
                let source = Source { bytes: &bytes, stride: 93, channels: 3, region };
                for size in [Size::new(11, 40), Size::new(64, 5), Size::new(31, 9)] {
                    let window = Region { x: 0, y: 0, size };
                    let out = resample(&source, size, filter, window);
                    assert_eq!(out.len(), size.width * size.height * 3);
                    assert!(out.iter().all(|byte| *byte == value), "{filter:?} {value} {size:?}");
                }
            }
        }
    }

    #[test]
    fn a_window_is_a_part_of_the_whole() {
        let bytes = noise(50 * 40 * 3, 1);
        let region = Region::new(3, 2, 45, 33);
        let source = Source { bytes: &bytes, stride: 150, channels: 3, region };
        let size = Size::new(28, 21);
        for filter in WEIGHED.into_iter().chain([Filter::Nearest]) {
            let whole = resample(&source, size, filter, Region { x: 0, y: 0, size });
            let window = Region::new(5, 4, 20, 11);
            let part = resample(&source, size, filter, window);
            for y in 0..11 {
                let expected = &whole[((y + 4) * 28 + 5) * 3..][..60];
                assert_eq!(&part[y * 60..][..60], expected, "{filter:?} row {y}");
            }
        }
    }
}
