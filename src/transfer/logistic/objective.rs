//! The objective of a multinomial logistic regression on the principal axes of its features.

use super::lbfgs::{Evaluation, Run, Status};
use super::{Problem, go_on};
use crate::context::Interrupt;
use crate::error::Result;
use tch::{Device, Kind, Tensor};

/// The features' mean [D], their R principal axes [D, R] and the variances along these.
struct Axes {
    mean: Tensor,
    basis: Tensor,
    variances: Vec<f64>,
}

impl Axes {
    /// The axes of `x` and the centred features on them, [N, R]. Weights along axes without variance
    /// are zero at the optimum, so only axes with more than rounding's are kept.
    fn of(x: &Tensor) -> Result<(Self, Tensor)> {
        let x = x.f_to_kind(Kind::Double)?;
        let (samples, features) = x.size2()?;
        let mean = x.f_mean_dim([0].as_slice(), false, None)?;
        let centred = x.f_sub(&mean)?;
        let wide = features > samples;
        let (rows, columns) = (&centred, centred.f_tr()?);
        let gram = if wide { rows.f_mm(&columns)? } else { columns.f_mm(rows)? };
        let (values, vectors) = gram.f_linalg_eigh("L")?;
        let spectrum = numbers(&values)?;
        let largest = spectrum.iter().copied().fold(0.0, f64::max);
        let noise = largest * f64::EPSILON * samples.max(features) as f64;
        let dropped = spectrum.iter().take_while(|&&value| value <= noise).count();
        let kept = spectrum.get(dropped..).unwrap_or_default();
        let basis = vectors.f_narrow(1, dropped as i64, kept.len() as i64)?;
        let basis = if wide {
            let lengths = values.f_narrow(0, dropped as i64, kept.len() as i64)?.f_sqrt()?;
            columns.f_mm(&basis)?.f_div(&lengths)?
        } else {
            basis.f_contiguous()?
        };
        let variances = kept.iter().map(|value| value / samples as f64).collect();
        let scores = centred.f_mm(&basis)?;
        Ok((Self { mean, basis, variances }, scores))
    }
}

/// The objective on the principal axes. A point is [C, R + 1]: each class's weights, then its bias.
pub struct Objective {
    axes: Axes,
    samples: usize,
    classes: usize,
    /// [N, R + 1], the last column ones.
    inputs: Tensor,
    /// The mean of one-hot label times input, [C, R + 1]: the part of the gradient that is constant,
    /// and, times a point, the labels' mean logit.
    target: Vec<f64>,
    /// The inputs' mean squares, [R + 1].
    variances: Vec<f64>,
}

impl Objective {
    /// The objective of a problem that was checked.
    pub fn new(problem: &Problem<'_>) -> Result<Self> {
        let (axes, scores) = Axes::of(problem.x)?;
        let (samples, _) = scores.size2()?;
        let ones = Tensor::f_ones([samples, 1], (Kind::Double, scores.device()))?;
        let inputs = Tensor::f_cat(&[scores, ones], 1)?;
        let y = problem.y.f_to_device(inputs.device())?;
        let labels = y.f_one_hot(problem.classes)?.f_to_kind(Kind::Double)?;
        let target = numbers(&labels.f_tr()?.f_mm(&inputs)?.f_div_scalar(samples)?)?;
        let mut variances = axes.variances.clone();
        variances.push(1.0);
        let (samples, classes) = (samples as usize, problem.classes as usize);
        Ok(Self { axes, samples, classes, inputs, target, variances })
    }

    /// Samples, classes and coordinates of a class: problems that have these in common are solved
    /// together.
    pub fn shape(&self) -> [usize; 3] {
        [self.samples, self.classes, self.variances.len()]
    }

    /// The memory that one run takes with its share of the batch.
    pub fn bytes_per_run(&self) -> usize {
        size_of::<f64>() * (24 * self.target.len() + 4 * self.samples * self.classes)
    }

