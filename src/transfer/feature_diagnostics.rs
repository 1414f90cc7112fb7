//! How the features of a network lie by class: `m.feature_diagnostics(split)`.

use super::features::Extraction;
use crate::context::Context;
use crate::dataset::Split;
use crate::error::Result;
use crate::lineage::Derived;
use crate::metric::FeatureDiagnostics;
use crate::model::{Model, Precision};
use crate::registry::{Args, Example, Handle, Home, Kind, Param, Spec};
use serde_json::Value as Json;

/// `m.feature_diagnostics(split)`.
pub const FEATURE_DIAGNOSTICS: Spec = Spec {
    name: "feature_diagnostics",
    home: Home::Method("model"),
    doc: "How far a model's features separate classes, and how many directions they use. They are \
          those that `transfer::fixed_feature` reads: the model is in eval mode with its batch \
          norms folded.",
    inputs: &[Param::input(
        "split",
        Kind::Handle("split"),
        "Images of at least two classes, e.g. data.test.",
    )],
    params: &[Precision::PARAM],
    returns: "feature_diagnostics",
    example: Example {
        code: "let data = dataset::digits();\n\
               let m = model::resnet8(#{ width: 4, size: 8 });\n\
               let before = m.feature_diagnostics(data.test).class_separation_r2;\n\
               m.train(data, #{ epochs: 2 });\n\
               m.feature_diagnostics(data.test).class_separation_r2 > before",
        shows: "true",
    },
    cite: "Kornblith et al. 2021, arXiv 2010.16402; Papyan et al. 2020, arXiv 2008.08186; Roy and \
           Vetterli 2007, \"The effective rank: a measure of effective dimensionality\"",
    version: 1,
};

/// Describes the features of `model`; see [`FEATURE_DIAGNOSTICS`].
///
/// # Errors
/// Images that do not fit the model or are of one class; features that are not finite.
pub fn feature_diagnostics(
    context: &Context,
    model: &Model,
    args: &Args,
) -> Result<Derived<FeatureDiagnostics>> {
    let split: Split = args.handle("split")?;
    let lineage = args
        .lineage(&[("device", Json::from(context.device_kind()))], &[("model", model.lineage())]);
    if let Some(value) = context.found(lineage.address())? {
        return Ok(Derived { value, lineage });
    }
    let labels = split.labels()?;
    let features = Extraction::plain(context, model, Precision::of(args)?).of(&split, None)?;
    let value = FeatureDiagnostics::of(&features, &labels)
        .map_err(|error| error.within("feature_diagnostics"))?;
    context.keep(&lineage, &value)?;
    Ok(Derived { value, lineage })
}
