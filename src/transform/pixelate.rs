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
        example: Example { code: "transform::pixelate(#{ block: 8 })", shows: "pixelate(8)" },
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

#[cfg(test)]
mod tests {
    use crate::transform::Frame;
    use crate::transform::parity::{made, picture};

    #[test]
    fn a_block_has_its_mean_colour() {
        let source = picture(23, 18, 3, 5);
        let step = made("pixelate", &[("block", 5.into())]);
        let found = step.raster(Frame::from(&source), crate::seed::Stream::new(0, "")).unwrap();
        let at =
            |bytes: &[u8], x: usize, y: usize, c: usize| f64::from(bytes[(y * 23 + x) * 3 + c]);
        for (x, y, c) in
            (0..23).flat_map(|x| (0..18).flat_map(move |y| (0..3).map(move |c| (x, y, c))))
        {
            let columns = x / 5 * 5..(x / 5 * 5 + 5).min(23);
            let rows = y / 5 * 5..(y / 5 * 5 + 5).min(18);
            let pixels = (columns.len() * rows.len()) as f64;
            let sum: f64 = rows
                .flat_map(|y| columns.clone().map(move |x| (x, y)))
                .map(|(x, y)| at(source.bytes(), x, y, c))
                .sum();
            assert!((at(found.bytes(), x, y, c) - sum / pixels).abs() <= 0.5 + 1e-9);
        }
    }
}
