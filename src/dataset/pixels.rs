//! The pixels of a dataset: decoded when first needed, held once, shared by its splits.

use crate::error::{Error, Result};
use once_cell::unsync::OnceCell;
use tch::{Device, Kind, Tensor};

/// Decodes the stored images of some ids (ascending), one byte per pixel, image after image, each
/// in the order channels, height, width.
pub type Decode = Box<dyn Fn(&[u64]) -> Result<Vec<u8>>>;

/// How an archive stores its images.
pub struct Encoding {
    /// Channels, height and width as stored.
    pub shape: [i64; 3],
    /// The stored value of a pixel of 1.0.
    pub white: u8,
    /// The decoder.
    pub decode: Decode,
}

/// The images of some samples, by id.
pub struct Pixels {
    encoding: Encoding,
    ids: Vec<u64>,
    size: Option<i64>,
    /// Stored bytes, or resized f32; on the CPU.
    held: OnceCell<Tensor>,
}

/// How many images are resized at once; it bounds memory.
const RESIZED_AT_ONCE: i64 = 1000;

impl Pixels {
    /// The images of `ids`; with `size`, resized to that height and width in pixels. Decodes
    /// nothing yet.
    pub fn new(encoding: Encoding, mut ids: Vec<u64>, size: Option<i64>) -> Self {
        ids.sort_unstable();
        let [_, height, width] = encoding.shape;
        let size = size.filter(|size| [*size; 2] != [height, width]);
        Self { encoding, ids, size, held: OnceCell::new() }
    }

    /// Channels, height and width as batches have them.
    pub fn shape(&self) -> [i64; 3] {
        let [channels, height, width] = self.encoding.shape;
        [channels, self.size.unwrap_or(height), self.size.unwrap_or(width)]
    }

    /// The bytes of the images held in memory.
    pub fn bytes(&self) -> usize {
        self.held.get().map_or(0, crate::tensor::bytes)
    }

    /// The images of `ids`, in their order, as f32 `[B, C, H, W]` in [0, 1] on `device`.
    ///
    /// # Errors
    /// Data: the files behind the images are damaged or changed. Internal: an unknown id.
    pub fn batch(&self, ids: &[u64], device: Device) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let held = self.held.get_or_try_init(|| self.decode())?;
        let row = |id: &u64| match self.ids.binary_search(id) {
            Ok(row) => Ok(row as i64),
            Err(_) => Err(Error::internal(format!("no image has the id {id}"))),
        };
        let rows = ids.iter().map(row).collect::<Result<Vec<i64>>>()?;
        let chosen = held.f_index_select(0, &Tensor::f_from_slice(&rows)?)?.f_to_device(device)?;
        if self.size.is_some() { Ok(chosen) } else { self.scaled(&chosen) }
    }

    fn scaled(&self, stored: &Tensor) -> Result<Tensor> {
        Ok(stored.f_to_kind(Kind::Float)?.f_div_scalar(f64::from(self.encoding.white))?)
    }

    fn decode(&self) -> Result<Tensor> {
        let bytes = (self.encoding.decode)(&self.ids)?;
        let [channels, height, width] = self.encoding.shape;
        let count = self.ids.len() as i64;
        if bytes.len() as i64 != count * channels * height * width {
            let found = bytes.len();
            return Err(Error::internal(format!("decoding {count} images gave {found} bytes")));
        }
        let shape = [count, channels, height, width];
        let stored = Tensor::f_from_data_size(&bytes, &shape, Kind::Uint8)?;
        let Some(size) = self.size else { return Ok(stored) };
        let some = stored.f_split(RESIZED_AT_ONCE, 0)?;
        let some = some.iter().map(|some| resized(&self.scaled(some)?, size));
        Ok(Tensor::f_cat(&some.collect::<Result<Vec<Tensor>>>()?, 0)?)
    }
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
        Pixels::new(Encoding { shape, white: 255, decode }, vec![7], size)
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
