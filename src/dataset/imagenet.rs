//! ImageNet, the classes of the challenge of 2012 (Russakovsky et al. 2015).

use super::facts::{Facts, IMAGENET, Metric};
use super::files::{File, Gathered, Layout, Lines, Tar, Tree, finish, image_folder, params};
use super::mat::{self, Mat};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Spec};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Photographs of 1,000 kinds of things.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "imagenet",
        home: Home::Namespace("dataset"),
        doc: "ImageNet: photographs of the 1,000 classes of the challenge of 2012.\n\nReads folders \
              of classes in train and val, or the official archives as they are, with the \
              development kit for the labels of val. Val is test. Classes are sorted by their \
              WordNet ids, as everywhere in the field; those of the kit are others. Both ways \
              give the same images and addresses.",
        inputs: &[],
        params: &params::<14>(224, &[]),
        returns: "dataset",
        example: Example {
            code: "let classes = 1000;\n\
                   try { classes = dataset::imagenet().classes; }\n\
                   catch { print(\"imagenet needs --data DIR\"); }\n\
                   classes",
            shows: "1000",
        },
        cite: "Russakovsky, Deng, Su et al. 2015, https://doi.org/10.1007/s11263-015-0816-y",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::Accuracy, 1_281_167, 50_000).normalised(IMAGENET);
const NAMES: &[&str] = &["imagenet", "ImageNet", "ILSVRC2012"];
const TRAIN: &str = "ILSVRC2012_img_train.tar";
const VAL: &str = "ILSVRC2012_img_val.tar";
const KIT: &str = "ILSVRC2012_devkit_t12";

const FOLDERS: Layout = Layout {
    names: NAMES,
    markers: &["train", "val"],
    tree: "train/WNID/*.JPEG and val/WNID/*.JPEG, or\n\
           ILSVRC2012_img_train.tar\n\
           ILSVRC2012_img_val.tar\n\
           ILSVRC2012_devkit_t12/data/meta.mat\n\
           ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt",
};
const ARCHIVES: Layout = Layout { names: NAMES, markers: &[TRAIN, VAL, KIT], tree: FOLDERS.tree };

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    let built = || {
        let data = context.data.as_deref();
        if let Some(data) = data
            && let Some(tree) = ARCHIVES.search(data)?
        {
            let gathered = archives(&tree)?;
            // The labels are in the paths by now: the lists are no part of the identity.
            return finish(
                context,
                args,
                &Tree::folder(Path::new(&tree.place())),
                gathered,
                &FACTS,
            );
        }
        let tree = FOLDERS.find(data)?;
        let gathered = image_folder(&tree, "train", &["val"])?;
        finish(context, args, &tree, gathered, &FACTS)
    };
    built().map_err(|error| error.within(args.spec().name))
}

fn opened(tree: &Tree, name: &str) -> Result<Arc<Tar>> {
    Tar::open(&Path::new(&tree.place()).join(name))
}

fn archives(tree: &Tree) -> Result<Gathered> {
    let train = opened(tree, TRAIN)?;
    let inner: Vec<&String> =
        train.entries().keys().filter(|name| name.ends_with(".tar")).collect();
    let classes: Vec<String> =
        inner.iter().map(|name| name.trim_end_matches(".tar").to_owned()).collect();
    let labels: HashMap<&str, usize> =
        classes.iter().enumerate().map(|(label, class)| (class.as_str(), label)).collect();
    let named = |file: File, part: &str, class: &str| {
        let path = format!("{part}/{class}/{}", file.name());
        file.renamed(path)
    };
    let mut pictures = Vec::new();
    for (label, archive) in inner.iter().enumerate() {
        let class = &classes[label];
        let within = train.within(archive)?.into_iter();
        pictures.extend(within.map(|file| (named(file, "train", class), label)));
    }
    let truth = ground_truth(tree)?;
    let val = Tree::archive(opened(tree, VAL)?, "");
    let files: Vec<File> = val.below("")?.into_iter().filter(File::is_picture).collect();
    let mut test = Vec::new();
    for file in files {
        // ILSVRC2012_val_00000001.JPEG has the first label.
        let number = file.stem().rsplit('_').next().and_then(|digits| digits.parse::<usize>().ok());
        let class = number.and_then(|number| truth.get(number.wrapping_sub(1)));
        let label = class.and_then(|class| labels.get(class.as_str()));
        let (Some(class), Some(label)) = (class, label) else {
            return Err(Error::data(format!("{}: expected a picture with a label", file.place())));
        };
        test.push((named(file, "val", class), *label));
    }
    test.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
    Ok(Gathered { classes, train: pictures, test })
}

/// The WordNet id of each validation picture, in the order of their numbers.
fn ground_truth(tree: &Tree) -> Result<Vec<String>> {
    let (bytes, file) = tree.table(&format!("{KIT}/data/meta.mat"))?;
    let synsets = mat::variable(&mut mat::read(&bytes, &file.place())?, "synsets", &file.place())?;
    let Mat::Structs(synsets) = synsets else {
        return Err(Error::data(format!("{}: expected a structure of synsets", file.place())));
    };
    let wnid = |fields: &BTreeMap<String, Mat>| {
        let leaf = fields.get("num_children").and_then(Mat::number) == Some(0.0);
        let number = fields.get("ILSVRC2012_ID").and_then(Mat::number)?;
        let wnid = fields.get("WNID").and_then(Mat::text)?.to_owned();
        leaf.then_some((number as usize, wnid))
    };
    let wnids: HashMap<usize, String> = synsets.iter().filter_map(wnid).collect();
    let list = Lines::of(tree, &format!("{KIT}/data/ILSVRC2012_validation_ground_truth.txt"))?;
    let label = |line: &str| {
        let wnid = line.parse().ok().and_then(|number: usize| wnids.get(&number));
        wnid.cloned().ok_or_else(|| list.unexpected("the number of a class", line))
    };
    list.iter().map(label).collect()
}
