//! What a network is built of: its graph, its normaliser and how its parameters are drawn.

use super::graph::{Graph, LayerKind, shape};
use super::init::Init;
use crate::error::{Error, Result};
use tch::{Kind, Tensor};

/// A network without its parameters: a graph up to the features, and a linear layer on them.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// The name in messages.
    pub name: &'static str,
    /// What was chosen of it, for people: "width 16"; empty where nothing was.
    pub variant: String,
    /// Height and width of the images in pixels.
    pub size: i64,
    /// What happens to the pixels first.
    pub normaliser: Normaliser,
    /// The operations up to the features.
    pub graph: Graph,
    /// torchvision's name of the linear layer on the features.
    pub head: &'static str,
    /// How fast running statistics follow those of the batch.
    pub norm_momentum: f64,
    /// How parameters are drawn.
    pub init: Init,
}

/// (pixel - mean) / std, per channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Normaliser {
    /// Subtracted from every pixel in [0,1].
    pub mean: Vec<f64>,
    /// Every pixel is then divided by it.
    pub std: Vec<f64>,
}

impl Normaliser {
    /// That of ImageNet in torchvision and the reference code.
    pub fn imagenet() -> Self {
        Self { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] }
    }

    /// `x` of shape (N, C, H, W), normalised.
    ///
    /// # Errors
    /// Channels differ.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let channel = |values: &[f64]| -> Result<Tensor> {
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            Ok(Tensor::f_from_slice(&values)?.f_view([1, -1, 1, 1])?.f_to_device(x.device())?)
        };
        match (self.mean.as_slice(), self.std.as_slice()) {
            (&[mean], &[std]) => Ok(x.f_sub_scalar(mean)?.f_div_scalar(std)?),
            (mean, std) => Ok(x.f_sub(&channel(mean)?)?.f_div(&channel(std)?)?),
        }
    }
}

impl Architecture {
    /// Channels, height and width of the images.
    pub fn input_shape(&self) -> [i64; 3] {
        [self.graph.channels(0), self.size, self.size]
    }

    /// The length of the features.
    pub fn features(&self) -> i64 {
        self.graph.features()
    }

    /// The linear layer for `classes`.
    pub fn head(&self, classes: i64) -> LayerKind {
        LayerKind::Linear { input: self.features(), output: classes }
    }

    /// The number of parameters with a linear layer for `classes`, as far as it fits.
    pub fn parameters(&self, classes: i64) -> i64 {
        let layers = self.graph.layers().iter().map(|layer| layer.kind);
        layers
            .chain([self.head(classes)])
            .fold(0, |sum, kind| sum.saturating_add(kind.parameters()))
    }

    /// Multiplications with their additions of one image with a linear layer for `classes`.
    ///
    /// # Errors
    /// Internal: the images are too small, which the constructor refuses.
    pub fn multiplications(&self, classes: i64) -> Result<i64> {
        self.multiplications_of_last(self.graph.blocks().len(), classes)
    }

    /// Those of the last `blocks` blocks and of the linear layer.
    ///
    /// # Errors
    /// As [`Self::multiplications`].
    pub fn multiplications_of_last(&self, blocks: usize, classes: i64) -> Result<i64> {
        let costs = shape::costs(&self.graph, self.size)
            .map_err(|_| Error::internal(format!("{}: the images are too small", self.name)))?;
        let last = costs.iter().rev().take(blocks).map(|cost| cost.multiplications);
        Ok(last.chain([self.head(classes).multiplications(1)]).sum())
    }

    /// Names and shapes of the whole state with a linear layer for `classes`, as torchvision's
    /// `state_dict` has them (without `num_batches_tracked`).
    pub fn state(&self, classes: i64) -> Vec<(String, Vec<i64>)> {
        let head = (self.head, self.head(classes));
        let layers = self.graph.layers().iter().map(|layer| (layer.name.as_str(), layer.kind));
        let mut state = Vec::new();
        for (name, kind) in layers.chain([head]) {
            let (weight, bias) = kind.shapes();
            let mut give = |part: &str, shape| state.push((format!("{name}.{part}"), shape));
            give("weight", weight);
            if let Some(length) = bias {
                give("bias", vec![length]);
            }
            if let LayerKind::Norm(channels) = kind {
                give("running_mean", vec![channels]);
                give("running_var", vec![channels]);
            }
        }
        state
    }

    /// Refuses images that are too small for the network.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`].
    pub fn check_size(&self) -> Result<()> {
        match shape::shapes(&self.graph, self.size) {
            Ok(_) => Ok(()),
            Err(_) => {
                let Self { name, size, .. } = self;
                let mut least = size + 1;
                while least < 4096 && shape::shapes(&self.graph, least).is_err() {
                    least += 1;
                }
                Err(Error::usage(format!("{name}: size must be >= {least}, found {size}"))
                    .at_key("size")
                    .hint("nothing would be left of smaller images"))
            }
        }
    }

    /// Refuses anything but a batch of images in f32 of this network's shape.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] that names the expected and the found shape.
    pub fn check_input(&self, x: &Tensor) -> Result<()> {
        let (shape, [channels, height, width]) = (x.size(), self.input_shape());
        if shape.len() == 4 && shape[1..] == [channels, height, width] {
            return if x.f_kind()? == Kind::Float {
                Ok(())
            } else {
                Err(Error::usage(format!(
                    "{}: expected pixels as f32 in [0,1], found {:?}",
                    self.name,
                    x.f_kind()?
                )))
            };
        }
        let expected = format!("images of {channels}x{height}x{width}");
        let found = match shape.as_slice() {
            [_, channels, height, width] => format!("{channels}x{height}x{width}"),
            other => format!("a tensor of shape {other:?}"),
        };
        Err(Error::usage(format!("{}: expected {expected}, found {found}", self.name))
            .hint("build the model with the channels and size of the images, or resize the images"))
    }

    /// The normalised `x`, channels last.
    ///
    /// # Errors
    /// As for [`Self::check_input`].
    pub fn normalised(&self, x: &Tensor) -> Result<Tensor> {
        self.check_input(x)?;
        self.normaliser.apply(&crate::torch::channels_last(x)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::*;
    use tch::Device;

    #[test]
    fn a_wrong_image_shape_is_named() {
        let x = Tensor::zeros([2, 1, 28, 28], (Kind::Float, Device::Cpu));
        let resnet18 = spec("resnet18", &[("size", 32.into())]).architecture;
        let message = resnet18.check_input(&x).unwrap_err().to_string();
        assert_eq!(message, "resnet18: expected images of 3x32x32, found 1x28x28");
    }

    #[test]
    fn a_normaliser_works_channel_by_channel() {
        let x = Tensor::full([1, 3, 1, 1], 0.5, (Kind::Float, Device::Cpu));
        let found = Normaliser { mean: vec![0.5, 0.25, 0.0], std: vec![1.0, 0.5, 2.0] }.apply(&x);
        let expected = Tensor::from_slice(&[0f32, 0.5, 0.25]).view([1, 3, 1, 1]);
        assert_eq!(found.unwrap(), expected);
    }
}
