//! Datasets and their splits, as scripts hold them.

mod derived;

use super::facts::{Facts, Metric};
use super::pixels::Pixels;
use super::storage::Storage;
use super::view::View;
use crate::error::{Error, Result};
use crate::image::Raster;
use crate::lineage::Lineage;
use crate::registry::Handle;
use crate::seed::Stream;
use std::any::Any;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use tch::{Device, Tensor};

/// One image of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// Its position in the archive, counted through the training file and on through the test
    /// file; it does not depend on what was selected.
    pub id: u64,
    /// Its class.
    pub label: i64,
}

/// Some samples with their pixels, ready for a model.
#[derive(Debug)]
pub struct Batch {
    /// f32 images `[B, C, H, W]` in [0, 1].
    pub x: Tensor,
    /// i64 labels `[B]` in `0..classes`.
    pub y: Tensor,
    /// The ids of the samples, for random streams.
    pub ids: Vec<u64>,
}

/// A labelled set of images in three splits that share no image.
#[derive(Clone)]
pub struct Dataset {
    /// What networks are trained on.
    pub train: Split,
    /// What decides between settings.
    pub val: Split,
    /// What results are reported on.
    pub test: Split,
    name: Rc<str>,
    lineage: Rc<Lineage>,
    val_only_chooses: bool,
}

/// What the labels of a dataset mean, and what is known of it.
pub struct About {
    /// The names of the classes; labels are their positions.
    pub classes: Vec<String>,
    /// Metric, normalisation and official counts.
    pub facts: &'static Facts,
}

/// The samples of one split, and what decides which they are.
pub struct Part {
    /// `train`, `val` or `test`.
    pub name: &'static str,
    /// The samples, in any order.
    pub samples: Vec<Sample>,
    /// The options that bear on this split, and no others: what is computed from it stays valid
    /// when the rest of the dataset changes.
    pub lineage: Rc<Lineage>,
}

impl Dataset {
    /// The dataset of these parts (train, val, test).
    pub fn new(
        name: &str,
        lineage: Rc<Lineage>,
        pixels: Pixels,
        about: About,
        parts: [Part; 3],
    ) -> Self {
        let about = Rc::new(about);
        let name: Rc<str> = name.into();
        let pixels = Rc::new(pixels);
        let [train, val, test] = parts.map(|part| {
            let origin = Origin {
                dataset: name.clone(),
                lineage: lineage.clone(),
                pixels: pixels.clone(),
                about: about.clone(),
            };
            Split::new(origin, part.name.to_owned(), part.samples, part.lineage)
        });
        Self { train, val, test, name, lineage, val_only_chooses: false }
    }

    /// Whether a last fit, when the settings are chosen, may learn from val too. Not where the number
    /// of training images is the point.
    pub fn refits_on_val(&self) -> bool {
        !self.val_only_chooses
    }

    /// What gives the images.
    pub(super) fn pixels(&self) -> &Pixels {
        &self.train.0.origin.pixels
    }

    /// Its name in tables and plots.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of classes; labels are `0..classes`.
    pub fn classes(&self) -> i64 {
        self.train.classes()
    }

    /// The names of the classes, in the order of the labels.
    pub fn class_names(&self) -> &[String] {
        &self.train.0.origin.about.classes
    }

    /// Metric, normalisation and official counts.
    pub fn facts(&self) -> &'static Facts {
        self.train.0.origin.about.facts
    }

    /// Channels, height and width.
    pub fn shape(&self) -> [i64; 3] {
        self.train.shape()
    }
}

/// An ordered part of a dataset.
#[derive(Clone)]
pub struct Split(Rc<Inner>);

struct Inner {
    origin: Origin,
    part: String,
    name: String,
    samples: Vec<Sample>,
    lineage: Rc<Lineage>,
}

#[derive(Clone)]
struct Origin {
    dataset: Rc<str>,
    lineage: Rc<Lineage>,
    pixels: Rc<Pixels>,
    about: Rc<About>,
}

impl Split {
    fn new(origin: Origin, part: String, mut samples: Vec<Sample>, lineage: Rc<Lineage>) -> Self {
        samples.sort_unstable();
        let name = format!("{}.{part}", origin.dataset);
        Self(Rc::new(Inner { origin, part, name, samples, lineage }))
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.0.samples.len()
    }

    /// Whether it holds no image.
    pub fn is_empty(&self) -> bool {
        self.0.samples.is_empty()
    }

    /// The number of classes; labels are `0..classes`.
    pub fn classes(&self) -> i64 {
        self.0.origin.about.classes.len() as i64
    }

    /// Channels, height and width.
    pub fn shape(&self) -> [i64; 3] {
        self.0.origin.pixels.shape()
    }

    /// What results on its dataset are given in.
    pub fn metric(&self) -> Metric {
        self.0.origin.about.facts.metric
    }

