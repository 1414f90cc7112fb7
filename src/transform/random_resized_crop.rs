//! A random part of a picture, scaled to one size.

use super::frame::{Frame, Region, Size};
use super::resample::Filter;
use super::step::{ByteStep, Step, box_size, range, size_param};
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::{Generator, Stream};

/// `transform::random_resized_crop`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "random_resized_crop",
        home: Home::Namespace("transform"),
        doc: "Cuts out a rectangle of random area, ratio and place and resizes it. The area is \
              uniform in `scale`, the logarithm of width over height in that of `ratio`; after ten \
              rectangles that do not fit, it is the largest one in the middle. It is cut out \
              before it is resized, so that nothing outside is seen.",
        inputs: &[],
        params: &[
            size_param(224.0, "The side of a square in pixels, or [height, width]."),
            Param {
                name: "scale",
                kind: Kind::Floats { min: 0.0, max: 1.0 },
                default: Default::Floats(&[0.08, 1.0]),
                doc: "Least and greatest share of the picture's area.",
                label: false,
            },
            Param {
                name: "ratio",
                kind: Kind::Floats { min: 0.001, max: 1000.0 },
                default: Default::Floats(&[3.0 / 4.0, 4.0 / 3.0]),
                doc: "Least and greatest width over height.",
                label: false,
            },
            Filter::PARAM,
        ],
        returns: "transform",
        example: Example {
            code: "transform::random_resized_crop(#{ size: 224, scale: [0.25, 1] })",
            shows: "random_resized_crop(224, scale: [0.25, 1.0])",
        },
        cite: "torchvision 0.28 RandomResizedCrop, 2026",
        version: 1,
    },
    build,
};

struct RandomResizedCrop {
    size: Size,
    scale: (f64, f64),
    ratio: (f64, f64),
    filter: Filter,
}

fn build(args: &Args) -> Result<Pipeline> {
    let scale = range(args, "scale")?;
    if scale.1 == 0.0 {
        return Err(Error::usage("random_resized_crop: scale must leave some area, found 0")
            .at_key("scale"));
    }
    let step = RandomResizedCrop {
        size: box_size(args)?,
        scale,
        ratio: range(args, "ratio")?,
        filter: Filter::named(args.text("filter")?)?,
    };
    Ok(Pipeline::one(Step::bytes(args, step)))
}

fn uniform(generator: &mut Generator, (low, high): (f64, f64)) -> f64 {
    low + (high - low) * f64::from(generator.uniform())
}

/// A side in whole pixels, as Python's `round` gives it.
fn side(length: f64) -> usize {
    length.round_ties_even() as usize
}

impl RandomResizedCrop {
    fn region(&self, found: Size, generator: &mut Generator) -> Region {
        let area = (found.width * found.height) as f64;
        let logarithms = (self.ratio.0.ln(), self.ratio.1.ln());
        for _ in 0..10 {
            let target = area * uniform(generator, self.scale);
            let ratio = uniform(generator, logarithms).exp();
            let (width, height) = (side((target * ratio).sqrt()), side((target / ratio).sqrt()));
            if (1..=found.width).contains(&width) && (1..=found.height).contains(&height) {
                let y = generator.below(found.height - height + 1);
                let x = generator.below(found.width - width + 1);
                return Region::new(x, y, width, height);
            }
        }
        let proportion = found.width as f64 / found.height as f64;
        let (width, height) = if proportion < self.ratio.0 {
            (found.width, side(found.width as f64 / self.ratio.0).clamp(1, found.height))
        } else if proportion > self.ratio.1 {
            (side(found.height as f64 * self.ratio.1).clamp(1, found.width), found.height)
        } else {
            (found.width, found.height)
        };
        Region::new((found.width - width) / 2, (found.height - height) / 2, width, height)
    }
}

impl ByteStep for RandomResizedCrop {
    fn apply<'a>(&self, frame: Frame<'a>, stream: Stream) -> Result<Frame<'a>> {
        let region = self.region(frame.size(), &mut stream.generator());
        frame.crop(region)?.resize(self.size, self.filter)
    }

    fn size(&self, _: Option<Size>) -> Option<Size> {
        Some(self.size)
    }

    fn is_random(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(scale: (f64, f64), ratio: (f64, f64)) -> RandomResizedCrop {
        RandomResizedCrop { size: Size::new(8, 8), scale, ratio, filter: Filter::Bilinear }
    }

    #[test]
    fn area_and_ratio_are_uniform_in_their_ranges() {
        let step = step((0.2, 0.6), (0.75, 4.0 / 3.0));
        let mut generator = Stream::new(0, "crops").generator();
        let found = Size::new(1000, 1000);
        let (mut areas, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..4000 {
            let region = step.region(found, &mut generator);
            assert!(region.x + region.size.width <= 1000 && region.y + region.size.height <= 1000);
            areas.push((region.size.width * region.size.height) as f64 / 1e6);
            ratios.push((region.size.width as f64 / region.size.height as f64).ln());
        }
        let moments = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            (mean, squares / values.len() as f64)
        };
        // Uniform on [a, b]: mean (a + b) / 2, variance (b - a)^2 / 12; four standard errors.
        let (mean, variance) = moments(&areas);
        assert!((mean - 0.4).abs() < 0.008, "{mean}");
        assert!((variance - 0.16 / 12.0).abs() < 0.0008, "{variance}");
        let (mean, variance) = moments(&ratios);
        assert!(mean.abs() < 0.011, "{mean}");
        let width = 2.0 * (4.0f64 / 3.0).ln();
        assert!((variance - width * width / 12.0).abs() < 0.0016, "{variance}");
    }

    #[test]
    fn what_never_fits_becomes_the_middle() {
        let mut generator = Stream::new(0, "crops").generator();
        let square = step((1.0, 1.0), (1.0, 1.0));
        let region = square.region(Size::new(100, 20), &mut generator);
        assert_eq!(region, Region::new(40, 0, 20, 20));
        let region = square.region(Size::new(3, 20), &mut generator);
        assert_eq!(region, Region::new(0, 8, 3, 3));
        let tiny = step((0.0, 1e-9), (1.0, 1.0));
        assert_eq!(tiny.region(Size::new(5, 5), &mut generator), Region::new(0, 0, 5, 5));
    }
}
