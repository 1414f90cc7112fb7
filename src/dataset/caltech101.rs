//! Caltech-101 (Fei-Fei, Fergus, Perona 2004).

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
        name: "caltech101",
        home: Home::Namespace("dataset"),
        doc: "Caltech-101: pictures of 101 kinds of objects.\n\nThere is no official split: 30 \
              pictures of each class, which the seed chooses (`official`) or the first of them by \
              name (`salman2020`), are train, and all others test. The class BACKGROUND_Google is \
              left out.",
        inputs: &[],
        params: &params::<15>(224, &[SPLIT]),
        returns: "dataset",
        example: Example {
            code: "let classes = 101;\n\
                   try { classes = dataset::caltech101().classes; }\n\
                   catch { print(\"caltech101 needs --data DIR\"); }\n\
                   classes",
            shows: "101",
        },
        cite: "Fei-Fei, Fergus, Perona 2004, https://data.caltech.edu/records/mzrjq-6wc02",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::MeanPerClass, 3_030, 5_647);
/// The folder of the classes.
const FOLDER: &str = "101_ObjectCategories";
/// Training pictures of each class.
const TRAIN: usize = 30;

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["caltech101", "caltech-101"],
        markers: &["101_ObjectCategories"],
        tree: "101_ObjectCategories/CLASS/*.jpg",
    },
    salman2020: None,
    gather,
    facts: &FACTS,
};

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    COLLECTION.build(context, args)
}

fn gather(tree: &Tree, args: &Args) -> Result<Gathered> {
    let classes: Vec<String> =
        tree.folders(FOLDER)?.into_iter().filter(|class| class != "BACKGROUND_Google").collect();
    let all = folders(tree, FOLDER, &classes)?;
    if args.text("split")? == "salman2020" {
        return Ok(first_of_each(all, classes, TRAIN));
    }
    let stream = Stream::new(args.int("seed")?, "caltech101 train");
    Ok(seeded(all, classes, stream, |rank, _| rank < TRAIN))
}
