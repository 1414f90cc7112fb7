//! L-BFGS with a strong Wolfe line search (Nocedal and Wright, Numerical Optimization, 2nd ed.,
//! algorithms 7.4, 3.5 and 3.6).
//!
//! A [`Run`] calls nothing: it names the point it wants evaluated and is told the outcome. So one
//! batched evaluation can serve many runs, each with its own history, step and end.

use std::collections::VecDeque;

const HISTORY: usize = 10;
const SUFFICIENT_DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
const MAX_TRIALS: usize = 20;
/// How exact values are taken to be, relative or, below one, absolute. Near the optimum decreases
/// drown in the rounding of values, and slopes, which are exact longer, decide.
const ROUNDING: f64 = 1e-12;

/// The objective at one point of `P` coordinates.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The value; infinite or NaN where the objective has none.
    pub value: f64,
    /// The gradient, `P` numbers.
    pub gradient: Vec<f64>,
    /// An estimate of the Hessian's diagonal, `P` positive numbers; ones where nothing is known.
    pub curvature: Vec<f64>,
}

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// The most steps it takes.
    pub max_iterations: usize,
    /// It has converged once no coordinate of the gradient is larger, ...
    pub tolerance: f64,
    /// ... and what a Newton step would still gain, by the Hessian's diagonal, is at most this share
    /// of the value. Where a value is below 1e-6, of that.
    pub gain: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_iterations: 10_000, tolerance: 1e-6, gain: 1e-7 }
    }
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for the objective at [`Run::trial`].
    Running,
    /// The gradient and what is to gain are within their bounds.
    Converged,
    /// It used up its steps, or no step improves the objective.
    Stopped,
}

/// One minimisation.
#[derive(Debug, Clone)]
pub struct Run {
    options: Options,
    status: Status,
    iterations: usize,
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    direction: Vec<f64>,
    trial: Vec<f64>,
    search: Option<Search>,
    history: VecDeque<Pair>,
}

/// A step and the change of the gradient along it.
#[derive(Debug, Clone)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    product: f64,
}

