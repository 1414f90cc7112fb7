//! Steps one after the other.

use super::frame::{Frame, Size};
use super::step::{Action, Planes, Step};
use super::{Build, Transform};
use crate::error::{Error, Result};
use crate::image::Raster;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// `transform::pipeline`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "pipeline",
        home: Home::Namespace("transform"),
        doc: "Transforms one after the other. Those on bytes come first; between them and those on \
              numbers a byte becomes byte / 255. Each random step draws from a stream of its own, \
              which seed, epoch, image, place in the pipeline and name decide.",
        inputs: &[Param::input("steps", Kind::Handles("transform"), "What is done, in order.")],
        params: &[],
        returns: "transform",
        example: Example {
            code: "transform::pipeline([transform::resize(#{ size: 256 }), \
                   transform::center_crop(#{ size: 224 })])",
            shows: "resize(256) > center_crop(224)",
        },
        cite: "",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<Pipeline> {
    let parts: Vec<Transform> = args.handles("steps")?;
    Pipeline::new(parts.iter().flat_map(|part| part.pipeline.steps().cloned()).collect())
}

/// Steps in order, those on bytes first. It is cheap to copy and shared between threads.
#[derive(Clone)]
pub struct Pipeline {
    steps: Arc<[(Step, u64)]>,
}

impl Pipeline {
    /// The pipeline of these steps; with none it makes numbers of bytes.
    ///
    /// # Errors
    /// Usage: a step on bytes after one on numbers.
    pub fn new(steps: Vec<Step>) -> Result<Self> {
        let mut floats = None;
        for step in &steps {
            match (&step.action, floats) {
                (Action::Floats(_), _) => floats = floats.or(Some(step.name)),
                (Action::Bytes(_), Some(earlier)) => {
                    return Err(Error::usage(format!(
                        "transform: {} works on bytes, expected it before {earlier}",
                        step.name
                    )));
                }
                _ => {}
            }
        }
        let keyed = steps.into_iter().enumerate().map(|(place, step)| {
            let key = key(place, step.name);
            (step, key)
        });
        Ok(Self { steps: keyed.collect() })
    }

    /// The pipeline of one step.
    pub(super) fn one(step: Step) -> Self {
        let key = key(0, step.name);
        Self { steps: Arc::new([(step, key)]) }
    }

    /// The steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().map(|(step, _)| step)
    }

    /// Whether two applications may differ.
    pub fn is_random(&self) -> bool {
        self.steps().any(Step::is_random)
    }

    /// Whether all steps work on bytes, so that the result may be kept as bytes.
    pub fn is_on_bytes(&self) -> bool {
        self.steps().all(|step| matches!(step.action, Action::Bytes(_)))
    }

    /// Whether what it makes lies in [0,1].
    pub fn keeps_pixels(&self) -> bool {
        self.steps().all(|step| match &step.action {
            Action::Bytes(_) => true,
            Action::Floats(step) => step.keeps_pixels(),
        })
    }

    /// The size of what it makes of pictures of the size `input`, which may be unknown; none where
    /// it depends on that.
    pub fn output_size(&self, input: Option<Size>) -> Option<Size> {
        self.steps().fold(input, |size, step| match &step.action {
            Action::Bytes(step) => step.size(size),
            Action::Floats(_) => size,
        })
    }

    /// Transforms a picture into `out`, `[channels, height, width]`. `stream` is that of the seed,
    /// the purpose, the epoch and the image.
    ///
    /// # Errors
    /// Data: a step cannot work on the picture, or `out` is not as long as the result.
    pub fn apply(&self, frame: Frame<'_>, stream: Stream, out: &mut [f32]) -> Result<()> {
        let frame = self.frame(frame, stream)?;
        let (size, channels) = (frame.size(), frame.channels());
        self.finish(
            frame,
            stream,
            &mut Planes { values: expected(out, size, channels)?, channels, size },
        )
    }

    /// Transforms a picture of any size; gives the numbers, the channels and the size.
    ///
    /// # Errors
    /// Data: a step cannot work on the picture.
    pub fn transformed(&self, frame: Frame<'_>, stream: Stream) -> Result<(Vec<f32>, usize, Size)> {
        let frame = self.frame(frame, stream)?;
        let (size, channels) = (frame.size(), frame.channels());
        let mut values = vec![0.0; channels * size.width * size.height];
        self.finish(frame, stream, &mut Planes { values: &mut values, channels, size })?;
        Ok((values, channels, size))
    }

    /// Transforms a picture and keeps it as bytes.
    ///
    /// # Errors
    /// Usage: a step works on numbers. Data: a step cannot work on the picture.
    pub fn raster(&self, frame: Frame<'_>, stream: Stream) -> Result<Raster> {
        if let Some(step) = self.steps().find(|step| matches!(step.action, Action::Floats(_))) {
            return Err(Error::usage(format!(
                "transform: {} makes numbers, expected steps on bytes only",
                step.name
            )));
        }
        self.frame(frame, stream)?.into_raster()
    }

    /// Applies the steps on numbers to an image of [0,1], in place.
    ///
    /// # Errors
    /// Internal: there are steps on bytes. Data: a step cannot work on the image.
    pub fn apply_to_numbers(&self, image: &mut Planes<'_>, stream: Stream) -> Result<()> {
        for (step, key) in self.steps.iter() {
            match &step.action {
                Action::Floats(step) => step.apply(image, stream.at(*key))?,
                Action::Bytes(_) => {
                    return Err(Error::internal(format!("{} was given numbers", step.name)));
                }
            }
        }
        Ok(())
    }

    /// The steps on bytes.
    fn frame<'a>(&self, mut frame: Frame<'a>, stream: Stream) -> Result<Frame<'a>> {
        for (step, key) in self.steps.iter() {
            if let Action::Bytes(step) = &step.action {
                frame = step.apply(frame, stream.at(*key))?;
            }
        }
        Ok(frame)
    }

    /// Bytes to numbers, and the steps on numbers.
    fn finish(&self, frame: Frame<'_>, stream: Stream, image: &mut Planes<'_>) -> Result<()> {
        frame.write(image.values)?;
        for (step, key) in self.steps.iter() {
            if let Action::Floats(step) = &step.action {
                step.apply(image, stream.at(*key))?;
            }
        }
        Ok(())
    }
}

/// `out`, if it has the length of an image.
fn expected(out: &mut [f32], size: Size, channels: usize) -> Result<&mut [f32]> {
    if out.len() == channels * size.width * size.height {
        return Ok(out);
    }
    Err(Error::data(format!(
        "transform: expected images of {} numbers, found {channels} x {} x {}",
        out.len(),
        size.height,
        size.width
    ))
    .hint(
        "a transform that ends with a resize or a crop to height and width makes all images equal",
    ))
}

/// What tells the streams of the steps apart: place and name.
fn key(place: usize, name: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(place.to_le_bytes());
    hash.update(name.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    u64::from_le_bytes(first)
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("to_tensor()");
        }
        let texts: Vec<&str> = self.steps().map(|step| step.text.as_str()).collect();
        f.write_str(&texts.join(" > "))
    }
}
