//! Progress bars on standard error, the interrupt flag, and the clock of checkpoints.

use super::deadline::Deadline;
use super::output;
use crate::context::{Interrupt, Monitor};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::{Cell, RefCell};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Bars for the work that runs, the outermost first.
pub struct Progress {
    bars: MultiProgress,
    /// Whether the start of work is written as a line: standard error is a file.
    lines: bool,
    running: RefCell<Vec<ProgressBar>>,
    interrupts: Arc<AtomicU32>,
    interrupt: Interrupt,
    deadline: Deadline,
    checkpoint_every: Duration,
    last_checkpoint: Cell<Instant>,
}

impl Progress {
    /// Bars if standard error is a terminal, else a line where work starts. From here on Ctrl-C
    /// asks for a stop at the next batch, and the third one ends the process.
    pub fn new(checkpoint_seconds: u64, time_limit: Option<u64>, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if quiet || !terminal {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let interrupts = Arc::new(AtomicU32::new(0));
        let interrupt = Interrupt::default();
        let (asked, request) = (interrupts.clone(), interrupt.clone());
        let installed = ctrlc::set_handler(move || {
            request.request();
            match asked.fetch_add(1, Ordering::SeqCst) {
                0 => output::stderr("\nstopping at the next batch ..."),
                1 => output::stderr("once more ends the process now; the last checkpoint is kept"),
                _ => output::leave(130),
            }
        });
        if let Err(error) = installed {
            output::stderr(&format!("warning: Ctrl-C will end the process at once: {error}"));
        }
        Self {
            bars: MultiProgress::with_draw_target(target),
            lines: !quiet && !terminal,
            running: RefCell::new(Vec::new()),
            deadline: Deadline::new(time_limit.map(Duration::from_secs), interrupt.clone()),
            interrupts,
            interrupt,
            checkpoint_every: Duration::from_secs(checkpoint_seconds),
            last_checkpoint: Cell::new(Instant::now()),
        }
    }

    /// Prints to standard output, above the bars.
    pub fn print(&self, text: &str) {
        self.bars.suspend(|| output::stdout(text));
    }

    /// What Ctrl-C and the time limit ask for.
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// A script or an entry of the prompt starts: earlier interrupts are forgotten, and its time
    /// runs.
    pub fn start(&self) {
        self.interrupts.store(0, Ordering::SeqCst);
        self.interrupt.clear();
        self.deadline.start();
    }

    /// The script or the entry is over.
    pub fn stop(&self) {
        self.deadline.stop();
    }
}

impl Monitor for Progress {
    fn begin(&self, what: &str, total: u64, done: u64) {
        if self.lines {
            let from = if done > 0 { format!(", from step {done}") } else { String::new() };
            output::stderr(&format!("{what}: {total} steps{from}"));
        }
        let bar = self.bars.add(ProgressBar::new(total));
        let style = ProgressStyle::with_template(
            "{prefix:32!} [{bar:24}] {pos}/{len}  {eta_precise} left  {msg}",
        );
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(what.to_owned());
        bar.set_position(done);
        bar.reset_eta();
        self.running.borrow_mut().push(bar);
    }

    fn advance(&self, note: &str) {
        if let Some(bar) = self.running.borrow().last() {
            bar.inc(1);
            bar.set_message(note.to_owned());
        }
    }

    fn end(&self) {
        if let Some(bar) = self.running.borrow_mut().pop() {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn checkpoint_due(&self) -> bool {
        let due = self.last_checkpoint.get().elapsed() >= self.checkpoint_every;
        if due {
            self.last_checkpoint.set(Instant::now());
        }
        due
    }

    fn warn(&self, message: &str) {
        self.bars.suspend(|| output::stderr(&format!("warning: {message}")));
    }
}
