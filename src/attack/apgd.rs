//! Auto-PGD: projected gradient ascent that chooses its own step size.

use super::losses::{Goal, Loss};
use super::sparse::{Sparsity, sparse_step};
use super::stage::Stage;
use super::{Attack, Best, Build, Cost, Part, Pass, Perturbation, Target, correct, of_images};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;
use crate::threat_model::{Balls, Norm, NormBall, Start, ThreatModel, normals};
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// `attack::apgd`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "apgd",
        home: Home::Namespace("attack"),
        doc: "Auto-PGD: gradient ascent with momentum that halves its step where the loss stalls. \
              At checkpoints (22% of the steps, then ever closer) an image whose loss rose in less \
              than 75% of the steps, or whose best loss did not rise since the last one, halves \
              its step and goes back to its best iterate. In l1 the steps are sparse and follow \
              the sparsity of the best iterate instead, and the start is normal noise, projected. \
              With `shrink` a run goes through balls of 3, 2 and 1 eps, for 30, 30 and 40% of the \
              steps, each from the best iterate before. With `targets` it is APGD-T: it runs once \
              towards each of the most likely wrong classes. Images that are misclassified drop \
              out, those of the data set unperturbed; the others keep their iterate of highest \
              loss. `eot` averages as many gradients, for networks that draw at random.",
        inputs: &[],
        params: &[
            NormBall::NORM,
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::int("steps", 100, 1, "Gradient steps of a run."),
            Param::int("restarts", 1, 1, "Runs from other random starts."),
            Param::choice("random_start", &["sphere", "ball", "none"], Start::PARAM.doc),
            Loss::PARAM,
            Param::int("targets", 0, 0, "Wrong classes to run towards; 0 runs away from the true."),
            Param::int("eot", 1, 1, "Gradients averaged in each step."),
            Param::bool("shrink", false, "Comes from larger balls; AutoAttack's way in l1."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::apgd(#{ norm: \"linf\", eps: 0.03, loss: \"dlr\" })",
            shows: "apgd: linf eps 0.03",
        },
        cite: "Croce and Hein 2020, arXiv 2003.01690; l1: Croce and Hein 2021, arXiv 2103.01208; \
               fra31/auto-attack autopgd_base.py",
        version: 2,
    },
    build,
};

/// Auto-PGD.
#[derive(Debug, Clone)]
pub(super) struct Apgd {
    pub(super) ball: NormBall,
    pub(super) steps: i64,
    pub(super) restarts: i64,
    pub(super) start: Start,
    pub(super) loss: Loss,
    pub(super) targets: i64,
    pub(super) eot: i64,
    /// Whether a run comes from larger balls.
    pub(super) shrink: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(Apgd {
        ball: NormBall::from_args(args)?,
        steps: args.int("steps")?,
        restarts: args.int("restarts")?,
        start: Start::from_args(args)?,
        loss: Loss::from_args(args)?,
        targets: args.int("targets")?,
        eot: args.int("eot")?,
        shrink: args.bool("shrink")?,
    }))
}

/// What a run found.
pub(super) struct Run {
    /// The iterate of highest loss.
    pub(super) best: Best,
    /// The last misclassified iterate.
    wrong: Tensor,
    /// Whether there was one, bool of shape (N).
    fooled: Tensor,
}

/// The steps between checkpoints: 22% of all, then 3% less each, at least 6%.
struct Checkpoints {
    wait: i64,
    less: i64,
    least: i64,
}

impl Checkpoints {
    fn of(steps: i64, norm: Norm) -> Self {
        let share = |percent: i64| (steps * percent / 100).max(1);
        match norm {
            Norm::L1 => Self { wait: share(4), less: 0, least: share(4) },
            _ => Self { wait: share(22), less: share(3), least: share(6) },
        }
    }

    fn next(&mut self) {
        self.wait = (self.wait - self.less).max(self.least);
    }
}

impl Apgd {
    /// The logits and losses of `x`, and the mean of as many gradients as `eot` says.
    pub(super) fn pass(
        &self,
        target: &Target<'_>,
        x: &Tensor,
        towards: Option<&Tensor>,
    ) -> Result<Pass> {
        let mut pass = target.climb("apgd", x, self.loss, towards, false)?;
        if self.eot > 1 {
            for _ in 1..self.eot {
                let more = target.climb("apgd", x, self.loss, towards, false)?;
                pass.gradient = pass.gradient.f_add(&more.gradient)?;
                pass.losses = more.losses;
                pass.logits = more.logits;
            }
            pass.gradient = pass.gradient.f_div_scalar(self.eot as f64)?;
        }
        Ok(pass)
    }

