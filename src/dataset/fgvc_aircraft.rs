//! FGVC-Aircraft (Maji et al. 2013).

use super::facts::{Facts, Metric};
use super::files::{Collection, File, Gathered, Layout, Lines, SPLIT, Tree, params, with_labels};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};

/// Photographs of aircraft.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "fgvc_aircraft",
        home: Home::Namespace("dataset"),
        doc: "FGVC-Aircraft: photographs of 100 variants of aircraft.\n\nThe official trainval \
              list is train, the test list test. The classes are in the order of variants.txt \
              (`official`) or sorted (`salman2020`).",
        inputs: &[],
        params: &params::<15>(224, &[SPLIT]),
        returns: "dataset",
        example: Example {
            code: "let classes = 100;\n\
                   try { classes = dataset::fgvc_aircraft().classes; }\n\
                   catch { print(\"fgvc_aircraft needs --data DIR\"); }\n\
                   classes",
            shows: "100",
        },
        cite: "Maji, Rahtu, Kannala, Blaschko, Vedaldi 2013, https://arxiv.org/abs/1306.5151",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::MeanPerClass, 6_667, 3_333);

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["fgvc-aircraft-2013b", "fgvc_aircraft"],
        markers: &["data/images", "data/variants.txt"],
        tree: "data/images/*.jpg\n\
               data/variants.txt\n\
               data/images_variant_trainval.txt\n\
               data/images_variant_test.txt",
    },
    salman2020: None,
    gather,
    facts: &FACTS,
};

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    COLLECTION.build(context, args)
}

fn gather(tree: &Tree, args: &Args) -> Result<Gathered> {
    let files = tree.below("data/images")?;
    let mut classes = Lines::of(tree, "data/variants.txt")?.names();
    if args.text("split")? == "salman2020" {
        classes.sort_unstable();
    }
    let listed = |name: &str| -> Result<Vec<(File, usize)>> {
        let list = Lines::of(tree, &format!("data/images_variant_{name}.txt"))?;
        // Names of variants hold blanks.
        let parts = |line| match str::split_once(line, ' ') {
            Some((image, variant)) => Ok((format!("data/images/{image}.jpg"), variant.trim())),
            None => Err(list.unexpected("a picture and its variant", line)),
        };
        let lines = list.iter().map(parts).collect::<Result<Vec<_>>>()?;
        with_labels(&files, lines, &classes, list.place())
    };
    Ok(Gathered { train: listed("trainval")?, test: listed("test")?, classes: classes.clone() })
}
