//! The commands of the prompt: one list gives what is run, helped and completed.

use super::image::{self, Protocol};
use super::output;
use super::recording::Recording;
use crate::error::{Error, nearest};
use crate::script::{Bundle, Diagnostic, Ended, Session, line};
use rustyline::completion::Pair;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a command works on.
pub struct Prompt<'a> {
    /// The session.
    pub session: &'a mut Session,
    /// What was entered so far.
    pub recording: &'a mut Recording,
    /// How the terminal shows pictures, if it can.
    pub pictures: Option<Protocol>,
}

/// Whether the prompt goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another entry.
    Entry,
    /// The end.
    Leave,
}

type Outcome = std::result::Result<Next, Diagnostic>;

/// A command.
struct Command {
    name: &'static str,
    arguments: &'static str,
    doc: &'static str,
    run: fn(&mut Prompt, &str) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command { name: ":help", arguments: "", doc: "Lists these commands.", run: help },
    Command {
        name: ":find",
        arguments: "WORDS",
        doc: "Searches names and documentation.",
        run: find,
    },
    Command { name: ":vars", arguments: "", doc: "Lists the variables.", run: vars },
    Command { name: ":mem", arguments: "", doc: "Lists the bytes that variables hold.", run: mem },
    Command {
        name: ":time",
        arguments: "CODE",
        doc: "Runs code and says how long it took.",
        run: time,
    },
    Command {
        name: ":bench",
        arguments: "CODE",
        doc: "Runs code again and again for a second; median and range.",
        run: bench,
    },
    Command { name: ":why", arguments: "CODE", doc: "Prints the derivation of a value.", run: why },
    Command {
        name: ":plot",
        arguments: "CODE",
        doc: "Draws a list of numbers, a list of maps, cells, images or a plot.",
        run: plot,
    },
    Command {
        name: ":reload",
        arguments: "",
        doc: "Reads the imported modules again.",
        run: reload,
    },
    Command {
        name: ":save",
        arguments: "FILE",
        doc: "Writes what was entered as a script that rtscript test accepts.",
        run: save,
    },
    Command { name: ":load", arguments: "FILE", doc: "Runs a script in this session.", run: load },
    Command {
        name: ":quit",
        arguments: "",
        doc: "Leaves, as Ctrl-D does.",
        run: |_, _| Ok(Next::Leave),
    },
];

/// Runs the command in a line that starts with a colon.
///
/// # Errors
/// No such command, and what fails in it.
pub fn run(prompt: &mut Prompt, line: &str) -> Outcome {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        let near = nearest(name, COMMANDS.iter().map(|command| command.name));
        let meant = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
        return refuse(
            Error::usage(format!("prompt: no command {name}{meant}")).hint(":help lists them"),
        );
    };
    let rest = rest.trim();
    if rest.is_empty() && !command.arguments.is_empty() {
        let usage = format!("prompt: expected {} {}", command.name, command.arguments);
        return refuse(Error::usage(usage).hint(command.doc));
    }
    (command.run)(prompt, rest)
}

/// The commands that start with `typed`.
pub fn completed(typed: &str) -> Vec<Pair> {
    let fitting = COMMANDS.iter().filter(|command| command.name.starts_with(typed));
    let pair = |command: &Command| Pair {
        display: command.name.to_owned(),
        replacement: format!(
            "{}{}",
            command.name,
            if command.arguments.is_empty() { "" } else { " " }
        ),
    };
    fitting.map(pair).collect()
}

/// Shows how an entry ended.
pub fn show(ended: &Ended, pictures: Option<Protocol>) {
    match ended {
        Ended::Value(None) => {}
        Ended::Value(Some(Bundle { text, png, .. })) => {
            if let (Some(png), Some(protocol)) = (png, pictures) {
                output::stdout(&image::shown(png, protocol));
            }
            output::stdout(text);
        }
        Ended::ShardDone { done, of } => {
            output::stdout(&format!("shard done: {done} of {of} cells"))
        }
    }
}

