//! What `compare.py` times on one batch: an adversarial training step, the evaluation of a frozen
//! network under PGD-20, or the features that transfer extracts. The peer is `pgd.py`.
//!
//! Usage: `pgd TASK CONFIG[:BATCH] PRECISION THREADS`; each line on stdin does the task once and
//! answers "WALL CPU LOSS MEBIBYTES", the last being the peak of this process so far.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and speaks to its driver"
)]

use rtscript::attack::{ATTACKS, Attacker, Target};
use rtscript::error::{Error, Result};
use rtscript::model::{Draws, Folded, MODELS, ModelSpec, Network, Precision};
use rtscript::registry::{Args, Value};
use rtscript::seed::Stream;
use rtscript::torch::optimizer::{Sgd, sgd_step};
use std::io::{Write, stdin, stdout};
use std::time::Instant;
use tch::{Device, Kind, Reduction, Tensor};

fn options(pairs: &[(&str, Value)]) -> Vec<(String, Value)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn configured(config: &str) -> Result<(ModelSpec, i64)> {
    let (name, given) = config.split_once(':').unwrap_or((config, ""));
    let text = |value: &str| Value::Text(value.to_owned());
    let small = |width| {
        let sizes = [("classes", 10), ("size", 32), ("width", width)];
        let sizes = sizes.map(|(key, value)| (key, Value::Int(value)));
        [("stem", text("cifar"))].into_iter().chain(sizes).collect()
    };
    let (batch, chosen) = match name {
        "cifar" => (128, small(64)),
        "tiny" => (64, vec![("classes", Value::Int(200)), ("size", Value::Int(64))]),
        "imagenet" => (16, vec![("classes", Value::Int(1000))]),
        "small" => (128, small(16)),
        _ => return Err(Error::usage(format!("no configuration {name}"))),
    };
    let entry = MODELS.iter().find(|entry| entry.spec.name == "resnet18");
    let entry = entry.ok_or_else(|| Error::internal("no resnet18"))?;
    let args = Args::resolve(&entry.spec, vec![], options(&chosen))?;
    Ok(((entry.build)(&args)?, given.parse().unwrap_or(batch)))
}

fn pgd(given: &[(&str, Value)]) -> Result<Attacker> {
    let entry = ATTACKS.iter().find(|entry| entry.spec.name == "pgd");
    let entry = entry.ok_or_else(|| Error::internal("no pgd"))?;
    Attacker::build(entry, &Args::resolve(&entry.spec, vec![], options(given))?)
}

/// A training step as [`rtscript::train`] makes it.
struct Step {
    network: Network,
    folded: Folded,
    attacker: Attacker,
    buffer: Tensor,
}

/// The evaluation of a batch as [`rtscript::evaluate`] makes it.
struct Evaluation {
    folded: Folded,
    attacker: Attacker,
}

/// A task: the loss of a batch.
type Run = Box<dyn FnMut(&Batch) -> Result<f64>>;

/// One batch of uniform pixels.
struct Batch {
    x: Tensor,
    y: Tensor,
    ids: Vec<u64>,
    stream: Stream,
}

impl Step {
    fn new(network: Network) -> Result<Self> {
        let folded = network.folded_at(network.precision())?;
        let buffer = network.flat().f_zeros_like()?;
        Ok(Self { network, folded, attacker: pgd(&[])?, buffer })
    }

    fn run(&mut self, batch: &Batch) -> Result<f64> {
        let Self { network, folded, attacker, buffer } = self;
        let settings = Sgd { lr: 0.01, momentum: 0.9, weight_decay: 5e-4, nesterov: false };
        folded.refresh(network)?;
        let perturbed = attacker.attack.perturb(&batch.target(folded))?;
        let draws = Draws { stream: batch.stream, ids: &batch.ids };
        let logits = network.train_logits(&perturbed.adversarial, draws)?;
        let loss = batch.loss(&logits)?;
        let gradient = network.gradient(&loss)?;
        sgd_step(network.flat(), &gradient, buffer, &settings)?;
        Ok(loss.f_to_kind(Kind::Double)?.f_double_value(&[])?)
    }
}

