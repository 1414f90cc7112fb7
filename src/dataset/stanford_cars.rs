//! Stanford Cars (Krause et al. 2013).

use super::facts::{Facts, Metric};
use super::files::{Collection, File, Gathered, Layout, SPLIT, Tree, params};
use super::mat::{self, Mat};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Spec};
use std::collections::BTreeMap;

/// Photographs of cars.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "stanford_cars",
        home: Home::Namespace("dataset"),
        doc: "Stanford Cars: photographs of 196 models of cars.\n\nReads the official MATLAB \
              tables, or folders of classes in train and test as Salman et al. 2020 have them.",
        inputs: &[],
        params: &params::<15>(224, &[SPLIT]),
        returns: "dataset",
        example: Example {
            code: "let classes = 196;\n\
                   try { classes = dataset::stanford_cars().classes; }\n\
                   catch { print(\"stanford_cars needs --data DIR\"); }\n\
                   classes",
            shows: "196",
        },
        cite: "Krause, Stark, Deng, Fei-Fei 2013, https://doi.org/10.1109/ICCVW.2013.77",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::Accuracy, 8_144, 8_041);

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["stanford_cars", "stanford-cars", "cars"],
        markers: &["cars_train", "cars_test", "devkit"],
        tree: "cars_train/*.jpg\n\
               cars_test/*.jpg\n\
               devkit/cars_meta.mat\n\
               devkit/cars_train_annos.mat\n\
               cars_test_annos_withlabels.mat (or in devkit/)",
    },
    salman2020: Some(Layout {
        names: &["stanford_cars", "stanford-cars", "cars"],
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

fn gather(tree: &Tree, _: &Args) -> Result<Gathered> {
    let (bytes, file) = tree.table("devkit/cars_meta.mat")?;
    let names =
        mat::variable(&mut mat::read(&bytes, &file.place())?, "class_names", &file.place())?;
    let Mat::Cells(names) = names else {
        return Err(Error::data(format!("{}: expected a cell of names", file.place())));
    };
    let classes: Vec<String> =
        names.iter().map(|name| name.text().unwrap_or_default().to_owned()).collect();
    let train = annotated(tree, "devkit/cars_train_annos.mat", "cars_train", classes.len())?;
    let tests = ["devkit/cars_test_annos_withlabels.mat", "cars_test_annos_withlabels.mat"];
    let table = tests.iter().find(|path| tree.has(path)).unwrap_or(&tests[1]);
    let test = annotated(tree, table, "cars_test", classes.len())?;
    Ok(Gathered { train, test, classes })
}

/// The pictures of a table of annotations, which lie in `folder`.
fn annotated(tree: &Tree, table: &str, folder: &str, classes: usize) -> Result<Vec<(File, usize)>> {
    let (bytes, file) = tree.table(table)?;
    let place = file.place();
    let annotations = mat::variable(&mut mat::read(&bytes, &place)?, "annotations", &place)?;
    let Mat::Structs(annotations) = annotations else {
        return Err(Error::data(format!("{place}: expected a structure of annotations")));
    };
    let picture = |(row, fields): (usize, &BTreeMap<String, Mat>)| {
        let class = fields.get("class").and_then(Mat::number).unwrap_or_default();
        let name = fields.get("fname").and_then(Mat::text);
        match name {
            Some(name) if (1.0..=classes as f64).contains(&class) => {
                Ok((tree.file(&format!("{folder}/{name}"))?, class as usize - 1))
            }
            _ => Err(Error::data(format!(
                "{place}: expected a file and a class from 1 to {classes} in row {row}, \
                 found {name:?} and {class}"
            ))),
        }
    };
    annotations.iter().enumerate().map(picture).collect()
}
