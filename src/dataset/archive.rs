//! Images and labels in IDX files, and what is known of them before any pixel is decoded: labels,
//! lengths and identity.

use super::facts::Facts;
use super::idx;
use super::selection::{Contents, Pictures};
use super::split::Sample;
use super::storage::Encoding;
use super::stored::Stored;
use crate::error::{Error, Result};
use serde_json::Value as Json;

/// Images with their labels, in one or more pairs of files. Samples are numbered through all
/// pairs in order; that number is the id of a sample.
pub struct Archive {
    pairs: Vec<Pair>,
    shape: [i64; 3],
}

struct Pair {
    images: Stored,
    labels: Stored,
    count: usize,
}

impl Archive {
    /// The archive of grey images of `shape` (1, height, width) and the samples of each pair of
    /// files (images, labels). Labels must lie in `0..classes`.
    ///
    /// # Errors
    /// Data: damaged files, other image sizes, counts that differ, labels out of range.
    pub fn open(
        files: Vec<(Stored, Stored)>,
        shape: [i64; 3],
        classes: i64,
    ) -> Result<(Self, Vec<Vec<Sample>>)> {
        let mut archive = Self { pairs: Vec::new(), shape };
        let mut samples = Vec::new();
        let mut first_id = 0;
        for (images, labels) in files {
            let read = read_labels(&labels, classes)?;
            let [count, height, width] = idx::lengths(&images.place(), images.open()?)?;
            let [_, expected_height, expected_width] = shape;
            if [height as i64, width as i64] != [expected_height, expected_width] {
                return Err(Error::data(format!(
                    "{}: expected images of {expected_height}x{expected_width}, \
                     found {height}x{width}",
                    images.place()
                )));
            }
            if count != read.len() {
                return Err(Error::data(format!(
                    "{}: expected {} images, one for each label, found {count}",
                    images.place(),
                    read.len()
                ))
                .hint(format!("the labels are in {}", labels.place())));
            }
            samples.push(
                (first_id..).zip(&read).map(|(id, label)| Sample { id, label: *label }).collect(),
            );
            first_id += count as u64;
            archive.pairs.push(Pair { images, labels, count });
        }
        Ok((archive, samples))
    }

    /// The contents of two pairs of files, train and test, of bytes where 255 is white.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn contents(
        [train, test]: [(Stored, Stored); 2],
        shape: [i64; 3],
        classes: &[&str],
        facts: &'static Facts,
    ) -> Result<Contents> {
        let count = classes.len() as i64;
        let (archive, mut samples) = Self::open(vec![train, test], shape, count)?;
        let test = samples.pop().unwrap_or_default();
        let train = samples.pop().unwrap_or_default();
        let source = archive.identity();
        let classes = classes.iter().map(|class| (*class).to_owned()).collect();
        let pictures = Pictures::Packed(archive.encoding(255));
        Ok(Contents { classes, facts, train, test, source, pictures })
    }

    /// How its pixels are stored; `white` is the stored value of a pixel of 1.0.
    pub fn encoding(self, white: u8) -> Encoding {
        let shape = self.shape;
        Encoding { shape, white, decode: Box::new(move |ids| self.decode(ids)) }
    }

    /// Names, sizes and hashes of all files, for the lineage.
    pub fn identity(&self) -> Json {
        let files = self.pairs.iter().flat_map(|pair| [&pair.images, &pair.labels]);
        files.map(Stored::identity).collect()
    }

    /// The pixels of these samples, ids ascending, image after image.
    ///
    /// # Errors
    /// Data: damaged files, or files that changed since the archive was opened.
    fn decode(&self, ids: &[u64]) -> Result<Vec<u8>> {
        let [_, height, width] = self.shape;
        let area = (height * width) as usize;
        let mut pixels = Vec::with_capacity(ids.len() * area);
        let mut first_id = 0;
        for pair in &self.pairs {
            let own = first_id..first_id + pair.count as u64;
            let (_, rest) = ids.split_at(ids.partition_point(|id| *id < own.start));
            let (wanted, _) = rest.split_at(rest.partition_point(|id| *id < own.end));
            first_id = own.end;
            if wanted.is_empty() {
                continue;
            }
            let (_, all) = idx::read::<3>(&pair.images.place(), pair.images.content()?.as_ref())?;
            let images: Vec<&[u8]> = all.chunks_exact(area).collect();
            for id in wanted {
                let image = images.get((id - own.start) as usize).ok_or_else(|| {
                    Error::internal(format!("{}: no image {id}", pair.images.place()))
                })?;
                pixels.extend_from_slice(image);
            }
        }
        Ok(pixels)
    }
}

