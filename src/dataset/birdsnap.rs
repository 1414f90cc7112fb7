//! Birdsnap (Berg et al. 2014).

use super::facts::{Facts, Metric};
use super::files::{Collection, Gathered, Layout, Lines, SPLIT, Tree, params, with_labels};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Spec};
use std::collections::BTreeSet;

/// Photographs of birds.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "birdsnap",
        home: Home::Namespace("dataset"),
        doc: "Birdsnap: photographs of 500 species of North American birds.\n\nReads the lists of \
              the authors (`official`: the pictures of images.txt that were downloaded, of which \
              those of test_images.txt are test), or folders of classes in train and test as \
              Salman et al. 2020 have them.",
        inputs: &[],
        params: &params::<15>(224, &[SPLIT]),
        returns: "dataset",
        example: Example {
            code: "let classes = 500;\n\
                   try { classes = dataset::birdsnap().classes; }\n\
                   catch { print(\"birdsnap needs --data DIR\"); }\n\
                   classes",
            shows: "500",
        },
        cite: "Berg, Liu, Lee, Alexander, Jacobs, Belhumeur 2014, https://doi.org/10.1109/CVPR.2014.259",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::Accuracy, 47_386, 2_443);

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["birdsnap"],
        markers: &["species.txt", "images.txt", "test_images.txt"],
        tree: "species.txt\n\
               images.txt\n\
               test_images.txt\n\
               download/images/SPECIES/*.jpg",
    },
    salman2020: Some(Layout {
        names: &["birdsnap"],
        markers: &["train"],
        tree: "train/CLASS/*.jpg\n\
               test/CLASS/*.jpg",
    }),
    gather,
    facts: &FACTS,
};

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    COLLECTION.build(context, args)
}

/// The rows of a table with a heading, as its columns `first` and `second`.
fn columns<'a>(table: &'a Lines, first: &str, second: &str) -> Result<Vec<(&'a str, &'a str)>> {
    let mut rows = table.iter();
    let heading: Vec<&str> = rows.next().unwrap_or_default().split('\t').map(str::trim).collect();
    let place = |name: &str| {
        let place = heading.iter().position(|column| *column == name);
        place.ok_or_else(|| table.unexpected(&format!("a heading with {name}"), &heading.join(" ")))
    };
    let places = (place(first)?, place(second)?);
    let row = |row: &'a str| {
        let cells: Vec<&str> = row.split('\t').map(str::trim).collect();
        match (cells.get(places.0), cells.get(places.1)) {
            (Some(first), Some(second)) => Ok((*first, *second)),
            _ => Err(table.unexpected("a row as long as the heading", row)),
        }
    };
    rows.map(row).collect()
}

fn gather(tree: &Tree, _: &Args) -> Result<Gathered> {
    const IMAGES: &str = "download/images";
    let (species, images) = (Lines::of(tree, "species.txt")?, Lines::of(tree, "images.txt")?);
    let tests = Lines::of(tree, "test_images.txt")?;
    let classes: Vec<String> =
        columns(&species, "id", "dir")?.iter().map(|(_, folder)| (*folder).to_owned()).collect();
    let tests: BTreeSet<&str> = tests.iter().skip(1).collect();
    let files = tree.below(IMAGES)?;
    let present: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (path, species) in columns(&images, "path", "species_id")? {
        let full = format!("{IMAGES}/{path}");
        // Many of the addresses that the pictures came from are dead.
        if !present.contains(full.as_str()) {
            continue;
        }
        let number = species.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let class = number.and_then(|label| classes.get(label));
        let class = class
            .ok_or_else(|| Error::data(format!("{}: no species {species}", images.place())))?;
        let part = if tests.contains(path) { &mut test } else { &mut train };
        part.push((full, class.as_str()));
    }
    let labelled = |listed| with_labels(&files, listed, &classes, images.place());
    Ok(Gathered { train: labelled(train)?, test: labelled(test)?, classes: classes.clone() })
}
