//! What the verbs know of the script that runs.

use super::limits::Bounds;
use super::missing::Failed;
use super::session::Options;
use super::text::Texts;
use crate::confinement::Confinement;
use crate::context::Context;
use crate::evaluate::EVALUATE;
use crate::registry::{Args, Home, Spec};
use crate::sweep::Shard;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

/// What the verbs know of the running script.
pub struct Run {
    /// What `--set` gave, in order.
    pub set: Vec<(String, String)>,
    /// Which part of every sweep this process does.
    pub shard: Shard,
    /// Where reports go.
    pub out: PathBuf,
    /// What scripts may read, and how much they may do.
    pub bounds: Bounds,
    /// The operations done so far.
    pub ops: Rc<Cell<u64>>,
    /// Whether an interrupted training returns what it has.
    pub interactive: bool,
    /// Receives what scripts print, a line at a time.
    pub print: Rc<dyn Fn(&str)>,
    /// What ran in this session; the last text runs now.
    pub texts: Texts,
    /// The last native call that failed.
    pub failed: Failed,
    /// The settings of the script, as resolved.
    pub params: Vec<(String, String)>,
    /// Whether a sweep with a seed axis is running.
    pub seed_axis: bool,
    /// What results of the running cell want to be known of them.
    pub notes: BTreeSet<String>,
    /// Receives warnings.
    warn: Rc<dyn Fn(&str)>,
    /// Entries already warned about.
    warned: Vec<&'static str>,
}

impl Run {
    /// Where files are read from: what scripts wrote counts.
    pub fn files(&self) -> Confinement {
        self.bounds.reading.clone().and(Some(&self.out))
    }

    /// Before anything ran.
    pub fn new(context: &Context, options: Options) -> Self {
        let monitor = context.monitor.clone();
        Self {
            set: options.set,
            shard: options.shard,
            out: options.out,
            bounds: options.bounds,
            ops: Rc::default(),
            interactive: options.interactive,
            print: options.print,
            texts: Texts::default(),
            failed: Failed::default(),
            params: Vec::new(),
            seed_axis: false,
            notes: BTreeSet::new(),
            warn: Rc::new(move |message: &str| monitor.warn(message)),
            warned: Vec::new(),
        }
    }

    /// Warns once of a call that leaves its seed out inside a sweep over seeds: all its cells
    /// would get the same draws.
    pub fn watch_seed(&mut self, spec: &'static Spec, args: &Args) {
        let known = self.warned.contains(&spec.name);
        if self.seed_axis && draws(spec) && !known && args.is_defaulted("seed") {
            self.warn(spec, &no_seed(spec));
        }
    }

    /// Warns of an entry; the run does not warn of it again.
    pub fn warn(&mut self, spec: &'static Spec, message: &str) {
        self.warned.push(spec.name);
        (self.warn)(message);
    }
}

/// Whether a result of the entry depends on its seed, so that replicates need different ones.
pub fn draws(spec: &Spec) -> bool {
    matches!(spec.home, Home::Namespace("model") | Home::Method("model"))
        && spec.name != EVALUATE.name
        && spec.params.iter().any(|param| param.name == "seed")
}

/// What is said of a call without a seed inside a sweep over seeds.
pub fn no_seed(spec: &Spec) -> String {
    format!(
        "{} is called without a seed inside a sweep over seeds: every cell gets seed 0",
        spec.path()
    )
}
