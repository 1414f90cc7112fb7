//! The options that all datasets share: which classes, how many images, which of them are for
//! validation.

use super::facts::Facts;
use super::files::File;
use super::pixels::{Pixels, TRANSFORMS};
use super::split::{About, Dataset, Part, Sample};
use super::storage::{Encoding, Packed, Storage};
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::registry::{Args, Kind, Param};
use crate::seed::Stream;
use crate::transform::Transform;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

const COUNT: Kind = Kind::Int { min: 1, max: i64::MAX };
/// The share of each class that is tested on where nothing else is.
const TEST: f64 = 0.2;

/// The options of every dataset.
pub const PARAMS: &[Param] = &[
    Param::optional(
        "classes",
        Kind::Ints,
        "The classes to keep, a list or a range of official labels; they become labels 0, 1, ... \
         in this order. Left out: all.",
    ),
    Param::optional(
        "limit",
        COUNT,
        "The most images in train and val together, spread evenly over the classes; a smaller \
         limit keeps a part of what a larger one keeps. Left out: all.",
    ),
    Param::optional("test_limit", COUNT, "The same for test. Left out: all."),
    Param::float(
        "fraction",
        1.0,
        0.0,
        "The share of each class to keep in train and val together; a smaller one keeps a part of \
         what a larger one keeps.",
    )
    .up_to(1.0),
    Param::optional(
        "per_class",
        COUNT,
        "The most images of each class in train and val together. Left out: all.",
    ),
    Param::optional(
        "size",
        Kind::Int { min: 1, max: 1024 },
        "Height and width, in pixels, to which images are resized (bilinear, antialiased). Left \
         out: as stored.",
    ),
    Param::optional(
        "train_transform",
        Kind::Handle("transform"),
        "What training makes of each image, anew in every epoch. Left out: what testing makes.",
    ),
    Param::optional(
        "test_transform",
        Kind::Handle("transform"),
        "What everything else makes of each image, features of training images included; instead \
         of `size`.",
    ),
    Param::float("val", 0.1, 0.0, "The share of each class in train that becomes val.").up_to(0.9),
    Param::optional(
        "test",
        Kind::Float { min: 0.0, max: 0.9 },
        "The share of each class in the official train that is tested on instead of the official \
         test images, chosen by the seed before all else. Left out: these, or a fifth where there are none.",
    ),
    Param::seed(),
    Param::label("Name in tables and plots. Left out: the dataset, with the classes kept."),
];

/// Images before any is left out.
pub enum Pictures {
    /// Images of one size.
    Packed(Encoding),
    /// A file for each image, at the position of its id.
    Files {
        /// The files.
        files: Vec<File>,
        /// Whether rows below the last that is used may be left undecoded.
        partly: bool,
    },
}

/// What an archive holds, before any option.
pub struct Contents {
    /// The names of the classes; labels are their positions.
    pub classes: Vec<String>,
    /// What is known of it.
    pub facts: &'static Facts,
    /// The official training images.
    pub train: Vec<Sample>,
    /// The official test images, if there are any.
    pub test: Vec<Sample>,
    /// What identifies the files in the lineage.
    pub source: Json,
    /// The images.
    pub pictures: Pictures,
}

