//! Python's pickles, protocols 0 to 5, read as data.
//!
//! A pickle is a program for a machine with a stack, and Python's machine imports and calls
//! whatever the program names. This one does neither. It knows the few functions that PyTorch
//! and numpy write around tensors, and does itself what they would do; everything else becomes an
//! opaque value that keeps what it was given. The idea of such a list is that of PyTorch's
//! `_weights_only_unpickler.py`, which refuses what is not on its list; the instructions are those
//! of Python's `pickletools.py`.

mod source;
mod machine;
mod literal;
mod stack;
mod numpy;
mod torch;
mod call;
mod opcode;

pub use machine::Machine;
pub use source::{MAX_PICKLED, Source};
