//! The memory that tensors are views of: where its bytes lie in the file.

use super::dtype::Dtype;
use super::extent::Extent;
use super::node::Id;

/// A storage of a file.
#[derive(Debug, Clone)]
pub struct Storage {
    /// Its name in the file; empty where it has none.
    pub key: String,
    /// The type that the file gives it; tensors may see it as another.
    pub dtype: Dtype,
    /// The number of elements of that type.
    pub numel: u64,
    /// The device it was saved from, for example `cuda:0`.
    pub location: String,
    /// Whether the highest byte of an element comes first.
    pub(super) big_endian: bool,
    /// Where its bytes are.
    pub(super) place: Place,
}

impl Storage {
    /// Its bytes.
    pub fn bytes(&self) -> u64 {
        self.numel.saturating_mul(self.dtype.size() as u64)
    }
}

/// Where bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The file names the storage and lacks it.
    Missing,
    /// In the file.
    File(Extent),
    /// In the bytes that the pickle itself holds, as those of numpy arrays.
    Pickled(Id),
}
