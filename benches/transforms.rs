//! Transforms of one picture of 500 by 375 pixels as `transforms.py` times them.
//!
//! Each line on stdin, `CONFIG COUNT`, transforms it COUNT times and answers "WALL CPU SUM";
//! `decoded FILE` writes the pixels of the JPEG files to a file. With
//! `:jpeg`, the picture is each time the next of the JPEG files that the arguments name; with
//! `:jpeg_needed`, they are decoded down to the last row that is used; with `:packed`, it comes
//! from a dataset of these files that is packed at 256 pixels.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and speaks to its driver"
)]

use rtscript::context::{Context, Interrupt, Silent};
use rtscript::dataset::{DATASETS, Dataset, PACK, pack};
use rtscript::error::{Error, Result};
use rtscript::image::{Raster, Undecoded, decode};
use rtscript::registry::{Args, Value};
use rtscript::seed::Stream;
use rtscript::store::{Manifest, Store};
use rtscript::transform::{Frame, PRESETS, Pipeline, TRANSFORMS, Transform};
use std::io::{BufWriter, Write, stdin, stdout};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;
use std::{env, fs};

fn made(name: &str, options: &[(&str, Value)]) -> Result<Pipeline> {
    let entry = TRANSFORMS.iter().chain(PRESETS).find(|entry| entry.spec.name == name);
    let entry = entry.ok_or_else(|| Error::usage(format!("no transform {name}")))?;
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    (entry.build)(&Args::resolve(&entry.spec, vec![], options.collect())?)
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

/// Transforms to bytes, or to numbers; gives a sum, so that nothing is left out.
fn run(name: &str, picture: &Raster, files: &[String], count: u64) -> Result<f64> {
    let (name, kind) = name.split_once(':').unwrap_or((name, ""));
    let filter = Value::Text("bicubic".to_owned());
    let pipeline = match name {
        "bicubic" => made("resize", &[("filter", filter)])?,
        _ => made(name, &[])?,
    };
    let mut out = vec![0.0; 3 * 224 * 224];
    let mut sum = 0.0;
    for image in 0..count {
        let (frame, stream) = (Frame::from(picture), Stream::new(0, "bench").at(image));
        match kind {
            "jpeg" => {
                let path = &files[image as usize % files.len()];
                let bytes = fs::read(path).map_err(|error| Error::io(path, &error))?;
                pipeline.apply(Frame::from(decode(&bytes, path)?), stream, &mut out)?;
                sum += f64::from(out[0]);
            }
            "jpeg_needed" => {
                let path = &files[image as usize % files.len()];
                let bytes = fs::read(path).map_err(|error| Error::io(path, &error))?;
                let frame = match Undecoded::new(bytes) {
                    Ok(undecoded) => Frame::from(undecoded),
                    Err(bytes) => Frame::from(decode(&bytes, path)?),
                };
                pipeline.apply(frame, stream, &mut out)?;
                sum += f64::from(out[0]);
            }
            "numbers" => {
                pipeline.apply(frame, stream, &mut out)?;
                sum += f64::from(out[0]);
            }
            _ => sum += f64::from(pipeline.raster(frame, stream)?.bytes()[0]),
        }
    }
    Ok(sum)
}

/// Writes the bytes of all pictures, one after the other.
fn write_decoded(files: &[String], to: &str) -> Result<()> {
    let failed = |error| Error::io("write the pictures", &error);
    let mut out = BufWriter::new(fs::File::create(to).map_err(failed)?);
    for path in files {
        let bytes = fs::read(path).map_err(|error| Error::io(path, &error))?;
        out.write_all(decode(&bytes, path)?.bytes()).map_err(failed)?;
    }
    out.flush().map_err(failed)
}

/// Pictures that a view reads at once, as a batch.
const BATCH: usize = 50;

/// The dataset of the files, in a folder of links to them, packed in a store of its own.
fn packed(files: &[String], folder: &Path) -> Result<Dataset> {
    let failed = |error| Error::io("link the pictures", &error);
    let class = folder.join("pictures/all");
    fs::create_dir_all(&class).map_err(failed)?;
    for (number, file) in files.iter().enumerate() {
        let file = fs::canonicalize(file).map_err(failed)?;
        std::os::unix::fs::symlink(file, class.join(format!("{number:06}.jpg"))).map_err(failed)?;
    }
    let [cpu, torch, program] = [String::new(), String::new(), String::new()];
    let context = Context {
        device: tch::Device::Cpu,
        store: Store::open(&folder.join("runs"))?,
        data: Some(folder.to_owned()),
        monitor: Rc::new(Silent),
        interrupt: Interrupt::default(),
        environment: Manifest { threads: 1, cpu, torch, program, seconds: 0.0, date: None },
        defer_busy: Rc::default(),
        origins: Rc::default(),
        restart_partial: false,
    };
    let transform = |name: &str| -> Result<Value> {
        let entry = PRESETS.iter().find(|entry| entry.spec.name == name);
        let entry = entry.ok_or_else(|| Error::usage(format!("no transform {name}")))?;
        let args = Args::resolve(&entry.spec, vec![], vec![])?;
        Ok(Value::Handle(Rc::new(Transform::build(entry, &args)?)))
    };
    let options = vec![
        ("train_transform".to_owned(), transform("salman2020_train")?),
        ("test_transform".to_owned(), transform("salman2020_test")?),
        ("val".to_owned(), Value::Float(0.0)),
        ("test".to_owned(), Value::Float(0.0)),
    ];
    let entry = DATASETS.iter().find(|entry| entry.spec.name == "image_folder");
    let entry = entry.ok_or_else(|| Error::usage("no dataset image_folder"))?;
    let inputs = vec![Value::Text("pictures".to_owned())];
    let data = (entry.build)(&context, &Args::resolve(&entry.spec, inputs, options)?)?;
    pack(&context, &data, &Args::resolve(&PACK, vec![], vec![])?)
}

/// Batches of a packed dataset as a network is given them, read on one thread.
fn run_packed(name: &str, data: &Dataset, count: u64) -> Result<f64> {
    let epoch = name.ends_with("train").then(|| Stream::new(0, "bench"));
    let split = &data.train;
    let Some((view, stream)) = split.view(epoch)? else {
        return Err(Error::internal("a packed dataset without a view"));
    };
    let ids: Vec<u64> = split.ids().into_iter().cycle().take(count as usize).collect();
    let mut sum = 0.0;
    for ids in ids.chunks(BATCH) {
        sum += f64::from(view.images(ids, stream, 1)?[0]);
    }
    Ok(sum)
}

fn main() -> Result<()> {
    let mut generator = Stream::new(0, "picture").generator();
    let bytes = (0..500 * 375 * 3).map(|_| generator.below(256) as u8).collect();
    let picture = Raster::new(500, 375, 3, bytes)?;
    let files: Vec<String> = env::args().skip(1).filter(|given| given != "--bench").collect();
    let folder = tempfile::tempdir().map_err(|error| Error::io("a temporary folder", &error))?;
    let mut data = None;
    for line in stdin().lines() {
        let line = line.map_err(|error| Error::io("stdin", &error))?;
        let Some((name, count)) = line.split_once(' ') else {
            return Err(Error::usage("expected CONFIG COUNT; start it through transforms.py"));
        };
        if name == "decoded" {
            write_decoded(&files, count)?;
            println!("0 0 0");
            continue;
        }
        let count = count.parse().map_err(|_| Error::usage("COUNT is no number"))?;
        let pipeline = name.strip_suffix(":packed");
        if pipeline.is_some() && data.is_none() {
            data = Some(packed(&files, folder.path())?);
        }
        let (used, start) = (cpu_seconds(), Instant::now());
        let sum = match (pipeline, &data) {
            (Some(pipeline), Some(data)) => run_packed(pipeline, data, count)?,
            _ => run(name, &picture, &files, count)?,
        };
        println!("{} {} {sum}", start.elapsed().as_secs_f64(), cpu_seconds() - used);
        stdout().flush().map_err(|error| Error::io("stdout", &error))?;
    }
    Ok(())
}
