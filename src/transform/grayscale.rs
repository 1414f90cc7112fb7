//! Colour taken away.

use super::frame::Frame;
use super::step::{ByteStep, Step};
use super::{Build, Pipeline};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};
use crate::seed::Stream;

/// `transform::grayscale`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "grayscale",
        home: Home::Namespace("transform"),
        doc: "Puts the luminance (ITU-R 601-2) in the place of every colour. The number of channels \
              stays, so that the same network can be used.",
        inputs: &[],
        params: &[],
        returns: "transform",
        example: Example { code: "transform::grayscale()", shows: "grayscale()" },
        cite: "torchvision 0.28 Grayscale(3); Pillow 13 Convert.c, 2026",
        version: 1,
    },
    build,
};

struct Grayscale;

fn build(args: &Args) -> Result<Pipeline> {
    Ok(Pipeline::one(Step::bytes(args, Grayscale)))
}

/// Pillow's luminance of a pixel of three bytes.
pub(super) fn luminance(pixel: &[u8]) -> u8 {
    let sum = 19_595 * u32::from(pixel[0])
        + 38_470 * u32::from(pixel[1])
        + 7_471 * u32::from(pixel[2])
        + 0x8000;
    (sum >> 16) as u8
}

impl ByteStep for Grayscale {
    fn apply<'a>(&self, frame: Frame<'a>, _: Stream) -> Result<Frame<'a>> {
        if frame.channels() == 1 {
            return Ok(frame);
        }
        let mut picture = frame.into_raster()?;
        for pixel in picture.bytes_mut().chunks_exact_mut(3) {
            pixel.fill(luminance(pixel));
        }
        Ok(Frame::from(picture))
    }
}