fn refuse(error: Error) -> Outcome {
    Err(Diagnostic::plain(&error))
}

fn help(_: &mut Prompt, _: &str) -> Outcome {
    for command in COMMANDS {
        let call = format!("{} {}", command.name, command.arguments);
        output::stdout(&format!("{call:<14} {}", command.doc));
    }
    output::stdout(
        "?NAME          Shows an entry or a variable. Tab completes; Ctrl-R searches; Ctrl-C stops.",
    );
    Ok(Next::Entry)
}

fn find(prompt: &mut Prompt, words: &str) -> Outcome {
    let found = prompt.session.reference().find(words);
    if found.is_empty() {
        output::stdout(&format!("nothing holds all of: {words}"));
    }
    for spec in found.into_iter().take(20) {
        output::stdout(&line(spec));
    }
    Ok(Next::Entry)
}

fn vars(prompt: &mut Prompt, _: &str) -> Outcome {
    output::stdout(prompt.session.variables_table(false).to_string().trim_start());
    Ok(Next::Entry)
}

fn mem(prompt: &mut Prompt, _: &str) -> Outcome {
    output::stdout(prompt.session.variables_table(true).to_string().trim_start());
    Ok(Next::Entry)
}

fn time(prompt: &mut Prompt, code: &str) -> Outcome {
    let start = Instant::now();
    let ended = prompt.session.execute(":time", code)?;
    let elapsed = start.elapsed();
    show(&ended, prompt.pictures);
    output::stdout(&format!("{:.3} s", elapsed.as_secs_f64()));
    Ok(Next::Entry)
}

fn bench(prompt: &mut Prompt, code: &str) -> Outcome {
    let mut times = Vec::new();
    let begun = Instant::now();
    while times.len() < 3 || (begun.elapsed() < Duration::from_secs(1) && times.len() < 10_000) {
        let start = Instant::now();
        prompt.session.execute(":bench", code)?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let (low, middle, high) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    let text = format!(
        "{} [{}, {}] over {} runs; a result that is stored is only found again",
        seconds(middle),
        seconds(low),
        seconds(high),
        times.len()
    );
    output::stdout(&text);
    Ok(Next::Entry)
}

fn seconds(time: f64) -> String {
    match time {
        time if time >= 1.0 => format!("{time:.3} s"),
        time if time >= 1e-3 => format!("{:.3} ms", time * 1e3),
        time => format!("{:.1} us", time * 1e6),
    }
}

fn why(prompt: &mut Prompt, code: &str) -> Outcome {
    let ended = prompt.session.execute(":why", &format!("why({code})"))?;
    show(&ended, None);
    Ok(Next::Entry)
}

fn plot(prompt: &mut Prompt, code: &str) -> Outcome {
    let ended = prompt.session.plot(code)?;
    show(&ended, prompt.pictures);
    Ok(Next::Entry)
}

fn reload(prompt: &mut Prompt, _: &str) -> Outcome {
    let names = prompt.session.reload()?;
    let text = if names.is_empty() { "nothing is imported".to_owned() } else { names.join(", ") };
    output::stdout(&text);
    Ok(Next::Entry)
}

fn save(prompt: &mut Prompt, file: &str) -> Outcome {
    let path = Path::new(file);
    if let Err(error) = crate::store::write(path, prompt.recording.script().as_bytes()) {
        return refuse(error);
    }
    output::stdout(&format!(
        "{} entries in {file}; rtscript test {file} runs them",
        prompt.recording.len()
    ));
    Ok(Next::Entry)
}

fn load(prompt: &mut Prompt, file: &str) -> Outcome {
    let source = match super::batch::read(Path::new(file)) {
        Ok(source) => source,
        Err(error) => return refuse(error),
    };
    let ended = prompt.session.execute(file, &source)?;
    prompt.recording.add(&source, &ended);
    show(&ended, prompt.pictures);
    Ok(Next::Entry)
}