fn read_labels(file: &Stored, classes: i64) -> Result<Vec<i64>> {
    let (_, labels) = idx::read::<1>(&file.place(), file.content()?.as_ref())?;
    match labels.iter().position(|label| i64::from(*label) >= classes) {
        None => Ok(labels.into_iter().map(i64::from).collect()),
        Some(image) => Err(Error::data(format!(
            "labels must be from 0 to {}, found {} at image {image}",
            classes - 1,
            labels[image]
        ))
        .hint(format!("the labels are in {}", file.place()))),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::dataset::laws::built_in;
    use crate::dataset::stored::NAMES;
    use crate::error::Kind;
    use crate::registry::Value;
    use flate2::{Compression, write::GzEncoder};
    use std::fs;
    use std::io::Write;
    use std::path::{Path, PathBuf};

    /// Small files in the official layout: image i is filled with i + brightness, its label is
    /// i % 10.
    #[derive(Clone, Copy)]
    pub struct Official {
        pub train: u8,
        pub test: u8,
        pub brightness: u8,
        pub packed: bool,
    }

    impl Default for Official {
        fn default() -> Self {
            Self { train: 40, test: 10, brightness: 0, packed: true }
        }
    }

    pub fn write(folder: &Path, official: &Official) {
        fs::create_dir_all(folder).unwrap();
        for ([images, labels], count) in NAMES.into_iter().zip([official.train, official.test]) {
            let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 28, 0, 0, 0, 28];
            bytes.extend((0..count).flat_map(|i| [i + official.brightness; 784]));
            put(&folder.join(images), &bytes, official.packed);
            let mut bytes = vec![0, 0, 8, 1, 0, 0, 0, count];
            bytes.extend((0..count).map(|i| i % 10));
            put(&folder.join(labels), &bytes, official.packed);
        }
    }

    fn put(path: &Path, content: &[u8], packed: bool) {
        if packed {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(content).unwrap();
            fs::write(path.with_extension("gz"), encoder.finish().unwrap()).unwrap();
        } else {
            fs::write(path, content).unwrap();
        }
    }

    fn mnist(root: &Path) -> Result<crate::dataset::Dataset> {
        let options = [("val", Value::Float(0.0))];
        built_in(root, &crate::dataset::mnist::ENTRY, vec![], &options)
    }

    /// The error after `damage` is done to plain official files.
    fn refused(damage: impl Fn(&Path)) -> Error {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("mnist");
        write(&folder, &Official { packed: false, ..Official::default() });
        damage(&folder);
        let all: Vec<usize> = (0..40).collect();
        let outcome =
            mnist(root.path()).and_then(|mnist| mnist.train.batch(&all, tch::Device::Cpu));
        outcome.unwrap_err()
    }

    fn edit(path: PathBuf, change: impl Fn(&mut Vec<u8>)) {
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn packed_and_plain_files_hold_the_same_images() {
        let all: Vec<usize> = (0..40).collect();
        let [packed, plain] = [true, false].map(|packed| {
            let root = tempfile::tempdir().unwrap();
            write(&root.path().join("mnist"), &Official { packed, ..Official::default() });
            mnist(root.path()).unwrap().train.batch(&all, tch::Device::Cpu).unwrap()
        });
        assert_eq!((packed.x, packed.y, packed.ids), (plain.x, plain.y, plain.ids));
    }

    #[test]
    fn a_label_out_of_range_is_found_with_its_image() {
        let error = refused(|folder| edit(folder.join(NAMES[0][1]), |bytes| bytes[8 + 37] = 12));
        assert_eq!(error.to_string(), "mnist: labels must be from 0 to 9, found 12 at image 37");
        assert_eq!(error.kind(), Kind::Data);
    }

    #[test]
    fn counts_and_image_sizes_must_agree() {
        let error = refused(|folder| {
            edit(folder.join(NAMES[0][1]), |bytes| {
                bytes[7] -= 1;
                bytes.pop();
            });
        });
        assert!(error.to_string().contains("expected 39 images"), "{error}");
        let error = refused(|folder| edit(folder.join(NAMES[0][0]), |bytes| bytes[11] = 14));
        assert!(error.to_string().contains("images of 28x28, found 14x28"), "{error}");
    }

    #[test]
    fn cut_images_are_refused_at_the_first_batch() {
        let error = refused(|folder| {
            edit(folder.join(NAMES[0][0]), |bytes| bytes.truncate(16 + 784 * 40 - 5));
        });
        assert_eq!(error.kind(), Kind::Data);
        let text = error.to_string();
        assert!(text.starts_with("mnist.train: "), "{text}");
        assert!(text.ends_with("idx3-ubyte: expected 31376 bytes, found 31371"), "{text}");
    }

    #[test]
    fn files_that_change_after_the_build_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("mnist");
        write(&folder, &Official::default());
        let mnist = mnist(root.path()).unwrap();
        write(&folder, &Official { brightness: 9, ..Official::default() });
        let error = mnist.train.batch(&[0], tch::Device::Cpu).unwrap_err();
        assert!(error.to_string().ends_with("changed while it was in use"), "{error}");
    }
}
