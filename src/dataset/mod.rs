//! Datasets: labelled images in train, val and test splits.
//!
//! Building one reads labels and hashes, no pixels; images are decoded at the first batch.

mod archive;
mod cifar;
mod crops;
mod describe;
mod effective_resolution;
mod facts;
mod few_shot;
mod files;
mod hf_swap;
mod idx;
mod images;
mod mat;
mod pack;
mod pixels;
mod seeded;
mod selection;
mod split;
mod storage;
mod statistics;
mod stored;
#[cfg(test)]
mod synthetic;

mod birdsnap;
mod caltech101;
mod caltech256;
mod cifar10;
mod cifar100;
mod digits;
mod dtd;
mod fashion_mnist;
mod fgvc_aircraft;
mod flowers102;
mod food101;
mod from_tensors;
mod image_folder;
mod imagenet;
mod mnist;
mod oxford_pets;
mod stanford_cars;
mod stylized_imagenet;
mod sun397;
mod tiny_imagenet;
mod view;

pub use describe::{DESCRIBE, describe};
pub use effective_resolution::{EFFECTIVE_RESOLUTION, effective_resolution};
pub use facts::{Facts, Metric};
pub use few_shot::{FEW_SHOT, few_of, few_shot};
pub use hf_swap::{HF_SWAP, hf_swap};
pub use images::Images;
pub use pack::{PACK, pack};
pub use split::{Batch, Dataset, Sample, Split};
pub use statistics::{CORRELATION, SPECTRUM, correlation, spectrum};
pub use storage::Storage;
pub use view::View;

use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry};

/// Makes a dataset from checked options.
pub type Build = fn(&Context, &Args) -> Result<Dataset>;

/// All datasets.
pub const DATASETS: &[&Entry<Build>] = &[
    &birdsnap::ENTRY,
    &caltech101::ENTRY,
    &caltech256::ENTRY,
    &cifar10::ENTRY,
    &cifar100::ENTRY,
    &digits::ENTRY,
    &dtd::ENTRY,
    &fashion_mnist::ENTRY,
    &fgvc_aircraft::ENTRY,
    &flowers102::ENTRY,
    &food101::ENTRY,
    &from_tensors::ENTRY,
    &image_folder::ENTRY,
    &imagenet::ENTRY,
    &mnist::ENTRY,
    &oxford_pets::ENTRY,
    &stanford_cars::ENTRY,
    &stylized_imagenet::ENTRY,
    &sun397::ENTRY,
    &tiny_imagenet::ENTRY,
];

#[cfg(test)]
pub(crate) mod laws;
