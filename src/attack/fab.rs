//! Fast adaptive boundary attack: the nearest adversarial image by projections.

use super::boundary::nearest;
use super::losses::{Goal, Loss};
use super::stage::Stage;
use super::{Attack, Build, Cost, Part, Perturbation, Target, correct, of_images};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;
use crate::threat_model::{Norm, NormBall, Radii, Start, ThreatModel};
use std::rc::Rc;
use tch::{Kind, Tensor, no_grad_guard};

/// `attack::fab`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "fab",
        home: Home::Namespace("attack"),
        doc: "Fast adaptive boundary attack: looks for the nearest misclassified image. \
              It steps to a linearised boundary, within [0,1] and pulled towards the image; after \
              a misclassification it goes back a tenth of the way. With target \"each\" it runs \
              towards each of the `targets` most likely wrong classes; with \"none\" it runs once \
              and each step is to the nearest of their boundaries, which costs a backward pass \
              for each. Images fooled within eps drop out; those of the data \
              set that are misclassified, and those that stand, stay unperturbed. The first run \
              starts at the image, further `restarts` at random within half of eps.",
        inputs: &[],
        params: &[
            NormBall::NORM,
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::int("steps", 100, 1, "Steps of a run."),
            Param::choice(
                "target",
                &["each", "none"],
                "Towards one wrong class after the other, or to the nearest boundary.",
            ),
            Param::int("targets", 9, 1, "Wrong classes considered, the most likely ones."),
            Param::int("restarts", 1, 1, "Runs from other starts."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::fab(#{ norm: \"l2\", eps: 0.5, targets: 3 })",
            shows: "fab: l2 eps 0.5",
        },
        cite: "Croce and Hein 2020, arXiv 1907.02044; fra31/auto-attack fab_base.py",
        version: 1,
    },
    build,
};

const ALPHA_MAX: f64 = 0.1;
const ETA: f64 = 1.05;
const BETA: f64 = 0.9;

/// Fast adaptive boundary attack.
pub(super) struct Fab {
    pub(super) ball: NormBall,
    pub(super) steps: i64,
    /// Whether it runs towards one class after the other.
    pub(super) targeted: bool,
    pub(super) targets: i64,
    pub(super) restarts: i64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(Fab {
        ball: NormBall::from_args(args)?,
        steps: args.int("steps")?,
        targeted: args.text("target")? == "each",
        targets: args.int("targets")?,
        restarts: args.int("restarts")?,
    }))
}

/// The shortest way, in `norm`, from `x` to the plane w . z = b within [0,1]: all of shape (N, d)
/// but `b`, (N, 1). Where the plane lies outside, the way to the corner next to it.
///
/// Every pixel moves towards the plane by m <= its room u. In linf m = min(t, u), in L2 m =
/// min(t |w|, u); w . m grows piecewise linearly in t, and sorting its corners finds t. In L1 the
/// pixels of largest |w| move first.
fn to_plane(norm: Norm, x: &Tensor, w: &Tensor, b: &Tensor) -> Result<Tensor> {
    let sum = |of: &Tensor| of.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Double);
    let (x, w) = (x.f_to_kind(Kind::Double)?, w.f_to_kind(Kind::Double)?);
    let missing = b.f_to_kind(Kind::Double)?.f_sub(&sum(&w.f_mul(&x)?)?)?;
    let direction = w.f_sign()?.f_mul(&missing.f_sign()?)?;
    let room = x.f_rsub_scalar(1.0)?.f_where_self(&direction.f_gt(0.0)?, &x)?;
    let (a, missing) = (w.f_abs()?, missing.f_abs()?);
    let full = a.f_mul(&room)?;
    if norm == Norm::L1 {
        let (_, order) = a.f_sort(1, true)?;
        let full = full.f_gather(1, &order, false)?;
        let before = full.f_cumsum(1, Kind::Double)?.f_sub(&full)?;
        let rest = missing.f_sub(&before)?.f_clamp_min(0.0)?.f_minimum(&full)?;
        let a = a.f_gather(1, &order, false)?.f_clamp_min(1e-30)?;
        let moved = rest.f_div(&a)?;
        let moved = moved.f_zeros_like()?.f_scatter(1, &order, &moved)?.f_minimum(&room)?;
        return Ok(moved.f_mul(&direction)?);
    }
    let (corners, slopes) = match norm {
        Norm::L2 => (room.f_div(&a.f_clamp_min(1e-30)?)?, a.f_square()?),
        _ => (room.shallow_clone(), a.shallow_clone()),
    };
    let (corners, order) = corners.f_sort(1, false)?;
    let (full, slopes) = (full.f_gather(1, &order, false)?, slopes.f_gather(1, &order, false)?);
    let used = full.f_cumsum(1, Kind::Double)?;
    // The slope after each corner is that of the pixels that still move.
    let after = sum(&slopes)?.f_sub(&slopes.f_cumsum(1, Kind::Double)?)?.f_clamp_min(0.0)?;
    let gained = used.f_add(&corners.f_mul(&after)?)?;
    let short = gained.f_lt_tensor(&missing)?;
    let place = sum(&short.f_to_kind(Kind::Double)?)?.f_to_kind(Kind::Int64)?;
    let outside = place.f_ge(corners.size()[1])?;
    let place = place.f_clamp_max(corners.size()[1] - 1)?;
    let at = |of: &Tensor| of.f_gather(1, &place, false);
    let slope = at(&after)?.f_add(&at(&slopes)?)?.f_clamp_min(1e-300)?;
    let level = missing.f_sub(&at(&used)?.f_sub(&at(&full)?)?)?.f_div(&slope)?;
    let level = level.f_full_like(1e30)?.f_where_self(&outside, &level)?;
    let moved = match norm {
        Norm::L2 => a.f_mul(&level)?.f_minimum(&room)?,
        _ => level.f_minimum(&room)?,
    };
    Ok(moved.f_mul(&direction)?)
}

