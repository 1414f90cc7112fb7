//! Models from files that PyTorch wrote: `model::load(path, #{...})`.

mod candidate;
#[cfg(test)]
pub(super) mod tests;
mod weights;

use super::file::{File, open};
use crate::context::Context;
use crate::error::{Error, Result, nearest};
use crate::lineage::Lineage;
use crate::model::{MODELS, Model, ModelSpec, Network, Origin};
use crate::registry::{Args, Example, Home, Kind, Param, Spec};
use candidate::Candidate;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use weights::Weights;

const NUMBERS: Kind = Kind::Floats { min: -1e3, max: 1e3 };

/// `model::load(path, #{...})`.
pub const LOAD: Spec = Spec {
    name: "load",
    home: Home::Namespace("model"),
    doc: "The model of a PyTorch checkpoint or a safetensors file. The file is read and never run: \
          what it would have Python import or call is ignored. Weights are found in the layouts of \
          torchvision, timm, MadryLab's robustness and randomized smoothing, in zip and in old \
          files; the architecture, its width and its classes are found by names and shapes, and \
          the normaliser is the file's own, or else that of the architecture. Of a file that \
          model.save wrote, all is found in the file, and the weights are checked. Files are \
          looked up beside the script, in --data, in --weights and beside the reports.",
    inputs: &[Param::input("path", Kind::File, "The file, e.g. \"resnet50_l2_eps3.ckpt\".")],
    params: &[
        Param::optional(
            "arch",
            Kind::Text,
            "The name of the architecture, e.g. \"resnet50\". Left out: the one that fits.",
        ),
        Param::optional(
            "size",
            Kind::Int { min: 8, max: 4096 },
            "Height and width of the images in pixels. Left out: the architecture's own.",
        ),
        Param::optional("mean", NUMBERS, "Subtracted from every pixel in [0,1]."),
        Param::optional(
            "std",
            Kind::Floats { min: 1e-6, max: 1e3 },
            "Every pixel is then divided by it.",
        ),
    ],
    returns: "model",
    example: Example {
        code: "let load = |path| model::load(path, #{ arch: \"resnet50\" });\n\
               type_of(load)",
        shows: "Fn",
    },
    cite: "Salman et al. 2020, arXiv 2007.08489, appendix; MadryLab robustness 1.2",
    version: 1,
};

/// The model in the file at `path`, which may be read; see [`LOAD`]. Names and shapes are checked
/// at once, the weights are read when they are first needed.
///
/// # Errors
/// [`crate::error::Kind::Data`]: the file is damaged, or its tensors are not those of the
/// architecture; the message says which differ.
pub fn load(context: &Context, path: &Path, args: &Args) -> Result<Model> {
    let within = |error: Error| error.within(path.display().to_string()).within("load");
    let file = open(path)?;
    let weights = Weights::find(&file).map_err(within)?;
    let candidate = fitting(&weights, args).map_err(within)?;
    let content = context.store.content_hash(path)?;
    let normaliser = &candidate.spec.architecture.normaliser;
    let more = [
        ("path", Json::from(content.as_str())),
        ("arch", Json::from(candidate.spec.architecture.name)),
        ("size", Json::from(candidate.spec.architecture.size)),
        ("mean", Json::from(normaliser.mean.as_slice())),
        ("std", Json::from(normaliser.std.as_slice())),
    ];
    let lineage: Rc<Lineage> = args.lineage(&more, &[]);
    let Candidate { spec, prefix } = candidate;
    let spec = ModelSpec { lineage, ..spec };
    let origin = Loaded { path: path.to_owned(), content, spec: spec.clone(), prefix };
    Ok(Model::of(spec, Rc::new(origin)))
}

/// The architecture that the weights are of.
fn fitting(weights: &Weights, args: &Args) -> Result<Candidate> {
    let saved = weights.manifest().map(|saved| saved.arch.as_str());
    if let Some(arch) = args.optional_text("arch")?.or(saved) {
        let names = || MODELS.iter().map(|entry| entry.spec.name);
        let Some(entry) = MODELS.iter().find(|entry| entry.spec.name == arch) else {
            let error = Error::usage(format!("no architecture {arch}")).at_key("arch");
            return Err(match nearest(arch, names()) {
                Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                None => error.hint(format!("known: {}", names().collect::<Vec<_>>().join(", "))),
            });
        };
        let candidate = Candidate::new(entry, weights, args)?;
        return match weights.differences(&candidate) {
            differences if differences.is_empty() => Ok(candidate),
            differences => Err(candidate.refused("expected", &differences)),
        };
    }
    let mut closest: Option<(usize, Candidate)> = None;
    for entry in MODELS {
        // An entry that cannot be built for these shapes is none of them.
        let Ok(candidate) = Candidate::new(entry, weights, args) else { continue };
        let shared = weights.shared(&candidate);
        // To tell all differences takes seconds: only those of the closest are told.
        if shared == candidate.state().len() && weights.differences(&candidate).is_empty() {
            return Ok(candidate);
        }
        if closest.as_ref().is_none_or(|(most, _)| shared > *most) {
            closest = Some((shared, candidate));
        }
    }
    Err(match closest {
        Some((shared, candidate)) if shared > 0 => {
            let differences = weights.differences(&candidate);
            candidate.refused("no architecture fits; the closest is", &differences)
        }
        _ => Error::data("no architecture has a tensor of these names")
            .hint("rtscript inspect FILE shows what the file holds"),
    })
}

/// Weights in a file.
struct Loaded {
    path: PathBuf,
    content: String,
    spec: ModelSpec,
    prefix: String,
}

impl Origin for Loaded {
    fn network(&self, context: &Context) -> Result<Network> {
        let within = |error: Error| error.within(self.path.display().to_string()).within("load");
        if context.store.content_hash(&self.path)? != self.content {
            return Err(within(Error::data("the file has changed since it was named")));
        }
        let file: File = open(&self.path)?;
        let weights = Weights::find(&file).map_err(within)?;
        let network = Network::zeros(&self.spec.architecture, self.spec.classes, context.device)?;
        let state = weights.state(&file, &network, &self.prefix).map_err(within)?;
        file.release();
        network.load_state(&state).map_err(within)?;
        Ok(network)
    }
}
