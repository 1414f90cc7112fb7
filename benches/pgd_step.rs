//! One adversarial training step as `compare.py` times it; the peer is `pgd_step.py`.
//!
//! Usage: `pgd_step CONFIG[:BATCH] THREADS`; each line on stdin runs one step and answers
//! "WALL CPU LOSS".
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and speaks to its driver"
)]

use rtscript::attack::{ATTACKS, Attacker, Target};
use rtscript::error::{Error, Result};
use rtscript::model::{Draws, MODELS, ModelSpec, Network};
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
        "imagenet" => (16, vec![("classes", Value::Int(1000))]),
        "small" => (128, small(16)),
        _ => return Err(Error::usage(format!("no configuration {name}"))),
    };
    let entry = MODELS.iter().find(|entry| entry.spec.name == "resnet18");
    let entry = entry.ok_or_else(|| Error::internal("no resnet18"))?;
    let args = Args::resolve(&entry.spec, vec![], options(&chosen))?;
    Ok(((entry.build)(&args)?, given.parse().unwrap_or(batch)))
}

fn pgd() -> Result<Attacker> {
    let entry = ATTACKS.iter().find(|entry| entry.spec.name == "pgd");
    let entry = entry.ok_or_else(|| Error::internal("no pgd"))?;
    Attacker::build(entry, &Args::resolve(&entry.spec, vec![], vec![])?)
}

fn cpu_seconds() -> f64 {
    // Safety: an all-zero rusage is valid, and the call only writes to it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn main() -> Result<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [config, threads] = arguments.as_slice() else {
        return Err(Error::usage("expected CONFIG THREADS; start it through compare.py"));
    };
    let threads = threads.parse().map_err(|_| Error::usage("THREADS is no number"))?;
    rtscript::torch::start(Some(threads))?;
    let (spec, batch) = configured(config)?;
    let stream = Stream::new(0, "bench");
    let network = Network::new(&spec.architecture, spec.classes, stream, Device::Cpu)?;
    let mut folded = network.folded()?;
    let attacker = pgd()?;
    let settings = Sgd { lr: 0.01, momentum: 0.9, weight_decay: 5e-4, nesterov: false };
    let buffer = network.flat().f_zeros_like()?;
    let [channels, height, width] = network.input_shape();
    let mut generator = stream.generator();
    let pixels: Vec<f32> =
        (0..batch * channels * height * width).map(|_| generator.uniform()).collect();
    let x = Tensor::f_from_slice(&pixels)?.f_view([batch, channels, height, width])?;
    let labels: Vec<i64> =
        (0..batch).map(|_| generator.below(spec.classes as usize) as i64).collect();
    let y = Tensor::f_from_slice(&labels)?;
    let ids: Vec<u64> = (0..batch as u64).collect();
    for _ in stdin().lines() {
        let (used, start) = (cpu_seconds(), Instant::now());
        folded.refresh(&network)?;
        let target = Target { model: &folded, x: &x, y: &y, ids: &ids, stream, eps: None };
        let perturbed = attacker.attack.perturb(&target)?;
        let logits = network.train_logits(&perturbed.adversarial, Draws { stream, ids: &ids })?;
        let loss = logits.f_cross_entropy_loss(&y, None::<&Tensor>, Reduction::Mean, -100, 0.0)?;
        let gradient = network.gradient(&loss)?;
        sgd_step(network.flat(), &gradient, &buffer, &settings)?;
        let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - used);
        println!("{wall} {cpu} {}", loss.f_to_kind(Kind::Double)?.f_double_value(&[])?);
        stdout().flush().map_err(|error| Error::io("stdout", &error))?;
    }
    Ok(())
}
