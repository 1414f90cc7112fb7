//! Random brightness, contrast, saturation and hue, by Pillow's arithmetic.

use super::frame::Frame;
use super::grayscale::luminance;
use super::hue;
use super::step::{ByteStep, Step};
use super::{Build, Pipeline};
use crate::error::Result;
use crate::image::Raster;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;

/// `transform::color_jitter`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "color_jitter",
        home: Home::Namespace("transform"),
        doc: "Changes brightness, contrast, saturation and hue, in random order. The first three are \
              multiplied by a uniform factor between 1 - strength, at least 0, and 1 + strength; \
              hue turns by a uniform share of the colour circle. Equal to torchvision on Pillow \
              images bit for bit. Grey pictures have no saturation and no hue.",
        inputs: &[],
        params: &[
            Param::float("brightness", 0.1, 0.0, "Strength."),
            Param::float("contrast", 0.1, 0.0, "Strength."),
            Param::float("saturation", 0.1, 0.0, "Strength."),
            Param::float("hue", 0.0, 0.0, "The greatest share of the circle.").up_to(0.5),
        ],
        returns: "transform",
        example: Example {
            code: "transform::color_jitter(#{ brightness: 0.25, hue: 0.05 })",
            shows: "color_jitter(0.25, hue: 0.05)",
        },
        cite: "torchvision 0.28 ColorJitter; Pillow 13 ImageEnhance and Blend.c, 2026",
        version: 1,
    },
    build,
};

struct ColorJitter {
    strengths: [f64; 4],
}

fn build(args: &Args) -> Result<Pipeline> {
    let strengths = [
        args.float("brightness")?,
        args.float("contrast")?,
        args.float("saturation")?,
        args.float("hue")?,
    ];
    Ok(Pipeline::one(Step::bytes(args, ColorJitter { strengths })))
}

impl ByteStep for ColorJitter {
    fn apply<'a>(&self, frame: Frame<'a>, stream: Stream) -> Result<Frame<'a>> {
        let mut generator = stream.generator();
        let mut order = [0, 1, 2, 3];
        generator.shuffle(&mut order);
        let mut picture = frame.into_raster()?;
        for which in order {
            let strength = self.strengths[which];
            // Every kind draws, so that one strength does not change the factors of the others.
            let place = f64::from(generator.uniform());
            if strength == 0.0 {
                continue;
            }
            let low = (1.0 - strength).max(0.0);
            let factor = low + (1.0 + strength - low) * place;
            match which {
                0 => brightness(&mut picture, factor as f32),
                1 => contrast(&mut picture, factor as f32),
                2 => saturation(&mut picture, factor as f32),
                _ => hue::turned(&mut picture, strength * (2.0 * place - 1.0)),
            }
        }
        Ok(Frame::from(picture))
    }

    fn is_random(&self) -> bool {
        self.strengths.iter().any(|strength| *strength > 0.0)
    }
}

/// From the byte `from` towards `to`, or beyond it; Pillow's `ImagingBlend`.
fn blended(from: u8, to: u8, share: f32) -> u8 {
    let difference = f32::from(i16::from(to) - i16::from(from));
    (f32::from(from) + share * difference) as u8
}

/// The blend of every byte with one.
fn blend_with(picture: &mut Raster, from: u8, share: f32) {
    let table: [u8; 256] = std::array::from_fn(|byte| blended(from, byte as u8, share));
    for byte in picture.bytes_mut() {
        *byte = table[usize::from(*byte)];
    }
}

pub(super) fn brightness(picture: &mut Raster, factor: f32) {
    blend_with(picture, 0, factor);
}

pub(super) fn contrast(picture: &mut Raster, factor: f32) {
    let bytes = picture.bytes();
    let sum: u64 = match picture.channels() {
        3 => bytes.chunks_exact(3).map(|pixel| u64::from(luminance(pixel))).sum(),
        _ => bytes.iter().map(|byte| u64::from(*byte)).sum(),
    };
    let pixels = picture.width() * picture.height();
    let mean = (sum as f64 / pixels as f64 + 0.5) as u8;
    blend_with(picture, mean, factor);
}

pub(super) fn saturation(picture: &mut Raster, factor: f32) {
    if picture.channels() == 1 {
        return;
    }
    for pixel in picture.bytes_mut().chunks_exact_mut(3) {
        let grey = luminance(pixel);
        for byte in pixel {
            *byte = blended(grey, *byte, factor);
        }
    }
}
