//! Square attack: random search without gradients.

use super::losses::{at, others};
use super::stage::Stage;
use super::{Attack, Build, Cost, Perturbation, Target, correct};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Generator;
use crate::threat_model::{Norm, NormBall, ThreatModel};
use std::rc::Rc;
use tch::{Device, Kind, Tensor, no_grad_guard};

/// `attack::square`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "square",
        home: Home::Namespace("attack"),
        doc: "Square attack: random search over squares, by the margin of the logits alone. \
              It starts from stripes (linf) or a grid of bumps (L2, l1); each query puts a \
              square of random place and signs on the perturbation and keeps it where the margin \
              shrinks. Squares cover a share `p_init` of the image at first and less at 10, 50, \
              200, ... queries. An image stops at its first misclassification; those of the data \
              set that are misclassified stay unperturbed. It needs no gradient, so that a \
              defence that hides them does not stop it. Windows are drawn per image and reach \
              the last row, as in the paper; its code draws one for the batch.",
        inputs: &[],
        params: &[
            NormBall::NORM,
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::int("queries", 5000, 0, "Forward passes of an image after the first."),
            Param::float("p_init", 0.8, 0.0, "Share of the image that the first squares cover.")
                .up_to(1.0),
            Param::bool("rescale", false, "Compresses the schedule of 10000 queries to `queries`."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::square(#{ norm: \"linf\", eps: 0.03 })",
            shows: "square: linf eps 0.03",
        },
        cite: "Andriushchenko et al. 2020, arXiv 1912.00049; fra31/auto-attack square.py",
        version: 1,
    },
    build,
};

/// Random search.
pub(super) struct Square {
    pub(super) ball: NormBall,
    pub(super) queries: i64,
    pub(super) share: f64,
    pub(super) rescale: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(Square {
        ball: NormBall::from_args(args)?,
        queries: args.int("queries")?,
        share: args.float("p_init")?,
        rescale: args.bool("rescale")?,
    }))
}

/// Channels, height and width.
#[derive(Debug, Clone, Copy)]
struct Shape {
    channels: usize,
    height: usize,
    width: usize,
}

impl Shape {
    /// The places of a square in one channel.
    fn places(self, channel: usize, window: Window) -> impl Iterator<Item = usize> {
        let (row, column, side) = window;
        (0..side * side)
            .map(move |i| (channel * self.height + row + i / side) * self.width + column + i % side)
    }

    fn window(self, side: usize, generator: &mut Generator) -> Window {
        let row = generator.below(self.height - side + 1);
        (row, generator.below(self.width - side + 1), side)
    }
}

/// First row, first column and side of a square.
type Window = (usize, usize, usize);

/// An image under search.
struct Search {
    x: Vec<f32>,
    best: Vec<f32>,
    margin: f32,
    eps: f32,
    row: i64,
    generator: Generator,
}

fn sign(generator: &mut Generator) -> f32 {
    if generator.uniform() < 0.5 { -1.0 } else { 1.0 }
}

/// The length of numbers in L1 or L2.
fn length(norm: Norm, values: impl Iterator<Item = f32>) -> f32 {
    match norm {
        Norm::L1 => values.map(f32::abs).sum(),
        _ => values.map(|value| value * value).sum::<f32>().sqrt(),
    }
}

/// A bump of rings around the middle of a rectangle, added to `pattern`.
fn bump(height: usize, width: usize) -> Vec<f32> {
    let mut values = vec![0.0; height * width];
    let middle = (height / 2 + 1, width / 2 + 1);
    let (mut top, mut left) = (middle.0 as isize - 1, middle.1 as isize - 1);
    for ring in 0..middle.0.max(middle.1) {
        let reach = 2 * ring as isize + 1;
        let value = 1.0 / ((ring + 1) * (ring + 1)) as f32;
        let rows = top.max(0) as usize..((top + reach).max(0) as usize).min(height);
        for row in rows {
            let columns = left.max(0) as usize..((left + reach).max(0) as usize).min(width);
            for column in columns {
                values[row * width + column] += value;
            }
        }
        (top, left) = (top - 1, left - 1);
    }
    values
}

