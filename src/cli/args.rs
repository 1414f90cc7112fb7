//! What the program is given.

use crate::error::{Error, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// A scripted laboratory: do adversarially trained networks transfer better, and why?
///
/// With a script it runs it, with -e it runs code, with neither it opens a prompt.
#[derive(Parser, Debug)]
#[command(name = "rtscript", version, disable_help_flag = true)]
#[command(subcommand_precedence_over_arg = true, disable_help_subcommand = true)]
pub struct Args {
    /// What to do instead of running a script.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The script to run, e.g. scripts/noise_vs_pgd.rhai.
    pub script: Option<PathBuf>,

    /// Run this code and print its value.
    #[arg(short = 'e', long = "eval", value_name = "CODE", conflicts_with = "script")]
    pub eval: Option<String>,

    /// Set a param of the script; may be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", global = true)]
    pub set: Vec<String>,

    /// Where results, weights and checkpoints are kept.
    #[arg(long, value_name = "DIR", default_value = "runs", global = true)]
    pub store: PathBuf,

    /// Where reports go; the folder reports of the store by default.
    #[arg(long, value_name = "DIR", global = true)]
    pub out: Option<PathBuf>,

    /// The folder of real data sets; RTSCRIPT_DATA by default.
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,

    /// cpu or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value = "cpu", global = true)]
    pub device: String,

    /// CPU threads; all cores by default. Results are equal bit for bit only at equal counts.
    #[arg(long, value_name = "N", global = true)]
    pub threads: Option<usize>,

    /// Do part I of N of every sweep, I from 0, and stop; processes share the store.
    #[arg(long, value_name = "I/N", global = true)]
    pub shard: Option<String>,

    /// The least time between two checkpoints of a training.
    #[arg(long, value_name = "S", default_value_t = 20, global = true)]
    pub checkpoint_seconds: u64,

    /// Start partial runs anew, where they were made under other threads or on another CPU.
    #[arg(long, global = true)]
    pub restart_partial: bool,

    /// No progress bars.
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// This help; after a script, its own: what it asks and its params.
    #[arg(short, long, global = true)]
    pub help: bool,
}

/// A word in the place of a script; a script of that name is run as ./WORD.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write the manual, and definitions and a grammar for editors, to --out DIR, else ./manual.
    Doc,
}

impl Command {
    /// The word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Doc => "doc",
        }
    }
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