impl Evaluation {
    fn new(network: &Network) -> Result<Self> {
        let attacker = pgd(&[
            ("steps", Value::Int(20)),
            ("step_size", Value::Float(0.1)),
            ("random_start", Value::Text("ball".to_owned())),
            ("keep", Value::Text("last".to_owned())),
        ])?;
        Ok(Self { folded: network.folded_at(network.precision())?, attacker })
    }

    fn run(&self, batch: &Batch) -> Result<f64> {
        let perturbed = self.attacker.attack.perturb(&batch.target(&self.folded))?;
        let _guard = tch::no_grad_guard();
        let loss = batch.loss(&self.folded.logits(&perturbed.adversarial)?)?;
        Ok(loss.f_double_value(&[])?)
    }
}

impl Batch {
    fn new(network: &Network, size: i64, stream: Stream) -> Result<Self> {
        let [channels, height, width] = network.input_shape();
        let mut generator = stream.generator();
        let pixels: Vec<f32> =
            (0..size * channels * height * width).map(|_| generator.uniform()).collect();
        let labels: Vec<i64> =
            (0..size).map(|_| generator.below(network.classes() as usize) as i64).collect();
        Ok(Self {
            x: Tensor::f_from_slice(&pixels)?.f_view([size, channels, height, width])?,
            y: Tensor::f_from_slice(&labels)?,
            ids: (0..size as u64).collect(),
            stream,
        })
    }

    fn target<'a>(&'a self, model: &'a Folded) -> Target<'a> {
        Target { model, x: &self.x, y: &self.y, ids: &self.ids, stream: self.stream, eps: None }
    }

    fn loss(&self, logits: &Tensor) -> Result<Tensor> {
        let weight = None::<&Tensor>;
        Ok(logits.f_cross_entropy_loss(&self.y, weight, Reduction::Mean, -100, 0.0)?)
    }
}

/// Processor time in seconds and peak memory in MiB of this process.
fn used() -> (f64, i64) {
    // Safety: an all-zero rusage is valid, and the call only writes to it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss / 1024)
}

fn main() -> Result<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [task, config, precision, threads] = arguments.as_slice() else {
        return Err(Error::usage("expected TASK CONFIG PRECISION THREADS; see compare.py"));
    };
    let threads = threads.parse().map_err(|_| Error::usage("THREADS is no number"))?;
    rtscript::torch::start(Some(threads))?;
    let (spec, size) = configured(config)?;
    let precision = if precision == "bf16" { Precision::Bf16 } else { Precision::F32 };
    let stream = Stream::new(0, "bench");
    let network = Network::new(&spec.architecture, spec.classes, stream, Device::Cpu)?;
    let network = network.at(precision);
    let batch = Batch::new(&network, size, stream)?;
    let mut run: Run = match task.as_str() {
        "step" => {
            let mut step = Step::new(network)?;
            Box::new(move |batch| step.run(batch))
        }
        "evaluate" => {
            let evaluation = Evaluation::new(&network)?;
            drop(network);
            Box::new(move |batch| evaluation.run(batch))
        }
        "features" => {
            let folded = network.folded_at(network.precision())?;
            drop(network);
            Box::new(move |batch| {
                let _guard = tch::no_grad_guard();
                Ok(folded.features(&batch.x)?.f_mean(Kind::Double)?.f_double_value(&[])?)
            })
        }
        _ => return Err(Error::usage(format!("no task {task}"))),
    };
    for _ in stdin().lines() {
        let ((before, _), start) = (used(), Instant::now());
        let loss = run(&batch)?;
        let (wall, (after, peak)) = (start.elapsed().as_secs_f64(), used());
        println!("{wall} {} {loss} {peak}", after - before);
        stdout().flush().map_err(|error| Error::io("stdout", &error))?;
    }
    Ok(())
}