/// Two bumps of opposite sign side by side, of length 1, upright or lying.
fn eta(norm: Norm, side: usize, generator: &mut Generator) -> Vec<f32> {
    let scaled = |values: Vec<f32>| -> Vec<f32> {
        let by = length(norm, values.iter().copied()).max(1e-12);
        values.into_iter().map(|value| value / by).collect()
    };
    let upper = scaled(bump(side / 2, side));
    let lower = scaled(bump(side - side / 2, side)).into_iter().map(|value| -value);
    let values = scaled(upper.into_iter().chain(lower).collect());
    if generator.uniform() > 0.5 {
        return (0..side * side).map(|i| values[(i % side) * side + i / side]).collect();
    }
    values
}

impl Search {
    /// `x` + `delta` at distance eps, in the range.
    fn reached(&self, norm: Norm, delta: &[f32]) -> Vec<f32> {
        let by = self.eps / (length(norm, delta.iter().copied()) + 1e-12);
        self.x.iter().zip(delta).map(|(x, d)| (x + d * by).clamp(0.0, 1.0)).collect()
    }

    fn first(&mut self, norm: Norm, shape: Shape) -> Vec<f32> {
        let Shape { channels, height, width } = shape;
        if norm == Norm::Linf {
            let stripes: Vec<f32> =
                (0..channels * width).map(|_| self.eps * sign(&mut self.generator)).collect();
            let stripe = |i: usize| stripes[i / (height * width) * width + i % width];
            return self
                .x
                .iter()
                .enumerate()
                .map(|(i, x)| (x + stripe(i)).clamp(0.0, 1.0))
                .collect();
        }
        let mut delta = vec![0.0; self.x.len()];
        let side = (height.min(width) / 5).max(1);
        for row in (0..=height - side).step_by(side) {
            for column in (0..=width - side).step_by(side) {
                let pattern = eta(norm, side, &mut self.generator);
                for channel in 0..channels {
                    let sign = sign(&mut self.generator);
                    let places = shape.places(channel, (row, column, side));
                    for (place, value) in places.zip(&pattern) {
                        delta[place] += sign * value;
                    }
                }
            }
        }
        self.reached(norm, &delta)
    }

    /// The best image with another square.
    fn next(&mut self, norm: Norm, shape: Shape, share: f64) -> Vec<f32> {
        let area = (shape.height * shape.width) as f64;
        let (most, side) = (shape.height.min(shape.width), (share * area).sqrt().round() as usize);
        if norm == Norm::Linf {
            let window = shape.window(side.clamp(1, most), &mut self.generator);
            let mut next = self.best.clone();
            for channel in 0..shape.channels {
                let step = 2.0 * self.eps * sign(&mut self.generator);
                for place in shape.places(channel, window) {
                    let (x, eps) = (self.x[place], self.eps);
                    next[place] = (next[place] + step).clamp(x - eps, x + eps).clamp(0.0, 1.0);
                }
            }
            return next;
        }
        let side = (side.max(3) | 1).min(most);
        let window = shape.window(side, &mut self.generator);
        let other = shape.window(side, &mut self.generator);
        let mut delta: Vec<f32> = self.best.iter().zip(&self.x).map(|(best, x)| best - x).collect();
        let whole = length(norm, delta.iter().copied());
        let mut both = vec![false; delta.len()];
        for channel in 0..shape.channels {
            for place in shape.places(channel, window).chain(shape.places(channel, other)) {
                both[place] = true;
            }
        }
        let inside = delta.iter().zip(&both).filter(|(_, inside)| **inside).map(|(d, _)| *d);
        let inside = length(norm, inside);
        let channels = shape.channels as f32;
        let budget = match norm {
            Norm::L1 => (self.eps - whole).max(0.0) / channels + inside,
            _ => ((self.eps.powi(2) - whole.powi(2)).max(0.0) / channels + inside.powi(2)).sqrt(),
        };
        let pattern = eta(norm, side, &mut self.generator);
        let mut squares = Vec::with_capacity(shape.channels);
        for channel in 0..shape.channels {
            let sign = sign(&mut self.generator);
            let old = length(norm, shape.places(channel, window).map(|place| delta[place]));
            let places = shape.places(channel, window).zip(&pattern);
            let new: Vec<f32> =
                places.map(|(place, value)| sign * value + delta[place] / (1e-12 + old)).collect();
            let by = budget / (1e-12 + length(norm, new.iter().copied()));
            squares.push(new.into_iter().map(|value| value * by).collect::<Vec<f32>>());
        }
        for channel in 0..shape.channels {
            for place in shape.places(channel, other) {
                delta[place] = 0.0;
            }
        }
        for (channel, square) in squares.into_iter().enumerate() {
            for (place, value) in shape.places(channel, window).zip(square) {
                delta[place] = value;
            }
        }
        self.reached(norm, &delta)
    }
}

