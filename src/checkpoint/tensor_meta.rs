//! Where a tensor lies in its storage.

use super::dtype::Dtype;
use crate::error::{Error, Result};

/// The index of a storage in its file; tensors of equal ids share memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StorageId(pub(super) u32);

/// The most dimensions that a tensor may have, as in libtorch.
const MAX_RANK: usize = 64;

/// The bytes that a tensor may spread to although its storage is smaller (as `expand` does), so
/// that a small file cannot ask for all memory.
const MAX_EXPANDED: u64 = 1 << 26;

/// A tensor that is described but not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorMeta {
    /// The lengths of the dimensions.
    pub shape: Vec<i64>,
    /// The steps between neighbours along each dimension, in elements.
    pub strides: Vec<i64>,
    /// The first element, counted from the start of the storage.
    pub offset: i64,
    /// The type of the elements.
    pub dtype: Dtype,
    /// The memory it is a view of.
    pub storage: StorageId,
    /// Whether it was said to need gradients; `None` where the format does not say.
    pub requires_grad: Option<bool>,
    /// Whether it was an `nn.Parameter`.
    pub is_parameter: bool,
}

impl TensorMeta {
    /// A tensor of a storage of `bytes` bytes, of which it may use the elements of `window`.
    ///
    /// # Errors
    /// [`crate::error::Kind::Data`]: more dimensions than 64, a negative length, step or offset,
    /// an element outside the window, or far more elements than the storage has.
    pub(super) fn new(
        (shape, strides, offset): (Vec<i64>, Vec<i64>, i64),
        dtype: Dtype,
        storage: StorageId,
        elements: u64,
    ) -> Result<Self> {
        let meta = Self {
            shape,
            strides,
            offset,
            dtype,
            storage,
            requires_grad: None,
            is_parameter: false,
        };
        meta.check(elements)?;
        Ok(meta)
    }

    fn check(&self, elements: u64) -> Result<()> {
        let Self { shape, strides, offset, .. } = self;
        let wrong = |what: &str| {
            let found = format!("shape {shape:?}, strides {strides:?}, offset {offset}");
            Err(Error::data(format!("tensor {what}: {found}")))
        };
        if shape.len() != strides.len() || shape.len() > MAX_RANK {
            return wrong("with other strides than dimensions, or more than 64");
        }
        if shape.iter().chain(strides).chain([offset]).any(|&number| number < 0) {
            return wrong("with a negative length, stride or offset");
        }
        let bytes =
            shape.iter().try_fold(self.dtype.size() as i64, |all, &length| all.checked_mul(length));
        let last = shape.iter().zip(strides).try_fold(*offset, |sum, (&length, &stride)| {
            sum.checked_add((length - 1).max(0).checked_mul(stride)?)
        });
        let (Some(bytes), Some(last)) = (bytes, last) else { return wrong("too large") };
        if bytes == 0 {
            return Ok(());
        }
        if last as u64 >= elements {
            return wrong(&format!("reaches outside its storage of {elements} elements"));
        }
        let stored = elements.saturating_mul(self.dtype.size() as u64);
        if bytes as u64 > stored.max(MAX_EXPANDED) {
            return wrong("is expanded to more than 64 MiB");
        }
        Ok(())
    }

    /// The number of elements.
    pub fn numel(&self) -> i64 {
        self.shape.iter().product()
    }

    /// The bytes of its elements, each counted once per place in the shape.
    pub fn bytes(&self) -> u64 {
        self.numel() as u64 * self.dtype.size() as u64
    }

    /// Whether its elements lie in order without gaps.
    pub fn is_contiguous(&self) -> bool {
        self.numel() == 0 || contiguous(&self.shape).is_some_and(|dense| self.same_steps(&dense))
    }

    /// Whether it is an image batch or a convolution weight whose channels lie innermost.
    pub fn is_channels_last(&self) -> bool {
        let [n, c, h, w] = self.shape[..] else { return false };
        let dense = contiguous(&[n, h, w, c]);
        !self.is_contiguous() && dense.is_some_and(|d| self.same_steps(&[d[0], d[3], d[1], d[2]]))
    }

    /// Whether the strides are these, where there is more than one element to step over.
    fn same_steps(&self, strides: &[i64]) -> bool {
        let mut steps = self.shape.iter().zip(&self.strides).zip(strides);
        steps.all(|((&length, own), other)| length == 1 || own == other)
    }
}

/// The strides of a tensor in row-major order; nothing if they overflow.
pub(super) fn contiguous(shape: &[i64]) -> Option<Vec<i64>> {
    let mut strides = vec![1i64; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].checked_mul(shape[axis].max(1))?;
    }
    Some(strides)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(shape: &[i64], strides: &[i64], offset: i64, elements: u64) -> Result<TensorMeta> {
        let layout = (shape.to_vec(), strides.to_vec(), offset);
        TensorMeta::new(layout, Dtype::Float32, StorageId(0), elements)
    }

    #[test]
    fn a_tensor_reaches_its_last_element_and_no_further() {
        assert!(meta(&[2, 3], &[3, 1], 4, 10).is_ok());
        assert!(meta(&[2, 3], &[3, 1], 5, 10).is_err());
        assert!(meta(&[], &[], 0, 1).is_ok());
        assert!(meta(&[], &[], 0, 0).is_err());
        assert!(meta(&[0, 7], &[7, 1], 0, 0).is_ok());
    }

    #[test]
    fn overflow_and_negative_numbers_are_refused() {
        let large = i64::MAX;
        assert!(meta(&[large, large], &[1, 1], 0, 10).is_err());
        assert!(meta(&[3], &[large], 0, u64::MAX).is_err());
        assert!(meta(&[2], &[1], large, u64::MAX).is_err());
        assert!(meta(&[-1], &[1], 0, 10).is_err());
        assert!(meta(&[1], &[-1], 0, 10).is_err());
        assert!(meta(&[1; 65], &[1; 65], 0, 10).is_err());
        assert!(meta(&[1 << 40], &[0], 0, 10).is_err());
        assert!(meta(&[1 << 20], &[0], 0, 10).is_ok());
    }

    #[test]
    fn layouts_are_recognised() {
        assert!(meta(&[2, 3], &[3, 1], 0, 6).unwrap().is_contiguous());
        assert!(!meta(&[2, 3], &[1, 2], 0, 6).unwrap().is_contiguous());
        let weight = meta(&[4, 3, 2, 2], &[12, 1, 6, 3], 0, 48).unwrap();
        assert!(weight.is_channels_last() && !weight.is_contiguous());
        let pointwise = meta(&[4, 3, 1, 1], &[3, 1, 3, 3], 0, 12).unwrap();
        assert!(pointwise.is_contiguous() && !pointwise.is_channels_last());
    }
}
