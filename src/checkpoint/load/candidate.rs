//! An architecture that the weights of a file may be of.

use super::weights::Weights;
use crate::error::{Error, Result};
use crate::model::{Architecture, Build, ModelSpec, Normaliser};
use crate::registry::{Args, Entry, Value};
use std::rc::Rc;

/// The differences that an error shows.
const SHOWN: usize = 6;

/// An architecture with the options that the weights' shapes say, and what stands before its
/// names in the file.
pub struct Candidate {
    /// The architecture and its classes.
    pub spec: ModelSpec,
    /// What stands before each name.
    pub prefix: String,
}

impl Candidate {
    /// The network of `entry` that comes closest to `weights`; `args` are those of the load.
    ///
    /// # Errors
    /// The entry has no network of these shapes.
    pub fn new(entry: &'static Entry<Build>, weights: &Weights, args: &Args) -> Result<Self> {
        let mut options: Vec<(String, Value)> = Vec::new();
        let manifest = weights.manifest();
        if let Some(size) = args.optional_int("size")?.or(manifest.map(|saved| saved.size)) {
            options.push(("size".to_owned(), Value::Int(size)));
        }
        let spec = built(entry, options.clone())?;
        let prefix = prefix(&spec.architecture, weights);
        let has = |option: &str| entry.spec.params.iter().any(|param| param.name == option);
        let shape = |name: &str| weights.shape(&format!("{prefix}{name}.weight"));
        let mut say = |option: &str, value: Value| {
            if has(option) {
                options.push((option.to_owned(), value));
            }
        };
        if let Some(&[classes, _]) = shape(spec.architecture.head) {
            say("classes", Value::Int(classes));
        }
        let first = spec.architecture.graph.layers().first().map_or("", |layer| &layer.name);
        if let Some(&[width, channels, kernel, _]) = shape(first) {
            say("channels", Value::Int(channels));
            say("width", Value::Int(width));
            let stem = match (kernel, manifest.map_or(1, |saved| saved.stem_stride)) {
                (3, 2) => "strided",
                (3, _) => "cifar",
                _ => "imagenet",
            };
            say("stem", Value::Text(stem.to_owned()));
        }
        if let Some(saved) = manifest {
            say("dropout", Value::Float(saved.dropout));
        }
        if let Some(&[planes, ..]) = shape("layer1.0.conv1") {
            say("widen", Value::Int(planes / 16));
        }
        let mut spec = built(entry, options)?;
        let mut architecture = (*spec.architecture).clone();
        if let Some(normaliser) = weights.normaliser() {
            architecture.normaliser = normaliser.clone();
        }
        override_normaliser(&mut architecture, args)?;
        spec.architecture = Rc::new(architecture);
        Ok(Self { spec, prefix })
    }

    /// Names and shapes of its state.
    pub fn state(&self) -> Vec<(String, Vec<i64>)> {
        self.spec.architecture.state(self.spec.classes)
    }

    /// The error of weights that are not the candidate's.
    pub fn refused(&self, how: &str, differences: &[String]) -> Error {
        let shown = differences.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>();
        let more = match differences.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let name = self.spec.architecture.name;
        let error = Error::data(format!("{how} {name}: {}{more}", shown.join("; ")));
        match self.prefix.as_str() {
            "" => error.hint("rtscript inspect FILE shows all names and shapes"),
            prefix => error.hint(format!("names in the file start with \"{prefix}\"")),
        }
    }
}

fn built(entry: &'static Entry<Build>, options: Vec<(String, Value)>) -> Result<ModelSpec> {
    (entry.build)(&Args::resolve(&entry.spec, Vec::new(), options)?)
}

/// What stands before the names of most of the architecture's layers.
fn prefix(architecture: &Architecture, weights: &Weights) -> String {
    let names: Vec<String> = architecture.state(1).into_iter().map(|(name, _)| name).collect();
    let has = |prefix: &str| {
        names.iter().filter(|name| weights.shape(&format!("{prefix}{name}")).is_some()).count()
    };
    let mut best = ("", 0);
    for start in names.first().map_or_else(Vec::new, |first| weights.prefixes(first)) {
        let count = has(start);
        if count > best.1 {
            best = (start, count);
        }
    }
    best.0.to_owned()
}

/// The normaliser that the script asks for.
fn override_normaliser(architecture: &mut Architecture, args: &Args) -> Result<()> {
    let channels = architecture.graph.channels(0);
    let given = |key: &str| -> Result<Option<Vec<f64>>> {
        if matches!(args.value(key)?, Value::Unit) {
            return Ok(None);
        }
        let numbers = args.floats(key)?;
        if numbers.len() != 1 && numbers.len() as i64 != channels {
            return Err(Error::usage(format!(
                "{key} expected one number or {channels}, found {}",
                numbers.len()
            ))
            .at_key(key));
        }
        Ok(Some(numbers))
    };
    let Normaliser { mean, std } = architecture.normaliser.clone();
    let mean = given("mean")?.unwrap_or(mean);
    let std = given("std")?.unwrap_or(std);
    let length = mean.len().max(std.len());
    let spread = |numbers: Vec<f64>| match numbers.as_slice() {
        &[one] => vec![one; length],
        _ => numbers,
    };
    architecture.normaliser = Normaliser { mean: spread(mean), std: spread(std) };
    Ok(())
}
