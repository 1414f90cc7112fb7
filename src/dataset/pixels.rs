//! The pixels of a dataset as batches, shared by its splits.

use super::hf_swap::Swap;
use super::storage::{Packed, Storage};
use super::view::View;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::seed::Stream;
use crate::torch;
use crate::transform::{self, Action, Pipeline, Step, squared};
use once_cell::unsync::OnceCell;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// The images of some samples, by id.
pub struct Pixels {
    storage: Arc<Storage>,
    /// The side of squares; none for images as they are stored.
    size: Option<i64>,
    /// Resized f32 of images of one size; on the CPU.
    resized: OnceCell<Tensor>,
    /// What training sees, where that is something of its own.
    train: Option<View>,
    /// What everything else sees; none for images of one size without a transform.
    plain: Option<View>,
    /// What a packed file is built under, where there is one.
    context: Option<Context>,
    /// What each image takes of another.
    swap: Option<Arc<Swap>>,
}

/// How many images are resized at once; it bounds memory.
const RESIZED_AT_ONCE: i64 = 1000;
/// The side of images in files of their own where no size was asked for.
const SIDE: i64 = 224;
/// The options that name pipelines.
pub const TRANSFORMS: [&str; 2] = ["train_transform", "test_transform"];

impl Pixels {
    /// The images of a storage; with `size`, at that height and width in pixels, unless pipelines
    /// for training and for everything else say what is made of them. Decodes nothing yet.
    ///
    /// # Errors
    /// Usage: a pipeline that gives no images of one size, or the two give different ones.
    pub fn new(
        storage: Storage,
        size: Option<i64>,
        [train, test]: [Option<Pipeline>; 2],
    ) -> Result<Self> {
        let storage = Arc::new(storage);
        let (size, usual) = match &*storage {
            Storage::Packed(packed) => {
                let [_, height, width] = packed.shape();
                (size.filter(|size| [*size; 2] != [height, width]), None)
            }
            Storage::Files { .. } | Storage::Mapped(_) => {
                let size = size.unwrap_or(SIDE);
                (Some(size), Some(squared(size)?))
            }
        };
        let view = |pipeline: Option<Pipeline>, key: &str| {
            let view = pipeline.map(|pipeline| View::new(storage.clone(), pipeline));
            view.transpose().map_err(|error| error.within(key).at_key(key))
        };
        let [train, plain] = [view(train, TRANSFORMS[0])?, view(test.or(usual), TRANSFORMS[1])?];
        let (resized, context, swap) = (OnceCell::new(), None, None);
        let pixels = Self { storage, size, resized, train, plain, context, swap };
        if let Some(train) = &pixels.train
            && train.shape() != pixels.shape()
        {
            let [found, expected] =
                [train.shape(), pixels.shape()].map(|[c, h, w]| format!("images of {c}x{h}x{w}"));
            return Err(Error::usage(format!(
                "train_transform gives {found}, expected {expected}"
            ))
            .at_key(TRANSFORMS[0])
            .hint("train_transform and test_transform give networks images of one size"));
        }
        Ok(pixels)
    }

    /// What is made of these images, made of those of a packed `storage`, which is built under
    /// `context` when pixels are first wanted.
    ///
    /// # Errors
    /// As [`Pixels::new`].
    pub fn packed(&self, storage: Storage, context: &Context) -> Result<Self> {
        let pipelines = [&self.train, &self.plain]
            .map(|view| view.as_ref().map(|view| view.pipeline().clone()));
        let pixels = Self::new(storage, self.size, pipelines)?;
        Ok(Self { context: Some(context.clone()), ..pixels })
    }

    /// The same images, of which training sees random parts and mirror images; with `middle`,
    /// everything else sees their middle. Both take the place of a resize and a crop to the middle
    /// with which the pipeline ends; what comes before these, and steps on numbers, stay.
    ///
    /// # Errors
    /// Usage: images that are no squares.
    pub fn cropped(&self, middle: bool) -> Result<Self> {
        let [_, height, width] = self.shape();
        if height != width {
            return Err(Error::usage(format!("expected square images, found {height}x{width}")));
        }
        let steps = self.plain.iter().flat_map(|view| view.pipeline().steps().cloned());
        let on_bytes = |step: &Step| matches!(step.action, Action::Bytes(_));
        let (mut first, last): (Vec<Step>, Vec<Step>) = steps.partition(on_bytes);
        for name in ["center_crop", "resize"] {
            first.pop_if(|step| step.name == name);
        }
        let view = |crop: Pipeline| -> Result<Option<View>> {
            let steps = first.iter().cloned().chain(crop.steps().cloned()).chain(last.clone());
            let view = View::new(self.storage.clone(), Pipeline::new(steps.collect())?)?;
            Ok(Some(match &self.swap {
                None => view,
                Some(swap) => view.swapped(swap.clone()),
            }))
        };
        Ok(Self {
            storage: self.storage.clone(),
            size: self.size,
            resized: OnceCell::new(),
            train: view(transform::randomly_cropped(height)?)?,
            plain: if middle { view(transform::middle(height)?)? } else { self.plain.clone() },
            context: self.context.clone(),
            swap: self.swap.clone(),
        })
    }