impl Square {
    /// The share of the image that squares cover at a query.
    fn share_at(&self, query: i64) -> f64 {
        let query = match self.rescale {
            true => query * 10_000 / self.queries.max(1),
            false => query,
        };
        let ends = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];
        let halvings = ends.iter().filter(|end| query > **end).count();
        self.share / 2f64.powi(halvings as i32)
    }

    /// The margins of candidates, true class less the largest other.
    fn margins(target: &Target<'_>, found: &[Vec<f32>], rows: &[i64]) -> Result<Vec<f32>> {
        let mut size = target.x.size();
        if let Some(count) = size.first_mut() {
            *count = rows.len() as i64;
        }
        let (device, kind) = (target.x.device(), target.x.f_kind()?);
        let x = Tensor::f_from_slice(&found.concat())?.f_view(size.as_slice())?;
        let x = x.f_to_device(device)?.f_to_kind(kind)?;
        let y = target.y.f_index_select(0, &Tensor::f_from_slice(rows)?.f_to_device(device)?)?;
        let logits = target.logits("square", &x)?;
        numbers(&at(&logits, &y)?.f_sub(&others(&logits, &y)?)?)
    }
}

fn numbers(of: &Tensor) -> Result<Vec<f32>> {
    let of =
        of.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_flatten(0, -1)?;
    Vec::try_from(of).map_err(|_| Error::internal("square: pixels of a batch"))
}

impl Attack for Square {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let _guard = no_grad_guard();
        self.perturb_known(target, &target.logits("square", target.x)?)
    }

    fn cost(&self, _: i64) -> Cost {
        Cost::of(2 + self.queries, 0)
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}

impl Stage for Square {
    fn perturb_known(&self, target: &Target<'_>, logits: &Tensor) -> Result<Perturbation> {
        let _guard = no_grad_guard();
        let centre = target.x.f_detach()?;
        let size = centre.size();
        let [count, channels, height, width] = size[..] else {
            return Err(Error::internal("square: expected images of shape (N, C, H, W)"));
        };
        let shape =
            Shape { channels: channels as usize, height: height as usize, width: width as usize };
        let norm = self.ball.norm;
        let standing = numbers(&correct(logits, target.y)?)?;
        let radii = self.ball.around(target.eps.as_ref())?.eps.of(&Norm::Linf.of(&centre)?)?;
        let radii = numbers(&radii)?;
        let pixels = numbers(&centre)?;
        let each = pixels.len().checked_div(count as usize).unwrap_or(0).max(1);
        let mut searches: Vec<Search> = pixels
            .chunks(each)
            .zip(target.ids.iter().zip(radii))
            .enumerate()
            .map(|(row, (x, (id, eps)))| Search {
                x: x.to_vec(),
                best: x.to_vec(),
                margin: f32::INFINITY,
                eps,
                row: row as i64,
                generator: target.stream.at(*id).generator(),
            })
            .collect();
        for query in 0..=self.queries {
            let mut active: Vec<&mut Search> = searches
                .iter_mut()
                .filter(|s| s.margin > 0.0 && standing.get(s.row as usize) == Some(&1.0))
                .collect();
            if active.is_empty() {
                break;
            }
            let share = self.share_at(query - 1);
            let found: Vec<Vec<f32>> = active
                .iter_mut()
                .map(|search| match query {
                    0 => search.first(norm, shape),
                    _ => search.next(norm, shape, share),
                })
                .collect();
            let rows: Vec<i64> = active.iter().map(|search| search.row).collect();
            let margins = Self::margins(target, &found, &rows)?;
            for ((search, found), margin) in active.into_iter().zip(found).zip(margins) {
                if margin < search.margin {
                    (search.best, search.margin) = (found, margin);
                }
            }
        }
        let best: Vec<f32> = searches.into_iter().flat_map(|search| search.best).collect();
        let best = Tensor::f_from_slice(&best)?.f_view(size.as_slice())?;
        let best = best.f_to_device(centre.device())?.f_to_kind(centre.f_kind()?)?;
        let x = self.ball.around(target.eps.as_ref())?.project(&best, &centre)?;
        Perturbation::between(&centre, x, &self.ball)
    }
}
