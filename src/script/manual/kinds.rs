//! The kinds of values: what they are called, and what they are.

use crate::registry::Spec;
use crate::script::reference::{HANDLES, Reference};

/// A kind of values.
pub struct Kind {
    /// Its name in entries and error messages.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub doc: &'static str,
}

/// Values that Rhai has itself.
pub const PLAIN: &[Kind] = &[
    kind("text", "Characters in quotes; Rhai's `type_of` calls it `string`."),
    kind("number", "A whole number (`i64`) or one with a point (`f64`)."),
    kind("truth", "`true` or `false`; `type_of` calls it `bool`."),
    kind("list", "Values in order: `[1, 2]`; `type_of` calls it `array`."),
    kind("map", "Values by name: `#{ a: 1 }`."),
    kind("nothing", "The value `()` of what has no result."),
    kind("any", "A value of any kind."),
];

/// Values that come from entries, in the order of the manual.
pub const OWN: &[Kind] = &[
    kind("dataset", "Labelled images in three splits: train, val and test."),
    kind("split", "Images and their labels, one part of a dataset."),
    kind("transform", "What is done to pictures before a network sees them."),
    kind("model", "A network with its weights; the normalisation of pixels is part of it."),
    kind("threat_model", "The ball around each image in which an attack stays."),
    kind("attack", "What perturbs a batch of images within a ball around each of them."),
    kind("objective", "What a training step minimises."),
    kind("protocol", "How a network is used on another task."),
    kind("training", "What a training cost, and its curve."),
    kind("evaluation", "How a model did on a split, image by image."),
    kind("masking_check", "Signs that a model only looks robust, and what they rest on."),
    kind("transfer", "How a model did on another task, image by image."),
    kind("feature_diagnostics", "How the features of a model lie by class."),
    kind("inversion", "Images that have the features of others, and how close they came."),
    kind("perturbation", "What an attack added to images, and what that does to a model."),
    kind("correctness", "Which images of a split were classified correctly."),
    kind("cells", "What a sweep measured: one record per combination of levels."),
    kind("records", "Published numbers, each with what it is and where it was printed."),
    kind("table", "Rows and columns that print as a table, with notes."),
    kind("plot", "A picture; a report shows it."),
    kind("tensor", "Numbers in a grid; a copy that never changes."),
    kind("error", "What `catch (e)` receives from a function of the program."),
];

const fn kind(name: &'static str, doc: &'static str) -> Kind {
    Kind { name, doc }
}

/// The entries that give a value of a kind.
pub fn sources(reference: &Reference, kind: &str) -> Vec<&'static Spec> {
    reference.specs.iter().copied().filter(|spec| spec.returns == kind).collect()
}

/// Whether values of a kind have a name and an address.
pub fn is_handle(kind: &str) -> bool {
    HANDLES.contains(&kind)
}
