//! The weights of a network among all that a checkpoint holds.

use super::candidate::Candidate;
use crate::checkpoint::file::File;
use crate::checkpoint::manifest::Manifest;
use crate::checkpoint::tensor_meta::TensorMeta;
use crate::checkpoint::walk::state_dict;
use crate::error::{Error, Result, nearest};
use crate::model::{Network, Normaliser};
use std::collections::BTreeMap;
use tch::{Kind, Tensor};

/// Where tools put the state dict, the best first: an average over steps is what timm evaluates.
const KEYS: [&str; 8] = [
    "state_dict_ema",
    "model_ema",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
];

/// Ends of names that are no weights of a network.
const IGNORED: [&str; 1] = ["num_batches_tracked"];

/// The named tensors of a file.
pub struct Weights {
    named: BTreeMap<String, TensorMeta>,
    /// Mean and std of the layer that normalises, as the robustness library saves them.
    normaliser: Option<Normaliser>,
    /// Of a file that rtscript saved.
    manifest: Option<Manifest>,
}

impl Weights {
    /// The state dict of `file`.
    ///
    /// # Errors
    /// [`crate::error::Kind::Data`]: there is none.
    pub fn find(file: &File) -> Result<Self> {
        let root = file.root();
        let inner = KEYS.iter().filter_map(|key| root.get(key)).find_map(state_dict);
        let Some(named) = inner.or_else(|| state_dict(root)) else {
            return Err(Error::data("no state dict in this file")
                .hint("rtscript inspect FILE shows what it holds"));
        };
        let manifest = Manifest::of(file.container())?;
        let mut normaliser = manifest.as_ref().map(Manifest::normaliser);
        for (name, meta) in &named {
            let Some(start) = name.strip_suffix("new_mean") else { continue };
            let std = named.iter().find(|(other, _)| *other == format!("{start}new_std"));
            if let Some((_, std)) = std {
                normaliser = Some(Normaliser {
                    mean: numbers(&file.tensor(meta)?)?,
                    std: numbers(&file.tensor(std)?)?,
                });
                break;
            }
        }
        let kept = |name: &str| !IGNORED.iter().any(|end| name.ends_with(end));
        let named = named
            .into_iter()
            .filter(|(name, _)| kept(name) && !is_normaliser(name))
            .map(|(name, meta)| (renamed(&name), meta.clone()))
            .collect();
        Ok(Self { named, normaliser, manifest })
    }

    /// The normaliser that the file holds.
    pub fn normaliser(&self) -> Option<&Normaliser> {
        self.normaliser.as_ref()
    }

    /// What rtscript said of the weights when it saved them.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[i64]> {
        self.named.get(name).map(|meta| meta.shape.as_slice())
    }

    /// What stands before `name` in the names that end with it, the shortest first.
    pub fn prefixes(&self, name: &str) -> Vec<&str> {
        let starts = self.named.keys().filter_map(|known| known.strip_suffix(name));
        let mut starts: Vec<&str> =
            starts.filter(|start| start.is_empty() || start.ends_with('.')).collect();
        starts.sort_by_key(|start| start.len());
        starts
    }

    /// How many tensors are the candidate's by name and shape.
    pub fn shared(&self, candidate: &Candidate) -> usize {
        let state = candidate.state();
        let fits = |(name, shape): &&(String, Vec<i64>)| {
            self.shape(&format!("{}{name}", candidate.prefix)) == Some(shape)
        };
        state.iter().filter(fits).count()
    }

    /// What differs between the weights and what the candidate needs, one sentence each; what the
    /// robustness library stores a second time for its attacker is left out.
    pub fn differences(&self, candidate: &Candidate) -> Vec<String> {
        let prefix = candidate.prefix.as_str();
        let state: BTreeMap<String, Vec<i64>> = candidate.state().into_iter().collect();
        let ours = self.named.keys().filter_map(|name| name.strip_prefix(prefix));
        let unknown: Vec<&str> = ours
            .filter(|name| !state.contains_key(*name) && !name.starts_with("attacker."))
            .collect();
        let mut differences = Vec::new();
        for (name, expected) in &state {
            match self.shape(&format!("{prefix}{name}")) {
                Some(found) if found == expected => {}
                Some(found) => {
                    differences.push(format!("{name} has shape {found:?}, expected {expected:?}"));
                }
                None => differences.push(match nearest(name, unknown.iter().copied()) {
                    Some(near) => format!("{name} is missing, did {near} mean it?"),
                    None => format!("{name} is missing"),
                }),
            }
        }
        differences.extend(unknown.iter().map(|name| format!("{name} is unknown")));
        differences
    }

    /// The tensors of `network`, read from `file`, as f32 under its own names.
    ///
    /// # Errors
    /// A tensor is missing or damaged, or they are not those that rtscript saved.
    pub fn state(
        &self,
        file: &File,
        network: &Network,
        prefix: &str,
    ) -> Result<Vec<(String, Tensor)>> {
        let read = |name: String| {
            let Some(meta) = self.named.get(&format!("{prefix}{name}")) else {
                return Err(Error::data(format!("{name} is missing")));
            };
            Ok((name, file.tensor(meta)?.f_to_kind(Kind::Float)?))
        };
        let state = network.names().into_iter().map(read).collect::<Result<Vec<_>>>()?;
        if let Some(manifest) = &self.manifest {
            manifest.verify(&state)?;
        }
        Ok(state)
    }
}

/// Whether a name is that of the normalising layer of the robustness library.
fn is_normaliser(name: &str) -> bool {
    name.ends_with("new_mean") || name.ends_with("new_std")
}

/// The name that torchvision has today for one of its old names: `denselayer1.norm.1` was
/// `denselayer1.norm1`.
fn renamed(name: &str) -> String {
    let mut name = name.to_owned();
    if name.contains("denselayer") {
        for part in ["norm", "conv"] {
            for index in ["1", "2"] {
                name = name.replace(&format!(".{part}.{index}."), &format!(".{part}{index}."));
            }
        }
    }
    name
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    let flat = tensor.f_to_kind(Kind::Double)?.f_reshape([-1])?;
    // f32 holds 0.485 as 0.48500001: the shortest text of that f32 is what was meant.
    let meant = |value: f64| (value as f32).to_string().parse().unwrap_or(value);
    Ok(Vec::<f64>::try_from(&flat)?.into_iter().map(meant).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_of_dense_networks_are_those_of_today() {
        let old = "features.denseblock1.denselayer2.norm.1.running_mean";
        assert_eq!(renamed(old), "features.denseblock1.denselayer2.norm1.running_mean");
        assert_eq!(renamed("layer1.0.conv1.weight"), "layer1.0.conv1.weight");
    }
}
