//! All architectures, one file each, under torchvision's names.

mod densenet161;
mod mnasnet1_0;
mod mobilenet_v2;
mod preact_resnet18;
mod preactivation;
mod residual;
mod resnet101;
mod resnet152;
mod resnet18;
mod resnet20;
mod resnet32;
mod resnet34;
mod resnet50;
mod resnet56;
mod resnet8;
mod resnext50_32x4d;
mod shufflenet_v2_x1_0;
mod vgg16_bn;
mod wide_resnet28_10;
mod wide_resnet50_2;
mod wide_resnet50_4;

use super::architecture::{Architecture, Normaliser};
use super::graph::Graph;
use super::init::Init;
use super::{Build, ModelSpec};
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Entry, Kind, Param};
use residual::{BlockKind, Residual, Stem};
use std::rc::Rc;

/// All architectures.
pub const MODELS: &[&Entry<Build>] = &[
    &densenet161::ENTRY,
    &mnasnet1_0::ENTRY,
    &mobilenet_v2::ENTRY,
    &preact_resnet18::ENTRY,
    &resnet101::ENTRY,
    &resnet152::ENTRY,
    &resnet18::ENTRY,
    &resnet20::ENTRY,
    &resnet32::ENTRY,
    &resnet34::ENTRY,
    &resnet50::ENTRY,
    &resnet56::ENTRY,
    &resnet8::ENTRY,
    &resnext50_32x4d::ENTRY,
    &shufflenet_v2_x1_0::ENTRY,
    &vgg16_bn::ENTRY,
    &wide_resnet28_10::ENTRY,
    &wide_resnet50_2::ENTRY,
    &wide_resnet50_4::ENTRY,
];

/// The most parameters of a network: 4 GB in f32, and as much again for gradients and momentum.
const MOST_PARAMETERS: i64 = 1_000_000_000;

const CLASSES: Param = Param::int("classes", 10, 1, "Number of classes.").up_to(1e6);
const CHANNELS: Param = Param::int("channels", 1, 1, "Channels of the images: 1 or 3.").up_to(3.0);
const SIZE: Param =
    Param::int("size", 28, 8, "Height and width of the images in pixels.").up_to(4096.0);
const WIDTH: Param = Param::int("width", 16, 1, "Channels of the first stage.").up_to(65_536.0);
const MEAN: Param = Param {
    name: "mean",
    kind: Kind::Floats { min: -1e3, max: 1e3 },
    default: Default::Float(0.5),
    doc: "Subtracted from every pixel in [0,1]: one number, or one per channel.",
    label: false,
};
const STD: Param = Param {
    name: "std",
    kind: Kind::Floats { min: 1e-6, max: f64::INFINITY },
    default: Default::Float(0.25),
    doc: "Every pixel is then divided by it: one number, or one per channel.",
    label: false,
};

const RGB: Param = Param { default: Default::Int(3), ..CHANNELS };
const SMALL_SIZE: Param = Param { default: Default::Int(32), ..SIZE };

const IMAGENET_CLASSES: Param = Param { default: Default::Int(1000), ..CLASSES };
const IMAGENET_CHANNELS: Param = RGB;
const IMAGENET_SIZE: Param = Param { default: Default::Int(224), ..SIZE };
const IMAGENET_MEAN: Param = Param {
    default: Default::Floats(&[0.485, 0.456, 0.406]),
    doc: "Subtracted from every pixel in [0,1]: one number, or one per channel. The default is \
          ImageNet's, for other than three channels its average.",
    ..MEAN
};
const IMAGENET_STD: Param = Param {
    default: Default::Floats(&[0.229, 0.224, 0.225]),
    doc: "Every pixel is then divided by it: one number, or one per channel. The default is \
          ImageNet's, for other than three channels its average.",
    ..STD
};
const STEM: Param = Param::choice(
    "stem",
    &["imagenet", "cifar", "strided"],
    "The first layer: 7x7 of stride 2 and pool, 3x3, or 3x3 of stride 2.",
);
const DROPOUT: Param =
    Param::float("dropout", 0.0, 0.0, "Probability that training drops a feature.").up_to(0.95);

/// What an architecture consists of besides the options that all share.
struct Parts {
    variant: String,
    graph: Graph,
    head: &'static str,
    norm_momentum: f64,
    init: Init,
}

impl Parts {
    /// The parts of most residual networks around a graph.
    fn residual(graph: Graph) -> Self {
        let (head, init) = ("fc", Init::RESIDUAL);
        Self { variant: String::new(), graph, head, norm_momentum: 0.1, init }
    }
}

/// A residual network for large images.
fn residual_network(
    args: &Args,
    name: &'static str,
    block: BlockKind,
    blocks: &'static [i64],
) -> Result<ModelSpec> {
    let mut variant = Vec::new();
    let mut width = 64;
    if args.spec().params.iter().any(|param| param.name == "width") {
        width = args.int("width")?;
        variant.push(format!("width {width}"));
    }
    let stem = match args.text("stem")? {
        "cifar" => Stem::Cifar,
        "strided" => Stem::Strided,
        _ => Stem::Imagenet,
    };
    if stem != Stem::Imagenet {
        variant.push(format!("{} stem", args.text("stem")?));
    }
    let graph = Residual { stem, block, width, blocks }.graph(args.int("channels")?);
    described(args, name, Parts { variant: variant.join(", "), ..Parts::residual(graph) })
}

/// A residual network for small images.
fn small_network(
    args: &Args,
    name: &'static str,
    block: BlockKind,
    blocks: &'static [i64],
) -> Result<ModelSpec> {
    let width = args.int("width")?;
    let residual = Residual { stem: Stem::Cifar, block, width, blocks };
    let graph = residual.graph(args.int("channels")?);
    described(args, name, Parts { variant: format!("width {width}"), ..Parts::residual(graph) })
}

/// The description from the parts and the options that all architectures share.
fn described(args: &Args, name: &'static str, parts: Parts) -> Result<ModelSpec> {
    let Parts { variant, graph, head, norm_momentum, init } = parts;
    let channels = args.int("channels")?;
    let normaliser = Normaliser {
        mean: per_channel(args, "mean", channels)?,
        std: per_channel(args, "std", channels)?,
    };
    let size = args.int("size")?;
    let architecture =
        Architecture { name, variant, size, normaliser, graph, head, norm_momentum, init };
    architecture.check_size()?;
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

/// The numbers of an option, one for all channels or one for each.
fn per_channel(args: &Args, key: &str, channels: i64) -> Result<Vec<f64>> {
    let numbers = args.floats(key)?;
    match numbers.len() as i64 {
        1 => Ok(numbers),
        given if given == channels => Ok(numbers),
        given if args.is_defaulted(key) => Ok(vec![numbers.iter().sum::<f64>() / given as f64]),
        given => Err(Error::usage(format!(
            "{}: {key} expected one number or {channels}, found {given}",
            args.spec().name
        ))
        .at_key(key)
        .hint(format!("the images have {channels} channel(s)"))),
    }
}
