//! Passes over a training split as `loader.py` times them, in batches of 128.
//!
//! Usage: `loader DATA`; each line on stdin, `DATASET INPUT TRANSFORM THREADS EPOCHS`, with `-` for
//! no input or no transform, reads all batches of so many epochs and answers "WALL IMAGES QUARTER
//! PEAK": seconds, the number of images, and the most memory in kB after a quarter of the last
//! epoch and after all of it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and speaks to its driver"
)]

use rtscript::context::{Context, Interrupt, Silent};
use rtscript::dataset::{DATASETS, Dataset};
use rtscript::error::{Error, Result};
use rtscript::loader::{Feed, batches};
use rtscript::registry::{Args, Value};
use rtscript::seed::Stream;
use rtscript::store::{Manifest, Store};
use rtscript::transform::{PRESETS, TRANSFORMS, Transform};
use std::io::{Write, stdin, stdout};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;
use std::{env, fs, process};
use tch::Device;

const BATCH: usize = 128;

fn context(data: &str, store: &Path) -> Result<Context> {
    Ok(Context {
        device: Device::Cpu,
        store: Store::open(store)?,
        data: Some(data.into()),
        monitor: Rc::new(Silent),
        interrupt: Interrupt::default(),
        environment: Manifest {
            threads: 1,
            cpu: String::new(),
            torch: String::new(),
            program: String::new(),
            seconds: 0.0,
            date: None,
        },
        defer_busy: Rc::default(),
        origins: Rc::default(),
        restart_partial: false,
    })
}

fn transform(name: &str) -> Result<Value> {
    let entry = TRANSFORMS.iter().chain(PRESETS).find(|entry| entry.spec.name == name);
    let entry = entry.ok_or_else(|| Error::usage(format!("no transform {name}")))?;
    let args = Args::resolve(&entry.spec, vec![], vec![])?;
    Ok(Value::Handle(Rc::new(Transform::build(entry, &args)?)))
}

fn dataset(context: &Context, name: &str, input: &str, pipeline: &str) -> Result<Dataset> {
    let entry = DATASETS.iter().find(|entry| entry.spec.name == name);
    let entry = entry.ok_or_else(|| Error::usage(format!("no dataset {name}")))?;
    let inputs = (input != "-").then(|| Value::Text(input.to_owned())).into_iter().collect();
    let mut options = vec![("val".to_owned(), Value::Float(0.0))];
    if pipeline != "-" {
        options.push(("train_transform".to_owned(), transform(pipeline)?));
    }
    (entry.build)(context, &Args::resolve(&entry.spec, inputs, options)?)
}

/// The most memory that the process ever held, in kB.
fn peak() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status");
    let status = status.map_err(|error| Error::io("/proc/self/status", &error))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Error::internal("no VmHWM"))
}

fn run(context: &Context, line: &str) -> Result<String> {
    let [name, input, pipeline, threads, epochs] = line.split(' ').collect::<Vec<_>>()[..] else {
        return Err(Error::usage("expected five words; start it through loader.py"));
    };
    let number =
        |text: &str| text.parse::<u64>().map_err(|_| Error::usage(format!("{text} is no number")));
    tch::set_num_threads(number(threads)? as i32);
    let train = dataset(context, name, input, pipeline)?.train;
    let pass = |epoch: u64| -> Result<u64> {
        let order = batches(train.len(), BATCH, Some(Stream::new(0, "order").at(epoch)));
        let quarter = order.len() / 4;
        let mut after = 0;
        let views = Stream::new(0, "transform").at(epoch);
        for (place, batch) in Feed::new(&train, order, Some(views), Device::Cpu)?.enumerate() {
            batch?;
            if place == quarter {
                after = peak()?;
            }
        }
        Ok(after)
    };
    let epochs = number(epochs)?;
    pass(epochs)?;
    let start = Instant::now();
    let mut quarter = 0;
    for epoch in 0..epochs {
        quarter = pass(epoch)?;
    }
    let images = train.len() as u64 * epochs;
    Ok(format!("{} {images} {quarter} {}", start.elapsed().as_secs_f64(), peak()?))
}

fn main() -> Result<()> {
    let data = env::args().nth(1).ok_or_else(|| Error::usage("expected a data folder"))?;
    let store = env::temp_dir().join(format!("loader-{}", process::id()));
    let context = context(&data, &store)?;
    for line in stdin().lines() {
        let line = line.map_err(|error| Error::io("stdin", &error))?;
        println!("{}", run(&context, &line)?);
        stdout().flush().map_err(|error| Error::io("stdout", &error))?;
    }
    fs::remove_dir_all(&store).map_err(|error| Error::io("the store", &error))
}
