//! Networks: what they are built of, their parameters, and the copy that attacks see.

mod architecture;
mod folded;
mod handle;
mod init;
mod network;
mod resnet18;
mod resnet8;
mod state;

pub use architecture::{Architecture, Stem};
pub use folded::Folded;
pub use handle::{Model, Origin};
pub use network::Network;

use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::registry::{Args, Entry, Kind, Param};
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
        let Architecture { name, channels, size, width, .. } = &*self.architecture;
        let classes = self.classes;
        format!("{name}: width {width}, {classes} classes, images of {channels}x{size}x{size}")
    }
}

/// Makes the description of a network from checked arguments.
pub type Build = fn(&Args) -> Result<ModelSpec>;

/// All architectures.
pub const MODELS: &[&Entry<Build>] = &[&resnet18::ENTRY, &resnet8::ENTRY];

/// The most parameters of a network: 4 GB in f32, and as much again for gradients and momentum.
const MOST_PARAMETERS: i64 = 1_000_000_000;

const CLASSES: Param = Param::int("classes", 10, 1, "Number of classes.").up_to(1e6);
const CHANNELS: Param = Param::int("channels", 1, 1, "Channels of the images: 1 or 3.").up_to(3.0);
const SIZE: Param =
    Param::int("size", 28, 8, "Height and width of the images in pixels.").up_to(4096.0);
const WIDTH: Param = Param::int("width", 16, 1, "Channels of the first stage.").up_to(65_536.0);
const MEAN: Param = Param {
    kind: Kind::Float { min: -1e3, max: 1e3 },
    ..Param::float("mean", 0.5, 0.0, "Subtracted from every pixel in [0,1].")
};
const STD: Param = Param::float("std", 0.25, 1e-6, "Every pixel is then divided by it.");

/// The description from the options that all architectures share.
fn described(args: &Args, name: &'static str, stem: Stem, blocks: &[i64]) -> Result<ModelSpec> {
    let architecture = Architecture {
        name,
        channels: args.int("channels")?,
        size: args.int("size")?,
        mean: args.float("mean")?,
        std: args.float("std")?,
        stem,
        width: args.int("width")?,
        blocks: blocks.to_vec(),
    };
    let classes = args.int("classes")?;
    let parameters = architecture.parameters(classes);
    if parameters > MOST_PARAMETERS {
        return Err(Error::usage(format!(
            "{name}: expected at most {MOST_PARAMETERS} parameters, found {parameters}"
        ))
        .at_key("width")
        .hint("a lower width has fewer"));
    }
    Ok(ModelSpec {
        architecture: Rc::new(architecture),
        classes,
        seed: args.int("seed")?,
        lineage: args.lineage(&[], &[]),
    })
}