    /// The dataset's name and its own: `fashion_mnist.train`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// All labels, in the order of the indices; decodes no pixels.
    ///
    /// # Errors
    /// None so far; archives whose labels are costly to read may fail here.
    pub fn labels(&self) -> Result<Vec<i64>> {
        Ok(self.0.samples.iter().map(|sample| sample.label).collect())
    }

    /// Name within its dataset: `train`, `val` or `test`.
    pub(super) fn part(&self) -> &str {
        &self.0.part
    }

    /// All samples, in the order of the indices.
    pub(super) fn samples(&self) -> &[Sample] {
        &self.0.samples
    }

    /// All ids, ascending, in the order of the indices; decodes no pixels.
    pub fn ids(&self) -> Vec<u64> {
        self.0.samples.iter().map(|sample| sample.id).collect()
    }

    /// The stored images, which other threads can read by the ids of [`Split::ids`].
    pub fn storage(&self) -> Arc<Storage> {
        self.0.origin.pixels.storage().clone()
    }

    /// The image at an index below [`Split::len`], at its own size.
    ///
    /// # Errors
    /// As [`Split::batch`].
    pub fn raster(&self, index: usize) -> Result<Raster> {
        let sample = self.sample(index)?;
        self.0.origin.pixels.storage().raster(sample.id).map_err(|e| e.within(self.name()))
    }

    fn sample(&self, index: usize) -> Result<Sample> {
        self.0.samples.get(index).copied().ok_or_else(|| {
            let len = self.len();
            Error::usage(format!("{}: index {index} of {len} images", self.name()))
        })
    }

    /// The samples at these indices below [`Split::len`], in this order, on `device`. The first
    /// batch of a dataset decodes its images.
    ///
    /// # Errors
    /// Usage: an index out of range. Data: damaged or changed files.
    pub fn batch(&self, indices: &[usize], device: Device) -> Result<Batch> {
        let ids = self.ids_at(indices)?;
        let x = self.0.origin.pixels.batch(&ids, device).map_err(|e| e.within(self.name()))?;
        self.labelled(indices, ids, x)
    }

    /// What makes the images of a batch, and the stream that it draws from: what training sees
    /// with `epoch`, the stream of an epoch; none where they lie ready in memory.
    ///
    /// # Errors
    /// As [`crate::dataset::pack()`] where the images are to be packed first.
    pub fn view(&self, epoch: Option<Stream>) -> Result<Option<(&View, Stream)>> {
        self.0.origin.pixels.view(epoch).map_err(|error| error.within(self.name()))
    }

    /// Whether training sees other images in every epoch.
    pub fn is_random(&self) -> bool {
        self.0.origin.pixels.is_random()
    }

    /// The ids of the samples at these indices.
    ///
    /// # Errors
    /// Usage: an index out of range.
    pub fn ids_at(&self, indices: &[usize]) -> Result<Vec<u64>> {
        indices.iter().map(|index| self.sample(*index).map(|sample| sample.id)).collect()
    }

    /// The samples at these indices with the images that a view of this split made of them.
    ///
    /// # Errors
    /// Usage: an index out of range. Internal: other images.
    pub fn batch_of(&self, indices: &[usize], images: &[f32], device: Device) -> Result<Batch> {
        let x = self.0.origin.pixels.tensor(images, device)?;
        self.labelled(indices, self.ids_at(indices)?, x)
    }

    fn labelled(&self, indices: &[usize], ids: Vec<u64>, x: Tensor) -> Result<Batch> {
        let label = |index: &usize| self.sample(*index).map(|sample| sample.label);
        let labels = indices.iter().map(label).collect::<Result<Vec<i64>>>()?;
        let y = Tensor::f_from_slice(&labels)?.f_to_device(x.device())?;
        Ok(Batch { x, y, ids })
    }
}

fn sized([channels, height, width]: [i64; 3]) -> String {
    format!("{channels}x{height}x{width}")
}

impl Handle for Dataset {
    fn kind(&self) -> &'static str {
        "dataset"
    }
    fn lineage(&self) -> Rc<Lineage> {
        self.lineage.clone()
    }
    fn label(&self) -> String {
        self.name.to_string()
    }
    fn summary(&self) -> String {
        format!(
            "{}: {} train, {} val, {} test images of {} in {} classes",
            self.name,
            self.train.len(),
            self.val.len(),
            self.test.len(),
            sized(self.shape()),
            self.classes()
        )
    }
    fn bytes(&self) -> usize {
        self.train.bytes()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Handle for Split {
    fn kind(&self) -> &'static str {
        "split"
    }
    fn lineage(&self) -> Rc<Lineage> {
        self.0.lineage.clone()
    }
    fn label(&self) -> String {
        self.name().to_owned()
    }
    fn summary(&self) -> String {
        let (name, len, shape) = (self.name(), self.len(), sized(self.shape()));
        format!("{name}: {len} images of {shape} in {} classes", self.classes())
    }
    fn bytes(&self) -> usize {
        self.0.origin.pixels.bytes()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())
    }
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())
    }
}
