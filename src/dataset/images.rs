//! Images that a script chose: those of a split, or a tensor of its own.

use super::Split;
use crate::error::{Error, Result};
use crate::registry::{Args, Kind, Param};
use crate::tensor::{Constant, elements, expect_pixels, image_batch};
use tch::{Device, Tensor};

/// Images, and their classes where these are known.
#[derive(Debug)]
pub struct Images {
    /// f32 images `[N, C, H, W]` in [0, 1].
    pub x: Tensor,
    /// i64 classes `[N]`; none for a tensor.
    pub y: Option<Tensor>,
    /// Their numbers in their dataset, for random streams; those of a tensor count from 0.
    pub ids: Vec<u64>,
}

impl Images {
    /// The argument that [`Images::from_args`] reads.
    pub const PARAM: Param = Param::input(
        "images",
        Kind::Either { words: &[], kinds: &["split", "tensor"] },
        "A split, or a tensor (N, C, H, W) of pixels in [0,1].",
    );

    /// Reads the argument [`Images::PARAM`] and moves the images to `device`.
    ///
    /// # Errors
    /// A tensor that is no batch of images or has no pixels in [0, 1]; no image; a split too
    /// large to be held at once; damaged files.
    pub fn from_args(args: &Args, device: Device) -> Result<Self> {
        let key = Self::PARAM.name;
        let at = |error: Error| error.within(args.spec().name).at_key(key);
        let images = match args.handle_if::<Split>(key)? {
            Some(split) => Self::all(&split, device).map_err(at)?,
            None => {
                let tensor = args.handle::<Constant>(key)?;
                image_batch(tensor.tensor()).map_err(at)?;
                expect_pixels(key, tensor.tensor()).map_err(at)?;
                let x = tensor.tensor().f_to_device(device)?;
                let count = x.size().first().map_or(0, |count| *count as u64);
                Self { x, y: None, ids: (0..count).collect() }
            }
        };
        match images.len() {
            0 => Err(at(Error::usage("expected at least one image, found none"))),
            _ => Ok(images),
        }
    }

    fn all(split: &Split, device: Device) -> Result<Self> {
        let [channels, height, width] = split.shape();
        elements(&[split.len() as i64, channels, height, width])
            .map_err(|error| error.hint("choose some of the images: data.test.images(0..8)"))?;
        let batch = split.batch(&(0..split.len()).collect::<Vec<_>>(), device)?;
        Ok(Self { x: batch.x, y: Some(batch.y), ids: batch.ids })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.x.size().first().map_or(0, |count| *count as usize)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
