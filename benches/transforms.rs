//! Transforms of one picture of 500 by 375 pixels as `transforms.py` times them.
//!
//! Each line on stdin, `CONFIG COUNT`, transforms it COUNT times and answers "WALL CPU SUM". With
//! `:jpeg`, the picture is each time the next of the JPEG files that the arguments name; with
//! `:jpeg_needed`, they are decoded down to the last row that is used.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and speaks to its driver"
)]

use rtscript::error::{Error, Result};
use rtscript::image::{Raster, Undecoded, decode};
use rtscript::registry::{Args, Value};
use rtscript::seed::Stream;
use rtscript::transform::{Frame, PRESETS, Pipeline, TRANSFORMS};
use std::io::{Write, stdin, stdout};
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

fn main() -> Result<()> {
    let mut generator = Stream::new(0, "picture").generator();
    let bytes = (0..500 * 375 * 3).map(|_| generator.below(256) as u8).collect();
    let picture = Raster::new(500, 375, 3, bytes)?;
    let files: Vec<String> = env::args().skip(1).filter(|given| given != "--bench").collect();
    for line in stdin().lines() {
        let line = line.map_err(|error| Error::io("stdin", &error))?;
        let Some((name, count)) = line.split_once(' ') else {
            return Err(Error::usage("expected CONFIG COUNT; start it through transforms.py"));
        };
        let count = count.parse().map_err(|_| Error::usage("COUNT is no number"))?;
        let (used, start) = (cpu_seconds(), Instant::now());
        let sum = run(name, &picture, &files, count)?;
        println!("{} {} {sum}", start.elapsed().as_secs_f64(), cpu_seconds() - used);
        stdout().flush().map_err(|error| Error::io("stdout", &error))?;
    }
    Ok(())
}
