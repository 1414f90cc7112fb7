//! Passes over a split: the order of its images, and their batches read ahead.

mod batches;
mod feed;

pub use batches::{batches, paired_batches};
pub use feed::Feed;
