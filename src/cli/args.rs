//! What the program is given.

use crate::error::{Error, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// A scripted laboratory: do adversarially trained networks transfer better, and why?
///
/// With a script it runs it, with -e it runs code, with neither it opens a prompt.
///
/// A script reads files under its own folder, --data and --weights, writes under --store and --out, and
/// reaches nothing else: no other files, no network, no programs, no environment. One that runs
/// away in calls, lists, maps or texts ends with an error; --max-ops and --time-limit end loops.
#[derive(Parser, Debug)]
#[command(
    name = "rtscript",
    version,
    disable_help_flag = true,
    disable_help_subcommand = true,
    subcommand_precedence_over_arg = true,
    subcommand_value_name = "WORD",
    subcommand_help_heading = "Words"
)]
pub struct Args {
    /// What to do instead of running a script; ./WORD is a script of that name.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The script to run, e.g. scripts/first_study.rhai.
    pub script: Option<PathBuf>,

    /// Run this code and print its value.
    #[arg(short = 'e', long = "eval", value_name = "CODE", conflicts_with = "script")]
    pub eval: Option<String>,

    /// Set a param of the script; may be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,

    /// Where results, weights and checkpoints are kept; runs by default.
    #[arg(long, value_name = "DIR", global = true)]
    pub store: Option<PathBuf>,

    /// Where reports go; the folder reports of the store by default.
    #[arg(long, value_name = "DIR", global = true)]
    pub out: Option<PathBuf>,

    /// The folder of real data sets; RTSCRIPT_DATA by default.
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,

    /// A further folder of files that scripts may read: checkpoints for model::load.
    #[arg(long, value_name = "DIR", global = true)]
    pub weights: Option<PathBuf>,

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

    /// Stop a script, or at the prompt each entry, after so many seconds, as Ctrl-C does (exit 75).
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub time_limit: Option<u64>,

    /// Stop a script, or at the prompt each entry, after N operations of the language.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_ops: Option<u64>,

    /// Let imports read any path; for scripts you trust.
    #[arg(long, global = true)]
    pub unrestricted: bool,

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

/// The words that stand in place of a script.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run golden scripts: compare what they give with what they expect
    ///
    /// Every .rhai file under the paths that expects something is one test:
    ///
    ///   expr; //=> value               the text of a value at the prompt; more lines follow at
    ///                                  once, each behind its own //=>
    ///   NAME.out beside NAME.rhai      all that is printed
    ///   // error: LINE:COL message     the script fails, with the caret there
    ///
    /// Lines at the head: //@ rtol=1e-3, //@ atol=0.5, //@ exact, //@ ignore: intervals,
    /// //@ needs: cuda, //@ data: mnist, //@ run=OTHER.rhai, //@ set=NAME=VALUE,...
    ///
    /// Text and whole numbers are compared exactly, other numbers to within one unit of the last
    /// digit written, or rtol or atol if that is more. Each script runs on one thread, unless
    /// --threads is given, with an empty store, unless --store is. Exit codes: 0 all pass, 1 one
    /// fails, 2 a path is not there.
    #[command(verbatim_doc_comment)]
    Test(Test),
    /// Check scripts whole without running them: names, arguments, options, imports.
    ///
    /// Prints all errors of a script with their places, or SCRIPT: ok. Exit codes: 0 all are ok,
    /// 1 one is not.
    Check(Check),
    /// Show what is in a checkpoint: PyTorch (zip or legacy, also by dill), pickle, safetensors.
    ///
    /// Prints how the file is made, its plain values, its tensors, and what it names of Python;
    /// nothing that it names is imported or called. Exit codes: 0 done, 65 no checkpoint, or
    /// damaged.
    Inspect(Inspect),
    /// Write the manual, and definitions and a grammar for editors, to --out DIR, else ./manual.
    Doc,
}

impl Command {
    /// The word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Test(_) => "test",
            Self::Check(_) => "check",
            Self::Inspect(_) => "inspect",
            Self::Doc => "doc",
        }
    }
}

/// What `rtscript check` is given.
#[derive(clap::Args, Debug)]
pub struct Check {
    /// The scripts.
    #[arg(required_unless_present = "help", value_name = "SCRIPT")]
    pub scripts: Vec<PathBuf>,

    /// Set a param, as for a run; may be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

/// What `rtscript inspect` is given.
#[derive(clap::Args, Debug)]
pub struct Inspect {
    /// The files.
    #[arg(required_unless_present = "help", value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// List every tensor and every value.
    #[arg(long)]
    pub all: bool,
}

/// What `rtscript test` is given.
#[derive(clap::Args, Debug)]
pub struct Test {
    /// Scripts and folders of scripts; by default tests if it is there, else this folder.
    pub paths: Vec<PathBuf>,

    /// Run only scripts whose path contains this word.
    #[arg(long, value_name = "WORD")]
    pub filter: Option<String>,

    /// Write what is found into the expectations that fail.
    #[arg(long)]
    pub bless: bool,
}

impl Args {
    /// The store: `--store`, else `runs`.
    pub fn store(&self) -> PathBuf {
        self.store.clone().unwrap_or_else(|| PathBuf::from("runs"))
    }

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
        let of_word = match &self.command {
            Some(Command::Check(check)) => check.set.as_slice(),
            _ => &[],
        };
        self.set.iter().chain(of_word).map(pair).collect()
    }

    /// The data folder: `--data`, else `RTSCRIPT_DATA`.
    pub fn data(&self) -> Option<PathBuf> {
        let named = std::env::var_os("RTSCRIPT_DATA").filter(|path| !path.is_empty());
        self.data.clone().or_else(|| named.map(PathBuf::from))
    }
}
