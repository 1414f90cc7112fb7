//! Whether gradients are masked: signs that a network only looks robust.

mod measure;

use super::{Attacker, Target};
use crate::context::Context;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::lineage::Derived;
use crate::loader::Feed;
use crate::model::{Model, Precision};
use crate::registry::{Args, Example, Handle, Home, Kind as Takes, Param, Spec};
use crate::seed::Stream;
use measure::Sums;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// `m.masking_check(split, #{...})`.
pub const MASKING_CHECK: Spec = Spec {
    name: "masking_check",
    home: Home::Method("model"),
    doc: "Looks for masked gradients, with which a network resists gradient attacks only. \
          `limit` images, evenly spread over the split, are measured. It warns where: the \
          gradient of the loss is zero or not finite for some image; Square, which needs no \
          gradient, fools more than 0.2 points of the images that `attack` does not; the mean \
          loss falls by more than 2% from 1 to 5 or from 5 to 20 steps of PGD (of 2.5 eps over \
          their number, the last iterate), or rises by less than 0.1% over the 20; the logits of two passes differ by more than 1e-4; or \
          logits are probabilities. No warning proves nothing: these are signs, not bounds. Each \
          image costs 34 forward and 27 backward passes, those of `attack`, and, where it still \
          stands, those of Square.",
    inputs: &[Param::input("split", Takes::Handle("split"), "The images, e.g. data.test.")],
    params: &[
        Param::input(
            "attack",
            Takes::Handle("attack"),
            "The gradient attack under which the network looks robust; the others share its ball.",
        ),
        Param::int("limit", 200, 1, "Most images."),
        Param::int("queries", 1000, 0, "Queries of Square."),
        Param::int("batch_size", 256, 1, "Images per pass."),
        Precision::PARAM,
        Param::seed(),
    ],
    returns: "masking_check",
    example: Example {
        code: "let data = dataset::digits();\n\
               let m = model::resnet8(#{ width: 4, size: 8 });\n\
               let pgd = attack::pgd(#{ eps: 0.3, steps: 20 });\n\
               m.masking_check(data.test, #{ attack: pgd, limit: 20, queries: 50 }).warnings.len",
        shows: "0",
    },
    cite: "Athalye et al. 2018, arXiv 1802.00420, section 3.1; Carlini et al. 2019, arXiv \
           1902.06705; fra31/auto-attack checks.py; ART gradient_check.py",
    version: 2,
};

/// The steps of the runs whose losses are compared.
pub const STEPS: [i64; 3] = [1, 5, 20];

const SQUARE_BEATS: f64 = 0.002;
const LOSS_FALLS: f64 = 0.02;
const LOSS_RISES: f64 = 0.001;
const LOGITS_DIFFER: f64 = 1e-4;

/// What was measured; shares and accuracies are from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaskingCheck {
    /// The number of images.
    pub n: i64,
    /// The share of images whose gradient is zero in every pixel.
    pub zero_gradients: f64,
    /// The share of images whose gradient is not finite; gradient attacks leave them out.
    pub bad_gradients: f64,
    /// Accuracy without an attack.
    pub clean_accuracy: f64,
    /// Accuracy under the attack.
    pub attack_accuracy: f64,
    /// The share of images that stand under the attack and under Square.
    pub square_accuracy: f64,
    /// Mean cross-entropy of the images with finite gradients, as they are and after [`STEPS`] of
    /// PGD; empty where there are none.
    pub losses: Vec<f64>,
    /// The largest difference between the logits of two passes.
    pub difference: f64,
    /// Whether all logits are probabilities.
    pub probabilities: bool,
}