    /// The next iterate, from `x` and the one before it.
    fn step(
        &self,
        balls: &Balls,
        centre: &Tensor,
        (x, before): (&Tensor, &Tensor),
        (gradient, length): (&Tensor, &Tensor),
        momentum: f64,
    ) -> Result<Tensor> {
        let eps = balls.eps.of(length)?;
        // L2 projects by itself, as the source does: along delta / (norm + 1e-12), up to
        // norm and then norm + 1e-12.
        let project = |x: &Tensor, more: f64| -> Result<Tensor> {
            if balls.norm != Norm::L2 {
                return balls.project(x, centre);
            }
            let delta = x.f_sub(centre)?;
            let norm = Norm::L2.of(&delta)?;
            let unit = delta.f_div(&norm.f_add_scalar(1e-12)?)?;
            let delta = unit.f_mul(&norm.f_add_scalar(more)?.f_minimum(&eps)?)?;
            Ok(centre.f_add(&delta)?.f_clamp(0.0, 1.0)?)
        };
        let direction = match balls.norm {
            Norm::Linf => gradient.f_sign()?,
            _ => gradient.f_div(&Norm::L2.of(gradient)?.f_add_scalar(1e-12)?)?,
        };
        let next = project(&x.f_add(&direction.f_mul(length)?)?, 0.0)?;
        let moved = next.f_sub(x)?.f_mul_scalar(momentum)?;
        let kept = x.f_sub(before)?.f_mul_scalar(1.0 - momentum)?;
        project(&x.f_add(&moved)?.f_add(&kept)?, 1e-12)
    }

    /// The balls of a run, as multiples of eps, and the steps in each.
    fn stages(&self) -> Vec<(f64, i64)> {
        if !self.shrink {
            return vec![(1.0, self.steps)];
        }
        let part = (self.steps * 3).unsigned_abs().div_ceil(10) as i64;
        let second = part.min(self.steps - part);
        vec![(3.0, part), (2.0, second), (1.0, self.steps - part - second)]
    }

