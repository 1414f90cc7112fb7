//! The fit of a fixed-feature transfer as `transfer.py` times it: the whole grid of penalties on the
//! training features, the best on the validation features, and one more fit on both.
//!
//! Usage: `transfer FILE THREADS`; FILE (safetensors) holds z-scored features `x` [N, D], f32, and
//! labels `y` [N], i64, and the same for validation, `x_val` and `y_val`. Each line on stdin does it
//! once and answers "WALL LAMBDA ACCURACY": seconds, the chosen penalty and its validation accuracy.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and speaks to its driver"
)]

use rtscript::checkpoint;
use rtscript::context::Interrupt;
use rtscript::error::{Error, Result};
use rtscript::transfer::logistic::{Options, Problem, fit, grid, logits};
use std::io::{Write, stdin, stdout};
use std::time::Instant;
use std::{env, fs};
use tch::{Kind, Tensor};

/// Features and labels.
struct Labelled {
    x: Tensor,
    y: Tensor,
}

impl Labelled {
    fn read(state: &[(String, Tensor)], x: &str, y: &str) -> Result<Self> {
        let of = |name: &str| {
            let found = state.iter().find(|(key, _)| key == name);
            found.map(|(_, tensor)| tensor.shallow_clone())
        };
        let missing = || Error::data(format!("expected {x} and {y} in the file"));
        Ok(Self { x: of(x).ok_or_else(missing)?, y: of(y).ok_or_else(missing)? })
    }

    fn len(&self) -> usize {
        self.y.numel()
    }
}

/// What [`run`] chose: the penalty and its validation accuracy.
fn run(train: &Labelled, val: &Labelled) -> Result<(f64, f64)> {
    let both = Labelled {
        x: Tensor::f_cat(&[&train.x, &val.x], 0)?,
        y: Tensor::f_cat(&[&train.y, &val.y], 0)?,
    };
    let classes = both.y.f_max()?.f_int64_value(&[])? + 1;
    let problem = |data: &Labelled, lambdas: &[f64]| {
        let problem = Problem { x: &data.x, y: &data.y, classes };
        fit(problem, lambdas, Options::default(), &Interrupt::default())
    };
    let (mut best, mut highest) = (0, -1.0);
    for (index, found) in problem(train, &grid(train.len()))?.iter().enumerate() {
        let right = logits(found, &val.x)?.f_argmax(1, false)?.f_eq_tensor(&val.y)?;
        let accuracy = right.f_mean(Kind::Double)?.f_double_value(&[])?;
        if accuracy >= highest {
            (best, highest) = (index, accuracy);
        }
    }
    let lambda = grid(both.len())[best];
    problem(&both, &[lambda])?;
    Ok((lambda, highest))
}

fn main() -> Result<()> {
    let arguments: Vec<String> =
        env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [file, threads] = arguments.as_slice() else {
        return Err(Error::usage("expected FILE THREADS; see transfer.py"));
    };
    let threads = threads.parse().map_err(|_| Error::usage("THREADS is no number"))?;
    rtscript::torch::start(Some(threads))?;
    let bytes = fs::read(file).map_err(|error| Error::io(file, &error))?;
    let state = checkpoint::decode(&bytes)?;
    let train = Labelled::read(&state, "x", "y")?;
    let val = Labelled::read(&state, "x_val", "y_val")?;
    for _ in stdin().lines() {
        let start = Instant::now();
        let (lambda, accuracy) = run(&train, &val)?;
        println!("{} {lambda} {accuracy}", start.elapsed().as_secs_f64());
        stdout().flush().map_err(|error| Error::io("stdout", &error))?;
    }
    Ok(())
}
