//! What a file of weights that rtscript saved says of itself.

use super::container::Container;
use crate::error::{Error, Result};
use crate::lineage::{Lineage, hex};
use crate::model::{Architecture, Normaliser};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

/// The version of the format.
const SCHEMA: u64 = 1;
/// The key in the metadata of the safetensors file.
pub(super) const KEY: &str = "rtscript";

/// What the weights are of and where they come from: a JSON text in the metadata of their
/// safetensors file, so that the two cannot be parted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    schema: u64,
    /// The version of the program.
    pub program: String,
    /// The name of the architecture.
    pub arch: String,
    /// Height and width of the images in pixels.
    pub size: i64,
    /// Subtracted from every pixel in [0,1].
    pub mean: Vec<f64>,
    /// Every pixel is then divided by it.
    pub std: Vec<f64>,
    /// Probability that training drops a feature.
    pub dropout: f64,
    /// Stride of the first convolution, which no shape tells; 1 where a file does not say it.
    #[serde(default = "one")]
    pub stem_stride: i64,
    /// The address of the model.
    pub address: String,
    /// How the model was made.
    pub lineage: Json,
    /// The hash of [`hash`] over the tensors.
    pub sha256: String,
}

fn one() -> i64 {
    1
}

impl Manifest {
    /// The manifest of a model's state.
    ///
    /// # Errors
    /// As [`hash`].
    pub fn new(
        architecture: &Architecture,
        lineage: &Lineage,
        state: &[(String, Tensor)],
    ) -> Result<Self> {
        let Architecture { name, size, normaliser, graph, .. } = architecture;
        Ok(Self {
            schema: SCHEMA,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            arch: (*name).to_owned(),
            size: *size,
            mean: normaliser.mean.clone(),
            std: normaliser.std.clone(),
            dropout: graph.dropout_probability(),
            stem_stride: graph.stem_stride(),
            address: lineage.address().as_str().to_owned(),
            lineage: lineage.to_json(),
            sha256: hash(state)?,
        })
    }

    /// That of a file, if rtscript saved it.
    ///
    /// # Errors
    /// [`crate::error::Kind::Data`]: it is of another version of the format, or damaged.
    pub fn of(container: &Container) -> Result<Option<Self>> {
        let mut entries = container.metadata.iter();
        let Some((_, text)) = entries.find(|(key, _)| key == KEY) else { return Ok(None) };
        let damaged = |why: String| Error::data(format!("the manifest in the file: {why}"));
        let json: Json = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        let schema = &json["schema"];
        if schema.as_u64() != Some(SCHEMA) {
            return Err(damaged(format!("expected format {SCHEMA}, found {schema}"))
                .hint("another version of the program saved it: load it with that one"));
        }
        serde_json::from_value(json).map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// The metadata that [`Manifest::of`] finds.
    pub fn metadata(&self) -> (String, String) {
        (KEY.to_owned(), serde_json::json!(self).to_string())
    }

    /// Mean and std.
    pub fn normaliser(&self) -> Normaliser {
        Normaliser { mean: self.mean.clone(), std: self.std.clone() }
    }

    /// Refuses tensors that are not those that were saved.
    ///
    /// # Errors
    /// [`crate::error::Kind::Data`].
    pub fn verify(&self, state: &[(String, Tensor)]) -> Result<()> {
        let found = hash(state)?;
        if found == self.sha256 {
            return Ok(());
        }
        let expected = &self.sha256;
        Err(Error::data(format!(
            "expected tensors of sha256 {expected}, found {found}: the file is damaged"
        ))
        .hint("saving keeps the file that it replaces as NAME.previous.safetensors"))
    }
}

/// The SHA-256 over all tensors in the order of their names: for each, its name, a space, its
/// shape as `[4, 3]`, a line feed, and its numbers as f32, the lowest byte first.
///
/// # Errors
/// A tensor of another type than f32.
pub fn hash(state: &[(String, Tensor)]) -> Result<String> {
    let mut sorted: Vec<&(String, Tensor)> = state.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut hasher = Sha256::new();
    let mut bytes = Vec::new();
    for (name, tensor) in sorted {
        if tensor.f_kind()? != Kind::Float {
            return Err(Error::internal(format!("hashing weights: {name} is not of f32")));
        }
        hasher.update(format!("{name} {:?}\n", tensor.size()));
        let tensor = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
        bytes.resize(tensor.numel() * Kind::Float.elt_size_in_bytes(), 0);
        tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
        hasher.update(&bytes);
    }
    Ok(hex(&hasher.finalize()))
}
