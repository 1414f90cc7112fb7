//! The command line: the only code that prints, reads the environment and handles signals.
#![expect(clippy::disallowed_methods, reason = "it reads the environment and shows elapsed time")]

mod args;
mod batch;
mod check;
mod commands;
mod deadline;
mod doc;
mod editor;
mod help;
mod image;
mod inspect;
mod output;
mod progress;
mod prompt;
mod recording;
mod test;

use crate::confinement::Confinement;
use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::script::{Bounds, Diagnostic, Options, Session};
use crate::store::{Manifest, Store};
use crate::sweep::Shard;
use crate::torch;
use args::{Args, Command};
use clap::Parser;
use progress::Progress;
use std::path::Path;
use std::rc::Rc;
use std::thread;

/// The exit code where nothing failed.
const SUCCESS: u8 = 0;

/// The stack of the thread that runs scripts, in bytes, of which only what is used takes memory:
/// calls that nest as deep as they may, each as deep as an expression may, need 10 MiB.
const STACK: usize = 256 << 20;

/// Runs the program and ends the process.
pub fn main() -> ! {
    output::ignore_file_size_signal();
    let run = thread::Builder::new().name("script".to_owned()).stack_size(STACK).spawn(exit_code);
    output::leave(match run.map(thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(_)) => fail(&Diagnostic::plain(&Error::internal("rtscript: a defect ended it"))),
        Err(error) => {
            let error = Error::io("rtscript: cannot start a thread", &error);
            fail(&Diagnostic::plain(&error))
        }
    })
}

fn exit_code() -> u8 {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let text = error.render().to_string();
            if !error.use_stderr() {
                output::stdout(&text);
                return SUCCESS;
            }
            output::stderr(&text);
            return 2;
        }
    };
    match run(&args) {
        Ok(code) => code,
        Err(error) => fail(&Diagnostic::plain(&error)),
    }
}

fn run(args: &Args) -> Result<u8> {
    if args.help && args.script.is_none() {
        let word = args.command.as_ref().map(Command::name);
        output::stdout(&word.map_or_else(help::of_tool, help::of_word));
        return Ok(SUCCESS);
    }
    match &args.command {
        Some(Command::Test(test)) => return test::run(args, test),
        Some(Command::Check(check)) => return check::run(args, check),
        Some(Command::Inspect(inspect)) => return Ok(inspect::run(inspect)),
        Some(Command::Doc) => return doc::run(args),
        None => {}
    }
    let progress = Rc::new(Progress::new(args.checkpoint_seconds, args.time_limit, args.quiet));
    let session = session(args, &progress)?;
    if let Some(code) = &args.eval {
        progress.start();
        return Ok(batch::eval(session, code));
    }
    match &args.script {
        Some(script) if args.help => help::of_script(&session, script),
        Some(script) => {
            progress.start();
            batch::run(session, script)
        }
        None => prompt::run(session, &progress),
    }
}

fn session(args: &Args, progress: &Rc<Progress>) -> Result<Session> {
    let device = device(&args.device)?;
    torch::start(args.threads)?;
    let context = context(args, device, Store::open(&args.store())?, progress)?;
    let shard = args.shard.as_deref().map_or(Ok(Shard::WHOLE), Shard::parse)?;
    let printer = progress.clone();
    let options = Options {
        set: args.settings()?,
        shard,
        out: args.out.clone().unwrap_or_else(|| args.store().join("reports")),
        bounds: bounds(args, args.script.as_deref()),
        interactive: args.script.is_none() && args.eval.is_none(),
        print: Rc::new(move |text| printer.print(text)),
    };
    Ok(Session::new(&context, options))
}

/// A session that may read what `script` may, on a store that is left alone: for words that run
/// nothing.
fn idle(args: &Args, script: Option<&Path>, progress: &Rc<Progress>) -> Result<Session> {
    let device = device(&args.device)?;
    torch::start(args.threads)?;
    let store = args.store();
    let context = context(args, device, Store::at(&store), progress)?;
    let options = Options {
        set: args.settings()?,
        shard: Shard::WHOLE,
        out: store.join("reports"),
        bounds: bounds(args, script),
        interactive: false,
        print: Rc::new(output::stdout),
    };
    Ok(Session::new(&context, options))
}

/// The settings of a session on `store`; libtorch is set up before.
fn context(
    args: &Args,
    device: tch::Device,
    store: Store,
    progress: &Rc<Progress>,
) -> Result<Context> {
    Ok(Context {
        device,
        store,
        data: args.data(),
        monitor: progress.clone(),
        interrupt: progress.interrupt(),
        environment: Manifest {
            threads: torch::threads() as u32,
            cpu: torch::cpu_capability()?,
            torch: torch::version()?,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            seconds: 0.0,
            date: None,
        },
        defer_busy: Rc::default(),
        origins: Rc::default(),
        restart_partial: args.restart_partial,
    })
}

/// What the script may read, and how much it may do.
fn bounds(args: &Args, script: Option<&Path>) -> Bounds {
    let folder = script.and_then(Path::parent).unwrap_or(Path::new("."));
    let reading = Confinement::to(folder).and(args.data().as_deref());
    let reading = reading.and(args.weights.as_deref());
    Bounds { reading: reading.unrestricted(args.unrestricted), max_ops: args.max_ops }
}

fn device(name: &str) -> Result<tch::Device> {
    if name == "cpu" {
        return Ok(tch::Device::Cpu);
    }
    let index = name.strip_prefix("cuda:").and_then(|index| index.parse().ok());
    let Some(index) = index else {
        return Err(Error::usage(format!("device: expected cpu or cuda:N, found {name}")));
    };
    torch::load_cuda()?;
    let count = tch::Cuda::device_count();
    if index >= count.max(0) as usize {
        return Err(Error::usage(format!("device: expected one of {count} GPUs, found {name}")));
    }
    Ok(tch::Device::Cuda(index))
}

/// Shows an error and gives its exit code.
fn fail(diagnostic: &Diagnostic) -> u8 {
    output::stderr(&diagnostic.text);
    match diagnostic.kind {
        Kind::Usage | Kind::Diverged => 1,
        Kind::Data => 65,
        Kind::Internal => 70,
        Kind::Io => 74,
        Kind::Interrupted | Kind::Busy => 75,
    }
}
