//! The Describable Textures Dataset (Cimpoi et al. 2014).

use super::facts::{Facts, Metric};
use super::files::{Collection, File, Gathered, Layout, Lines, Tree, params, with_labels};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// Pictures of textures.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "dtd",
        home: Home::Namespace("dataset"),
        doc: "DTD: pictures of 47 kinds of textures.\n\nThe train and val lists of a partition \
              are train, its test list is test. Salman et al. 2020 use partition 1, with ten \
              outputs too many.",
        inputs: &[],
        params: &params::<15>(224, &[PARTITION]),
        returns: "dataset",
        example: Example {
            code: "let classes = 47;\n\
                   try { classes = dataset::dtd().classes; }\n\
                   catch { print(\"dtd needs --data DIR\"); }\n\
                   classes",
            shows: "47",
        },
        cite: "Cimpoi, Maji, Kokkinos, Mohamed, Vedaldi 2014, https://doi.org/10.1109/CVPR.2014.461",
        version: 1,
    },
    build,
};

const PARTITION: Param =
    Param::int("partition", 1, 1, "Which of the ten official partitions.").up_to(10.0);
const FACTS: Facts = Facts::new(Metric::Accuracy, 3_760, 1_880);

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["dtd"],
        markers: &["images", "labels"],
        tree: "images/CLASS/*.jpg\n\
               labels/train1.txt, val1.txt, test1.txt, ...",
    },
    salman2020: None,
    gather,
    facts: &FACTS,
};

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    COLLECTION.build(context, args)
}

fn gather(tree: &Tree, args: &Args) -> Result<Gathered> {
    let partition = args.int("partition")?;
    let files = tree.below("images")?;
    let classes = tree.folders("images")?;
    let listed = |name: &str| -> Result<Vec<(File, usize)>> {
        let list = Lines::of(tree, &format!("labels/{name}{partition}.txt"))?;
        let lines = list.iter().map(|line| {
            let class = line.split('/').next().unwrap_or_default();
            (format!("images/{line}"), class)
        });
        with_labels(&files, lines, &classes, list.place())
    };
    let train = [listed("train")?, listed("val")?].concat();
    Ok(Gathered { train, test: listed("test")?, classes })
}