impl Fab {
    /// How far the logits at `x` are from the boundary to step to, shape (N), and the gradient.
    /// `to` are the classes to run towards, shape (N), or the candidates of [`nearest`].
    fn boundary(&self, target: &Target<'_>, x: &Tensor, to: &Tensor) -> Result<(Tensor, Tensor)> {
        if self.targeted {
            let pass = target.climb("fab", x, Loss::Gap, Some(to), false)?;
            return Ok((pass.losses, pass.gradient));
        }
        let found = nearest("fab", target, x, to, self.ball.norm)?;
        Ok((found.gap, found.gradient))
    }

    /// What the run of this number goes to, by the logits of the images as they are.
    fn goal(&self, run: i64, logits: &Tensor, target: &Target<'_>) -> Result<Tensor> {
        if self.targeted {
            return Goal::Rank(run).among(logits, target);
        }
        let own = target.y.f_unsqueeze(1)?;
        let count = self.targets.min(logits.size().last().copied().unwrap_or(0) - 1);
        let wrong = logits.f_scatter_value(1, &own, f64::NEG_INFINITY)?;
        Ok(Tensor::f_cat(&[&own, &wrong.f_topk(count, 1, true, true)?.1], 1)?)
    }

    /// One run to `to` from `x`: the nearest misclassified images and their distances, infinite
    /// where there is none.
    fn run(&self, target: &Target<'_>, to: &Tensor, mut x: Tensor) -> Result<(Tensor, Tensor)> {
        let (norm, centre, size) = (self.ball.norm, target.x, target.x.size());
        let mut found = centre.shallow_clone();
        let mut nearest = Norm::Linf.of(centre)?.f_full_like(f64::INFINITY)?;
        for _ in 0..self.steps {
            let (gap, gradient) = self.boundary(target, &x, to)?;
            let _guard = no_grad_guard();
            let w = gradient.f_flatten(1, -1)?;
            let here = x.f_flatten(1, -1)?;
            let b = w.f_mul(&here)?.f_sum_dim_intlist([1i64].as_slice(), true, None::<Kind>)?;
            let b = b.f_sub(&gap.f_unsqueeze(1)?)?;
            let way = |from: &Tensor| -> Result<Tensor> {
                let way = to_plane(norm, from, &w, &b)?;
                Ok(way.f_view(size.as_slice())?.f_to_kind(x.f_kind()?)?)
            };
            let (from_here, from_centre) = (way(&here)?, way(&centre.f_flatten(1, -1)?)?);
            let a1 = norm.of(&from_here)?.f_clamp_min(1e-8)?;
            let a2 = norm.of(&from_centre)?.f_clamp_min(1e-8)?;
            let alpha = a1.f_div(&a1.f_add(&a2)?)?.f_clamp(0.0, ALPHA_MAX)?;
            let stay = x.f_add(&from_here.f_mul_scalar(ETA)?)?.f_mul(&alpha.f_rsub_scalar(1.0)?)?;
            let pull = centre.f_add(&from_centre.f_mul_scalar(ETA)?)?.f_mul(&alpha)?;
            x = stay.f_add(&pull)?.f_clamp(0.0, 1.0)?;
            let wrong = correct(&target.logits("fab", &x)?, target.y)?.f_logical_not()?;
            let wrong = of_images(&wrong)?;
            let distance = norm.of(&x.f_sub(centre)?)?;
            let nearer = distance.f_lt_tensor(&nearest)?.f_logical_and(&wrong)?;
            found = x.f_where_self(&nearer, &found)?;
            nearest = distance.f_where_self(&nearer, &nearest)?;
            let back = centre.f_add(&x.f_sub(centre)?.f_mul_scalar(BETA)?)?;
            x = back.f_where_self(&wrong, &x)?;
        }
        Ok((found, nearest))
    }
}

