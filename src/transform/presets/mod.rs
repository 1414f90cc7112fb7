//! Pipelines of papers and of other programs, by name.

mod cifar_train;
mod imagenet_test;
mod imagenet_train;
mod salman2020_test;
mod salman2020_train;

use super::{Build, Pipeline, TRANSFORMS};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Value};

/// All presets.
pub const PRESETS: &[&Entry<Build>] = &[
    &salman2020_train::ENTRY,
    &salman2020_test::ENTRY,
    &imagenet_train::ENTRY,
    &imagenet_test::ENTRY,
    &cifar_train::ENTRY,
];

/// The shorter side at `size` pixels, and the square in the middle.
///
/// # Errors
/// Usage: a size that is no size of an image.
pub fn squared(size: i64) -> Result<Pipeline> {
    let options = [("size", Value::Int(size))];
    pipeline(&[("resize", &options), ("center_crop", &options)])
}

/// The shorter side at `size` pixels.
///
/// # Errors
/// Usage: a size that is no size of an image.
pub fn shortened(size: i64) -> Result<Pipeline> {
    pipeline(&[("resize", &[("size", Value::Int(size))])])
}

/// A random part of the picture at `size` pixels, or its mirror image: as torchvision's
/// RandomResizedCrop and RandomHorizontalFlip are by default.
///
/// # Errors
/// Usage: a size that is no size of an image.
pub fn randomly_cropped(size: i64) -> Result<Pipeline> {
    pipeline(&[("random_resized_crop", &[("size", Value::Int(size))]), ("random_flip", &[])])
}

/// The shorter side at 8/7 of `size` pixels, and the square in the middle: 256 and 224.
///
/// # Errors
/// Usage: a size that is no size of an image.
pub fn middle(size: i64) -> Result<Pipeline> {
    let resized = [("size", Value::Int((8 * size + 3) / 7))];
    pipeline(&[("resize", &resized), ("center_crop", &[("size", Value::Int(size))])])
}

/// A step of a preset: its name, and its options.
type Call<'a> = (&'a str, &'a [(&'a str, Value)]);

/// The pipeline of some steps, each checked as a script's call is.
fn pipeline(calls: &[Call<'_>]) -> Result<Pipeline> {
    let mut steps = Vec::new();
    for (name, options) in calls {
        let entry = TRANSFORMS.iter().find(|entry| entry.spec.name == *name);
        let entry =
            entry.ok_or_else(|| Error::internal(format!("no transform is called {name}")))?;
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let args = Args::resolve(&entry.spec, Vec::new(), options.collect())?;
        steps.extend((entry.build)(&args)?.steps().cloned());
    }
    Pipeline::new(steps)
}
