//! Food-101 (Bossard, Guillaumin, Van Gool 2014).

use super::facts::{Facts, Metric};
use super::files::{Collection, File, Gathered, Layout, Lines, SPLIT, Tree, params, with_labels};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};

/// Photographs of dishes.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "food101",
        home: Home::Namespace("dataset"),
        doc: "Food-101: photographs of 101 dishes.\n\nReads the official lists, or folders of \
              classes in train and valid as Salman et al. 2020 have them.",
        inputs: &[],
        params: &params::<15>(224, &[SPLIT]),
        returns: "dataset",
        example: Example {
            code: "let classes = 101;\n\
                   try { classes = dataset::food101().classes; }\n\
                   catch { print(\"food101 needs --data DIR\"); }\n\
                   classes",
            shows: "101",
        },
        cite: "Bossard, Guillaumin, Van Gool 2014, https://doi.org/10.1007/978-3-319-10599-4_29",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::Accuracy, 75_750, 25_250);

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["food-101", "food101"],
        markers: &["images", "meta"],
        tree: "images/CLASS/*.jpg\n\
               meta/classes.txt\n\
               meta/train.txt\n\
               meta/test.txt",
    },
    salman2020: Some(Layout {
        names: &["food-101", "food101"],
        markers: &["train"],
        tree: "train/CLASS/*.jpg\n\
               valid/CLASS/*.jpg",
    }),
    gather,
    facts: &FACTS,
};

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    COLLECTION.build(context, args)
}

fn gather(tree: &Tree, _: &Args) -> Result<Gathered> {
    let files = tree.below("images")?;
    let classes = Lines::of(tree, "meta/classes.txt")?.names();
    let listed = |name: &str| -> Result<Vec<(File, usize)>> {
        let list = Lines::of(tree, &format!("meta/{name}.txt"))?;
        let lines = list.iter().map(|line| {
            let class = line.split('/').next().unwrap_or_default();
            (format!("images/{line}.jpg"), class)
        });
        with_labels(&files, lines, &classes, list.place())
    };
    Ok(Gathered { train: listed("train")?, test: listed("test")?, classes: classes.clone() })
}
