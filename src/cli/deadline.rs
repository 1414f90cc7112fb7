//! The time limit of a run: when it is over, the run is asked to stop as Ctrl-C asks it.

use super::output;
use crate::context::Interrupt;
use std::cell::RefCell;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Asks a run to stop when a run takes too long.
pub struct Deadline {
    limit: Option<Duration>,
    interrupt: Interrupt,
    /// Dropping it calls the waiting thread off.
    waiting: RefCell<Option<Sender<()>>>,
}

impl Deadline {
    /// A deadline `limit` after every start; never where there is none.
    pub fn new(limit: Option<Duration>, interrupt: Interrupt) -> Self {
        Self { limit, interrupt, waiting: RefCell::new(None) }
    }

    /// Starts the time of a run.
    pub fn start(&self) {
        let Some(limit) = self.limit else { return };
        let (running, over) = channel::<()>();
        let interrupt = self.interrupt.clone();
        thread::spawn(move || {
            if over.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                output::stderr(&format!(
                    "time limit: {} s are over, stopping at the next batch; what is finished is \
                     kept, and the same command goes on from there",
                    limit.as_secs()
                ));
                interrupt.request();
            }
        });
        self.waiting.replace(Some(running));
    }

    /// The run is over before its time.
    pub fn stop(&self) {
        self.waiting.replace(None);
    }
}
