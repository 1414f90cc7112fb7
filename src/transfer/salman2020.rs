//! The transfers of Salman et al. 2020 as their released code does them.

use super::factors::{Behind, Factors};
use super::fine_tuning::{FineTuning, lineage};
use super::{Build, Method, Transferred};
use crate::context::{Context, Interrupt, Silent};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, measure};
use crate::lineage::Lineage;
use crate::model::{Learns, Model, Statistics};
use crate::registry::{Args, Default, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;
use crate::train::{Optimizer, Recipe, Schedule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What every result says.
const NOTE: &str = "lr and epoch were selected on test, as in the released code";

/// Epochs from one evaluation on the test images to the next.
const EVALUATED: i64 = 5;

struct Salman2020 {
    learns: Learns,
    rates: Vec<f64>,
    epochs: i64,
    batch_size: i64,
}

/// What became of one learning rate.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Tried {
    /// The epoch with the highest score on the test images, from 1, and what was measured then.
    best: (i64, Evaluation),
    /// After the last epoch.
    last: Evaluation,
}

impl Method for Salman2020 {
    fn apply(
        &self,
        context: &Context,
        model: &Model,
        target: &Dataset,
        seed: i64,
        transfer: &Rc<Lineage>,
    ) -> Result<Transferred> {
        // The code has no validation images: it trains on all that are not for testing.
        let target = match target.has_train_transform() {
            true => target.clone(),
            false => target.cropped(true)?,
        };
        let target = target.with_val_in_train()?;
        let mut best: Option<(f64, f64, Tried)> = None;
        let mut selected = BTreeMap::new();
        for (number, &lr) in self.rates.iter().enumerate() {
            let lineage = lineage(transfer, Some(number));
            let tried = self.tried(context, model, &target, seed, (lr, &lineage))?;
            let (found, last) = (tried.best.1.answers.score(), tried.last.answers.score());
            selected.insert(format!("best at lr {lr}"), found);
            selected.insert(format!("last at lr {lr}"), last);
            if best.as_ref().is_none_or(|(highest, ..)| found > *highest) {
                best = Some((found, lr, tried));
            }
        }
        let Some((found, lr, tried)) = best else {
            return Err(Error::internal("salman2020: no learning rate"));
        };
        let (epoch, evaluation) = tried.best;
        selected.extend([
            ("lr".to_owned(), lr),
            ("epoch".to_owned(), epoch as f64),
            ("best".to_owned(), found),
            ("last".to_owned(), tried.last.answers.score()),
        ]);
        let mut notes = vec![NOTE.to_owned()];
        if self.rates.len() > 1 && self.rates.iter().all(|other| *other <= lr) {
            notes.push("the selected lr lies at the upper edge of its grid".to_owned());
        }
        Ok(Transferred { answers: evaluation.answers, selected, notes })
    }

    fn discard(&self, context: &Context, transfer: &Rc<Lineage>) -> Result<()> {
        for number in 0..self.rates.len() {
            FineTuning::discard(context, &lineage(transfer, Some(number)))?;
        }
        Ok(())
    }
}

impl Salman2020 {
    /// Fine-tunes with one learning rate, or finds what became of it.
    fn tried(
        &self,
        context: &Context,
        model: &Model,
        target: &Dataset,
        seed: i64,
        (lr, lineage): (f64, &Rc<Lineage>),
    ) -> Result<Tried> {
        if let Some(tried) = context.found::<Tried>(lineage.address())? {
            return Ok(tried);
        }
        let factors = Factors {
            statistics: Statistics::Batch,
            random_crops: false,
            normaliser: Behind::Target,
        };
        let recipe = recipe(lr, self.epochs, self.batch_size);
        let tuning = FineTuning::new(recipe, self.learns, factors)?;
        // An evaluation that is begun is finished: the training then leaves a checkpoint.
        let (interrupt, monitor) = (Interrupt::default(), Rc::new(Silent));
        let under = Context { interrupt, monitor, ..context.clone() };
        let stream = Stream::new(seed, "evaluation");
        let mut evaluated = Vec::new();
        tuning.run(context, model, target, seed, lineage, &mut |point, network| {
            let last = point.epoch == self.epochs;
            if !last && (point.epoch - 1) % EVALUATED != 0 {
                return Ok(());
            }
            if let Some(network) = network {
                let found = measure(&under, &network.folded()?, &target.test, None, 256, stream)?;
                put(context, lineage, point.epoch, &found)?;
            }
            evaluated.push(point.epoch);
            Ok(())
        })?;
        let mut best: Option<(f64, i64, Evaluation)> = None;
        let mut last = None;
        for epoch in evaluated {
            let found = get(context, lineage, epoch)?;
            let score = found.answers.score();
            if best.as_ref().is_none_or(|(highest, ..)| score > *highest) {
                best = Some((score, epoch, found.clone()));
            }
            last = Some(found);
        }
        let (Some((_, epoch, best)), Some(last)) = (best, last) else {
            return Err(Error::internal("salman2020: nothing was evaluated"));
        };
        let tried = Tried { best: (epoch, best), last };
        context.keep(lineage, &tried)?;
        FineTuning::discard(context, lineage)?;
        Ok(tried)
    }
}

/// SGD as `best_params_per_dataset_per_arch.md` has it in every row: momentum 0.9, weight decay
/// 5e-4 on everything that learns, and a tenth of the learning rate after each third, which is
/// StepLR(50) for 150 epochs.
fn recipe(lr: f64, epochs: i64, batch_size: i64) -> Recipe {
    Recipe {
        epochs,
        batch_size,
        paired: false,
        accumulate: 1,
        lr,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
        weight_decay: 5e-4,
        schedule: Schedule::Step { gamma: 0.1 },
        warmup: 0.0,
        label_smoothing: 0.0,
        ema: 0.0,
        seed: 0,
    }
}

/// Keeps what was measured after an epoch, until the fine-tuning is done.
fn put(context: &Context, tuning: &Lineage, epoch: i64, found: &Evaluation) -> Result<()> {
    let bytes = serde_json::to_vec(found)
        .map_err(|error| Error::internal(format!("salman2020: an evaluation: {error}")))?;
    context.store.put_blob(tuning.address(), &name(epoch), &bytes)
}

fn get(context: &Context, tuning: &Lineage, epoch: i64) -> Result<Evaluation> {
    let lost = |why: &str| {
        Error::data(format!("salman2020: the evaluation after epoch {epoch} {why}"))
            .hint("--restart-partial starts the fine-tuning anew")
    };
    let bytes = context.store.blob(tuning.address(), &name(epoch))?;
    let bytes = bytes.ok_or_else(|| lost("is no longer in the store"))?;
    serde_json::from_slice(&bytes).map_err(|error| lost(&error.to_string()))
}

fn name(epoch: i64) -> String {
    format!("evaluation-{epoch}.json")
}

fn build(args: &Args) -> Result<Rc<dyn Method>> {
    let learns = match args.text("mode")? {
        "full_network" => Learns::All,
        _ => Learns::Head,
    };
    let rates = args.floats("lr")?;
    if rates.is_empty() {
        return Err(Error::usage("salman2020: expected at least one lr, found []").at_key("lr"));
    }
    let (epochs, batch_size) = (args.int("epochs")?, args.int("batch_size")?);
    Ok(Rc::new(Salman2020 { learns, rates, epochs, batch_size }))
}

/// `transfer::salman2020`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "salman2020",
        home: Home::Namespace("transfer"),
        doc: "The transfers of Salman et al. 2020 as their released code does them.\n\nSGD with \
              momentum 0.9 and weight decay 5e-4, on the head's bias too; a tenth of the learning \
              rate after each third of the epochs; random resized crops and mirror images for \
              training, the middle 224 of 256 pixels, in proportion, for testing, unless the \
              dataset has a train_transform: then as the dataset has it (`salman2020_train` and \
              `salman2020_test` are theirs for files). The normaliser is the target's: CIFAR-10 \
              and CIFAR-100 have their own, the other ten none, and never that of ImageNet. Mode \
              \"fixed_feature\" trains the head alone, but in training mode: batch norms go by the \
              batch and their statistics follow the target, so that features are not fixed. It \
              trains on target.train and target.val, measures target.test after epochs 1, 6, 11, \
              ... and the last, and gives the best of all epochs and learning rates: the \
              selection is on test, which the result notes and every table of a sweep repeats. \
              `selected` tells lr and epoch and, for each lr, the best score and the last. Beyond \
              the paper's words: it speaks of no normaliser, calls the features fixed, and does \
              not say on what lr, epoch and eps are selected. Deviations from the code: it takes \
              only networks with a layer4 for \"fixed_feature\"; its head for DTD has 57 outputs \
              for 47 classes; its Caltech loaders reset all seeds; a last batch of one image is \
              trained on by itself there, and with the batch before here.",
        inputs: &[],
        params: &[
            Param::choice("mode", &["fixed_feature", "full_network"], "What trains."),
            Param {
                name: "lr",
                kind: Kind::Floats { min: 0.0, max: f64::INFINITY },
                default: Default::Floats(&[0.01, 0.001]),
                doc: "Learning rates to choose from.",
                label: false,
            },
            Param::int("epochs", 150, 1, "Passes over the training images."),
            Param::int("batch_size", 64, 2, "Images per batch."),
        ],
        returns: "protocol",
        example: Example {
            code: "transfer::salman2020(#{ mode: \"full_network\" }).name",
            shows: "salman2020",
        },
        cite: "Salman et al. 2020, arXiv 2007.08489; microsoft/robust-models-transfer",
        version: 1,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_is_that_of_the_released_parameters() {
        let recipe = recipe(0.01, 150, 64);
        let rates = [0, 49, 50, 99, 100, 149].map(|epoch| recipe.rate(10 * epoch, 1500));
        for (found, expected) in rates.iter().zip([1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4]) {
            assert!((found / expected - 1.0).abs() < 1e-12, "{rates:?}");
        }
        assert_eq!((recipe.weight_decay, recipe.label_smoothing, recipe.ema), (5e-4, 0.0, 0.0));
    }
}