impl MaskingCheck {
    /// What speaks for masked gradients, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut found = Vec::new();
        let percent = |share: f64| format!("{:.1}%", 100.0 * share);
        if self.zero_gradients > 0.0 {
            let share = percent(self.zero_gradients);
            found.push(format!("the gradient of {share} of the images is zero in every pixel"));
        }
        if self.bad_gradients > 0.0 {
            let share = percent(self.bad_gradients);
            found.push(format!("the gradient of {share} of the images is not finite"));
        }
        if self.attack_accuracy - self.square_accuracy > SQUARE_BEATS {
            let share = percent(self.attack_accuracy - self.square_accuracy);
            found.push(format!(
                "Square, without gradients, fools {share} of the images that the attack does not"
            ));
        }
        let after = STEPS.iter().zip(self.losses.iter().skip(1));
        let pairs = after.clone().zip(after.skip(1));
        for ((few, before), (many, then)) in pairs {
            if *then < before * (1.0 - LOSS_FALLS) {
                found.push(format!(
                    "the mean loss falls from {before:.4} at {few} steps of PGD to {then:.4} at \
                     {many}"
                ));
            }
        }
        if let [before, .., then] = self.losses.as_slice()
            && *then <= before * (1.0 + LOSS_RISES)
        {
            found.push(format!(
                "the mean loss does not rise: {before:.4} before and {then:.4} after {} steps of PGD",
                STEPS[STEPS.len() - 1]
            ));
        }
        if self.difference > LOGITS_DIFFER {
            found.push(format!(
                "the logits of two passes differ by {:.1e}: the network draws at random, so \
                 average gradients (eot)",
                self.difference
            ));
        }
        if self.probabilities {
            found.push("the logits are probabilities: attack what comes before softmax".to_owned());
        }
        found
    }
}

/// Checks `model`; see [`MASKING_CHECK`]. Every warning goes to the monitor, also where the result
/// was stored.
///
/// # Errors
/// Images that do not fit the model; an attack without a radius; logits that are not finite;
/// interrupted between two batches.
pub fn masking_check(
    context: &Context,
    model: &Model,
    args: &Args,
) -> Result<Derived<MaskingCheck>> {
    let checked = checked(context, model, args)?;
    for warning in checked.value.warnings() {
        context.monitor.warn(&format!("masking_check: {warning}"));
    }
    Ok(checked)
}

fn checked(context: &Context, model: &Model, args: &Args) -> Result<Derived<MaskingCheck>> {
    let split: Split = args.handle("split")?;
    let attacker: Attacker = args.handle("attack")?;
    let eps = attacker.attack.ball().eps;
    if !(eps.is_finite() && eps > 0.0) {
        return Err(Error::usage(format!(
            "masking_check: expected an attack with a radius, found eps {eps}"
        ))
        .at_key("attack")
        .hint("attack::apgd(#{ norm: \"linf\", eps: 8.0 / 255.0 })"));
    }
    if split.is_empty() {
        return Err(Error::usage("masking_check: expected images, found an empty split"));
    }
    let lineage = args
        .lineage(&[("device", Json::from(context.device_kind()))], &[("model", model.lineage())]);
    let stored = || context.found::<MaskingCheck>(lineage.address());
    if let Some(value) = stored()? {
        return Ok(Derived { value, lineage });
    }
    let _lease = context.claim(lineage.address())?;
    if let Some(value) = stored()? {
        return Ok(Derived { value, lineage });
    }
    let folded = model.network(context)?.folded_at(Precision::of(args)?)?;
    let stream = Stream::new(args.int("seed")?, "masking_check");
    let count = split.len().min(args.int("limit")? as usize);
    let spread: Vec<usize> = (0..count).map(|place| place * split.len() / count).collect();
    let batches: Vec<Vec<usize>> =
        spread.chunks(args.int("batch_size")? as usize).map(<[usize]>::to_vec).collect();
    context.monitor.begin("masking check", batches.len() as u64, 0);
    let mut sums = Sums::default();
    for batch in Feed::new(&split, batches, None, context.device)? {
        if context.interrupt.is_requested() {
            context.monitor.end();
            return Err(Error::interrupted("masking_check: interrupted").hint("run it again"));
        }
        let batch = batch?;
        let target =
            Target { model: &folded, x: &batch.x, y: &batch.y, ids: &batch.ids, stream, eps: None };
        sums.add(&target, &*attacker.attack, args.int("queries")?)?;
        context.monitor.advance("");
    }
    context.monitor.end();
    let value = sums.check();
    context.keep(&lineage, &value)?;
    Ok(Derived { value, lineage })
}
