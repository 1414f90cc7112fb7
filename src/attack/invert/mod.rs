//! Representation inversion: images that have the features of others.

mod descent;
#[cfg(test)]
pub(super) mod laws;
mod state;

pub use descent::FeatureMap;

use crate::checkpoint;
use crate::context::Context;
use crate::dataset::Images;
use crate::error::{Error, Result};
use crate::lineage::{Address, Derived};
use crate::loader;
use crate::model::Model;
use crate::registry::{Args, Default, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;
use crate::tensor::{Constant, expect_pixels, image_batch};
use crate::threat_model::{NormBall, normals};
use descent::{Descent, Goal, Point};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use state::State;
use tch::{Device, Tensor};

/// `attack::invert(model, images, #{...})`.
pub const INVERT: Spec = Spec {
    name: "invert",
    home: Home::Namespace("attack"),
    doc: "Looks for images whose features are those of `images`. The features are what the last \
          layer sees, after global average pooling. From its start each image takes `steps` steps \
          of length `step_size` down the gradient of the relative distance, the norm of the \
          difference of the features over the norm of the features of the image; after each it \
          is projected into the ball of `eps` around the start and clamped to [0,1]. With keep \
          \"best\" an image keeps its iterate of least distance, the start included; with \"last\" \
          the last. Steps and projection are those of `attack::pgd`; the gradient of the last ReLU \
          is its own here and the identity in the robustness library. A stopped call goes on \
          where it stopped.",
    inputs: &[
        Param::input("model", Kind::Handle("model"), "Whose features are inverted."),
        Images::PARAM,
    ],
    params: &[
        Param::int("steps", 500, 1, "Gradient steps.").up_to(1e9),
        Param::float("step_size", 0.1, 0.0, "Length of a step, in pixels of [0,1]."),
        NormBall::NORM,
        Param {
            default: Default::Float(1000.0),
            doc: "Largest distance from the start, in pixels of [0,1]; the default is no limit.",
            ..NormBall::EPS
        },
        Param {
            name: "start",
            kind: Kind::Either { words: &["noise", "grey"], kinds: &["tensor"] },
            default: Default::Text("noise"),
            doc: "Where to begin: grey with Gaussian noise of deviation 1/20, grey, or images, \
                  one for all or one for each.",
            label: false,
        },
        Param::choice("keep", &["best", "last"], "Which iterate an image keeps."),
        Param::int("batch_size", 64, 1, "Images that move at a time."),
        Param::seed(),
    ],
    returns: "inversion",
    example: Example {
        code: "let data = dataset::digits();\n\
               let m = model::resnet8(#{ width: 4, size: 8 });\n\
               let r = attack::invert(m, data.test.images(0..3), #{ steps: 20 });\n\
               [r.images.shape, r.after.mean < r.before.mean]",
        shows: "[[3, 1, 8, 8], true]",
    },
    cite: "Engstrom et al. 2019, Adversarial robustness as a prior for learned representations; \
           MadryLab/robust_representations image_inversion.ipynb",
    version: 1,
};

/// The most points of a curve.
const POINTS: i64 = 100;
const IMAGES: &str = "images.safetensors";

/// How far the features of each image are from those it is to have, relative to their length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Distances {
    /// At the start, image by image.
    pub before: Vec<f64>,
    /// At the end, image by image.
    pub after: Vec<f64>,
    /// The means over all images at steps of equal distance, the first and the last included.
    pub curve: Vec<CurvePoint>,
}

/// A point of the curve of an inversion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Steps done.
    pub step: i64,
    /// The mean relative distance of the iterates then.
    pub distance: f64,
}

/// What an inversion found.
#[derive(Debug, Clone)]
pub struct Inversion {
    /// The images, f32 of shape (N, C, H, W) in [0,1], on the CPU.
    pub images: Constant,
    /// Their distances.
    pub distances: Distances,
}

/// Inverts the features of images; see [`INVERT`].
///
/// # Errors
/// Images that do not fit the model, features that are zero or not finite; interrupted between
/// two steps, with a checkpoint from which the same call goes on.
pub fn invert(context: &Context, args: &Args) -> Result<Derived<Inversion>> {
    let lineage = args.lineage(
        &[("precision", Json::from("f32")), ("device", Json::from(context.device_kind()))],
        &[],
    );
    if let Some(value) = stored(context, lineage.address())? {
        return Ok(Derived { value, lineage });
    }
    let _lease = context.claim(lineage.address())?;
    if let Some(value) = stored(context, lineage.address())? {
        return Ok(Derived { value, lineage });
    }
    let model: Model = args.handle("model")?;
    let folded = model.network(context)?.folded()?;
    let job = Job::read(context, &folded, args)?;
    let (images, distances) = job.run(lineage.address())?;
    let bytes = checkpoint::encode(&[("images".to_owned(), images.shallow_clone())])?;
    context.store.put_blob(lineage.address(), IMAGES, &bytes)?;
    // Images that were dropped and made again go with the numbers that were reported first.
    let reported = context.found::<Distances>(lineage.address())?;
    if reported.is_none() {
        context.keep(&lineage, &distances)?;
    }
    context.store.drop_partial(lineage.address())?;
    let distances = reported.unwrap_or(distances);
    Ok(Derived { value: Inversion { images: Constant::new(images), distances }, lineage })
}

