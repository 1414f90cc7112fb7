//! What JPEG loses, bit for bit as Pillow's libjpeg-turbo does it. Its entropy coding loses
//! nothing, so none is done.

use super::dct::{BLOCK, forward, inverse};
use super::frame::Frame;
use super::step::{ByteStep, Step};
use super::ycc::{self, Plane};
use super::{Build, Pipeline};
use crate::error::Result;
use crate::image::Raster;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;

/// `transform::jpeg`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "jpeg",
        home: Home::Namespace("transform"),
        doc: "What is left of a picture after it was saved as JPEG. Colour is kept at half the \
              resolution in both directions (4:2:0), and the coefficients of 8 x 8 blocks are \
              rounded by the standard's tables. Equal to saving and opening with Pillow bit for \
              bit.",
        inputs: &[],
        params: &[Param::int("quality", 75, 1, "Quality; 100 loses least.").up_to(100.0)],
        returns: "transform",
        example: Example { code: "transform::jpeg(#{ quality: 10 })", shows: "jpeg(10)" },
        cite: "ITU-T T.81, 1992; libjpeg-turbo 3.2 at its defaults",
        version: 1,
    },
    build,
};

struct Jpeg {
    luminance: [i32; BLOCK],
    chrominance: [i32; BLOCK],
}

fn build(args: &Args) -> Result<Pipeline> {
    let quality = args.int("quality")? as i32;
    let step =
        Jpeg { luminance: scaled(&LUMINANCE, quality), chrominance: scaled(&CHROMINANCE, quality) };
    Ok(Pipeline::one(Step::bytes(args, step)))
}

/// Table K.1 of the standard.
#[rustfmt::skip]
const LUMINANCE: [i32; BLOCK] = [
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];
/// Table K.2 of the standard.
#[rustfmt::skip]
const CHROMINANCE: [i32; BLOCK] = [
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
];

/// A table at a quality, by the rule of libjpeg.
fn scaled(table: &[i32; BLOCK], quality: i32) -> [i32; BLOCK] {
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|step| ((step * percent + 50) / 100).clamp(1, 255))
}

/// A plane after its blocks were transformed, rounded and transformed back. Blocks at the right
/// and lower edge are filled with the last column and row.
fn rounded(plane: &mut Plane, steps: &[i32; BLOCK]) {
    let (width, height) = (plane.width, plane.height);
    for top in (0..height).step_by(8) {
        for left in (0..width).step_by(8) {
            let mut block = [0; BLOCK];
            for (at, value) in block.iter_mut().enumerate() {
                let (x, y) = ((left + at % 8).min(width - 1), (top + at / 8).min(height - 1));
                *value = i32::from(plane.bytes[y * width + x]) - 128;
            }
            forward(&mut block);
            for (value, step) in block.iter_mut().zip(steps) {
                // The transform leaves eight times the coefficient; halves go away from zero.
                let divisor = step << 3;
                let size = (value.abs() + (divisor >> 1)) / divisor;
                *value = value.signum() * size * step;
            }
            inverse(&mut block);
            for (at, value) in block.iter().enumerate() {
                let (x, y) = (left + at % 8, top + at / 8);
                if x < width && y < height {
                    plane.bytes[y * width + x] = (value + 128).clamp(0, 255) as u8;
                }
            }
        }
    }
}

impl ByteStep for Jpeg {
    fn apply<'a>(&self, frame: Frame<'a>, _: Stream) -> Result<Frame<'a>> {
        let picture = frame.into_raster()?;
        let (width, height) = (picture.width(), picture.height());
        if picture.channels() == 1 {
            let mut plane = Plane { width, height, bytes: picture.into_bytes() };
            rounded(&mut plane, &self.luminance);
            return Ok(Frame::from(Raster::new(width, height, 1, plane.bytes)?));
        }
        let [mut luma, blue, red] = ycc::separated(&picture);
        rounded(&mut luma, &self.luminance);
        let chroma = [blue, red].map(|plane| {
            let mut half = ycc::halved(&plane);
            rounded(&mut half, &self.chrominance);
            ycc::doubled(&half.narrowed(width.div_ceil(2)), width, height)
        });
        Ok(Frame::from(ycc::joined(&luma, &chroma)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_scales_the_tables() {
        assert_eq!(scaled(&LUMINANCE, 50), LUMINANCE);
        assert_eq!(scaled(&LUMINANCE, 100), [1; BLOCK]);
        assert_eq!(scaled(&LUMINANCE, 75)[..3], [8, 6, 5]);
        assert_eq!(scaled(&CHROMINANCE, 1), [255; BLOCK]);
    }
}
