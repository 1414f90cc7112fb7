//! The verb `m.transfer(target, #{...})` and its result.

use super::Protocol;
use crate::context::Context;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::lineage::Derived;
use crate::metric::Answers;
use crate::model::Model;
use crate::registry::{Args, Example, Handle, Home, Kind, Param, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// `m.transfer(target, #{...})`.
pub const TRANSFER: Spec = Spec {
    name: "transfer",
    home: Home::Method("model"),
    doc: "Uses the model on another task and measures how well that works, image by image. It fits \
          on target.train, selects on target.val and measures on target.test. The model stays as \
          it is. A model that nobody trained transfers like any other, `model::resnet8()` as it is: \
          what its architecture alone is worth.",
    inputs: &[Param::input("target", Kind::Handle("dataset"), "The other task.")],
    params: &[
        Param {
            name: "protocol",
            kind: Kind::Handle("protocol"),
            default: crate::registry::Default::Required,
            doc: "How the network is used: \"fixed_feature\", \"full_network\", or such a \
                  protocol with options, e.g. transfer::full_network(#{ epochs: 5 }).",
            label: false,
        },
        Param::seed(),
    ],
    returns: "transfer",
    example: Example {
        code: "let m = model::resnet8(#{ width: 4, size: 8 });\n\
               let t = m.transfer(dataset::digits(#{ limit: 200 }), #{ protocol: \"fixed_feature\" });\n\
               t.accuracy > 0.3",
        shows: "true",
    },
    cite: "Salman et al. 2020, arXiv 2007.08489, section 2",
    version: 2,
};

/// The stored result of a transfer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transferred {
    /// What the network answered on the target's test split.
    pub answers: Answers,
    /// What was selected on the validation split, by name: the lambda of a linear head.
    pub selected: BTreeMap<String, f64>,
    /// What a reader should know of this result.
    pub notes: Vec<String>,
}

/// Transfers `model`; see [`TRANSFER`].
///
/// # Errors
/// Images that do not fit the model, and those of the protocol.
pub fn transfer(context: &Context, model: &Model, args: &Args) -> Result<Derived<Transferred>> {
    let target: Dataset = args.handle("target")?;
    let protocol: Protocol = args.handle("protocol")?;
    let seed = args.int("seed")?;
    let (expected, found) = (model.spec().architecture.input_shape(), target.shape());
    if expected != found {
        return Err(Error::usage(format!(
            "transfer: the model was made for images of {expected:?}, {} has {found:?}",
            target.name()
        ))
        .hint(format!(
            "{}(#{{ size: {} }}) resizes the images",
            target.name(),
            expected[1]
        )));
    }
    let lineage = args.lineage(
        &[("precision", Json::from("f32")), ("device", Json::from(context.device_kind()))],
        &[("model", model.lineage())],
    );
    let stored = || context.found::<Transferred>(lineage.address());
    if let Some(value) = stored()? {
        return Ok(Derived { value, lineage });
    }
    let _lease = context.claim(lineage.address())?;
    if let Some(value) = stored()? {
        return Ok(Derived { value, lineage });
    }
    let transferred = protocol.method.apply(context, model, &target, seed, &lineage)?;
    context.keep(&lineage, &transferred)?;
    protocol.method.discard(context, &lineage)?;
    Ok(Derived { value: transferred, lineage })
}
