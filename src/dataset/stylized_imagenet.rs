//! Stylized-ImageNet (Geirhos et al. 2019).

use super::facts::{Facts, IMAGENET, Metric};
use super::files::{Collection, Layout, image_folder, params};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};

/// ImageNet in the style of paintings.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "stylized_imagenet",
        home: Home::Namespace("dataset"),
        doc: "Stylized-ImageNet: ImageNet with the textures of paintings.\n\nFolders of classes \
              in train and val, with pictures of 224x224 pixels, as the scripts of the authors \
              write them.",
        inputs: &[],
        params: &params::<14>(224, &[]),
        returns: "dataset",
        example: Example {
            code: "let classes = 1000;\n\
                   try { classes = dataset::stylized_imagenet().classes; }\n\
                   catch { print(\"stylized_imagenet needs --data DIR\"); }\n\
                   classes",
            shows: "1000",
        },
        cite: "Geirhos, Rubisch, Michaelis, Bethge, Wichmann, Brendel 2019, https://arxiv.org/abs/1811.12231",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::Accuracy, 1_281_167, 50_000).normalised(IMAGENET);

const COLLECTION: Collection = Collection {
    official: Layout {
        names: &["stylized-imagenet", "stylized_imagenet", "StylizedImageNet"],
        markers: &["train", "val"],
        tree: "train/WNID/*.png\n\
               val/WNID/*.png",
    },
    salman2020: None,
    gather: |tree, _| image_folder(tree, "train", &["val"]),
    facts: &FACTS,
};

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    COLLECTION.build(context, args)
}
