//! The verb `m.bn_recalibrate(split, #{...})`: running statistics measured anew.

use crate::checkpoint;
use crate::context::Context;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::loader::{self, Feed};
use crate::model::{Model, Network, Origin, Recalibration};
use crate::registry::{Args, Example, Handle, Home, Kind, Param, Spec};
use crate::seed::Stream;
use serde_json::Value as Json;
use std::rc::Rc;
use tch::Tensor;

/// `m.bn_recalibrate(split, #{...})`.
pub const BN_RECALIBRATE: Spec = Spec {
    name: "bn_recalibrate",
    home: Home::Method("model"),
    doc: "The model with the running statistics of its batch norms measured on a split.\n\nA network \
          that was trained on noisy or adversarial images has their statistics, with which clean \
          images, and transfers, are judged wrongly: recalibrate all arms on clean images of the \
          source first. One pass, in the order that `seed` draws, as everything but training sees \
          the images; running mean and variance become the averages over the batches of their \
          means and unbiased variances, which is what PyTorch's batch norms hold after a pass with \
          momentum=None. Nothing is dropped out. The weights stay, and so does the model it is \
          asked of.",
    inputs: &[Param::input("split", Kind::Handle("split"), "Clean images, e.g. source.train.")],
    params: &[
        Param::int("batch_size", 128, 2, "Images per batch."),
        Param::optional(
            "images",
            Kind::Int { min: 2, max: i64::MAX },
            "How many images are used. Left out: all.",
        ),
        Param::seed(),
    ],
    returns: "model",
    example: Example {
        code: "let m = model::resnet8(#{ width: 4, size: 8 });\n\
               let r = m.bn_recalibrate(dataset::digits().train);\n\
               [m.parameter(\"bn1.running_mean\").sum == 0.0, \
               r.parameter(\"bn1.running_mean\").sum == 0.0]",
        shows: "[true, false]",
    },
    cite: "Ioffe and Szegedy 2015, arXiv 1502.03167; torch.optim.swa_utils.update_bn",
    version: 1,
};

const STATISTICS: &str = "statistics.safetensors";

/// The model with new statistics; see [`BN_RECALIBRATE`].
///
/// # Errors
/// Usage: images of another shape, or fewer than two.
pub fn bn_recalibrate(context: &Context, model: &Model, args: &Args) -> Result<Model> {
    let split: Split = args.handle("split")?;
    let (expected, found) = (model.spec().architecture.input_shape(), split.shape());
    if expected != found {
        return Err(Error::usage(format!(
            "bn_recalibrate: the model was made for images of {expected:?}, {} has {found:?}",
            split.name()
        )));
    }
    if split.len() < 2 {
        return Err(Error::usage(format!(
            "bn_recalibrate: expected at least two images, found {} in {}",
            split.len(),
            split.name()
        )));
    }
    let before = model.snapshot();
    let lineage = args
        .lineage(&[("device", Json::from(context.device_kind()))], &[("model", before.lineage())]);
    let pass = Pass {
        batch_size: args.int("batch_size")? as usize,
        images: args.optional_int("images")?.map(|images| images as usize),
        seed: args.int("seed")?,
    };
    let origin = Recalibrated { before, split, pass, lineage: lineage.clone() };
    let after = model.snapshot();
    after.become_trained(lineage, Rc::new(origin), None);
    Ok(after)
}

/// One pass over some images.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    /// Images per batch.
    pub batch_size: usize,
    /// How many images; all where there is none.
    pub images: Option<usize>,
    /// Seed of their order.
    pub seed: i64,
}

impl Pass {
    /// All images with the options' defaults.
    pub const ALL: Self = Self { batch_size: 128, images: None, seed: 0 };

    /// `network` with the statistics of images of `split`.
    ///
    /// # Errors
    /// Interrupted; a statistic that is not finite; those of reading.
    pub fn measure(self, context: &Context, network: &Network, split: &Split) -> Result<Network> {
        let order = Stream::new(self.seed, "recalibration");
        let mut order = loader::batches(split.len(), split.len(), Some(order)).concat();
        order.truncate(self.images.unwrap_or(usize::MAX));
        let mut batches: Vec<Vec<usize>> =
            order.chunks(self.batch_size).map(<[usize]>::to_vec).collect();
        // One image may have no variance.
        batches.pop_if(|last| last.len() == 1);
        let mut recalibration = Recalibration::of(network)?;
        context.monitor.begin("recalibrate", batches.len() as u64, 0);
        for batch in Feed::new(split, batches, None, context.device)? {
            if context.interrupt.is_requested() {
                context.monitor.end();
                return Err(Error::interrupted("bn_recalibrate: interrupted").hint("run it again"));
            }
            recalibration.add(&batch?.x)?;
            context.monitor.advance("");
        }
        context.monitor.end();
        recalibration.finish()
    }
}