impl Run {
    /// A run that starts at `point`.
    pub fn new(point: Vec<f64>, options: Options) -> Self {
        Self {
            options,
            status: Status::Running,
            iterations: 0,
            value: f64::NAN,
            gradient: Vec::new(),
            direction: Vec::new(),
            trial: point.clone(),
            point,
            search: None,
            history: VecDeque::with_capacity(HISTORY),
        }
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The point at which it wants the objective.
    pub fn trial(&self) -> &[f64] {
        &self.trial
    }

    /// The best point so far.
    pub fn point(&self) -> &[f64] {
        &self.point
    }

    /// The objective at [`Run::point`].
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The steps taken.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Takes the objective at [`Run::trial`] and chooses the next trial, or ends.
    pub fn observe(&mut self, at: Evaluation) {
        let Some(search) = &mut self.search else {
            self.value = at.value;
            self.gradient = at.gradient;
            return self.continue_from(&at.curvature);
        };
        match search.judge(at.value, dot(&at.gradient, &self.direction)) {
            Verdict::Continue => self.set_trial(),
            Verdict::Accept => {
                self.remember(&at.gradient);
                self.point.clone_from(&self.trial);
                self.value = at.value;
                self.gradient = at.gradient;
                self.iterations += 1;
                self.continue_from(&at.curvature);
            }
            Verdict::Fail if self.history.is_empty() => self.status = Status::Stopped,
            Verdict::Fail => {
                self.history.clear();
                self.continue_from(&at.curvature);
            }
        }
    }

    fn remember(&mut self, gradient: &[f64]) {
        let step = difference(&self.trial, &self.point);
        let change = difference(gradient, &self.gradient);
        let product = dot(&step, &change);
        if product.recip().is_finite() && product > 0.0 {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(Pair { step, change, product });
        }
    }

    fn continue_from(&mut self, curvature: &[f64]) {
        let steepest = self.gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
        if !self.value.is_finite() || self.gradient.iter().any(|g| !g.is_finite()) {
            self.status = Status::Stopped;
        } else if steepest <= self.options.tolerance && self.to_gain(curvature) <= self.options.gain
        {
            self.status = Status::Converged;
        } else if self.iterations >= self.options.max_iterations {
            self.status = Status::Stopped;
        } else {
            self.direction = self.descent(curvature);
            let slope = dot(&self.gradient, &self.direction);
            self.search = Some(Search::new(self.value, slope));
            self.set_trial();
        }
    }

    /// The decrease that a Newton step promises, as a share of the value.
    fn to_gain(&self, curvature: &[f64]) -> f64 {
        let squares = self.gradient.iter().zip(curvature).map(|(g, h)| g * g / h);
        0.5 * squares.sum::<f64>() / self.value.abs().max(1e-6)
    }

    fn set_trial(&mut self) {
        let length = self.search.as_ref().map_or(0.0, |search| search.step);
        self.trial.clone_from(&self.point);
        add(&mut self.trial, length, &self.direction);
    }

    /// Minus the inverse Hessian's estimate times the gradient: the two-loop recursion around a
    /// scaled diagonal.
    fn descent(&self, curvature: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = self.gradient.iter().map(|g| -g).collect();
        let mut weights = Vec::with_capacity(self.history.len());
        for pair in self.history.iter().rev() {
            let weight = dot(&pair.step, &direction) / pair.product;
            add(&mut direction, -weight, &pair.change);
            weights.push(weight);
        }
        let scale = self.history.back().map_or(1.0, |pair| {
            let squares = pair.change.iter().zip(curvature).map(|(y, h)| y * y / h);
            pair.product / squares.sum::<f64>()
        });
        for (d, h) in direction.iter_mut().zip(curvature) {
            *d *= scale / h;
        }
        for (pair, weight) in self.history.iter().zip(weights.iter().rev()) {
            let correction = weight - dot(&pair.change, &direction) / pair.product;
            add(&mut direction, correction, &pair.step);
        }
        direction
    }
}

/// A step along the search line with the value and the slope found there.
#[derive(Debug, Clone, Copy)]
struct Sample {
    step: f64,
    value: f64,
    slope: f64,
}

/// A search for a step that meets the strong Wolfe conditions.
#[derive(Debug, Clone)]
struct Search {
    start: Sample,
    /// The lowest sample that decreases the value sufficiently.
    low: Sample,
    /// The other end of the interval that holds a good step, once there is one.
    high: Option<Sample>,
    step: f64,
    trials: usize,
}

enum Verdict {
    Accept,
    Continue,
    Fail,
}

impl Search {
    fn new(value: f64, slope: f64) -> Self {
        let start = Sample { step: 0.0, value, slope };
        Self { start, low: start, high: None, step: 1.0, trials: 0 }
    }

    fn judge(&mut self, value: f64, slope: f64) -> Verdict {
        let Sample { value: from, slope: descent, .. } = self.start;
        let here = Sample { step: self.step, value, slope };
        self.trials += 1;
        let decreased = value <= from + SUFFICIENT_DECREASE * self.step * descent + self.rounding();
        if decreased && slope.abs() <= -CURVATURE * descent {
            return Verdict::Accept;
        }
        let higher = self.low.step > 0.0 && value >= self.low.value + self.rounding();
        if !decreased || higher || !slope.is_finite() {
            self.high = Some(here);
        } else {
            let ahead = self.high.map_or(1.0, |high| high.step - self.low.step);
            if slope * ahead >= 0.0 {
                self.high = Some(self.low);
            }
            self.low = here;
        }
        if self.trials == MAX_TRIALS || descent >= 0.0 {
            return Verdict::Fail;
        }
        self.step = match &self.high {
            None => 4.0 * self.step,
            Some(high) => self.low.step + self.share(high) * (high.step - self.low.step),
        };
        Verdict::Continue
    }

