//! Tiny ImageNet (Le, Yang 2015).

use super::facts::{Facts, IMAGENET, Metric};
use super::files::{Collection, File, Gathered, Layout, Lines, Tree, folders, params, with_labels};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};

/// Small pictures of ImageNet.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "tiny_imagenet",
        home: Home::Namespace("dataset"),
        doc: "Tiny ImageNet: 200 classes of ImageNet at 64x64 pixels.\n\nThe official training \
              images are train and the validation images test; the official test images have no \
              labels. Classes are sorted by their WordNet ids. A part of the classes is read as \
              well.",
        inputs: &[],
        params: &params::<14>(64, &[]),
        returns: "dataset",
        example: Example {
            code: "let classes = 200;\n\
                   try { classes = dataset::tiny_imagenet().classes; }\n\
                   catch { print(\"tiny_imagenet needs --data DIR\"); }\n\
                   classes",
            shows: "200",
        },
        cite: "Le, Yang 2015, http://cs231n.stanford.edu/reports/2015/pdfs/yle_project.pdf",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::Accuracy, 100_000, 10_000).normalised(IMAGENET);

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["tiny-imagenet-200", "tiny-imagenet", "tiny_imagenet", "tiny-imagenet-50"],
        markers: &["wnids.txt", "train", "val"],
        tree: "wnids.txt\n\
               train/WNID/images/*.JPEG\n\
               val/images/*.JPEG\n\
               val/val_annotations.txt",
    },
    salman2020: None,
    gather,
    facts: &FACTS,
};

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    COLLECTION.build(context, args)
}

fn gather(tree: &Tree, _: &Args) -> Result<Gathered> {
    let mut classes = Lines::of(tree, "wnids.txt")?.names();
    classes.sort_unstable();
    let train = folders(tree, "train", &classes)?;
    let list = Lines::of(tree, "val/val_annotations.txt")?;
    let files: Vec<File> = tree.below("val/images")?;
    let parts = |line| {
        let mut parts = str::split(line, '\t');
        match (parts.next(), parts.next()) {
            (Some(image), Some(class)) => Ok((format!("val/images/{image}"), class)),
            _ => Err(list.unexpected("a picture and its class", line)),
        }
    };
    let lines = list.iter().map(parts).collect::<Result<Vec<_>>>()?;
    let test = with_labels(&files, lines, &classes, list.place())?;
    Ok(Gathered { train, test, classes })
}
