//! Caltech-256 (Griffin, Holub, Perona 2007).

use super::facts::{Facts, Metric};
use super::files::{Collection, Gathered, Layout, SPLIT, Tree, folders, params};
use super::seeded::{first_of_each, seeded};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};
use crate::seed::Stream;

/// Pictures of objects.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "caltech256",
        home: Home::Namespace("dataset"),
        doc: "Caltech-256: pictures of 256 kinds of objects and of clutter.\n\nThere is no \
              official split: 60 pictures of each class, which the seed chooses (`official`) or \
              the first of them by name (`salman2020`), are train, and all others test.",
        inputs: &[],
        params: &params::<15>(224, &[SPLIT]),
        returns: "dataset",
        example: Example {
            code: "let classes = 257;\n\
                   try { classes = dataset::caltech256().classes; }\n\
                   catch { print(\"caltech256 needs --data DIR\"); }\n\
                   classes",
            shows: "257",
        },
        cite: "Griffin, Holub, Perona 2007, https://data.caltech.edu/records/nyy15-4j048",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::MeanPerClass, 15_420, 15_187);
/// The folder of the classes.
const FOLDER: &str = "256_ObjectCategories";
/// Training pictures of each class.
const TRAIN: usize = 60;

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["caltech256", "caltech-256"],
        markers: &["256_ObjectCategories"],
        tree: "256_ObjectCategories/CLASS/*.jpg",
    },
    salman2020: None,
    gather,
    facts: &FACTS,
};

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    COLLECTION.build(context, args)
}

fn gather(tree: &Tree, args: &Args) -> Result<Gathered> {
    let classes: Vec<String> = tree.folders(FOLDER)?;
    let all = folders(tree, FOLDER, &classes)?;
    if args.text("split")? == "salman2020" {
        return Ok(first_of_each(all, classes, TRAIN));
    }
    let stream = Stream::new(args.int("seed")?, "caltech256 train");
    Ok(seeded(all, classes, stream, |rank, _| rank < TRAIN))
}
