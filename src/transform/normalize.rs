//! Mean and deviation per channel.

use super::step::{FloatStep, Planes, Step};
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;

/// `transform::normalize`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "normalize",
        home: Home::Namespace("transform"),
        doc: "Subtracts a mean from each channel and divides by a deviation. Pixels leave [0,1]; \
              networks here normalise inside, since attacks need pixels, so this serves \
              comparisons with other programs.",
        inputs: &[],
        params: &[
            Param {
                name: "mean",
                kind: Kind::Floats { min: -1000.0, max: 1000.0 },
                default: Default::Floats(&[0.485, 0.456, 0.406]),
                doc: "What is subtracted, one number or one per channel.",
                label: false,
            },
            Param {
                name: "std",
                kind: Kind::Floats { min: 1e-6, max: 1e6 },
                default: Default::Floats(&[0.229, 0.224, 0.225]),
                doc: "What is divided by, one number or one per channel.",
                label: false,
            },
        ],
        returns: "transform",
        example: Example {
            code: "let x = tensor::full([1, 1, 2, 2], 0.75);\n\
                   transform::normalize(#{ mean: 0.5, std: 0.25 }).apply(x).mean",
            shows: "1.0",
        },
        cite: "torchvision 0.28 Normalize, 2026",
        version: 1,
    },
    build,
};

struct Normalize {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

fn build(args: &Args) -> Result<Pipeline> {
    let numbers = |key: &str| -> Result<Vec<f32>> {
        let numbers = args.floats(key)?;
        if !matches!(numbers.len(), 1 | 3) {
            return Err(Error::usage(format!(
                "normalize: {key} expected 1 or 3 numbers, found {}",
                numbers.len()
            ))
            .at_key(key));
        }
        Ok(numbers.into_iter().map(|number| number as f32).collect())
    };
    let step = Normalize { mean: numbers("mean")?, deviation: numbers("std")? };
    Ok(Pipeline::one(Step::floats(args, step)))
}

impl FloatStep for Normalize {
    fn apply(&self, image: &mut Planes<'_>, _: Stream) -> Result<()> {
        let channels = image.channels;
        for numbers in [&self.mean, &self.deviation] {
            if numbers.len() > channels {
                return Err(Error::data(format!(
                    "normalize: expected {} channels, found {channels}",
                    numbers.len()
                )));
            }
        }
        let plane = image.size.width * image.size.height;
        for (channel, values) in image.values.chunks_exact_mut(plane).enumerate() {
            let (mean, deviation) = (
                self.mean[channel.min(self.mean.len() - 1)],
                self.deviation[channel.min(self.deviation.len() - 1)],
            );
            for value in values {
                *value = (*value - mean) / deviation;
            }
        }
        Ok(())
    }

    fn keeps_pixels(&self) -> bool {
        false
    }
}
