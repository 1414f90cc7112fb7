//! Blocks of one colour.

use super::frame::Frame;
use super::step::{ByteStep, Step};
use super::{Build, Pipeline};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;

/// `transform::pixelate`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "pixelate",
        home: Home::Namespace("transform"),
        doc: "Gives every block of the picture its mean colour. Blocks count from the upper left; \
              those at the other edges may be smaller. Means are rounded to the nearest byte.",
        inputs: &[],
        params: &[Param::int("block", 4, 1, "The side of a block in pixels.").up_to(4096.0)],
        returns: "transform",
        example: Example {
            code: "transform::pixelate(#{ block: 8 })\
                   .apply(dataset::digits().test.images(0..1)).to_array()[63] * 255.0",
            shows: "88.0",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct Pixelate {
    block: usize,
}

fn build(args: &Args) -> Result<Pipeline> {
    Ok(Pipeline::one(Step::bytes(args, Pixelate { block: args.int("block")? as usize })))
}

impl ByteStep for Pixelate {
    fn apply<'a>(&self, frame: Frame<'a>, _: Stream) -> Result<Frame<'a>> {
        let mut picture = frame.into_raster()?;
        let (width, channels) = (picture.width(), picture.channels());
        for band in picture.bytes_mut().chunks_mut(self.block * width * channels) {
            let rows = band.len() / (width * channels);
            let mut columns = vec![0u64; width * channels];
            for row in band.chunks_exact(width * channels) {
                for (sum, byte) in columns.iter_mut().zip(row) {
                    *sum += u64::from(*byte);
                }
            }
            for block in columns.chunks_mut(self.block * channels) {
                let pixels = (block.len() / channels * rows) as u64;
                for channel in 0..channels {
                    let sum: u64 = block[channel..].iter().step_by(channels).sum();
                    let mean = (2 * sum + pixels) / (2 * pixels);
                    for place in block[channel..].iter_mut().step_by(channels) {
                        *place = mean;
                    }
                }
            }
            for row in band.chunks_exact_mut(width * channels) {
                for (byte, mean) in row.iter_mut().zip(&columns) {
                    *byte = *mean as u8;
                }
            }
        }
        Ok(Frame::from(picture))
    }
}
