//! Oxford Flowers-102 (Nilsback, Zisserman 2008).

use super::facts::{Facts, Metric};
use super::files::{Collection, File, Gathered, Layout, SPLIT, Tree, params};
use super::mat::{self, Mat};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Spec};

/// Photographs of flowers.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "flowers102",
        home: Home::Namespace("dataset"),
        doc: "Flowers-102: photographs of 102 species of flowers.\n\nReads the official MATLAB \
              tables: trnid and valid are train, tstid is test. Or folders of classes in train and \
              test as Salman et al. 2020 have them.",
        inputs: &[],
        params: &params::<15>(224, &[SPLIT]),
        returns: "dataset",
        example: Example {
            code: "let classes = 102;\n\
                   try { classes = dataset::flowers102().classes; }\n\
                   catch { print(\"flowers102 needs --data DIR\"); }\n\
                   classes",
            shows: "102",
        },
        cite: "Nilsback, Zisserman 2008, https://doi.org/10.1109/ICVGIP.2008.47",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::MeanPerClass, 2_040, 6_149);
/// The number of species.
const CLASSES: usize = 102;

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["flowers-102", "flowers102", "flowers"],
        markers: &["jpg", "imagelabels.mat", "setid.mat"],
        tree: "jpg/image_00001.jpg, ...\n\
               imagelabels.mat\n\
               setid.mat",
    },
    salman2020: Some(Layout {
        names: &["flowers-102", "flowers102", "flowers"],
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
    let (labels, place) = table(tree, "imagelabels.mat", &["labels"])?;
    let (sets, _) = table(tree, "setid.mat", &["trnid", "valid", "tstid"])?;
    let labels = &labels[0];
    let pictures = |numbers: &[f64]| -> Result<Vec<(File, usize)>> {
        let picture = |number: &f64| {
            let label = labels.get((*number as usize).wrapping_sub(1)).copied().unwrap_or_default();
            let range = 1.0..=CLASSES as f64;
            if !range.contains(&label) {
                return Err(Error::data(format!(
                    "{place}: expected labels from 1 to {CLASSES}, found {label} for picture {number}"
                )));
            }
            Ok((tree.file(&format!("jpg/image_{:05}.jpg", *number as usize))?, label as usize - 1))
        };
        numbers.iter().map(picture).collect()
    };
    let train = [pictures(&sets[0])?, pictures(&sets[1])?].concat();
    let classes = (1..=CLASSES).map(|class| class.to_string()).collect();
    Ok(Gathered { train, test: pictures(&sets[2])?, classes })
}

/// The numbers of some variables of a MATLAB file, and its place.
fn table(tree: &Tree, path: &str, names: &[&str]) -> Result<(Vec<Vec<f64>>, String)> {
    let (bytes, file) = tree.table(path)?;
    let mut all = mat::read(&bytes, &file.place())?;
    let numbers = |name: &&str| match mat::variable(&mut all, name, &file.place())? {
        Mat::Numbers(numbers) => Ok(numbers),
        _ => Err(Error::data(format!("{}: expected numbers in {name}", file.place()))),
    };
    let numbers = names.iter().map(numbers).collect::<Result<_>>()?;
    Ok((numbers, file.place()))
}
