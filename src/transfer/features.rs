//! Features of a frozen network, computed once and kept.

use crate::checkpoint;
use crate::context::Context;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::loader::{self, Feed};
use crate::model::Model;
use crate::registry::Handle;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use tch::Tensor;

const FEATURES: &str = "features.safetensors";

/// The features `[N, D]` of a split, f32 on the CPU, in the order of the split: the network is in
/// eval mode, batch norms folded.
///
/// # Errors
/// Images that do not fit, an interrupt, features that are not finite.
pub fn features(context: &Context, model: &Model, split: &Split) -> Result<Tensor> {
    let options = BTreeMap::from([
        ("precision".to_owned(), Json::from("f32")),
        ("device".to_owned(), Json::from(context.device_kind())),
    ]);
    let inputs = BTreeMap::from([
        ("model".to_owned(), model.lineage()),
        ("split".to_owned(), split.lineage()),
    ]);
    let lineage = Lineage::new("transfer::features", 1, options, inputs);
    if let Some(bytes) = context.store.blob(lineage.address(), FEATURES)? {
        return match checkpoint::decode(&bytes)?.pop() {
            Some((_, features)) => Ok(features),
            None => Err(Error::data("transfer: the stored features are empty")),
        };
    }
    let features = compute(context, model, split)?;
    let bytes = checkpoint::encode(&[("features".to_owned(), features.shallow_clone())])?;
    context.store.put_blob(lineage.address(), FEATURES, &bytes)?;
    Ok(features)
}

fn compute(context: &Context, model: &Model, split: &Split) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    let folded = model.network(context)?.folded()?;
    let mut parts = Vec::new();
    let batches = loader::batches(split.len(), 256, None);
    for batch in Feed::new(split, batches, None, context.device)? {
        if context.interrupt.is_requested() {
            return Err(Error::interrupted("transfer: interrupted").hint("run it again"));
        }
        let batch = batch?;
        parts.push(folded.features(&batch.x)?.f_to_device(tch::Device::Cpu)?);
    }
    let features = Tensor::f_cat(&parts, 0)?;
    if !features.f_sum(tch::Kind::Double)?.f_double_value(&[])?.is_finite() {
        return Err(Error::diverged("transfer: the features are not finite"));
    }
    Ok(features)
}