    /// Whether training sees something of its own.
    pub fn has_train_transform(&self) -> bool {
        self.train.is_some()
    }

    fn prepare(&self) -> Result<()> {
        match (&*self.storage, &self.context) {
            (Storage::Mapped(pack), Some(context)) => pack.prepare(context),
            _ => Ok(()),
        }
    }

    /// The same images, each with frequencies of its partner; none where they have some already.
    pub fn swapped(&self, swap: Swap) -> Option<Self> {
        if self.swap.is_some() {
            return None;
        }
        let swap = Arc::new(swap);
        let view = |view: &Option<View>| view.as_ref().map(|view| view.swapped(swap.clone()));
        Some(Self {
            storage: self.storage.clone(),
            size: self.size,
            resized: OnceCell::new(),
            train: view(&self.train),
            plain: view(&self.plain),
            context: self.context.clone(),
            swap: Some(swap),
        })
    }

    /// What each image takes of another.
    pub fn swap(&self) -> Option<&Swap> {
        self.swap.as_deref()
    }

    /// Where the images come from.
    pub fn storage(&self) -> &Arc<Storage> {
        &self.storage
    }

    /// What makes the images, and the stream that it draws from: what training sees with `epoch`,
    /// the stream of an epoch; none where they lie ready in memory.
    ///
    /// # Errors
    /// As [`super::pack()`] where the images are to be packed first.
    pub fn view(&self, epoch: Option<Stream>) -> Result<Option<(&View, Stream)>> {
        self.prepare()?;
        Ok(match (epoch, &self.train) {
            (Some(stream), Some(train)) => Some((train, stream)),
            _ => self.plain.as_ref().map(|view| (view, Stream::new(0, "test transform"))),
        })
    }

    /// Whether training sees other images in every epoch.
    pub fn is_random(&self) -> bool {
        self.train.as_ref().is_some_and(|view| view.pipeline().is_random())
    }

    /// Channels, height and width as batches have them.
    pub fn shape(&self) -> [i64; 3] {
        if let Some(view) = &self.plain {
            return view.shape();
        }
        let [channels, height, width] = match &*self.storage {
            Storage::Packed(packed) => packed.shape(),
            Storage::Files { .. } | Storage::Mapped(_) => [3, SIDE, SIDE],
        };
        [channels, self.size.unwrap_or(height), self.size.unwrap_or(width)]
    }

    /// The bytes of the images held in memory.
    pub fn bytes(&self) -> usize {
        self.storage.bytes() + self.resized.get().map_or(0, crate::tensor::bytes)
    }

    /// The images of `ids`, in their order, as f32 `[B, C, H, W]` in [0, 1] on `device`.
    ///
    /// # Errors
    /// Data: the files behind the images are damaged or changed. Internal: an unknown id.
    pub fn batch(&self, ids: &[u64], device: Device) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        if let Some((view, stream)) = self.view(None)? {
            return self.tensor(&view.images(ids, stream, torch::threads())?, device);
        }
        let Some(swap) = &self.swap else { return self.stored(ids, device) };
        let partners = ids.iter().map(|id| swap.partner(*id)).collect::<Result<Vec<u64>>>()?;
        let [mut own, others] = [self.numbers(ids)?, self.numbers(&partners)?];
        let area = self.shape().iter().product::<i64>() as usize;
        for (image, other) in own.chunks_exact_mut(area).zip(others.chunks_exact(area)) {
            swap.mix(image, other, self.shape())?;
        }
        self.tensor(&own, device)
    }

    fn numbers(&self, ids: &[u64]) -> Result<Vec<f32>> {
        Ok(Vec::try_from(&self.stored(ids, Device::Cpu)?.f_view([-1])?)?)
    }

    /// Images of one size without a transform.
    fn stored(&self, ids: &[u64], device: Device) -> Result<Tensor> {
        let Storage::Packed(packed) = &*self.storage else {
            return Err(Error::internal("files are read through a view"));
        };
        let Some(size) = self.size else {
            let [channels, height, width] = packed.shape();
            let shape = [ids.len() as i64, channels, height, width];
            let bytes = chosen(packed, ids)?;
            let stored = Tensor::f_from_data_size(&bytes, &shape, Kind::Uint8)?;
            return scaled(&stored.f_to_device(device)?, packed.white());
        };
        let held = self.resized.get_or_try_init(|| all_resized(packed, size))?;
        let row = |id: &u64| packed.row(*id).map(|row| row as i64);
        let rows = ids.iter().map(row).collect::<Result<Vec<i64>>>()?;
        let rows = Tensor::f_from_slice(&rows)?;
        Ok(held.f_index_select(0, &rows)?.f_to_device(device)?)
    }

    /// Images that a view made, as a tensor on `device`.
    ///
    /// # Errors
    /// Internal: a number of values that is not theirs.
    pub fn tensor(&self, images: &[f32], device: Device) -> Result<Tensor> {
        let [channels, height, width] = self.shape();
        let count = images.len() as i64 / (channels * height * width);
        let tensor = Tensor::f_from_slice(images)?.f_view([count, channels, height, width])?;
        Ok(tensor.f_to_device(device)?)
    }
}

