//! The pixels of a dataset as batches, shared by its splits.

use super::storage::{Packed, Storage};
use crate::error::Result;
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
}

/// How many images are resized at once; it bounds memory.
const RESIZED_AT_ONCE: i64 = 1000;
/// The side of images in files of their own where no size was asked for.
const SIDE: i64 = 224;

impl Pixels {
    /// The images of a storage; with `size`, at that height and width in pixels. Decodes nothing
    /// yet.
    pub fn new(storage: Storage, size: Option<i64>) -> Self {
        let size = match &storage {
            Storage::Packed(packed) => {
                let [_, height, width] = packed.shape();
                size.filter(|size| [*size; 2] != [height, width])
            }
            Storage::Files(_) => Some(size.unwrap_or(SIDE)),
        };
        Self { storage: Arc::new(storage), size, resized: OnceCell::new() }
    }

    /// Where the images come from.
    pub fn storage(&self) -> &Arc<Storage> {
        &self.storage
    }

    /// Channels, height and width as batches have them.
    pub fn shape(&self) -> [i64; 3] {
        let [channels, height, width] = match &*self.storage {
            Storage::Packed(packed) => packed.shape(),
            Storage::Files(_) => [3, SIDE, SIDE],
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
        let [channels, height, width] = self.shape();
        let shape = [ids.len() as i64, channels, height, width];
        let (bytes, white) = match (&*self.storage, self.size) {
            (Storage::Packed(packed), None) => (chosen(packed, ids)?, packed.white()),
            (Storage::Packed(packed), Some(size)) => {
                let held = self.resized.get_or_try_init(|| all_resized(packed, size))?;
                let row = |id: &u64| packed.row(*id).map(|row| row as i64);
                let rows = ids.iter().map(row).collect::<Result<Vec<i64>>>()?;
                let rows = Tensor::f_from_slice(&rows)?;
                return Ok(held.f_index_select(0, &rows)?.f_to_device(device)?);
            }
            (storage @ Storage::Files(_), _) => {
                let mut bytes = Vec::new();
                for id in ids {
                    bytes.extend(storage.square(*id, height as usize)?);
                }
                (bytes, 255)
            }
        };
        let stored = Tensor::f_from_data_size(&bytes, &shape, Kind::Uint8)?.f_to_device(device)?;
        scaled(&stored, white)
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
        Pixels::new(Storage::Packed(Packed::new(encoding, vec![7])), size)
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
