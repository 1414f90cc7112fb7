//! A small rotation, by Pillow's fixed-point arithmetic.

use super::frame::Frame;
use super::step::{ByteStep, Step};
use super::{Build, Pipeline};
use crate::error::Result;
use crate::image::Raster;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;

/// `transform::random_rotation`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "random_rotation",
        home: Home::Namespace("transform"),
        doc: "Turns the picture around its middle by a uniformly random angle. It takes the nearest \
              pixel, black outside, and is equal to Pillow bit for bit.",
        inputs: &[],
        params: &[Param::float(
            "degrees",
            2.0,
            0.0,
            "The greatest angle, to either side, in degrees.",
        )
        .up_to(180.0)],
        returns: "transform",
        example: Example { code: "transform::random_rotation()", shows: "random_rotation(2)" },
        cite: "torchvision 0.28 RandomRotation; Pillow 13 Image.rotate, 2026",
        version: 1,
    },
    build,
};

struct RandomRotation {
    degrees: f64,
}

fn build(args: &Args) -> Result<Pipeline> {
    Ok(Pipeline::one(Step::bytes(args, RandomRotation { degrees: args.float("degrees")? })))
}

impl ByteStep for RandomRotation {
    fn apply<'a>(&self, frame: Frame<'a>, stream: Stream) -> Result<Frame<'a>> {
        let share = 2.0 * f64::from(stream.generator().uniform()) - 1.0;
        Ok(Frame::from(rotated(frame.into_raster()?, self.degrees * share)?))
    }

    fn is_random(&self) -> bool {
        true
    }
}

/// Rounded to 15 decimals as Python does it, half of the exact value to even.
fn rounded(value: f64) -> f64 {
    format!("{value:.15}").parse().unwrap_or(value)
}

/// The picture turned counter-clockwise by `degrees`, which keeps its size.
pub(super) fn rotated(picture: Raster, degrees: f64) -> Result<Raster> {
    let degrees = degrees.rem_euclid(360.0);
    let (width, height, channels) = (picture.width(), picture.height(), picture.channels());
    let source = picture.bytes();
    // Quarters are exact in Pillow, and are no affine maps there.
    let quarter = match degrees {
        0.0 => return Ok(picture),
        180.0 => Some(2),
        90.0 if width == height => Some(1),
        270.0 if width == height => Some(3),
        _ => None,
    };
    let mut out = vec![0; source.len()];
    let mut copy = |x: usize, y: usize, from_x: usize, from_y: usize| {
        let (to, from) = ((y * width + x) * channels, (from_y * width + from_x) * channels);
        out[to..to + channels].copy_from_slice(&source[from..from + channels]);
    };
    if let Some(quarter) = quarter {
        for y in 0..height {
            for x in 0..width {
                match quarter {
                    1 => copy(x, y, width - 1 - y, x),
                    2 => copy(x, y, width - 1 - x, height - 1 - y),
                    _ => copy(x, y, y, height - 1 - x),
                }
            }
        }
        return Raster::new(width, height, channels, out);
    }
    let angle = -degrees.to_radians();
    let (a, b) = (rounded(angle.cos()), rounded(angle.sin()));
    let (d, e) = (rounded(-angle.sin()), rounded(angle.cos()));
    let (middle_x, middle_y) = (width as f64 / 2.0, height as f64 / 2.0);
    let c = (a * -middle_x + b * -middle_y + 0.0) + middle_x;
    let f = (d * -middle_x + e * -middle_y + 0.0) + middle_y;
    let fixed = |value: f64| (value * 65536.0 + 0.5).floor() as i64;
    let (step_x, step_y) = (fixed(a), fixed(d));
    let (down_x, down_y) = (fixed(b), fixed(e));
    let mut start = (fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5));
    for y in 0..height {
        let mut at = start;
        for x in 0..width {
            let (from_x, from_y) = (at.0 >> 16, at.1 >> 16);
            if (0..width as i64).contains(&from_x) && (0..height as i64).contains(&from_y) {
                copy(x, y, from_x as usize, from_y as usize);
            }
            at = (at.0 + step_x, at.1 + step_y);
        }
        start = (start.0 + down_x, start.1 + down_y);
    }
    Raster::new(width, height, channels, out)
}