fn stored(context: &Context, address: &Address) -> Result<Option<Inversion>> {
    let Some(distances) = context.found::<Distances>(address)? else { return Ok(None) };
    let Some(bytes) = context.store.blob(address, IMAGES)? else { return Ok(None) };
    match checkpoint::decode(&bytes)?.pop() {
        Some((_, images)) => Ok(Some(Inversion { images: Constant::new(images), distances })),
        None => Err(Error::data("invert: the stored images are empty")),
    }
}

/// All that an inversion needs.
struct Job<'a> {
    context: &'a Context,
    map: &'a dyn FeatureMap,
    descent: Descent,
    images: Tensor,
    starts: Tensor,
    steps: i64,
    batches: Vec<Vec<usize>>,
}

impl<'a> Job<'a> {
    fn read(context: &'a Context, map: &'a dyn FeatureMap, args: &Args) -> Result<Self> {
        let images = Images::from_args(args, context.device)?;
        let descent = Descent {
            ball: NormBall::from_args(args)?,
            step_size: args.float("step_size")?,
            keep_best: args.text("keep")? == "best",
        };
        Ok(Self {
            context,
            map,
            descent,
            starts: starts(args, &images.x)?,
            steps: args.int("steps")?,
            batches: loader::batches(images.len(), args.int("batch_size")? as usize, None),
            images: images.x,
        })
    }

    fn run(&self, address: &Address) -> Result<(Tensor, Distances)> {
        let mut state = State::begin(self.context, address)?;
        let steps = self.steps as u64;
        let done = state.progress.batch as u64 * steps + state.progress.step as u64;
        self.context.monitor.begin("invert", self.batches.len() as u64 * steps, done);
        let ended = self.advance(&mut state, address);
        self.context.monitor.end();
        if !ended? {
            state.save(self.context, address)?;
            let (step, of) = (state.progress.step, self.steps);
            return Err(Error::interrupted(format!(
                "invert: interrupted after {step} of {of} steps; a checkpoint is kept"
            ))
            .hint("run the same command again to continue"));
        }
        let images = Tensor::f_cat(&state.done, 0)?.f_to_device(Device::Cpu)?;
        Ok((images, state.progress.distances))
    }

    /// Runs to the end; false when interrupted.
    fn advance(&self, state: &mut State, address: &Address) -> Result<bool> {
        while let Some(indices) = self.batches.get(state.progress.batch) {
            let (first, count) = (indices.first().map_or(0, |i| *i as i64), indices.len() as i64);
            let goal = Goal::new(self.map, &self.images.f_narrow(0, first, count)?)?;
            let start = self.starts.f_narrow(0, first, count)?;
            while state.progress.step < self.steps {
                if self.context.interrupt.is_requested() {
                    return Ok(false);
                }
                let point = state.point.take();
                let point = point.unwrap_or_else(|| Point { x: start.shallow_clone(), best: None });
                let (point, distances) = self.descent.step(&goal, &start, point)?;
                self.record(state, &distances)?;
                state.point = Some(point);
                state.progress.step += 1;
                if self.context.monitor.checkpoint_due() {
                    state.save(self.context, address)?;
                }
            }
            let Some(point) = state.point.take() else {
                return Err(Error::internal("invert: a batch ended before its first step"));
            };
            let (images, after, last) = self.descent.end(&goal, point)?;
            self.record(state, &last)?;
            state.progress.distances.after.extend(numbers(&after)?);
            state.done.push(images);
            state.progress.batch += 1;
            state.progress.step = 0;
        }
        Ok(true)
    }

    /// Notes the distances of the running batch before its next step.
    fn record(&self, state: &mut State, distances: &Tensor) -> Result<()> {
        let step = state.progress.step;
        let kept = &mut state.progress.distances;
        if step == 0 {
            kept.before.extend(numbers(distances)?);
        }
        let sum = distances.f_sum(tch::Kind::Double)?.f_double_value(&[])?;
        let every = (self.steps + POINTS - 1) / POINTS;
        if step % every == 0 || step == self.steps {
            let share = sum / self.images.size()[0] as f64;
            match kept.curve.iter_mut().find(|point| point.step == step) {
                Some(point) => point.distance += share,
                None => kept.curve.push(CurvePoint { step, distance: share }),
            }
        }
        if step < self.steps {
            let mean = sum / distances.size()[0].max(1) as f64;
            self.context.monitor.advance(&format!("distance {mean:.4}"));
        }
        Ok(())
    }
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(Vec::try_from(tensor.f_to_kind(tch::Kind::Double)?.f_to_device(Device::Cpu)?)?)
}

/// Where the images start, one for each of `images`.
fn starts(args: &Args, images: &Tensor) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    let grey = || Ok(images.f_full_like(0.5)?);
    let Some(given) = args.handle_if::<Constant>("start")? else {
        if args.text("start")? == "grey" {
            return grey();
        }
        let ids: Vec<u64> = (0..images.size()[0] as u64).collect();
        let noise = normals(images, &ids, Stream::new(args.int("seed")?, "inversion"))?;
        return Ok(grey()?.f_add(&noise.f_mul_scalar(1.0 / 20.0)?)?.f_clamp(0.0, 1.0)?);
    };
    let at = |error: Error| error.within("invert").at_key("start");
    let given = given.tensor();
    let shape = image_batch(given).map_err(at)?;
    expect_pixels("start", given).map_err(at)?;
    let wanted = images.size();
    if shape[1..] != wanted[1..] || shape[0] != 1 && shape[0] != wanted[0] {
        return Err(at(Error::usage(format!(
            "start: expected shape {wanted:?} or one image of it, found {shape:?}"
        ))));
    }
    Ok(given.f_to_device(images.device())?.f_expand(&wanted, false)?.f_contiguous()?)
}
