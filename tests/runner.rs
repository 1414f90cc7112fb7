//! The one test binary beside the unit tests; every module of this folder is listed here.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may panic, start processes, speak to them and wait for them"
)]

mod bombs;
mod browser;
mod callables;
mod completion;
mod confinement;
mod errors;
mod examples;
mod expectations;
mod faults;
mod fingerprints;
mod golden;
mod grammar;
mod hostile;
mod lab;
mod lineage;
mod manners;
mod manual;
mod packing;
mod paper_scale;
mod preflight;
mod prompt;
mod registry;
mod resume;
mod session;
mod shards;
mod terminal;

fn main() {
    let arguments = libtest_mimic::Arguments::from_args();
    // First: in a process that a fault test re-executed it plays the child's part and exits.
    let mut trials = faults::tests();
    trials.extend(manners::tests());
    trials.extend(prompt::tests());
    trials.extend(manual::tests());
    trials.extend(browser::tests());
    trials.extend(registry::tests());
    trials.extend(callables::tests());
    trials.extend(examples::tests());
    trials.extend(fingerprints::tests());
    trials.extend(golden::tests());
    trials.extend(grammar::tests());
    trials.extend(completion::tests());
    trials.extend(expectations::tests());
    trials.extend(errors::tests());
    trials.extend(confinement::tests());
    trials.extend(bombs::tests());
    trials.extend(hostile::tests());
    trials.extend(lineage::tests());
    trials.extend(resume::tests());
    trials.extend(shards::tests());
    trials.extend(packing::tests());
    trials.extend(paper_scale::tests());
    trials.extend(session::tests());
    trials.extend(preflight::tests());
    libtest_mimic::run(&arguments, trials).exit();
}