    /// A point's weights [D, C] and bias [C] for the features as they were given.
    pub fn classifier(&self, point: &[f64]) -> Result<(Tensor, Tensor)> {
        let (classes, rank) = (self.classes as i64, self.axes.variances.len() as i64);
        let point = Tensor::f_from_slice(point)?.f_to_device(self.inputs.device())?;
        let point = point.f_view([classes, rank + 1])?;
        let weights = self.axes.basis.f_mm(&point.f_narrow(1, 0, rank)?.f_tr()?)?;
        let bias = point.f_select(1, rank)?.f_sub(&weights.f_tr()?.f_mv(&self.axes.mean)?)?;
        Ok((weights, bias))
    }

    /// Zero weights and the labels' log frequencies, the solution for an infinite lambda. A class
    /// that does not occur starts at a probability within the tolerance.
    pub fn start(&self, problem: &Problem<'_>, tolerance: f64) -> Result<Vec<f64>> {
        let counts = problem.y.f_bincount(None::<Tensor>, problem.classes)?;
        let frequencies = numbers(&counts.f_to_kind(Kind::Double)?)?;
        let rare = (0.1 * tolerance).max(f64::MIN_POSITIVE);
        let mut start = Vec::with_capacity(self.target.len());
        for n in frequencies {
            start.extend(std::iter::repeat_n(0.0, self.variances.len() - 1));
            start.push((n / self.samples as f64).max(rare).ln());
        }
        Ok(start)
    }

    /// One run's evaluation from the mean log normaliser, the mean of p (1 - p), and the mean of
    /// probability times input, [C, R + 1].
    fn finish(
        &self,
        lambda: f64,
        point: &[f64],
        normaliser: f64,
        spread: f64,
        moments: &[f64],
    ) -> Evaluation {
        let rows = self.variances.len();
        let spread = spread.max(f64::EPSILON);
        let mut value = normaliser;
        let mut gradient = Vec::with_capacity(point.len());
        let mut curvature = Vec::with_capacity(point.len());
        let by_class = moments.chunks(rows).zip(self.target.chunks(rows));
        for (point, (moments, target)) in point.chunks(rows).zip(by_class) {
            let parts = point.iter().zip(moments).zip(target).zip(&self.variances).enumerate();
            for (axis, (((w, moment), target), variance)) in parts {
                let penalty = if axis + 1 == rows { 0.0 } else { lambda };
                value += w * (0.5 * penalty * w - target);
                gradient.push(moment - target + penalty * w);
                curvature.push(spread * variance + penalty);
            }
        }
        Evaluation { value, gradient, curvature }
    }
}

/// The runs of one problem that go on.
struct Open<'a> {
    problem: usize,
    objective: &'a Objective,
    runs: Vec<&'a mut (f64, Run)>,
}

