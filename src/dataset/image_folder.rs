//! Any pictures in a folder for each class.

use super::facts::{Facts, IMAGENET, Metric};
use super::files::{Gathered, SPLIT_FOLDERS, Tar, Tree, finish, folders, image_folder, params};
use super::{Build, Dataset};
use crate::confinement::Confinement;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use std::path::Path;

/// Pictures in a folder for each class.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "image_folder",
        home: Home::Namespace("dataset"),
        doc: "Pictures in a folder for each class, as torchvision's ImageFolder reads them.\n\nThe \
              folder, or a tar archive in its place, holds train and one of test, val or valid \
              with the classes in them, or the classes themselves: then a share of each class is \
              tested on. Classes are sorted by the bytes of their names.",
        inputs: &[Param::input("folder", Kind::Text, "The folder, or the archive, below --data.")],
        params: &params::<14>(224, &[]),
        returns: "dataset",
        example: Example {
            code: "let classes = 2;\n\
                   try { classes = dataset::image_folder(\"pets\").classes; }\n\
                   catch { print(\"image_folder needs --data DIR\"); }\n\
                   classes",
            shows: "2",
        },
        cite: "torchvision 2016, datasets.ImageFolder",
        version: 2,
    },
    build,
};

const FACTS: Facts = Facts { metric: Metric::Accuracy, normalisation: IMAGENET, counts: None };

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    let built = || {
        let Some(data) = &context.data else {
            return Err(Error::usage("no data folder was named").hint("name it with --data DIR"));
        };
        let path = Confinement::to(data).readable(Path::new(args.text("folder")?))?;
        let tree = match path.is_dir() {
            true => Tree::folder(&path),
            false => {
                let archive = Tar::open(&path)?;
                let top = top(archive.entries().keys().map(String::as_str));
                Tree::archive(archive, &top)
            }
        };
        let gathered = if tree.has("train") {
            image_folder(&tree, "train", &SPLIT_FOLDERS)?
        } else {
            let classes = tree.folders("")?;
            let all = folders(&tree, "", &classes)?;
            Gathered { train: all, test: Vec::new(), classes }
        };
        finish(context, args, &tree, gathered, &FACTS)
    };
    built().map_err(|error| error.within(args.spec().name))
}

/// The folder that holds all files of an archive with classes in it: empty, or ending in `/`.
fn top<'a>(mut paths: impl Iterator<Item = &'a str>) -> String {
    let first = paths.next().unwrap_or_default();
    let folder = match first.split_once('/') {
        Some((folder, rest)) if rest.contains('/') => format!("{folder}/"),
        _ => return String::new(),
    };
    if paths.all(|path| path.starts_with(&folder)) { folder } else { String::new() }
}
