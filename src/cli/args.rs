//! What the program is given.

use crate::error::{Error, Result};
use clap::Parser;
use std::path::PathBuf;

/// A scripted laboratory: do adversarially trained networks transfer better, and why?
///
/// With a script it runs it, with -e it runs code, with neither it opens a prompt.
///
/// A script reads files under its own folder and --data, writes under --store and --out, and
/// reaches nothing else: no other files, no network, no programs, no environment. One that runs
/// away in calls, lists, maps or texts ends with an error; --max-ops and --time-limit end loops.
#[derive(Parser, Debug)]
#[command(name = "rtscript", version, disable_help_flag = true)]
pub struct Args {
    /// The script to run, e.g. scripts/noise_vs_pgd.rhai.
    pub script: Option<PathBuf>,

    /// Run this code and print its value.
    #[arg(short = 'e', long = "eval", value_name = "CODE", conflicts_with = "script")]
    pub eval: Option<String>,

    /// Set a param of the script; may be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,

    /// Where results, weights and checkpoints are kept.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub store: PathBuf,

    /// Where reports go; the folder reports of the store by default.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// The folder of real data sets; RTSCRIPT_DATA by default.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// cpu or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,

    /// CPU threads; all cores by default. Results are equal bit for bit only at equal counts.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,

    /// Do part I of N of every sweep, I from 0, and stop; processes share the store.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,

    /// The least time between two checkpoints of a training.
    #[arg(long, value_name = "S", default_value_t = 20)]
    pub checkpoint_seconds: u64,

    /// Stop a script, or at the prompt each entry, after so many seconds, as Ctrl-C does (exit 75).
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub time_limit: Option<u64>,

    /// Stop a script, or at the prompt each entry, after N operations of the language.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_ops: Option<u64>,

    /// Let imports read any path; for scripts you trust.
    #[arg(long)]
    pub unrestricted: bool,

    /// Start partial runs anew, where they were made under other threads or on another CPU.
    #[arg(long)]
    pub restart_partial: bool,

    /// No progress bars.
    #[arg(short, long)]
    pub quiet: bool,

    /// This help; after a script, its own: what it asks and its params.
    #[arg(short, long)]
    pub help: bool,
}

impl Args {
    /// The `--set` pairs.
    ///
    /// # Errors
    /// One without `=`.
    pub fn settings(&self) -> Result<Vec<(String, String)>> {
        let pair = |text: &String| {
            let (name, value) = text.split_once('=').ok_or_else(|| {
                Error::usage(format!("set: expected NAME=VALUE, found {text}"))
                    .hint("--set scale=tiny")
            })?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        };
        self.set.iter().map(pair).collect()
    }

    /// The data folder: `--data`, else `RTSCRIPT_DATA`.
    pub fn data(&self) -> Option<PathBuf> {
        let named = std::env::var_os("RTSCRIPT_DATA").filter(|path| !path.is_empty());
        self.data.clone().or_else(|| named.map(PathBuf::from))
    }
}
