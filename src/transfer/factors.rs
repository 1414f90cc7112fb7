//! What protocols differ in besides what they train, as independent options.

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::model::{Network, Normaliser, Statistics};
use crate::registry::{Args, Param};

/// What batch norms go by, what is cropped, and which normaliser the network has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    /// Of the target's batches, or of the source.
    pub statistics: Statistics,
    /// Whether training sees random crops in the place of the dataset's own images.
    pub random_crops: bool,
    /// What happens to the pixels first.
    pub normaliser: Behind,
}

/// The normaliser that a network is put behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Its own.
    Source,
    /// None: mean 0 and deviation 1.
    None,
    /// That of the target.
    Target,
}

const CROP: Param = Param::choice(
    "crop",
    &["plain", "random"],
    "What training sees: \"plain\", what the dataset gives; \"random\", random parts of the stored \
     pictures at the network's size and their mirror images.",
);
const NORMALISER: Param = Param::choice(
    "normaliser",
    &["source", "none", "target"],
    "What the network normalises by: its own mean and std; none (0 and 1); or those of the target, \
     which for the data sets of Salman et al. 2020 are those of their code.",
);

impl Factors {
    /// The options, with batch norms that go by running statistics unless asked otherwise.
    pub const EVAL: [Param; 3] = [
        Param::choice(
            "batch_norm",
            &["eval", "adapt"],
            "Whether batch norms keep the source's statistics or take the target's.",
        ),
        CROP,
        NORMALISER,
    ];
    /// The options, with batch norms that go by the batches unless asked otherwise.
    pub const ADAPT: [Param; 3] = [
        Param::choice(
            "batch_norm",
            &["adapt", "eval"],
            "Whether batch norms, of frozen layers too, go by the batch and their running \
             statistics follow, or go by the source's and keep them.",
        ),
        CROP,
        NORMALISER,
    ];

    /// Reads the options.
    ///
    /// # Errors
    /// Internal: an entry without them.
    pub fn read(args: &Args) -> Result<Self> {
        Ok(Self { random_crops: args.text(CROP.name)? == "random", ..Self::uncropped(args)? })
    }

    /// Reads the options of a protocol without crops.
    ///
    /// # Errors
    /// Internal: an entry without them.
    pub fn uncropped(args: &Args) -> Result<Self> {
        Ok(Self {
            statistics: match args.text("batch_norm")? {
                "adapt" => Statistics::Batch,
                _ => Statistics::Running,
            },
            random_crops: false,
            normaliser: match args.text(NORMALISER.name)? {
                "none" => Behind::None,
                "target" => Behind::Target,
                _ => Behind::Source,
            },
        })
    }

    /// The target with the crops that are asked for.
    ///
    /// # Errors
    /// Usage: random crops of a dataset whose options say what training sees.
    pub fn target(&self, target: &Dataset) -> Result<Dataset> {
        match (self.random_crops, target.has_train_transform()) {
            (false, _) => Ok(target.clone()),
            (true, false) => target.cropped(false),
            (true, true) => Err(Error::usage(format!(
                "transfer: crop \"random\" expected a dataset without a train_transform, found {}",
                target.name()
            ))
            .at_key(CROP.name)
            .hint("crop: \"plain\" trains on what its train_transform makes")),
        }
    }
}

impl Behind {
    /// The network behind this normaliser.
    pub fn applied(self, network: Network, target: &Dataset) -> Network {
        let [mean, std] = match self {
            Self::Source => return network,
            Self::None => [[0.0; 3], [1.0; 3]],
            Self::Target => target.facts().normalisation,
        };
        let [channels, ..] = network.input_shape();
        let each = |values: [f64; 3]| match channels {
            3 => values.to_vec(),
            _ => vec![values.iter().sum::<f64>() / 3.0],
        };
        network.normalised_by(Normaliser { mean: each(mean), std: each(std) })
    }

    /// The word for it in addresses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::None => "none",
            Self::Target => "target",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::laws::built_named;
    use crate::model::tests::spec;
    use crate::registry::Value;
    use crate::seed::Stream;
    use tch::{Device, Tensor};

    fn network() -> Network {
        let options = [("width", 4), ("size", 8), ("channels", 1)];
        let spec = spec("resnet8", &options.map(|(key, value)| (key, Value::Int(value))));
        Network::new(&spec.architecture, 10, Stream::new(0, "init"), Device::Cpu).unwrap()
    }

    #[test]
    fn a_normaliser_replaces_that_of_the_source_and_nothing_else() {
        let data = built_named("digits", &[]).unwrap();
        let x = data.test.batch(&[0, 1], Device::Cpu).unwrap().x;
        let logits = |network: &Network, x: &Tensor| network.eval_logits(x).unwrap();
        let own = network();
        let (mean, std) =
            (own.architecture().normaliser.mean[0], own.architecture().normaliser.std[0]);
        let bare = Behind::None.applied(network(), &data);
        assert_eq!(bare.flat(), own.flat());
        assert_ne!(logits(&bare, &x), logits(&own, &x));
        // Pixels that are normalised beforehand.
        let off = (logits(&bare, &((&x - mean) / std)) - logits(&own, &x)).abs().max();
        assert!(off.double_value(&[]) < 1e-5);
        let same = Behind::Source.applied(network(), &data);
        assert_eq!(logits(&same, &x), logits(&own, &x));
        // The digits are not normalised in any code.
        let target = Behind::Target.applied(network(), &data);
        assert_eq!(logits(&target, &x), logits(&bare, &x));
    }

    #[test]
    fn a_target_of_three_channels_gives_its_mean_and_deviation() {
        let options = [("width", 4), ("size", 32)].map(|(key, value)| (key, Value::Int(value)));
        let options = [&options[..], &[("channels", Value::Int(3))]].concat();
        let architecture = spec("resnet8", &options).architecture;
        let stream = Stream::new(0, "init");
        let network = Network::new(&architecture, 10, stream, Device::Cpu).unwrap();
        let facts = built_named("fashion_mnist", &[]).unwrap();
        let bare = Behind::Target.applied(network, &facts);
        assert_eq!(bare.architecture().normaliser.mean, vec![0.0; 3]);
        assert_eq!(bare.architecture().normaliser.std, vec![1.0; 3]);
    }
}
