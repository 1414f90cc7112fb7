//! `rtscript test`: golden scripts as tests.

use super::args::{Args, Test};
use super::progress::Progress;
use super::{SUCCESS, bounds, context, device, output};
use crate::error::{Error, Result};
use crate::script::golden::{Golden, Outcome, scripts};
use crate::script::{Diagnostic, Options, Session};
use crate::store::{self, Store};
use crate::sweep::Shard;
use crate::torch;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The exit code where a test failed.
const FAILED: u8 = 1;
/// The exit code of a path that is not there, and of options that go with no test.
const USAGE: u8 = 2;
/// The exit code after an interrupt.
const INTERRUPTED: u8 = 75;

/// What became of one script.
enum Verdict {
    Passed,
    Blessed,
    Failed(String),
    Skipped(String),
    ExpectsNothing,
}

#[derive(Default)]
struct Counts {
    passed: usize,
    blessed: usize,
    skipped: usize,
    expect_nothing: usize,
}

/// Runs the golden scripts that `test` names.
///
/// # Errors
/// A folder that cannot be read; a GPU that is not there.
pub fn run(args: &Args, test: &Test) -> Result<u8> {
    let other = [
        ("a script", args.script.is_some()),
        ("-e", args.eval.is_some()),
        ("--set", !args.set.is_empty()),
        ("--shard", args.shard.is_some()),
    ];
    if let Some((what, _)) = other.iter().find(|(_, given)| *given) {
        let error = Error::usage(format!("test: {what} does not go with it"));
        let error = match *what {
            "--set" => error.hint("a line //@ set=NAME=VALUE at the head of a script sets a param"),
            _ => error.hint("rtscript test --help shows what does"),
        };
        output::stderr(&Diagnostic::plain(&error).text);
        return Ok(USAGE);
    }
    let paths = match &test.paths[..] {
        [] if Path::new("tests").is_dir() => vec![PathBuf::from("tests")],
        [] => vec![PathBuf::from(".")],
        paths => paths.to_vec(),
    };
    if let Some(path) = paths.iter().find(|path| !path.exists()) {
        output::stderr(&format!("error: test: no such file or folder: {}", path.display()));
        return Ok(USAGE);
    }
    let word = test.filter.as_deref().unwrap_or_default();
    let all = scripts(&paths)?;
    let chosen: Vec<&PathBuf> =
        all.iter().filter(|path| path.to_string_lossy().contains(word)).collect();
    let device = device(&args.device)?;
    let progress = Rc::new(Progress::new(args.checkpoint_seconds, args.time_limit, true));
    torch::start(Some(args.threads.unwrap_or(1)))?;
    let runner = Runner { args, device, progress: progress.clone() };

    let count = chosen.len();
    output::stdout(&format!("running {count} script{}", if count == 1 { "" } else { "s" }));
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    for path in chosen {
        let verdict = one(&runner, test.bless, path);
        if progress.interrupt().is_requested() {
            output::stderr("interrupted; the tests that are left did not run");
            return Ok(INTERRUPTED);
        }
        let said = match verdict {
            Verdict::Passed => {
                counts.passed += 1;
                "ok".to_owned()
            }
            Verdict::Blessed => {
                counts.blessed += 1;
                "blessed".to_owned()
            }
            Verdict::Skipped(reason) => {
                counts.skipped += 1;
                format!("skipped: {reason}")
            }
            Verdict::ExpectsNothing => {
                counts.expect_nothing += 1;
                "expects nothing".to_owned()
            }
            Verdict::Failed(text) => {
                failures.push((path, text));
                "FAILED".to_owned()
            }
        };
        output::stdout(&format!("test {} ... {said}", path.display()));
    }
    close(&counts, &failures, all.len() - count);
    Ok(if failures.is_empty() { SUCCESS } else { FAILED })
}

fn close(counts: &Counts, failures: &[(&PathBuf, String)], filtered_out: usize) {
    for (path, text) in failures {
        output::stdout(&format!("\n---- {} ----\n{text}", path.display()));
    }
    let result = if failures.is_empty() { "ok" } else { "FAILED" };
    let blessed = match counts.blessed {
        0 => String::new(),
        count => format!(" {count} blessed;"),
    };
    output::stdout(&format!(
        "\ntest result: {result}. {} passed;{blessed} {} failed; {} skipped; {} expecting nothing; \
         {filtered_out} filtered out",
        counts.passed,
        failures.len(),
        counts.skipped,
        counts.expect_nothing,
    ));
}

fn one(runner: &Runner, bless: bool, path: &Path) -> Verdict {
    judged(runner, bless, path).unwrap_or_else(|error| {
        let hints: String = error.hints().iter().map(|hint| format!("  hint: {hint}\n")).collect();
        Verdict::Failed(format!("{}: {error}\n{hints}", path.display()))
    })
}

fn judged(runner: &Runner, bless: bool, path: &Path) -> Result<Verdict> {
    let golden = Golden::read(path)?;
    if golden.expects_nothing() {
        return Ok(Verdict::ExpectsNothing);
    }
    let ran = match runner.run(&golden)? {
        Outcome::Skipped(reason) => return Ok(Verdict::Skipped(reason)),
        Outcome::Ran(ran) => ran,
    };
    let mismatches = golden.mismatches(&ran);
    if mismatches.is_empty() {
        return Ok(Verdict::Passed);
    }
    if bless && mismatches.iter().all(|mismatch| mismatch.blessable) {
        let rewritten = golden.rewritten(&ran);
        write(path, rewritten.source)?;
        write(&golden.output_path(), rewritten.output)?;
        return Ok(Verdict::Blessed);
    }
    Ok(Verdict::Failed(mismatches.into_iter().map(|mismatch| mismatch.text).collect()))
}

/// What all scripts run under.
struct Runner<'a> {
    args: &'a Args,
    device: tch::Device,
    progress: Rc<Progress>,
}

impl Runner<'_> {
    /// Runs a script in a session of its own, on an empty store that goes with it unless
    /// `--store` names one.
    fn run(&self, golden: &Golden) -> Result<Outcome> {
        let args = self.args;
        let temporary = match &args.store {
            Some(_) => None,
            None => {
                let made = tempfile::tempdir();
                Some(made.map_err(|error| Error::io("test: temporary store", &error))?)
            }
        };
        let hidden = temporary.as_ref().map(tempfile::TempDir::path);
        let store = hidden.map_or_else(|| args.store(), Path::to_owned);
        let script = golden.target.as_ref().map_or(&golden.path, |(path, _)| path);
        self.progress.start();
        let outcome = golden.run(self.device.is_cuda(), hidden, |set, print| {
            let context = context(args, self.device, Store::open(&store)?, &self.progress)?;
            let options = Options {
                set,
                shard: Shard::WHOLE,
                out: args.out.clone().unwrap_or_else(|| store.join("reports")),
                bounds: bounds(args, Some(script)),
                interactive: false,
                print,
            };
            Ok(Session::new(&context, options))
        });
        self.progress.stop();
        outcome
    }
}

/// Writes an expectation whole or not at all, through a link to its file.
fn write(path: &Path, text: Option<String>) -> Result<()> {
    let Some(text) = text else { return Ok(()) };
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    store::write(&place, text.as_bytes())
}
