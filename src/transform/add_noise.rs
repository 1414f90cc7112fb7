//! Gaussian noise of the images themselves, the same for every network.

use super::step::{FloatStep, Planes, Step};
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;

/// `transform::add_noise`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "add_noise",
        home: Home::Namespace("transform"),
        doc: "Adds Gaussian noise and clamps to [0,1]. Every number gets noise of deviation `sigma`, \
              or the image gets a random direction of L2 norm `eps`; clamping shortens it. The noise \
              is never rounded to bytes.",
        inputs: &[],
        params: &[
            Param::float("sigma", 0.1, 0.0, "Standard deviation in pixels of [0,1]."),
            Param::optional(
                "eps",
                Kind::Float { min: 0.0, max: f64::INFINITY },
                "L2 norm in pixels of [0,1], in the place of `sigma`.",
            ),
        ],
        returns: "transform",
        example: Example {
            code: "transform::add_noise(#{ eps: 0.5 })",
            shows: "add_noise(eps: 0.5)",
        },
        cite: "",
        version: 1,
    },
    build,
};

enum Strength {
    Deviation(f32),
    Norm(f32),
}

struct AddNoise {
    strength: Strength,
}

fn build(args: &Args) -> Result<Pipeline> {
    let strength = match args.value("eps")? {
        crate::registry::Value::Unit => Strength::Deviation(args.float("sigma")? as f32),
        _ if !args.is_defaulted("sigma") => {
            return Err(Error::usage("add_noise: expected sigma or eps, found both").at_key("eps"));
        }
        _ => Strength::Norm(args.float("eps")? as f32),
    };
    Ok(Pipeline::one(Step::floats(args, AddNoise { strength })))
}

impl FloatStep for AddNoise {
    fn apply(&self, image: &mut Planes<'_>, stream: Stream) -> Result<()> {
        let mut generator = stream.generator();
        let factor = match self.strength {
            Strength::Deviation(sigma) => sigma,
            Strength::Norm(eps) => {
                let mut again = stream.generator();
                let squares = image.values.iter().map(|_| f64::from(again.normal()).powi(2));
                eps / (squares.sum::<f64>().sqrt() as f32 + 1e-10)
            }
        };
        for value in image.values.iter_mut() {
            *value = (*value + factor * generator.normal()).clamp(0.0, 1.0);
        }
        Ok(())
    }

    fn is_random(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::frame::Size;

    fn noise(strength: Strength) -> Vec<f64> {
        let mut values = vec![0.5; 3 * 64 * 64];
        let mut image = Planes { values: &mut values, channels: 3, size: Size::new(64, 64) };
        AddNoise { strength }.apply(&mut image, Stream::new(0, "noise")).unwrap();
        values.into_iter().map(|value| f64::from(value) - 0.5).collect()
    }

    #[test]
    fn noise_has_the_deviation_or_the_norm_that_is_asked_for() {
        let squares = |values: Vec<f64>| values.into_iter().map(|v| v * v).sum::<f64>();
        let deviation = (squares(noise(Strength::Deviation(0.05))) / 12288.0).sqrt();
        // The standard error of a deviation: 0.05 / sqrt(2 n) = 0.0003.
        assert!((deviation - 0.05).abs() < 0.0012, "{deviation}");
        let norm = squares(noise(Strength::Norm(2.0))).sqrt();
        assert!((norm - 2.0).abs() < 1e-4, "{norm}");
    }

    #[test]
    fn noise_is_finer_than_bytes() {
        let values = noise(Strength::Deviation(0.001));
        let bytes = values.iter().filter(|v| (((*v + 0.5) * 255.0).fract()).abs() < 1e-4).count();
        assert!(bytes < 10, "{bytes}");
    }
}