fn chosen(packed: &Packed, ids: &[u64]) -> Result<Vec<u8>> {
    let area = packed.shape().iter().product::<i64>() as usize;
    let all = packed.all()?;
    let mut bytes = Vec::with_capacity(ids.len() * area);
    for id in ids {
        let start = packed.row(*id)? * area;
        bytes.extend_from_slice(all.get(start..start + area).unwrap_or_default());
    }
    Ok(bytes)
}

fn scaled(stored: &Tensor, white: u8) -> Result<Tensor> {
    Ok(stored.f_to_kind(Kind::Float)?.f_div_scalar(f64::from(white))?)
}

fn all_resized(packed: &Packed, size: i64) -> Result<Tensor> {
    let [channels, height, width] = packed.shape();
    let shape = [packed.len() as i64, channels, height, width];
    let stored = Tensor::f_from_data_size(packed.all()?, &shape, Kind::Uint8)?;
    let some = stored.f_split(RESIZED_AT_ONCE, 0)?;
    let some = some.iter().map(|some| resized(&scaled(some, packed.white())?, size));
    Ok(Tensor::f_cat(&some.collect::<Result<Vec<Tensor>>>()?, 0)?)
}

/// Images `[N, C, H, W]` in [0, 1] at `size` by `size` pixels, as PyTorch's
/// `interpolate(mode="bilinear", antialias=True, align_corners=False)`: a triangle filter as wide
/// as the input pixels that one output pixel covers, at least one; clamped to [0, 1].
fn resized(images: &Tensor, size: i64) -> Result<Tensor> {
    let resized = images.f_internal_upsample_bilinear2d_aa([size, size], false, None, None)?;
    Ok(resized.f_clamp(0.0, 1.0)?)
}

#[cfg(test)]
mod tests {
    use super::super::storage::{Decode, Encoding};
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        image: Vec<Vec<u8>>,
        size: i64,
        resized: Vec<f32>,
    }

    fn pixels(image: &[Vec<u8>], size: Option<i64>) -> Pixels {
        let shape = [1, image.len() as i64, image[0].len() as i64];
        let bytes = image.concat();
        let decode: Decode = Box::new(move |ids| {
            assert_eq!(ids, [7]);
            Ok(bytes.clone())
        });
        let encoding = Encoding { shape, white: 255, decode };
        let storage = Storage::Packed(Packed::new(encoding, vec![7]));
        Pixels::new(storage, size, [None, None]).unwrap()
    }

    #[test]
    fn resizing_equals_pytorch_up_and_down() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/parity/resize.json")).unwrap();
        for Case { image, size, resized } in cases {
            let pixels = pixels(&image, Some(size));
            let batch = pixels.batch(&[7], Device::Cpu).unwrap();
            assert_eq!(batch.size(), [1, 1, size, size]);
            let expected = Tensor::from_slice(&resized).view([1, 1, size, size]);
            let off = (batch - expected).abs().max().double_value(&[]);
            assert!(off < 1e-6, "size {size}: off by {off}");
        }
    }

    #[test]
    fn the_stored_size_is_not_resized() {
        let image = vec![vec![0, 51], vec![102, 255]];
        let plain = pixels(&image, None);
        let same = pixels(&image, Some(2));
        assert_eq!(plain.shape(), same.shape());
        let values = plain.batch(&[7, 7], Device::Cpu).unwrap();
        assert_eq!(values, same.batch(&[7, 7], Device::Cpu).unwrap());
        let expected = Tensor::from_slice(&[0.0f32, 51. / 255., 102. / 255., 1.0]);
        assert_eq!(values.get(1).view([4]), expected);
    }

    #[test]
    fn an_empty_batch_has_the_shape_of_the_others() {
        let pixels = pixels(&[vec![1, 2], vec![3, 4]], Some(3));
        assert_eq!(pixels.batch(&[], Device::Cpu).unwrap().size(), [0, 1, 3, 3]);
        assert!(pixels.batch(&[8], Device::Cpu).is_err());
    }
}