impl Attack for Fab {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let logits = {
            let _guard = no_grad_guard();
            target.logits("fab", target.x)?
        };
        self.perturb_known(target, &logits)
    }

    fn cost(&self, classes: i64) -> Cost {
        let steps = self.restarts * self.steps;
        let targets = self.targets.min(classes - 1);
        let runs = if self.targeted { targets } else { 1 };
        Cost::of(1 + 2 * runs * steps, targets * steps)
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}

impl Stage for Fab {
    fn perturb_known(&self, target: &Target<'_>, logits: &Tensor) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let mut standing = correct(logits, target.y)?;
        let classes = logits.size().last().copied().unwrap_or(0);
        let runs = if self.targeted { self.targets.min(classes - 1) } else { 1 };
        let mut x = centre.shallow_clone();
        for restart in 0..self.restarts.unsigned_abs() {
            for run in 0..runs {
                let Some(part) = Part::of(target, &standing)? else { break };
                let stream: Stream = target.stream.at(restart).at(run.unsigned_abs());
                let inner = part.target(target.model, stream);
                let to = self.goal(run, &logits.f_index_select(0, &part.rows)?, &inner)?;
                let mut balls = self.ball.around(inner.eps.as_ref())?;
                let eps = balls.eps.of(&Norm::Linf.of(&part.x)?)?;
                balls.eps = Radii::Each(eps.f_mul_scalar(0.5)?);
                let start = if restart == 0 { Start::None } else { Start::Sphere };
                let start = balls.start(&part.x, start, inner.ids, stream)?;
                let (found, nearest) = self.run(&inner, &to, start)?;
                let _guard = no_grad_guard();
                let fooled = nearest.f_le_tensor(&eps)?;
                x = part.put(&x, &found.f_where_self(&fooled, &part.x)?)?;
                standing = part.put(&standing, &fooled.f_flatten(0, -1)?.f_logical_not()?)?;
            }
        }
        Perturbation::between(&centre, x, &self.ball)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The way reaches the plane inside the range, and no shorter way of a fine grid does.
    #[test]
    fn the_way_to_a_plane_is_the_shortest() {
        let row = |values: &[f64]| Tensor::from_slice(values).view([1, -1]);
        let (x, w) = ([0.2, 0.9, 0.5], [1.0, 2.0, -0.5]);
        let b = 2.0;
        for norm in [Norm::L1, Norm::L2, Norm::Linf] {
            let way = to_plane(norm, &row(&x), &row(&w), &row(&[b])).unwrap();
            let way = Vec::<f64>::try_from(way.view([-1])).unwrap();
            let reached: f64 = (0..3).map(|i| w[i] * (x[i] + way[i])).sum();
            assert!((reached - b).abs() < 1e-12, "{norm:?}: {reached}");
            assert!((0..3).all(|i| (0.0..=1.0).contains(&(x[i] + way[i]))), "{norm:?}: {way:?}");
            let length = |way: &[f64]| match norm {
                Norm::L1 => way.iter().map(|v| v.abs()).sum::<f64>(),
                Norm::L2 => way.iter().map(|v| v * v).sum::<f64>().sqrt(),
                Norm::Linf => way.iter().fold(0.0, |most, v| v.abs().max(most)),
            };
            for i in 0..=100 {
                for j in 0..=100 {
                    let (y, z) = (f64::from(i) / 100.0, f64::from(j) / 100.0);
                    let first = b - w[1] * y - w[2] * z;
                    if (0.0..=1.0).contains(&first) {
                        let other = [first - x[0], y - x[1], z - x[2]];
                        assert!(length(&other) >= length(&way) - 1e-12, "{norm:?}: {other:?}");
                    }
                }
            }
        }
        let far = to_plane(Norm::L2, &row(&x), &row(&w), &row(&[9.0])).unwrap() + row(&x);
        assert!((far - row(&[1.0, 1.0, 0.0])).abs().max().double_value(&[]) < 1e-12);
    }
}