/// Weights of one model with statistics of their own.
struct Recalibrated {
    before: Model,
    split: Split,
    pass: Pass,
    lineage: Rc<Lineage>,
}

impl Origin for Recalibrated {
    fn network(&self, context: &Context) -> Result<Network> {
        let before = self.before.network(context)?;
        let address = self.lineage.address();
        if let Some(bytes) = context.store.blob(address, STATISTICS)? {
            let network = before.copy()?;
            network.load_state(&replaced(network.state()?, checkpoint::decode(&bytes)?))?;
            return Ok(network);
        }
        let network = self.pass.measure(context, &before, &self.split)?;
        let statistics: Vec<_> =
            network.state()?.into_iter().filter(|(name, _)| name.contains(".running_")).collect();
        context.store.put_blob(address, STATISTICS, &checkpoint::encode(&statistics)?)?;
        Ok(network)
    }
}

/// A state with some of its tensors replaced by those of the same names.
fn replaced(state: Vec<(String, Tensor)>, by: Vec<(String, Tensor)>) -> Vec<(String, Tensor)> {
    let kept = state.into_iter().filter(|(name, _)| by.iter().all(|(other, _)| name != other));
    let kept: Vec<_> = kept.collect();
    kept.into_iter().chain(by).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::dataset::laws::{built_named, context};
    use crate::evaluate::measure;
    use crate::model::tests::spec;
    use crate::registry::Value;
    use crate::train::{Arm, TRAIN, train};

    fn digits() -> Dataset {
        built_named("digits", &[]).unwrap()
    }

    fn trained(context: &Context) -> Model {
        let options = [("width", 4), ("size", 8), ("channels", 1), ("classes", 10)];
        let model =
            Model::new(spec("resnet8", &options.map(|(key, value)| (key, Value::Int(value)))));
        let options = vec![("epochs".to_owned(), Value::Int(4))];
        let args = Args::resolve(&TRAIN, vec![Value::Handle(Rc::new(digits()))], options).unwrap();
        train(context, &model, &Arm::clean().unwrap(), &args, None).unwrap();
        model
    }

    fn accuracy(context: &Context, model: &Model) -> f64 {
        let folded = model.network(context).unwrap().folded().unwrap();
        let stream = Stream::new(0, "evaluation");
        measure(context, &folded, &digits().test, None, 256, stream).unwrap().answers.accuracy()
    }

    fn recalibrated(context: &Context, model: &Model, options: &[(&str, i64)]) -> Model {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), Value::Int(*value)));
        let split = vec![Value::Handle(Rc::new(digits().train))];
        let args = Args::resolve(&BN_RECALIBRATE, split, options.collect()).unwrap();
        bn_recalibrate(context, model, &args).unwrap()
    }

    #[test]
    fn spoiled_statistics_are_mended_and_the_weights_stay() {
        let (context, _folder) = context(None);
        let model = trained(&context);
        let before = accuracy(&context, &model);
        let spoiled = model.snapshot();
        for layer in ["bn1", "layer2.0.bn1", "layer3.0.bn2"] {
            let name = format!("{layer}.running_mean");
            let value = spoiled.read(&context, &name).unwrap();
            spoiled.write(&context, &name, &(value + 3.0)).unwrap();
        }
        let after = recalibrated(&context, &spoiled, &[]);
        let [worse, mended] = [&spoiled, &after].map(|model| accuracy(&context, model));
        assert!(before > 0.8 && worse < 0.5 && mended > before - 0.05, "{before} {worse} {mended}");
        let flat = |model: &Model| model.network(&context).unwrap().flat().copy();
        assert_eq!(flat(&after), flat(&model));
        assert_eq!(
            spoiled.read(&context, "bn1.running_mean").unwrap(),
            model.read(&context, "bn1.running_mean").unwrap() + 3.0
        );
    }

    #[test]
    fn statistics_come_from_the_store_and_depend_on_what_was_asked_for() {
        let (context, _folder) = context(None);
        let model = trained(&context);
        let state = |model: &Model| -> Vec<Tensor> {
            let state = model.network(&context).unwrap().state().unwrap();
            state.into_iter().map(|(_, tensor)| tensor).collect()
        };
        let first = recalibrated(&context, &model, &[("images", 100)]);
        let measured = state(&first);
        let address = first.lineage().address().clone();
        assert!(context.store.blob(&address, STATISTICS).unwrap().is_some());
        assert_eq!(state(&recalibrated(&context, &model, &[("images", 100)])), measured);
        for options in [[("images", 101)], [("seed", 1)], [("batch_size", 64)]] {
            let other = recalibrated(&context, &model, &options);
            assert_ne!(other.lineage().address(), &address, "{options:?}");
            assert_ne!(state(&other), measured, "{options:?}");
        }
    }
}