    /// Where to look between `low` and `high`, as a share of the way: at the minimum of the cubic
    /// through both, or, where their values are equal but for rounding, at the zero of the slope;
    /// never close to either end.
    fn share(&self, high: &Sample) -> f64 {
        let Sample { step, value, slope } = self.low;
        let width = high.step - step;
        let share = if (high.value - value).abs() <= self.rounding() {
            slope / (slope - high.slope)
        } else {
            let sum = slope + high.slope - 3.0 * (high.value - value) / width;
            let root = (sum * sum - slope * high.slope).sqrt().copysign(width);
            1.0 - (high.slope + root - sum) / (high.slope - slope + 2.0 * root)
        };
        if share.is_finite() { share.clamp(0.1, 0.9) } else { 0.5 }
    }

    fn rounding(&self) -> f64 {
        ROUNDING * self.start.value.abs().max(1.0)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Independent sums let the compiler use vector registers; their order is fixed.
    let mut sums = [0.0; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b);
    let rest = rest.sum::<f64>();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

fn add(to: &mut [f64], weight: f64, other: &[f64]) {
    for (a, b) in to.iter_mut().zip(other) {
        *a += weight * b;
    }
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimise(
        start: &[f64],
        options: Options,
        objective: impl Fn(&[f64]) -> (f64, Vec<f64>),
    ) -> (Run, usize) {
        let mut run = Run::new(start.to_vec(), options);
        let mut evaluations = 0;
        while run.status() == Status::Running {
            let (value, gradient) = objective(run.trial());
            run.observe(Evaluation { value, gradient, curvature: vec![1.0; start.len()] });
            evaluations += 1;
        }
        (run, evaluations)
    }

    fn rosenbrock(x: &[f64]) -> (f64, Vec<f64>) {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        (a * a + 100.0 * b * b, vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b])
    }

    #[test]
    fn rosenbrocks_valley_is_followed_to_its_minimum() {
        let (run, evaluations) = minimise(&[-1.2, 1.0], Options::default(), rosenbrock);
        assert_eq!(run.status(), Status::Converged);
        assert!(run.point().iter().all(|x| (x - 1.0).abs() < 1e-6), "{:?}", run.point());
        assert!(evaluations < 80, "{evaluations} evaluations");
    }

    #[test]
    fn the_right_diagonal_solves_a_quadratic_in_one_step() {
        let scales = [1e-3, 1.0, 1e4];
        let mut run = Run::new(vec![3.0, -2.0, 5.0], Options::default());
        while run.status() == Status::Running {
            let gradient: Vec<f64> = run.trial().iter().zip(scales).map(|(x, h)| h * x).collect();
            let value = 0.5 * dot(run.trial(), &gradient);
            run.observe(Evaluation { value, gradient, curvature: scales.to_vec() });
        }
        assert_eq!((run.status(), run.iterations()), (Status::Converged, 1));
    }

    #[test]
    fn a_step_out_of_the_domain_is_taken_back() {
        // x - ln x from 1e-3, where the unit step along the gradient leaves the domain or the scale.
        let barrier = |x: &[f64]| (x[0] - x[0].ln(), vec![1.0 - 1.0 / x[0]]);
        for start in [1e-3, 30.0] {
            let (run, _) = minimise(&[start], Options::default(), barrier);
            assert_eq!(run.status(), Status::Converged);
            assert!((run.point()[0] - 1.0).abs() < 1e-6, "{}", run.point()[0]);
        }
    }

    #[test]
    fn a_run_without_end_stops_at_its_last_step() {
        let options = Options { max_iterations: 7, ..Options::default() };
        let (run, _) = minimise(&[-1.2, 1.0], options, rosenbrock);
        assert_eq!((run.status(), run.iterations()), (Status::Stopped, 7));
        let (run, _) = minimise(&[0.0], options, |x| (-x[0], vec![-1.0]));
        assert_eq!(run.status(), Status::Stopped);
        let (run, _) = minimise(&[0.0], options, |_| (f64::NAN, vec![f64::NAN]));
        assert_eq!((run.status(), run.iterations()), (Status::Stopped, 0));
    }
}
