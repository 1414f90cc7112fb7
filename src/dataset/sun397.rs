//! SUN397 (Xiao et al. 2010).

use super::facts::{Facts, Metric};
use super::files::{Collection, File, Gathered, Layout, Lines, Tree, params, with_labels};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// Photographs of scenes.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "sun397",
        home: Home::Namespace("dataset"),
        doc: "SUN397: photographs of 397 kinds of scenes.\n\nReads one of the ten official \
              partitions, of 50 pictures of each class for train and for test; Salman et al. 2020 \
              use the first. Pictures named .jpg may be PNG, GIF or BMP, and one cannot be \
              decoded.",
        inputs: &[],
        params: &params::<15>(224, &[PARTITION]),
        returns: "dataset",
        example: Example {
            code: "let classes = 397;\n\
                   try { classes = dataset::sun397().classes; }\n\
                   catch { print(\"sun397 needs --data DIR\"); }\n\
                   classes",
            shows: "397",
        },
        cite: "Xiao, Hays, Ehinger, Oliva, Torralba 2010, https://doi.org/10.1109/CVPR.2010.5539970",
        version: 1,
    },
    build,
};

const PARTITION: Param =
    Param::int("partition", 1, 1, "Which of the ten official partitions.").up_to(10.0);
const FACTS: Facts = Facts::new(Metric::Accuracy, 19_850, 19_850);

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["SUN397", "sun397"],
        markers: &["ClassName.txt"],
        tree: "ClassName.txt\n\
               a/abbey/*.jpg, ...\n\
               Training_01.txt, Testing_01.txt, ... (or in Partitions/)",
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
    let names = Lines::of(tree, "ClassName.txt")?;
    let classes: Vec<String> =
        names.iter().map(|line| line.trim_start_matches('/').to_owned()).collect();
    let files = tree.below("")?;
    let listed = |name: &str| -> Result<Vec<(File, usize)>> {
        let name = format!("{name}_{partition:02}.txt");
        let folded = format!("Partitions/{name}");
        let list = Lines::of(tree, if tree.has(&folded) { &folded } else { &name })?;
        let lines = list.iter().map(|line| {
            let path = line.trim_start_matches('/');
            (path.to_owned(), path.rsplit_once('/').map_or("", |(class, _)| class))
        });
        with_labels(&files, lines, &classes, list.place())
    };
    Ok(Gathered { train: listed("Training")?, test: listed("Testing")?, classes: classes.clone() })
}
