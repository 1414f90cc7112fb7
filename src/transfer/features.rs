//! Features of a frozen network, computed once and kept.

use super::bn_recalibrate::Pass;
use super::factors::{Behind, Factors};
use crate::checkpoint;
use crate::context::Context;
use crate::dataset::{Dataset, Split};
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::loader::{self, Feed};
use crate::model::{Folded, Model, Precision, Statistics};
use crate::registry::Handle;
use crate::seed::Stream;
use once_cell::unsync::OnceCell;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use tch::Tensor;

const FEATURES: &str = "features.safetensors";

/// A random view of images: its number, and the seed of its draws.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// From 0.
    pub number: u64,
    /// Of the transfer.
    pub seed: i64,
}

/// A network that gives features of a target. It is in eval mode with its batch norms folded, and
/// computes with numbers of a precision; where batch norms adapt, they have the statistics of
/// target.train, measured in f32.
pub struct Extraction<'a> {
    context: &'a Context,
    model: &'a Model,
    /// The target and what differs for it; without it the network is as it is.
    fitted: Option<(&'a Dataset, Factors)>,
    precision: Precision,
    network: OnceCell<Folded>,
}

impl<'a> Extraction<'a> {
    /// Of images of `target`, whose crops are those of `factors`.
    pub fn new(
        context: &'a Context,
        model: &'a Model,
        target: &'a Dataset,
        factors: Factors,
        precision: Precision,
    ) -> Self {
        let fitted = Some((target, factors));
        Self { fitted, ..Self::plain(context, model, precision) }
    }

    /// By the network as it is, of any images.
    pub fn plain(context: &'a Context, model: &'a Model, precision: Precision) -> Self {
        Self { context, model, fitted: None, precision, network: OnceCell::new() }
    }

    /// The features `[N, D]` of a split of the target, f32 on the CPU, in the order of the split:
    /// of its images as everything but training sees them, or of a random view.
    ///
    /// # Errors
    /// Images that do not fit, an interrupt, features that are not finite.
    pub fn of(&self, split: &Split, view: Option<View>) -> Result<Tensor> {
        let store = &self.context.store;
        let lineage = self.lineage(split, view);
        if let Some(bytes) = store.blob(lineage.address(), FEATURES)? {
            return match checkpoint::decode(&bytes)?.pop() {
                Some((_, features)) => Ok(features),
                None => Err(Error::data("transfer: the stored features are empty")),
            };
        }
        let features = self.compute(split, view)?;
        let bytes = checkpoint::encode(&[("features".to_owned(), features.shallow_clone())])?;
        store.put_blob(lineage.address(), FEATURES, &bytes)?;
        Ok(features)
    }

    fn lineage(&self, split: &Split, view: Option<View>) -> std::rc::Rc<Lineage> {
        let mut options = BTreeMap::from([
            ("precision".to_owned(), Json::from(self.precision.name())),
            ("device".to_owned(), Json::from(self.context.device_kind())),
        ]);
        let mut inputs = BTreeMap::from([
            ("model".to_owned(), self.model.lineage()),
            ("split".to_owned(), split.lineage()),
        ]);
        if let Some((target, factors)) = self.fitted {
            if factors.normaliser != Behind::Source {
                options.insert("normaliser".to_owned(), Json::from(factors.normaliser.word()));
            }
            if factors.statistics == Statistics::Batch {
                inputs.insert("statistics".to_owned(), target.train.lineage());
            }
        }
        if let Some(View { number, seed }) = view {
            options.insert("view".to_owned(), Json::from(number));
            options.insert("seed".to_owned(), Json::from(seed));
        }
        Lineage::new("transfer::features", 1, options, inputs)
    }

    fn compute(&self, split: &Split, view: Option<View>) -> Result<Tensor> {
        if split.is_empty() {
            return Err(Error::usage(format!(
                "transfer: expected images, found none in {}",
                split.label()
            ))
            .hint("few images may leave none for val: take more, or a larger share"));
        }
        let _guard = tch::no_grad_guard();
        let context = self.context;
        let network = self.network.get_or_try_init(|| self.folded())?;
        let mut parts = Vec::new();
        let batches = loader::batches(split.len(), 256, None);
        let draws = view.map(|view| Stream::new(view.seed, "view").at(view.number));
        for batch in Feed::new(split, batches, draws, context.device)? {
            if context.interrupt.is_requested() {
                return Err(Error::interrupted("transfer: interrupted").hint("run it again"));
            }
            let batch = batch?;
            parts.push(network.features(&batch.x)?.f_to_device(tch::Device::Cpu)?);
        }
        let features = Tensor::f_cat(&parts, 0)?;
        if !features.f_sum(tch::Kind::Double)?.f_double_value(&[])?.is_finite() {
            return Err(Error::diverged("transfer: the features are not finite"));
        }
        Ok(features)
    }

    fn folded(&self) -> Result<Folded> {
        let network = self.model.network(self.context)?;
        let Some((target, factors)) = self.fitted else {
            return network.folded_at(self.precision);
        };
        let network = factors.normaliser.applied(network.copy()?, target);
        let network = match factors.statistics {
            Statistics::Running => network,
            Statistics::Batch => Pass::ALL.measure(self.context, &network, &target.train)?,
        };
        network.folded_at(self.precision)
    }
}

/// The labels `[N]` of a split, int64.
///
/// # Errors
/// Memory is short.
pub fn labels(split: &Split) -> Result<Tensor> {
    Ok(Tensor::f_from_slice(&split.labels()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::laws::{built_named, context};
    use crate::model::tests::spec;
    use crate::registry::Value;

    #[test]
    fn features_of_bf16_are_close_kept_in_f32_and_have_an_address_of_their_own() {
        let (context, _folder) = context(None);
        let options = [("width", 4), ("size", 8), ("channels", 1)];
        let model =
            Model::new(spec("resnet8", &options.map(|(key, value)| (key, Value::Int(value)))));
        let split = built_named("digits", &[]).unwrap().test;
        let of = |precision| {
            let extraction = Extraction::plain(&context, &model, precision);
            let address = extraction.lineage(&split, None).address().clone();
            assert!(context.store.blob(&address, FEATURES).unwrap().is_none());
            let features = extraction.of(&split, None).unwrap();
            assert_eq!(extraction.of(&split, None).unwrap(), features);
            assert!(context.store.blob(&address, FEATURES).unwrap().is_some());
            assert_eq!(features.kind(), tch::Kind::Float);
            features
        };
        let [exact, rounded] = [Precision::F32, Precision::Bf16].map(of);
        let off = ((&rounded - &exact).norm() / exact.norm()).double_value(&[]);
        assert!(off > 1e-4 && off < 0.02, "{off}");
    }
}
