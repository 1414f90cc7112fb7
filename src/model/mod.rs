//! Networks: what they are built of, their parameters, and the copy that attacks see.

mod architecture;
mod architectures;
mod at_size;
mod folded;
mod forward;
pub mod graph;
mod handle;
mod init;
mod learning;
mod network;
mod outputs;
#[cfg(test)]
mod parity;
mod precision;
mod recalibration;
mod state;
mod summary;

pub use architecture::{Architecture, Normaliser};
pub use architectures::MODELS;
pub use at_size::{AT_SIZE, at_size};
pub use folded::Folded;
pub use forward::Draws;
pub use handle::{Model, Origin};
pub use learning::{Learning, Learns, Statistics};
pub use network::Network;
pub use outputs::{FEATURES, LOGITS, features, logits};
pub use precision::Precision;
pub use recalibration::Recalibration;
pub use summary::{SUMMARY, summary};

use crate::error::Result;
use crate::lineage::Lineage;
use crate::registry::Args;
use std::rc::Rc;

/// A network that was asked for and not yet built: build it with [`Network::new`] and
/// `Stream::new(seed, "init")`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// What it is built of.
    pub architecture: Rc<Architecture>,
    /// The number of classes.
    pub classes: i64,
    /// The seed of its initial parameters.
    pub seed: i64,
    /// What was asked for.
    pub lineage: Rc<Lineage>,
}

impl ModelSpec {
    /// One line for people.
    pub fn summary(&self) -> String {
        let Architecture { name, variant, .. } = &*self.architecture;
        let [channels, height, width] = self.architecture.input_shape();
        let chosen = if variant.is_empty() { String::new() } else { format!("{variant}, ") };
        let classes = self.classes;
        format!("{name}: {chosen}{classes} classes, images of {channels}x{height}x{width}")
    }
}

/// Makes the description of a network from checked arguments.
pub type Build = fn(&Args) -> Result<ModelSpec>;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::registry::Value;

    /// The model of an entry with these options.
    pub fn spec(name: &str, options: &[(&str, Value)]) -> ModelSpec {
        let entry = MODELS.iter().find(|entry| entry.spec.name == name).unwrap();
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        (entry.build)(&Args::resolve(&entry.spec, Vec::new(), options.collect()).unwrap()).unwrap()
    }
}
