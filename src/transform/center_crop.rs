//! The middle of a picture.

use super::frame::{Frame, Region, Size};
use super::step::{ByteStep, Step, box_size, size_param};
use super::{Build, Pipeline};
use crate::error::Result;
use crate::image::Raster;
use crate::registry::{Args, Entry, Example, Home, Spec};
use crate::seed::Stream;

/// `transform::center_crop`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "center_crop",
        home: Home::Namespace("transform"),
        doc: "Keeps the middle of a picture. Half a pixel is rounded to even; a picture that is \
              smaller gets a black border.",
        inputs: &[],
        params: &[size_param(224.0, "The side of a square in pixels, or [height, width].")],
        returns: "transform",
        example: Example {
            code: "transform::center_crop(#{ size: [3, 5] })\
                   .apply(dataset::digits().test.images(0..1)).shape",
            shows: "[1, 1, 3, 5]",
        },
        cite: "torchvision 0.28 CenterCrop, 2026",
        version: 1,
    },
    build,
};

struct CenterCrop {
    size: Size,
}

fn build(args: &Args) -> Result<Pipeline> {
    Ok(Pipeline::one(Step::bytes(args, CenterCrop { size: box_size(args)? })))
}

/// Half of `gap`, of which half a pixel is rounded to even.
fn half(gap: usize) -> usize {
    (gap as f64 / 2.0).round_ties_even() as usize
}

impl ByteStep for CenterCrop {
    fn apply<'a>(&self, frame: Frame<'a>, _: Stream) -> Result<Frame<'a>> {
        let (found, size) = (frame.size(), self.size);
        let start = |found: usize, wanted: usize| match found >= wanted {
            true => half(found - wanted) as i64,
            false => -(((wanted - found) / 2) as i64),
        };
        let (x, y) = (start(found.width, size.width), start(found.height, size.height));
        window(frame, x, y, size)
    }

    fn size(&self, _: Option<Size>) -> Option<Size> {
        Some(self.size)
    }
}

/// The rectangle of `size` at (`x`, `y`) of a picture, black where it leaves the picture.
///
/// # Errors
/// Internal only.
pub(super) fn window(frame: Frame<'_>, x: i64, y: i64, size: Size) -> Result<Frame<'_>> {
    let found = frame.size();
    // Where an axis of the window and of the picture meet: the start there, here, and the length.
    let meet = |at: i64, wanted: usize, found: usize| {
        let start = at.max(0);
        let end = (at + wanted as i64).min(found as i64);
        (start as usize, (start - at) as usize, (end - start).max(0) as usize)
    };
    let (from_x, to_x, width) = meet(x, size.width, found.width);
    let (from_y, to_y, height) = meet(y, size.height, found.height);
    if Size::new(width, height) == size {
        return frame.crop(Region { x: from_x, y: from_y, size });
    }
    let channels = frame.channels();
    let mut bytes = vec![0; size.width * size.height * channels];
    if width > 0 && height > 0 {
        let inside = frame.crop(Region::new(from_x, from_y, width, height))?.into_raster()?;
        for (row, bytes_of_row) in inside.bytes().chunks_exact(width * channels).enumerate() {
            let start = ((to_y + row) * size.width + to_x) * channels;
            bytes[start..start + bytes_of_row.len()].copy_from_slice(bytes_of_row);
        }
    }
    Ok(Frame::from(Raster::new(size.width, size.height, channels, bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pixel_goes_to_the_even_side() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(half), [0, 0, 1, 2, 2, 2, 3, 4]);
    }

    #[test]
    fn a_window_is_black_outside() {
        let picture = Raster::new(2, 2, 1, vec![1, 2, 3, 4]).unwrap();
        let seen = |x, y, width, height| {
            let frame = window(Frame::from(&picture), x, y, Size::new(width, height)).unwrap();
            frame.into_raster().unwrap().into_bytes()
        };
        assert_eq!(seen(-1, 0, 3, 2), [0, 1, 2, 0, 3, 4]);
        assert_eq!(seen(1, -1, 2, 3), [0, 0, 2, 0, 4, 0]);
        assert_eq!(seen(5, 5, 1, 1), [0]);
        assert_eq!(seen(-3, 0, 2, 1), [0, 0]);
    }
}