/// Steps the runs of problems of one shape until each has ended, in rounds of one evaluation for all
/// that go on.
///
/// # Errors
/// Interrupted, between rounds.
pub fn minimise(
    objectives: &[&Objective],
    runs: &mut [Vec<(f64, Run)>],
    interrupt: &Interrupt,
) -> Result<()> {
    let mut stacked: Option<(Vec<usize>, Tensor)> = None;
    loop {
        go_on(interrupt)?;
        let mut open = Vec::new();
        for (problem, (objective, runs)) in objectives.iter().zip(runs.iter_mut()).enumerate() {
            let goes_on = |run: &&mut (f64, Run)| run.1.status() == Status::Running;
            let runs: Vec<_> = runs.iter_mut().filter(goes_on).collect();
            if !runs.is_empty() {
                open.push(Open { problem, objective, runs });
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        let problems: Vec<_> = open.iter().map(|open| open.problem).collect();
        let inputs = match stacked.take() {
            Some((same, inputs)) if same == problems => inputs,
            _ => match open.as_slice() {
                [only] => only.objective.inputs.f_unsqueeze(0)?,
                _ => Tensor::f_stack(
                    &open.iter().map(|open| &open.objective.inputs).collect::<Vec<_>>(),
                    0,
                )?,
            },
        };
        let evaluations = evaluate(&inputs, &open)?;
        for (open, evaluations) in open.iter_mut().zip(evaluations) {
            for (run, at) in open.runs.iter_mut().zip(evaluations) {
                run.1.observe(at);
            }
        }
        stacked = Some((problems, inputs));
    }
}

/// The objective of every run at its trial point: two batched matrix products for all. `inputs` are those
/// of the problems, [S, N, R + 1]; a problem with fewer runs than another fills up with zeros.
fn evaluate(inputs: &Tensor, open: &[Open<'_>]) -> Result<Vec<Vec<Evaluation>>> {
    let Some(first) = open.first() else { return Ok(Vec::new()) };
    let [samples, classes, rows] = first.objective.shape();
    let size = classes * rows;
    let most = open.iter().map(|open| open.runs.len()).max().unwrap_or(0);
    let mut points = vec![0.0; open.len() * most * size];
    for (open, points) in open.iter().zip(points.chunks_mut(most * size)) {
        for (run, point) in open.runs.iter().zip(points.chunks_mut(size)) {
            point.copy_from_slice(run.1.trial());
        }
    }
    let problems = open.len() as i64;
    let (samples, classes, rows) = (samples as i64, classes as i64, rows as i64);
    let points = Tensor::f_from_slice(&points)?.f_to_device(inputs.device())?;
    let logits = points.f_view([problems, -1, rows])?.f_bmm(&inputs.f_transpose(1, 2)?)?;
    let mut logits = logits.f_view([-1, classes, samples])?;
    let largest = logits.f_amax([1].as_slice(), true)?;
    let mut odds = logits.f_sub_(&largest)?.f_exp_()?;
    let mut sums = odds.f_sum_dim_intlist([1].as_slice(), true, None)?;
    let p = odds.f_div_(&sums)?;
    let normalisers =
        sums.f_log_()?.f_add_(&largest)?.f_mean_dim([1, 2].as_slice(), false, None)?;
    let normalisers = numbers(&normalisers)?;
    let lengths = numbers(&p.f_norm_scalaropt_dim(2.0, [1, 2], false)?)?;
    let moments = p.f_view([problems, -1, samples])?.f_bmm(inputs)?.f_div_scalar(samples)?;
    let moments = numbers(&moments)?;
    let found: Vec<_> = normalisers.iter().zip(&lengths).zip(moments.chunks(size)).collect();
    let of_problem = open.iter().zip(found.chunks(most));
    let evaluations = of_problem.map(|(open, found)| {
        let finished = open.runs.iter().zip(found).map(|(run, ((normaliser, length), moments))| {
            let spread = (1.0 - **length * **length / samples as f64) / classes as f64;
            open.objective.finish(run.0, run.1.trial(), **normaliser, spread, moments)
        });
        finished.collect()
    });
    Ok(evaluations.collect())
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(Vec::try_from(&tensor.f_to_device(Device::Cpu)?.f_reshape([-1])?)?)
}

#[cfg(test)]
mod tests {
    use super::super::lbfgs::Options;
    use super::*;
    use crate::seed::Stream;

    #[test]
    fn the_gradient_is_the_derivative_of_the_value() {
        let mut draw = Stream::new(1, "point").generator();
        let mut normals = |count| (0..count).map(|_| f64::from(draw.normal())).collect::<Vec<_>>();
        let x = Tensor::from_slice(&normals(120)).view([40, 3]);
        let y = Tensor::arange(40, (Kind::Int64, Device::Cpu)).remainder(3);
        let objective = Objective::new(&Problem { x: &x, y: &y, classes: 3 }).unwrap();
        let point = normals(12);
        let at = |point: Vec<f64>| {
            let mut run = (0.3, Run::new(point, Options::default()));
            let open = Open { problem: 0, objective: &objective, runs: vec![&mut run] };
            evaluate(&objective.inputs.unsqueeze(0), &[open]).unwrap().remove(0).remove(0)
        };
        let gradient = at(point.clone()).gradient;
        for i in 0..12 {
            let moved = |by: f64| {
                let mut point = point.clone();
                point[i] += by;
                at(point).value
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - gradient[i]).abs() < 1e-9, "{slope} and {}", gradient[i]);
        }
    }
}
