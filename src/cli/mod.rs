//! The command line: the only code that prints, reads the environment and handles signals.
#![expect(clippy::disallowed_methods, reason = "it reads the environment and shows elapsed time")]

mod args;
mod batch;
mod doc;
mod help;
mod output;
mod progress;
mod prompt;

use crate::context::{Context, Interrupt};
use crate::error::{Error, Kind, Result};
use crate::script::{Diagnostic, Options, Session};
use crate::store::{Manifest, Store};
use crate::sweep::Shard;
use crate::torch;
use args::{Args, Command};
use clap::Parser;
use progress::Progress;
use std::rc::Rc;

/// The exit code where nothing failed.
const SUCCESS: u8 = 0;

/// Runs the program and ends the process.
pub fn main() -> ! {
    output::ignore_file_size_signal();
    output::leave(exit_code())
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
        let command = args.command.as_ref();
        let help = command.map_or_else(help::of_tool, |command| help::of_command(command.name()));
        output::stdout(&help);
        return Ok(SUCCESS);
    }
    let interrupt = Interrupt::default();
    let progress = Rc::new(Progress::new(args.checkpoint_seconds, args.quiet, &interrupt));
    let session = session(args, &progress, interrupt)?;
    if let Some(Command::Doc) = &args.command {
        return doc::run(session.reference(), args.out.as_deref());
    }
    if let Some(code) = &args.eval {
        return Ok(batch::eval(session, code));
    }
    match &args.script {
        Some(script) if args.help => help::of_script(&session, script),
        Some(script) => batch::run(session, script),
        None => prompt::run(session, &progress),
    }
}

fn session(args: &Args, progress: &Rc<Progress>, interrupt: Interrupt) -> Result<Session> {
    let device = device(&args.device)?;
    torch::start(args.threads)?;
    let store = match &args.command {
        Some(Command::Doc) => Store::untouched(&args.store),
        None => Store::open(&args.store)?,
    };
    let context = Context {
        device,
        store,
        data: args.data(),
        monitor: progress.clone(),
        interrupt,
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
    };
    let shard = args.shard.as_deref().map_or(Ok(Shard::WHOLE), Shard::parse)?;
    let printer = progress.clone();
    let options = Options {
        set: args.settings()?,
        shard,
        out: args.out.clone().unwrap_or_else(|| args.store.join("reports")),
        interactive: args.script.is_none() && args.eval.is_none(),
        print: Rc::new(move |text| printer.print(text)),
    };
    Ok(Session::new(&context, options))
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
