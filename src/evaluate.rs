//! Clean and robust accuracy: `m.evaluate(split, #{...})`.

use crate::attack::{Attacker, Target};
use crate::context::Context;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::lineage::Derived;
use crate::loader::{self, Feed};
use crate::metric::Answers;
use crate::model::{Folded, Model, Precision};
use crate::registry::{Args, Example, Handle, Home, Kind, Param, Spec};
use crate::seed::Stream;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// `m.evaluate(split, #{...})`.
pub const EVALUATE: Spec = Spec {
    name: "evaluate",
    home: Home::Method("model"),
    doc: "What the model answers on a split, image by image, and the metrics of that. Under an \
          attack they are the robust ones, e.g. robust accuracy. The model is in eval mode and \
          stays as it is.",
    inputs: &[Param::input("split", Kind::Handle("split"), "The images, e.g. data.test.")],
    params: &[
        Param::optional("attack", Kind::Handle("attack"), "What perturbs the images first."),
        Param::int("batch_size", 256, 1, "Images per pass."),
        Precision::PARAM,
        Param::seed(),
    ],
    returns: "evaluation",
    example: Example {
        code: "let data = dataset::digits();\n\
               let m = model::resnet8(#{ width: 4, classes: 10, size: 8 });\n\
               m.evaluate(data.test).n == data.test.len",
        shows: "true",
    },
    cite: "",
    version: 2,
};

/// The stored result of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What the model answered.
    pub answers: Answers,
    /// Mean norm of the perturbations as applied, in pixels of [0, 1]; 0 without an attack.
    pub norm: f64,
}

/// Evaluates `model`; see [`EVALUATE`].
///
/// # Errors
/// Images that do not fit the model, and a model whose logits are not finite.
pub fn evaluate(context: &Context, model: &Model, args: &Args) -> Result<Derived<Evaluation>> {
    let split: Split = args.handle("split")?;
    let attacker: Option<Attacker> = args.optional_handle("attack")?;
    let (batch_size, seed) = (args.int("batch_size")?, args.int("seed")?);
    if split.is_empty() {
        return Err(Error::usage("evaluate: expected images, found an empty split")
            .hint("a limit of few images leaves none for val: raise it"));
    }
    let lineage = args
        .lineage(&[("device", Json::from(context.device_kind()))], &[("model", model.lineage())]);
    let stored = || context.found::<Evaluation>(lineage.address());
    if let Some(value) = stored()? {
        return Ok(Derived { value, lineage });
    }
    let _lease = context.claim(lineage.address())?;
    if let Some(value) = stored()? {
        return Ok(Derived { value, lineage });
    }
    let folded = model.network(context)?.folded_at(Precision::of(args)?)?;
    let stream = Stream::new(seed, "evaluation");
    let evaluation =
        measure(context, &folded, &split, attacker.as_ref(), batch_size as usize, stream)?;
    context.keep(&lineage, &evaluation)?;
    Ok(Derived { value: evaluation, lineage })
}

/// Runs the images of `split` through `model`, perturbed by `attacker` if there is one.
///
/// # Errors
/// Interrupted between two batches; logits that are not finite.
pub fn measure(
    context: &Context,
    model: &Folded,
    split: &Split,
    attacker: Option<&Attacker>,
    batch_size: usize,
    stream: Stream,
) -> Result<Evaluation> {
    let batches = loader::batches(split.len(), batch_size, None);
    measure_some(context, model, split, batches, attacker, stream)
}

/// The same for some images only: `batches` of their indices.
///
/// # Errors
/// As [`measure`]; an index out of range.
pub fn measure_some(
    context: &Context,
    model: &Folded,
    split: &Split,
    batches: Vec<Vec<usize>>,
    attacker: Option<&Attacker>,
    stream: Stream,
) -> Result<Evaluation> {
    let mut evaluation = Evaluation { answers: Answers::new(split.metric()), norm: 0.0 };
    let images: usize = batches.iter().map(Vec::len).sum();
    let what = attacker.map_or("evaluate".to_owned(), |a| format!("evaluate under {}", a.label()));
    context.monitor.begin(&what, batches.len() as u64, 0);
    for batch in Feed::new(split, batches, None, context.device)? {
        if context.interrupt.is_requested() {
            context.monitor.end();
            return Err(Error::interrupted("evaluate: interrupted").hint("run it again"));
        }
        let batch = batch?;
        let share = batch.ids.len() as f64 / images as f64;
        let x = match attacker {
            None => batch.x,
            Some(attacker) => {
                let target =
                    Target { model, x: &batch.x, y: &batch.y, ids: &batch.ids, stream, eps: None };
                let perturbation = attacker.attack.perturb(&target)?;
                evaluation.norm +=
                    share * perturbation.norms.f_mean(tch::Kind::Double)?.f_double_value(&[])?;
                perturbation.adversarial
            }
        };
        let _guard = tch::no_grad_guard();
        evaluation.answers.extend(&model.logits(&x)?, &batch.y)?;
        context.monitor.advance("");
    }
    context.monitor.end();
    Ok(evaluation)
}
