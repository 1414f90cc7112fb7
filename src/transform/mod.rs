//! What is done to a picture before a network sees it: steps on bytes, equal to torchvision on
//! Pillow images, then steps on numbers of [0,1].
//!
//! Steps draw from streams alone and are shared between threads, so that neither the order nor the
//! number of workers changes an image. A high band from another picture needs two pictures and is
//! no step but `dataset.hf_swap`.

mod frame;
mod handle;
mod pipeline;
mod resample;
mod step;
mod unit;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod parity;

mod add_noise;
mod center_crop;
mod color_jitter;
mod dct;
mod downscale;
mod grayscale;
mod hue;
mod jpeg;
mod lighting;
mod low_pass;
mod normalize;
mod patch_shuffle;
mod pixelate;
mod presets;
mod random_crop;
mod random_downscale;
mod random_flip;
mod random_resized_crop;
mod random_rotation;
mod resize;
mod ycc;

pub use frame::{Frame, Region, Size};
pub use handle::{APPLY, Transform, apply};
pub use low_pass::LowPass;
pub use pipeline::Pipeline;
pub use presets::{PRESETS, middle, randomly_cropped, shortened, squared};
pub use resample::Filter;
pub use step::{Action, ByteStep, FloatStep, Planes, Step};

use crate::error::Result;
use crate::registry::{Args, Entry};

/// Makes a pipeline, of one step or several, from checked arguments.
pub type Build = fn(&Args) -> Result<Pipeline>;

/// All transforms but the presets.
pub const TRANSFORMS: &[&Entry<Build>] = &[
    &pipeline::ENTRY,
    &resize::ENTRY,
    &center_crop::ENTRY,
    &random_crop::ENTRY,
    &random_resized_crop::ENTRY,
    &random_flip::ENTRY,
    &random_rotation::ENTRY,
    &color_jitter::ENTRY,
    &grayscale::ENTRY,
    &downscale::ENTRY,
    &random_downscale::ENTRY,
    &pixelate::ENTRY,
    &jpeg::ENTRY,
    &patch_shuffle::ENTRY,
    &lighting::ENTRY,
    &normalize::ENTRY,
    &low_pass::ENTRY,
    &add_noise::ENTRY,
];
