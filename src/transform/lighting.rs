//! Noise along the principal colours of natural images.

use super::step::{FloatStep, Planes, Step};
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;

/// `transform::lighting`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "lighting",
        home: Home::Namespace("transform"),
        doc: "Adds one random colour to all pixels. It is a sum of the three principal components \
              of ImageNet's colours, each times its eigenvalue and a normal number of deviation \
              `alpha`. As in the robustness library nothing is clamped, so pixels may leave [0,1].",
        inputs: &[],
        params: &[Param::float("alpha", 0.05, 0.0, "The standard deviation of a component.")],
        returns: "transform",
        example: Example { code: "transform::lighting()", shows: "lighting(0.05)" },
        cite: "Krizhevsky et al. 2012, section 4.1; MadryLab/robustness data_augmentation.py",
        version: 1,
    },
    build,
};

const EIGENVALUES: [f32; 3] = [0.2175, 0.0188, 0.0045];
/// A row per colour, a column per component.
const EIGENVECTORS: [[f32; 3]; 3] =
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]];

struct Lighting {
    alpha: f32,
}

fn build(args: &Args) -> Result<Pipeline> {
    Ok(Pipeline::one(Step::floats(args, Lighting { alpha: args.float("alpha")? as f32 })))
}

/// What is added to red, green and blue.
pub(super) fn colour(alphas: [f32; 3]) -> [f32; 3] {
    EIGENVECTORS.map(|row| {
        let terms =
            (0..3).map(|component| row[component] * alphas[component] * EIGENVALUES[component]);
        terms.sum()
    })
}

impl FloatStep for Lighting {
    fn apply(&self, image: &mut Planes<'_>, stream: Stream) -> Result<()> {
        if image.channels != 3 {
            return Err(Error::data(format!(
                "lighting: expected 3 channels, found {}",
                image.channels
            )));
        }
        let mut generator = stream.generator();
        let alphas = std::array::from_fn(|_| self.alpha * generator.normal());
        let plane = image.size.width * image.size.height;
        for (values, shift) in image.values.chunks_exact_mut(plane).zip(colour(alphas)) {
            for value in values {
                *value += shift;
            }
        }
        Ok(())
    }

    fn is_random(&self) -> bool {
        self.alpha > 0.0
    }

    fn keeps_pixels(&self) -> bool {
        self.alpha == 0.0
    }
}
