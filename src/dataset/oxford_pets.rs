//! Oxford-IIIT Pets (Parkhi et al. 2012).

use super::facts::{Facts, Metric};
use super::files::{Collection, File, Gathered, Layout, Lines, SPLIT, Tree, params};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};

/// Photographs of pets.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "oxford_pets",
        home: Home::Namespace("dataset"),
        doc: "Oxford-IIIT Pets: photographs of 37 breeds of cats and dogs.\n\nReads the official \
              lists trainval (train) and test, or folders of classes in train and test as Salman \
              et al. 2020 have them. Some of the official pictures are damaged or no JPEG.",
        inputs: &[],
        params: &params::<15>(224, &[SPLIT]),
        returns: "dataset",
        example: Example {
            code: "let classes = 37;\n\
                   try { classes = dataset::oxford_pets().classes; }\n\
                   catch { print(\"oxford_pets needs --data DIR\"); }\n\
                   classes",
            shows: "37",
        },
        cite: "Parkhi, Vedaldi, Zisserman, Jawahar 2012, https://doi.org/10.1109/CVPR.2012.6248092",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::MeanPerClass, 3_680, 3_669);
/// The number of breeds.
const CLASSES: usize = 37;

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["oxford-iiit-pet", "oxford_pets", "pets"],
        markers: &["images", "annotations"],
        tree: "images/*.jpg\n\
               annotations/trainval.txt\n\
               annotations/test.txt",
    },
    salman2020: Some(Layout {
        names: &["oxford-iiit-pet", "oxford_pets", "pets"],
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
    let mut classes = vec![String::new(); CLASSES];
    let mut listed = |name: &str| -> Result<Vec<(File, usize)>> {
        let list = Lines::of(tree, &format!("annotations/{name}.txt"))?;
        let mut found = Vec::new();
        for line in list.iter().filter(|line| !line.starts_with('#')) {
            let mut parts = line.split_whitespace();
            let class = || list.unexpected("a picture and its class from 1 to 37", line);
            let (Some(image), Some(number)) = (parts.next(), parts.next()) else {
                return Err(class());
            };
            let number: usize = number.parse().map_err(|_| class())?;
            let name = number.checked_sub(1).and_then(|label| classes.get_mut(label));
            let name = name.ok_or_else(class)?;
            // Pictures are named after their breed: yorkshire_terrier_9.
            *name = image.rsplit_once('_').map_or(image, |(breed, _)| breed).to_owned();
            found.push((tree.file(&format!("images/{image}.jpg"))?, number - 1));
        }
        Ok(found)
    };
    let (train, test) = (listed("trainval")?, listed("test")?);
    Ok(Gathered { train, test, classes })
}
