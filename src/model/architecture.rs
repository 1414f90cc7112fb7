//! Residual networks as data: which convolutions there are and how they connect.

use crate::error::{Error, Result};
use crate::torch::{Kernel, Prepared, convolution};
use tch::Tensor;

/// How a network starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stem {
    /// A 3x3 convolution of stride 1, for images of 28 to 64 pixels.
    Cifar,
    /// A 7x7 convolution of stride 2 and a max pool, for images of 224 pixels.
    Imagenet,
}

/// A residual network of basic blocks (He et al. 2016) with projection shortcuts ("option B").
///
/// Stage s has `width * 2^s` channels; every stage but the first halves the resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// The name in messages.
    pub name: &'static str,
    /// Channels of the images.
    pub channels: i64,
    /// Height and width of the images in pixels.
    pub size: i64,
    /// What the network subtracts from every pixel in [0,1].
    pub mean: f64,
    /// What it then divides by.
    pub std: f64,
    /// The first layer.
    pub stem: Stem,
    /// Channels of the first stage.
    pub width: i64,
    /// Blocks of each stage.
    pub blocks: Vec<i64>,
}

/// A convolution without bias and the batch normalisation after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// torchvision's name of the convolution.
    pub convolution: String,
    /// torchvision's name of the batch normalisation.
    pub norm: String,
    /// Channels in.
    pub input: i64,
    /// Channels out.
    pub output: i64,
    /// Height and width of the kernel.
    pub kernel: i64,
    /// Step in pixels.
    pub stride: i64,
}

impl Unit {
    /// Zeros added on each side.
    pub fn padding(&self) -> i64 {
        self.kernel / 2
    }

    /// The convolution of this unit with `weight` and `bias`, and what follows it.
    ///
    /// A strided 1x1 convolution picks its pixels first: in libtorch 2.13 the weight gradient of
    /// oneDNN's own striding writes out of bounds where channels are no multiple of 16, the batch
    /// is odd and there are two threads.
    ///
    /// # Errors
    /// The channels of `x` do not fit.
    pub fn convolve(
        &self,
        x: &Tensor,
        (weight, bias): (&Tensor, Option<&Tensor>),
        prepared: Option<&Prepared>,
        then: Then<'_>,
    ) -> Result<Tensor> {
        let (shortcut, relu) = match then {
            Then::Relu => (None, true),
            Then::AddRelu(shortcut) => (Some(shortcut), true),
            Then::Nothing => (None, false),
        };
        let kernel = |stride| Kernel { weight, bias, prepared, stride, padding: self.padding() };
        if self.kernel == 1 && self.stride > 1 {
            let rows = x.f_slice(2, None, None, self.stride)?;
            let picked = rows.f_slice(3, None, None, self.stride)?;
            return convolution(&picked, &kernel(1), shortcut, relu);
        }
        convolution(x, &kernel(self.stride), shortcut, relu)
    }
}

/// What follows a unit.
#[derive(Clone, Copy)]
pub enum Then<'a> {
    /// A rectifier.
    Relu,
    /// The sum with a shortcut, then a rectifier.
    AddRelu(&'a Tensor),
    /// Nothing.
    Nothing,
}

impl Architecture {
    /// All units in torchvision's order: the stem, then per block first, second, projection.
    pub fn units(&self) -> Vec<Unit> {
        let unit = |convolution: &str, norm: &str, (input, output, kernel, stride)| Unit {
            convolution: convolution.to_owned(),
            norm: norm.to_owned(),
            input,
            output,
            kernel,
            stride,
        };
        let stem = match self.stem {
            Stem::Cifar => (self.channels, self.width, 3, 1),
            Stem::Imagenet => (self.channels, self.width, 7, 2),
        };
        let mut units = vec![unit("conv1", "bn1", stem)];
        self.each_block(|name, input, output, stride| {
            let at = |part: &str| format!("{name}.{part}");
            units.push(unit(&at("conv1"), &at("bn1"), (input, output, 3, stride)));
            units.push(unit(&at("conv2"), &at("bn2"), (output, output, 3, 1)));
            if projects(input, output, stride) {
                let shape = (input, output, 1, stride);
                units.push(unit(&at("downsample.0"), &at("downsample.1"), shape));
            }
        });
        units
    }

