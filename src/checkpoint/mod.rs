//! Weights in files: rtscript's own, in safetensors, and those that PyTorch wrote.
//!
//! [`open`] reads what `torch.save` writes without running it. A file is a graph of values, of
//! which tensors are described at once and read when they are asked for:
//!
//! * `container` tells zip archives, legacy files, bare pickles and safetensors apart;
//! * `pickle` is a machine that builds values and calls nothing;
//! * `symbol` says what Python's loader would have imported and called instead;
//! * `load` makes models of them, `save` files of models, with a `manifest`;
//! * `file` gives tensors, `walk` all of them by path, `listing` a report for people.

mod safetensors;
mod dtype;
mod extent;
mod tensor_meta;
mod symbol;
mod node;
mod storage;
mod zip;
mod pickle;
mod container;
mod file;
mod walk;
mod listing;
mod manifest;
mod load;
mod save;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod damage;

pub use container::{Container, Format};
pub use dtype::Dtype;
pub use file::{File, open};
pub use listing::{Style, listing};
pub use load::{LOAD, load};
pub use node::{Blob, How, Id, Node, Opaque, StorageView, Value};
pub use safetensors::{decode, encode};
pub use save::{SAVE, save};
pub use storage::Storage;
pub use symbol::{Symbol, SymbolId, Trust};
pub use tensor_meta::{StorageId, TensorMeta};
pub use walk::{state_dict, tensors};