    /// The same in balls of `times` eps around the images of `target`.
    fn widened<'a>(&self, target: &Target<'a>, times: f64) -> Result<(Self, Target<'a>)> {
        let ball = NormBall { eps: self.ball.eps * times, ..self.ball };
        let eps = target.eps.as_ref().map(|eps| eps.f_mul_scalar(times)).transpose()?;
        Ok((Self { ball, ..self.clone() }, Target { eps, ..*target }))
    }

    /// Where a run starts, in the ball of its first stage. In L1 the source projects noise.
    fn start(&self, target: &Target<'_>) -> Result<Tensor> {
        let widest = self.stages().first().map_or(1.0, |(times, _)| *times);
        let (wide, target) = self.widened(target, widest)?;
        let balls = wide.ball.around(target.eps.as_ref())?;
        match (balls.norm, self.start) {
            (Norm::L1, Start::Sphere) => {
                let noise = normals(target.x, target.ids, target.stream)?;
                balls.project(&target.x.f_add(&noise)?, target.x)
            }
            (_, start) => balls.start(target.x, start, target.ids, target.stream),
        }
    }

    /// One run from the start `x`, through all its stages.
    pub(super) fn run(
        &self,
        target: &Target<'_>,
        towards: Option<&Tensor>,
        mut x: Tensor,
    ) -> Result<Run> {
        let mut found = None;
        for (times, steps) in self.stages() {
            let (wide, inner) = self.widened(target, times)?;
            if self.shrink {
                x = wide.ball.around(inner.eps.as_ref())?.project(&x, inner.x)?;
            }
            let run = Self { steps, ..wide }.stage(&inner, towards, x)?;
            x = run.best.x.shallow_clone();
            found = Some(run);
        }
        found.ok_or_else(|| Error::internal("apgd: a run without stages"))
    }

    /// One run in one ball from the start `x`.
    fn stage(&self, target: &Target<'_>, towards: Option<&Tensor>, mut x: Tensor) -> Result<Run> {
        let centre = target.x;
        let balls = self.ball.around(target.eps.as_ref())?;
        let first = self.pass(target, &x, towards)?;
        let _guard = no_grad_guard();
        let mut gradient = first.gradient;
        let mut best = Best { x: x.shallow_clone(), losses: first.losses };
        let mut best_gradient = gradient.shallow_clone();
        let mut fooled = correct(&first.logits, target.y)?.f_logical_not()?;
        let mut wrong = x.shallow_clone();
        let mut before = x.shallow_clone();
        let like = Norm::Linf.of(&x)?.f_zeros_like()?;
        let longest =
            balls.eps.of(&like)?.f_mul_scalar(if balls.norm == Norm::L1 { 1.0 } else { 2.0 })?;
        let mut length = longest.shallow_clone();
        let pixels = x.size().iter().skip(1).product::<i64>();
        let mut sparsity =
            Sparsity { share: like.f_add_scalar(0.2)?, changed: like.f_add_scalar(pixels as f64)? };
        let mut checkpoints = Checkpoints::of(self.steps, balls.norm);
        let (mut since, mut rises) = (0, like.f_zeros_like()?.f_flatten(0, -1)?);
        // The source compares the first loss of a run with 0.
        let mut last_losses = best.losses.f_zeros_like()?;
        let mut best_at_checkpoint = best.losses.shallow_clone();
        let mut halved = fooled.f_ones_like()?;
        for step in 0..self.steps {
            let next = match balls.norm {
                Norm::L1 => sparse_step(&balls, centre, &x, (&gradient, &length), &sparsity.share)?,
                _ => {
                    let momentum = if step == 0 { 1.0 } else { 0.75 };
                    let at = (&x, &before);
                    self.step(&balls, centre, at, (&gradient, &length), momentum)?
                }
            };
            before = x;
            x = next;
            let pass = tch::with_grad(|| self.pass(target, &x, towards))?;
            gradient = pass.gradient;
            let missed = correct(&pass.logits, target.y)?.f_logical_not()?;
            wrong = x.f_where_self(&of_images(&missed)?, &wrong)?;
            fooled = fooled.f_logical_or(&missed)?;
            let higher = pass.losses.f_gt_tensor(&best.losses)?;
            best_gradient = gradient.f_where_self(&of_images(&higher)?, &best_gradient)?;
            best = Best::update(Some(best), &x, &pass.losses)?;
            let rise = pass.losses.f_gt_tensor(&last_losses)?;
            rises = rises.f_add(&rise.f_to_kind(rises.f_kind()?)?)?;
            last_losses = pass.losses;
            since += 1;
            if since < checkpoints.wait {
                continue;
            }
            let back = match balls.norm {
                Norm::L1 => sparsity.check(&best.x.f_sub(centre)?, &mut length, &longest)?,
                _ => {
                    let seldom = rises.f_le(0.75 * since as f64)?;
                    let stalled = best_at_checkpoint.f_ge_tensor(&best.losses)?;
                    let back =
                        seldom.f_logical_or(&stalled.f_logical_and(&halved.f_logical_not()?)?)?;
                    length = length.f_mul_scalar(0.5)?.f_where_self(&of_images(&back)?, &length)?;
                    back
                }
            };
            best_at_checkpoint = best.losses.shallow_clone();
            x = best.x.f_where_self(&of_images(&back)?, &x)?;
            gradient = best_gradient.f_where_self(&of_images(&back)?, &gradient)?;
            halved = back;
            (since, rises) = (0, rises.f_zeros_like()?);
            checkpoints.next();
        }
        Ok(Run { best, wrong, fooled })
    }

    /// Runs on the images that are still in their class and writes what it finds.
    fn attack(
        &self,
        target: &Target<'_>,
        state: &mut State,
        goal: Goal,
        stream: Stream,
    ) -> Result<()> {
        let Some(part) = Part::of(target, &state.standing)? else { return Ok(()) };
        let target = part.target(target.model, stream);
        let towards = match goal {
            Goal::Untargeted => None,
            goal => Some(goal.among(&state.logits.f_index_select(0, &part.rows)?, &target)?),
        };
        let run = self.run(&target, towards.as_ref(), self.start(&target)?)?;
        let _guard = no_grad_guard();
        let known = state.losses.f_index_select(0, &part.rows)?;
        let higher = run.best.losses.f_gt_tensor(&known)?;
        let old = state.x.f_index_select(0, &part.rows)?;
        let x = run.best.x.f_where_self(&of_images(&higher)?, &old)?;
        let x = run.wrong.f_where_self(&of_images(&run.fooled)?, &x)?;
        state.x = part.put(&state.x, &x)?;
        state.losses = part.put(&state.losses, &run.best.losses.f_maximum(&known)?)?;
        state.standing = part.put(&state.standing, &run.fooled.f_logical_not()?)?;
        Ok(())
    }
}

/// What all runs together have found.
struct State {
    x: Tensor,
    losses: Tensor,
    /// Images in their class.
    standing: Tensor,
    /// Logits of the images as they are.
    logits: Tensor,
}

impl Attack for Apgd {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let logits = {
            let _guard = no_grad_guard();
            target.logits("apgd", target.x)?
        };
        self.perturb_known(target, &logits)
    }

    fn cost(&self, classes: i64) -> Cost {
        let run = self.steps + self.stages().len() as i64;
        let goals = self.targets.min(classes - 1).max(1);
        let passes = goals * self.restarts * run * self.eot;
        Cost::of(1 + passes, passes)
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}

impl Stage for Apgd {
    fn perturb_known(&self, target: &Target<'_>, logits: &Tensor) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let mut state = State {
            x: centre.shallow_clone(),
            losses: logits.f_select(1, 0)?.f_full_like(f64::NEG_INFINITY)?,
            standing: correct(logits, target.y)?,
            logits: logits.shallow_clone(),
        };
        let classes = logits.size().last().copied().unwrap_or(0);
        let goals: Vec<Goal> = match self.targets {
            0 => vec![Goal::Untargeted],
            targets => (0..targets.min(classes - 1)).map(Goal::Rank).collect(),
        };
        for (run, goal) in goals.iter().enumerate() {
            for restart in 0..self.restarts.unsigned_abs() {
                let stream = target.stream.at(run as u64).at(restart);
                self.attack(target, &mut state, *goal, stream)?;
            }
        }
        Perturbation::between(&centre, state.x, &self.ball)
    }
}