/// The samples in an order of which every start is a balanced random choice: first one sample of
/// each class, then a second of each, and so on, with the position within the class. What a class
/// contributes does not depend on which other classes are there.
pub fn ranked(samples: &[Sample], stream: Stream) -> Vec<(usize, Sample)> {
    let mut by_class: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    for sample in samples {
        by_class.entry(sample.label).or_default().push(*sample);
    }
    let mut ranked = Vec::with_capacity(samples.len());
    for (label, mut of_class) in by_class {
        stream.at(label.unsigned_abs()).generator().shuffle(&mut of_class);
        ranked.extend(of_class.into_iter().enumerate());
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked
}

/// Whether the sample of this rank belongs to a share of its class: of the first n samples,
/// n * share rounded do, and whether one does depends on no later one.
pub fn is_in_share(rank: usize, share: f64) -> bool {
    let count = |samples: usize| (samples as f64 * share).round();
    count(rank + 1) > count(rank)
}

/// The dataset that the options select from an archive.
///
/// # Errors
/// Usage: classes that do not exist or come twice, or a class left without images.
pub fn select(mut contents: Contents, args: &Args) -> Result<Dataset> {
    let share = args.optional_float("test")?.or(contents.test.is_empty().then_some(TEST));
    if let Some(share) = share {
        let stream = Stream::new(args.int("seed")?, "dataset test share");
        let (test, train): (Vec<_>, Vec<_>) = ranked(&contents.train, stream)
            .into_iter()
            .partition(|(rank, _)| is_in_share(*rank, share));
        let samples = |ranked: Vec<(usize, Sample)>| ranked.into_iter().map(|(_, of)| of).collect();
        (contents.train, contents.test) = (samples(train), samples(test));
    }
    let all = contents.classes.len() as i64;
    let chosen = chosen_classes(args, all)?;
    let (fraction, per_class) = (args.float("fraction")?, args.optional_int("per_class")?);
    let seed = args.int("seed")?;
    let share = args.float("val")?;
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    contents.train.iter().for_each(|sample| *counts.entry(sample.label).or_default() += 1);
    let kept_of_class = |label: i64| {
        let count = counts.get(&label).copied().unwrap_or_default();
        let share = (count as f64 * fraction).round() as usize;
        per_class.map_or(share, |most| share.min(usize::try_from(most).unwrap_or(usize::MAX)))
    };
    let kept = |samples: &[Sample], purpose: &str, limit: &str, most_of: &dyn Fn(i64) -> usize| {
        let of_class = |sample: &&Sample| chosen.contains(&sample.label);
        let samples: Vec<Sample> = samples.iter().filter(of_class).copied().collect();
        let mut ranked = ranked(&samples, Stream::new(seed, purpose));
        ranked.retain(|(rank, sample)| *rank < most_of(sample.label));
        if let Some(most) = args.optional_int(limit)? {
            if most < chosen.len() as i64 {
                let least = chosen.len();
                return Err(Error::usage(format!(
                    "{limit} must be >= {least}, one image of each class, found {most}"
                ))
                .at_key(limit));
            }
            ranked.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        }
        Ok(ranked)
    };
    let fit = kept(&contents.train, "dataset train", "limit", &kept_of_class)?;
    let test = kept(&contents.test, "dataset test", "test_limit", &|_| usize::MAX)?;
    let (val, train): (Vec<_>, Vec<_>) =
        fit.into_iter().partition(|(rank, _)| is_in_share(*rank, share));
    expect_every_class("training", &train, &chosen)?;
    if !contents.test.is_empty() {
        expect_every_class("test", &test, &chosen)?;
    }
    let relabelled = |ranked: Vec<(usize, Sample)>| -> Vec<Sample> {
        let label = |official| chosen.iter().position(|class| *class == official).unwrap_or(0);
        let sample =
            |(_, Sample { id, label: official })| Sample { id, label: label(official) as i64 };
        ranked.into_iter().map(sample).collect()
    };
    let classes = Json::from(chosen.as_slice());
    let lineage = args.lineage(&[("classes", classes), ("source", contents.source)], &[]);
    let part = |name, samples, foreign: &[&str]| {
        let lineage = of_split(&lineage, name, foreign);
        Part { name, samples: relabelled(samples), lineage }
    };
    let parts = [
        part("train", train, &["test_limit"]),
        part("val", val, &["test_limit", "train_transform"]),
        part("test", test, &["limit", "fraction", "per_class", "val", "train_transform"]),
    ];
    let storage = match contents.pictures {
        Pictures::Packed(encoding) => {
            let samples = parts.iter().flat_map(|part| &part.samples);
            Storage::Packed(Packed::new(encoding, samples.map(|sample| sample.id).collect()))
        }
        Pictures::Files { files, partly } => Storage::Files { files: files.into(), partly },
    };
    let mut pipelines = [None, None];
    for (pipeline, key) in pipelines.iter_mut().zip(TRANSFORMS) {
        *pipeline = args.optional_handle::<Transform>(key)?.map(|transform| transform.pipeline);
    }
    let pixels = Pixels::new(storage, args.optional_int("size")?, pipelines)?;
    let name = match args.optional_text("name")? {
        Some(name) => name.to_owned(),
        None if chosen.iter().copied().eq(0..all) => args.spec().name.to_owned(),
        None => format!("{}({})", args.spec().name, described(&chosen)),
    };
    let class = |label: &i64| contents.classes.get(*label as usize).cloned().unwrap_or_default();
    let about = About { classes: chosen.iter().map(class).collect(), facts: contents.facts };
    Ok(Dataset::new(&name, lineage, pixels, about, parts))
}

/// The derivation of one split of a dataset: its options but for those that do not bear on it.
fn of_split(dataset: &Lineage, split: &str, foreign: &[&str]) -> Rc<Lineage> {
    let mut options = dataset.options().clone();
    options.retain(|key, _| !foreign.contains(&key.as_str()));
    options.insert("split".to_owned(), split.into());
    let mut inputs = dataset.inputs().clone();
    inputs.retain(|key, _| !foreign.contains(&key.as_str()));
    Lineage::new(dataset.verb(), dataset.version(), options, inputs)
}

fn chosen_classes(args: &Args, classes: i64) -> Result<Vec<i64>> {
    let Some(chosen) = args.ints("classes")? else { return Ok((0..classes).collect()) };
    let refuse = |message: String| Err(Error::usage(message).at_key("classes"));
    if chosen.is_empty() {
        return refuse("classes must name at least one class, found []".to_owned());
    }
    let mut seen = BTreeSet::new();
    for class in chosen {
        if !(0..classes).contains(class) {
            return refuse(format!("classes must be from 0 to {}, found {class}", classes - 1));
        }
        if !seen.insert(class) {
            return refuse(format!("classes must differ, found {class} twice"));
        }
    }
    Ok(chosen.to_vec())
}

fn expect_every_class(part: &str, ranked: &[(usize, Sample)], chosen: &[i64]) -> Result<()> {
    let found: BTreeSet<i64> = ranked.iter().map(|(_, sample)| sample.label).collect();
    match chosen.iter().find(|class| !found.contains(class)) {
        None => Ok(()),
        Some(class) => Err(Error::usage(format!("class {class} has no {part} image left"))
            .hint("raise limit, lower val, or leave the class out")),
    }
}

/// `7..10` for neighbours in order, else `3, 1`.
fn described(chosen: &[i64]) -> String {
    match chosen {
        [first, .., last] if chosen.windows(2).all(|pair| pair[1] == pair[0] + 1) => {
            format!("{first}..{}", last + 1)
        }
        _ => chosen.iter().map(i64::to_string).collect::<Vec<_>>().join(", "),
    }
}