    fn each_block(&self, mut visit: impl FnMut(&str, i64, i64, i64)) {
        let mut input = self.width;
        let mut output = self.width;
        for (stage, blocks) in self.blocks.iter().enumerate() {
            for block in 0..*blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                visit(&format!("layer{}.{block}", stage + 1), input, output, stride);
                input = output;
            }
            output *= 2;
        }
    }

    /// Length of the features after global average pooling.
    pub fn features(&self) -> i64 {
        self.blocks.iter().skip(1).fold(self.width, |width, _| width * 2)
    }

    /// The number of parameters with a linear layer for `classes`, as far as it fits.
    pub fn parameters(&self, classes: i64) -> i64 {
        let unit = |unit: Unit| {
            let kernel = unit.kernel * unit.kernel;
            unit.input.saturating_mul(unit.output).saturating_mul(kernel) + 2 * unit.output
        };
        let head = (self.features() + 1).saturating_mul(classes);
        self.units().into_iter().map(unit).fold(head, i64::saturating_add)
    }

    /// Channels, height and width of the images.
    pub fn input_shape(&self) -> [i64; 3] {
        [self.channels, self.size, self.size]
    }

    /// Refuses anything but a batch of images in f32 of this network's shape.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] that names the expected and the found shape.
    pub fn check_input(&self, x: &Tensor) -> Result<()> {
        let (shape, [channels, height, width]) = (x.size(), self.input_shape());
        if shape.len() == 4 && shape[1..] == [channels, height, width] {
            return if x.f_kind()? == tch::Kind::Float {
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

    /// Runs the network up to its features of shape (N, [`Self::features`]); `unit(i, x, then)`
    /// computes the i-th of [`Self::units`]. `x` holds pixels in [0,1].
    ///
    /// # Errors
    /// The shape of `x` is wrong, or `unit` fails.
    pub fn run<F>(&self, x: &Tensor, unit: F) -> Result<Tensor>
    where
        F: Fn(usize, &Tensor, Then<'_>) -> Result<Tensor>,
    {
        self.check_input(x)?;
        let x = crate::torch::channels_last(x)?;
        let x = x.f_sub_scalar(self.mean)?.f_div_scalar(self.std)?;
        let mut x = unit(0, &x, Then::Relu)?;
        if self.stem == Stem::Imagenet {
            x = x.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?;
        }
        let mut blocks = Vec::new();
        self.each_block(|_, input, output, stride| blocks.push(projects(input, output, stride)));
        let mut next = 1;
        for projects in blocks {
            let inner = unit(next, &x, Then::Relu)?;
            let shortcut = if projects { unit(next + 2, &x, Then::Nothing)? } else { x };
            x = unit(next + 1, &inner, Then::AddRelu(&shortcut))?;
            next += if projects { 3 } else { 2 };
        }
        Ok(x.f_adaptive_avg_pool2d([1, 1])?.f_flatten(1, -1)?)
    }
}

fn projects(input: i64, output: i64, stride: i64) -> bool {
    input != output || stride != 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resnet18(stem: Stem) -> Architecture {
        Architecture {
            name: "resnet18",
            channels: 3,
            size: 32,
            mean: 0.5,
            std: 0.25,
            stem,
            width: 64,
            blocks: vec![2, 2, 2, 2],
        }
    }

    #[test]
    fn resnet18_has_torchvisions_parameter_count() {
        let architecture = resnet18(Stem::Imagenet);
        let units = architecture.units();
        assert_eq!(architecture.parameters(1000), 11_689_512);
        assert_eq!(units.len(), 20);
        assert_eq!(units[7].convolution, "layer2.0.downsample.0");
    }

    #[test]
    fn a_wrong_image_shape_is_named() {
        let x = Tensor::zeros([2, 1, 28, 28], (tch::Kind::Float, tch::Device::Cpu));
        let message = resnet18(Stem::Cifar).check_input(&x).unwrap_err().to_string();
        assert_eq!(message, "resnet18: expected images of 3x32x32, found 1x28x28");
    }
}
