//! The binary version of CIFAR-10 and CIFAR-100: records of labels and 32x32 pixels.

use super::facts::Facts;
use super::files::{File, Layout, Lines};
use super::selection::{Contents, Pictures, select};
use super::split::Sample;
use super::storage::Encoding;
use super::{Dataset, files};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::registry::Args;

/// How one of the two is stored.
pub struct Cifar {
    /// Where it lies.
    pub layout: Layout,
    /// The training files; those that are there count, at least one.
    pub train: &'static [&'static str],
    /// The test file.
    pub test: &'static str,
    /// The list of the classes.
    pub names: &'static str,
    /// Bytes of labels before the pixels; the last is the class.
    pub labels: usize,
    /// The number of classes.
    pub classes: usize,
    /// What is known of it.
    pub facts: &'static Facts,
}

/// Bytes of pixels: red, green and blue planes.
const PIXELS: usize = 3 * 32 * 32;

impl Cifar {
    /// The dataset that the options select.
    ///
    /// # Errors
    /// Usage: the files are not there, with the expected tree. Data: they are damaged.
    pub fn build(&self, context: &Context, args: &Args) -> Result<Dataset> {
        self.read(context, args).map_err(|error| error.within(args.spec().name))
    }

    fn read(&self, context: &Context, args: &Args) -> Result<Dataset> {
        let tree = self.layout.find(context.data.as_deref());
        let tree =
            tree.map_err(|error| error.hint("its binary version is read, not that for Python"))?;
        let classes: Vec<String> = Lines::of(&tree, self.names)?.names();
        if classes.len() != self.classes {
            let (expected, found) = (self.classes, classes.len());
            let place = tree.place();
            return Err(Error::data(format!(
                "{place}: expected {expected} names in {}, found {found}",
                self.names
            )));
        }
        let mut batches = Vec::new();
        for name in self.train {
            batches.extend(tree.find(name)?);
        }
        if batches.is_empty() {
            tree.file(self.train[0])?;
        }
        let trains = batches.len();
        batches.push(tree.file(self.test)?);
        let lists = tree.lists();
        let source = files::identity(
            context,
            args.spec().name,
            &batches.iter().chain(&lists).collect::<Vec<_>>(),
        )?;
        let mut first_id = 0;
        let mut parts: [Vec<Sample>; 2] = Default::default();
        for (at, batch) in batches.iter().enumerate() {
            let labels = self.labels_of(batch)?;
            let count = labels.len() as u64;
            let samples = (first_id..).zip(labels).map(|(id, label)| Sample { id, label });
            parts[usize::from(at >= trains)].extend(samples);
            first_id += count;
        }
        let [train, test] = parts;
        let record = self.labels + PIXELS;
        let start = self.labels;
        let decode = Box::new(move |ids: &[u64]| pixels(&batches, record, start, ids));
        let pictures = Pictures::Packed(Encoding { shape: [3, 32, 32], white: 255, decode });
        select(Contents { classes, facts: self.facts, train, test, source, pictures }, args)
    }

    fn labels_of(&self, batch: &File) -> Result<Vec<i64>> {
        let bytes = batch.read()?;
        let record = self.labels + PIXELS;
        if bytes.is_empty() || bytes.len() % record != 0 {
            return Err(Error::data(format!(
                "{}: expected records of {record} bytes, found {} bytes",
                batch.place(),
                bytes.len()
            )));
        }
        let labels = bytes.chunks_exact(record).map(|record| record[self.labels - 1]);
        let labels: Vec<i64> = labels.map(i64::from).collect();
        match labels.iter().position(|label| *label >= self.classes as i64) {
            None => Ok(labels),
            Some(image) => Err(Error::data(format!(
                "{}: labels must be from 0 to {}, found {} at image {image}",
                batch.place(),
                self.classes - 1,
                labels[image]
            ))),
        }
    }
}

/// The pixels of these samples, ids ascending.
fn pixels(batches: &[File], record: usize, start: usize, ids: &[u64]) -> Result<Vec<u8>> {
    let mut pixels = Vec::with_capacity(ids.len() * PIXELS);
    let mut first_id = 0;
    for batch in batches {
        let count = batch.size / record as u64;
        let own = first_id..first_id + count;
        let from = ids.partition_point(|id| *id < own.start);
        let to = ids.partition_point(|id| *id < own.end);
        let wanted = ids.get(from..to).unwrap_or_default();
        first_id = own.end;
        if wanted.is_empty() {
            continue;
        }
        let bytes = batch.read()?;
        for id in wanted {
            let at = (id - own.start) as usize * record + start;
            pixels.extend_from_slice(bytes.get(at..at + PIXELS).unwrap_or_default());
        }
    }
    Ok(pixels)
}
