//! A data set of picture files: found, labelled, identified, and selected from.

use super::identity::identity;
use super::image_folder::{SPLIT_FOLDERS, image_folder};
use super::layout::Layout;
use super::scan::undecodable;
use super::tree::{File, Tree};
use crate::context::Context;
use crate::dataset::Dataset;
use crate::dataset::facts::Facts;
use crate::dataset::selection::{self, Contents, Pictures, select};
use crate::dataset::split::Sample;
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Param};
use serde_json::Value as Json;
use std::path::Path;

/// Pictures with their labels, before any option.
pub struct Gathered {
    /// The names of the classes; labels are their positions.
    pub classes: Vec<String>,
    /// The training pictures.
    pub train: Vec<(File, usize)>,
    /// The test pictures.
    pub test: Vec<(File, usize)>,
}

/// How a data set of picture files is read.
pub struct Collection {
    /// The official files.
    pub official: Layout,
    /// The folders of Salman et al. 2020, where these are `train` and `test` with a folder for
    /// each class; chosen by the option `split`.
    pub salman2020: Option<Layout>,
    /// Labels the official files.
    pub gather: fn(&Tree, &Args) -> Result<Gathered>,
    /// What is known of it.
    pub facts: &'static Facts,
}

/// The option of data sets that Salman et al. 2020 split or order otherwise.
pub const SPLIT: Param = Param::choice(
    "split",
    &["official", "salman2020"],
    "Which files are train and test, and the order of the classes: those of the data set's \
     authors, or those of the released code of Salman et al. 2020.",
);

const SKIP_BAD: Param = Param::int(
    "skip_bad",
    0,
    0,
    "How many pictures that cannot be decoded may be left out. With 0 none is looked for, and one \
     that is met ends the work with its path; otherwise all are tried once.",
);

const DECODE: Param = Param {
    // Pixels are the same.
    label: true,
    ..Param::choice(
        "decode",
        &["whole", "needed"],
        "How much of a JPEG picture is decoded: all, or only the rows down to the last that the \
         transforms use. The pixels are the same and come sooner, but damage below goes unnoticed.",
    )
};

/// The options of a data set of picture files of a usual `size`, and `more`.
pub const fn params<const N: usize>(size: i64, more: &[Param]) -> [Param; N] {
    let mut params = [SKIP_BAD; N];
    params[N - 2] = DECODE;
    let mut at = 0;
    while at < selection::PARAMS.len() {
        params[at] = selection::PARAMS[at];
        if matches!(params[at].name.as_bytes(), b"size") {
            params[at].default = Default::Int(size);
            params[at].doc = "Height and width in pixels: the short side is resized to it \
                              (bilinear, antialiased), then the middle is cut out.";
        }
        at += 1;
    }
    let mut own = 0;
    while own < more.len() {
        params[at] = more[own];
        at += 1;
        own += 1;
    }
    params
}

impl Collection {
    /// The dataset that the options select.
    ///
    /// # Errors
    /// Usage: the files are not there, with the expected tree. Data: they are damaged.
    pub fn build(&self, context: &Context, args: &Args) -> Result<Dataset> {
        let built = || {
            let data = context.data.as_deref();
            let (tree, gathered) = match self.salman2020 {
                Some(layout) if args.text("split")? == "salman2020" => {
                    let tree = layout.find(data)?;
                    let gathered = image_folder(&tree, "train", &SPLIT_FOLDERS)?;
                    (tree, gathered)
                }
                _ => {
                    let tree = self.official.find(data)?;
                    let gathered = (self.gather)(&tree, args)?;
                    (tree, gathered)
                }
            };
            finish(context, args, &tree, gathered, self.facts)
        };
        built().map_err(|error| error.within(args.spec().name))
    }
}

/// The dataset that the options select from pictures.
///
/// # Errors
/// As [`Collection::build`].
pub fn finish(
    context: &Context,
    args: &Args,
    tree: &Tree,
    mut gathered: Gathered,
    facts: &'static Facts,
) -> Result<Dataset> {
    let name = args.spec().name;
    if gathered.train.is_empty() {
        let place = Path::new(&tree.place()).display().to_string();
        return Err(Error::data(format!("{place}: expected training pictures, found none")));
    }
    let lists = tree.lists();
    let pictures = gathered.train.iter().chain(&gathered.test).map(|(file, _)| file);
    let mut source = identity(context, name, &pictures.clone().chain(&lists).collect::<Vec<_>>())?;
    let most = usize::try_from(args.int("skip_bad")?).unwrap_or(usize::MAX);
    if most > 0 {
        let bad = undecodable(context, name, &source, &pictures.collect::<Vec<_>>(), most)?;
        for part in [&mut gathered.train, &mut gathered.test] {
            part.retain(|(file, _)| !bad.contains(&file.path));
        }
        source["left_out"] = bad.into_iter().map(Json::from).collect();
    }
    let sample = |(id, (_, label)): (u64, &(File, usize))| Sample { id, label: *label as i64 };
    let train: Vec<Sample> = (0..).zip(&gathered.train).map(sample).collect();
    let test = (train.len() as u64..).zip(&gathered.test).map(sample).collect();
    let files = gathered.train.into_iter().chain(gathered.test).map(|(file, _)| file).collect();
    let Gathered { classes, .. } = gathered;
    let pictures = Pictures::Files { files, partly: args.text(DECODE.name)? == "needed" };
    select(Contents { classes, facts, train, test, source, pictures }, args)
}
