//! The solver against scikit-learn, closed forms and itself.

use super::*;
use crate::error;
use crate::seed::Stream;
use tch::Device;

/// `classes` overlapping clouds of standard normal features, by label.
pub fn clouds(samples: i64, features: i64, classes: i64, distance: f32) -> (Tensor, Tensor) {
    let mut draw = Stream::new(0, "clouds").generator();
    let mut normals = |rows: i64| {
        let values: Vec<f32> = (0..rows * features).map(|_| draw.normal()).collect();
        Tensor::from_slice(&values).view([rows, features])
    };
    let (means, noise) = (normals(classes) * f64::from(distance), normals(samples));
    let y = Tensor::arange(samples, (Kind::Int64, Device::Cpu)).remainder(classes);
    (means.index_select(0, &y) + noise, y)
}

/// Fits that nobody interrupts.
pub fn fit(problem: Problem<'_>, lambdas: &[f64], options: Options) -> Result<Vec<Fit>> {
    super::fit(problem, lambdas, options, &Interrupt::default())
}

fn fit_all(problems: &[Problem<'_>], lambdas: &[f64], options: Options) -> Result<Vec<Vec<Fit>>> {
    super::fit_all(problems, lambdas, options, &Interrupt::default())
}

fn largest(x: &Tensor) -> f64 {
    x.abs().max().double_value(&[])
}

#[derive(serde::Deserialize)]
struct Fixture {
    x: Vec<Vec<f64>>,
    y: Vec<i64>,
    classes: i64,
    fits: Vec<Expected>,
}

#[derive(serde::Deserialize)]
struct Expected {
    lambda: f64,
    loss: f64,
    weights: Vec<Vec<f64>>,
    predictions: Vec<i64>,
}

#[test]
fn the_grid_of_fits_equals_scikit_learns() {
    let text = include_str!("../../../tests/parity/logistic.json");
    let fixture: Fixture = serde_json::from_str(text).unwrap();
    let (x, y) = (Tensor::from_slice2(&fixture.x), Tensor::from_slice(&fixture.y));
    let lambdas: Vec<f64> = fixture.fits.iter().map(|fit| fit.lambda).collect();
    let problem = Problem { x: &x, y: &y, classes: fixture.classes };
    let fits = fit(problem, &lambdas, Options::default()).unwrap();
    for (fit, expected) in fits.iter().zip(&fixture.fits) {
        let relative = (fit.loss - expected.loss).abs() / expected.loss;
        assert!(fit.converged && relative < 1e-9, "loss differs by {relative}");
        let error = largest(&(&fit.weights - Tensor::from_slice2(&expected.weights)));
        assert!(error < 1e-4, "weights differ by {error} at {}", fit.lambda);
        let predictions = Vec::<i64>::try_from(logits(fit, &x).unwrap().argmax(1, false));
        assert_eq!(predictions.unwrap(), expected.predictions);
    }
}

#[test]
fn every_fit_is_stationary_in_the_features_as_given() {
    let (x, y) = clouds(300, 8, 4, 0.7);
    let x = x * Tensor::from_slice(&[1e-2, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 20.0f32]) + 5.0;
    let lambdas = [0.0, 1e-6, 1e-2, 10.0];
    let options = Options { tolerance: 1e-9, ..Options::default() };
    let fits = fit(Problem { x: &x, y: &y, classes: 4 }, &lambdas, options).unwrap();
    for fit in fits {
        let residual = logits(&fit, &x).unwrap().softmax(-1, None) - y.one_hot(4);
        let gradient = x.to_kind(Kind::Double).tr().matmul(&residual) / 300.0;
        let gradient = gradient + &fit.weights * fit.lambda;
        assert!(fit.converged && largest(&gradient) < 1e-7, "{}", largest(&gradient));
        assert!(largest(&residual.mean_dim(0, false, None)) < 1e-8);
    }
}

#[test]
fn a_huge_lambda_or_constant_features_leave_the_log_frequencies() {
    let (x, _) = clouds(100, 5, 2, 1.0);
    let y = Tensor::arange(100, (Kind::Int64, Device::Cpu)).ge(80).to_kind(Kind::Int64);
    let fits = fit(Problem { x: &x, y: &y, classes: 2 }, &[1e9], Options::default()).unwrap();
    assert!(largest(&fits[0].weights) < 1e-8);
    let expected = Tensor::from_slice(&[0.8f64.ln(), 0.2f64.ln()]);
    assert!(largest(&(&fits[0].bias - &expected)) < 1e-6);
    let constant = Problem { x: &x.full_like(0.1), y: &y, classes: 2 };
    let fits = fit(constant, &[1.0], Options::default()).unwrap();
    assert!(largest(&(&fits[0].bias - &expected)) < 1e-6);
}

#[test]
fn separable_data_end_in_finite_weights_and_no_error() {
    // More features than samples, a constant feature, and a class that does not occur.
    let (x, y) = clouds(60, 100, 3, 2.0);
    let x = Tensor::cat(&[x, Tensor::ones([60, 1], (Kind::Float, Device::Cpu))], 1);
    let problem = Problem { x: &x, y: &y, classes: 4 };
    for fit in fit(problem, &[0.0, 1e-12, 1e-3], Options::default()).unwrap() {
        assert!(fit.converged && fit.loss.is_finite() && fit.loss >= 0.0);
        assert!(truth(&fit.weights.isfinite().all()).unwrap());
        let right = logits(&fit, &x).unwrap().argmax(1, false).eq_tensor(&y);
        assert!(truth(&right.all()).unwrap());
    }
}

#[test]
fn a_fit_does_not_depend_on_its_neighbours_in_the_grid() {
    let (x, y) = clouds(200, 6, 3, 0.5);
    let problem = Problem { x: &x, y: &y, classes: 3 };
    let lambdas = grid(200);
    let together = fit(problem, &lambdas, Options::default()).unwrap();
    for index in [0, 20, 44] {
        let alone = fit(problem, &lambdas[index..=index], Options::default()).unwrap();
        let difference = largest(&(&alone[0].weights - &together[index].weights));
        assert!(difference < 1e-6, "{difference}");
    }
}

#[test]
fn a_fit_does_not_depend_on_the_problems_beside_it() {
    // Two of one shape, one of another, and one more of the first, with fewer axes.
    let (x, y) = clouds(90, 6, 3, 0.5);
    let parts: Vec<_> = [(0, 30), (30, 30), (60, 27), (0, 30)]
        .iter()
        .map(|(from, many)| (x.narrow(0, *from, *many), y.narrow(0, *from, *many)))
        .collect();
    let flat = parts[3].0.index_fill(1, &Tensor::from_slice(&[0i64]), 0.0);
    let mut problems: Vec<_> = parts.iter().map(|(x, y)| Problem { x, y, classes: 3 }).collect();
    problems[3].x = &flat;
    let lambdas = grid(30);
    let options = Options { tolerance: 1e-9, gain: 1e-10, ..Options::default() };
    let all = fit_all(&problems, &lambdas, options).unwrap();
    assert_eq!(all.len(), 4);
    for (problem, together) in problems.into_iter().zip(all) {
        let alone = fit(problem, &lambdas, options).unwrap();
        assert_eq!(together.len(), 45);
        for (alone, together) in alone.iter().zip(&together) {
            assert!(together.converged && together.lambda == alone.lambda);
            let off = (together.loss - alone.loss).abs() / alone.loss.max(1e-6);
            assert!(off < 1e-8, "{off} at {}", alone.lambda);
            if alone.lambda > 1e-3 {
                let of = |fit| logits(fit, problem.x).unwrap();
                let off = largest(&(of(alone) - of(together)));
                assert!(off < 1e-5, "logits differ by {off} at {}", alone.lambda);
            }
        }
    }
}

#[test]
fn memory_for_few_runs_gives_the_fits_of_all_in_their_order() {
    let (x, y) = clouds(90, 6, 3, 0.5);
    let parts = [0, 30, 60].map(|from| (x.narrow(0, from, 30), y.narrow(0, from, 30)));
    let problems = parts.each_ref().map(|(x, y)| Problem { x, y, classes: 3 });
    let (lambdas, options) = ([1e-3, 1e-2, 0.1], Options::default());
    let a_run = Objective::new(&problems[0]).unwrap().bytes_per_run();
    let whole = fit_all(&problems, &lambdas, options).unwrap();
    for runs in [0, 1, 2, 3, 6, 7] {
        let go_on = Interrupt::default();
        let fits = fit_within(runs * a_run, &problems, &lambdas, options, &go_on).unwrap();
        assert_eq!(fits.len(), 3);
        for (fits, whole) in fits.iter().zip(&whole) {
            let found: Vec<_> = fits.iter().map(|fit| fit.lambda).collect();
            assert_eq!(found, lambdas, "{runs} runs at once");
            for (fit, whole) in fits.iter().zip(whole) {
                let off = largest(&(&fit.weights - &whole.weights));
                assert!(off < 1e-3, "{off} with {runs} runs at once");
            }
        }
    }
}

#[test]
fn the_grid_is_kornbliths_on_the_scale_of_the_mean() {
    let lambdas = grid(1000);
    assert_eq!(lambdas.len(), 45);
    assert!((lambdas[0] / 1e-9 - 1.0).abs() < 1e-12);
    assert!((lambdas[44] / 1e2 - 1.0).abs() < 1e-12);
}

#[test]
fn an_interrupt_ends_a_fit() {
    let (x, y) = clouds(90, 6, 3, 0.5);
    let problem = Problem { x: &x, y: &y, classes: 3 };
    let interrupt = Interrupt::default();
    interrupt.request();
    let fitted = super::fit(problem, &grid(90), Options::default(), &interrupt);
    let descent = Descent { epochs: 2, batch_size: 30, lr: 0.5, seed: 0 };
    for ended in [fitted, descend(problem, &[1.0], descent, &interrupt)] {
        assert_eq!(ended.unwrap_err().kind(), error::Kind::Interrupted);
    }
}

#[test]
fn unusable_data_are_refused() {
    let (x, y) = clouds(20, 3, 2, 1.0);
    let refused = |x: &Tensor, y: &Tensor, classes| {
        let problem = Problem { x, y, classes };
        fit(problem, &[1.0], Options::default()).unwrap_err().kind()
    };
    assert_eq!(refused(&x, &y.zeros_like(), 2), error::Kind::Data);
    assert_eq!(refused(&x.narrow(0, 0, 0), &y.narrow(0, 0, 0), 2), error::Kind::Data);
    assert_eq!(refused(&x, &y, 1), error::Kind::Data);
    assert_eq!(refused(&x, &y.narrow(0, 0, 19), 2), error::Kind::Data);
    assert_eq!(refused(&x, &y.to_kind(Kind::Float), 2), error::Kind::Data);
    assert_eq!(refused(&(&x * f64::NAN), &y, 2), error::Kind::Data);
    for lambdas in [vec![], vec![-1.0], vec![f64::NAN]] {
        let error = fit(Problem { x: &x, y: &y, classes: 2 }, &lambdas, Options::default());
        assert_eq!(error.unwrap_err().kind(), error::Kind::Usage);
    }
}
