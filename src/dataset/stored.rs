//! The files of a data set, compiled in or on disk, with their hashes.

use crate::error::{Error, Result};
use crate::lineage::sha256_hex;
use flate2::bufread::MultiGzDecoder;
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The official names, images and labels of train, then of test; each may end in `.gz`.
pub const NAMES: [[&str; 2]; 2] = [
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
    ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
];

/// A gzipped file that is part of the program; hashed and unpacked once, however many data sets it
/// becomes.
pub struct Embedded {
    name: &'static str,
    packed: &'static [u8],
    sha256: OnceLock<String>,
    unpacked: OnceLock<Vec<u8>>,
}

impl Embedded {
    /// The file of this name with these bytes.
    pub const fn new(name: &'static str, packed: &'static [u8]) -> Self {
        Self { name, packed, sha256: OnceLock::new(), unpacked: OnceLock::new() }
    }

    /// What is packed in it.
    fn content(&'static self) -> Result<&'static [u8]> {
        if let Some(unpacked) = self.unpacked.get() {
            return Ok(unpacked);
        }
        let mut bytes = Vec::new();
        MultiGzDecoder::new(self.packed)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io(format!("unpack embedded {}", self.name), &error))?;
        Ok(self.unpacked.get_or_init(|| bytes))
    }
}

/// One file with the hash of its content.
pub struct Stored {
    name: String,
    size: u64,
    sha256: String,
    place: Place,
}

enum Place {
    Embedded(&'static Embedded),
    Disk(PathBuf),
}

impl Stored {
    /// A file that is part of the program.
    pub fn embedded(file: &'static Embedded) -> Self {
        Self {
            name: file.name.to_owned(),
            size: file.packed.len() as u64,
            sha256: file.sha256.get_or_init(|| sha256_hex(file.packed)).clone(),
            place: Place::Embedded(file),
        }
    }

    fn on_disk(path: PathBuf, hash: &dyn Fn(&Path) -> Result<String>) -> Result<Self> {
        let size = fs::metadata(&path)
            .map_err(|error| Error::io(format!("read {}", path.display()), &error))?
            .len();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, size, sha256: hash(&path)?, place: Place::Disk(path) })
    }

    /// Where it lies, for messages.
    pub fn place(&self) -> String {
        match &self.place {
            Place::Embedded(_) => format!("embedded {}", self.name),
            Place::Disk(path) => path.display().to_string(),
        }
    }

    /// Its bytes from the start, unchecked; unpacked where it is embedded.
    ///
    /// # Errors
    /// Io.
    pub fn open(&self) -> Result<Box<dyn BufRead + '_>> {
        match &self.place {
            Place::Embedded(file) => Ok(Box::new(file.content()?)),
            Place::Disk(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(BufReader::new(file))),
                Err(error) => Err(Error::io(format!("open {}", path.display()), &error)),
            },
        }
    }

    /// All bytes, if they are still those whose hash is in the lineage; unpacked where it is embedded.
    ///
    /// # Errors
    /// Io; Data: the content changed.
    pub fn content(&self) -> Result<Cow<'static, [u8]>> {
        let path = match &self.place {
            Place::Embedded(file) => return Ok(Cow::Borrowed(file.content()?)),
            Place::Disk(path) => path,
        };
        let bytes = fs::read(path)
            .map_err(|error| Error::io(format!("read {}", path.display()), &error))?;
        if sha256_hex(&bytes) != self.sha256 {
            return Err(Error::data(format!("{} changed while it was in use", path.display()))
                .hint("run the script again; results then belong to the new content"));
        }
        Ok(Cow::Owned(bytes))
    }

    /// Name, size and hash, for the lineage.
    pub fn identity(&self) -> Json {
        json!({ "path": self.name, "size": self.size, "sha256": self.sha256 })
    }
}

/// The files below the data folder, tried as `data/FOLDER` for each folder, then as `data`
/// itself where it ends with one of them.
///
/// # Errors
/// Usage, with the expected tree, if none of the folders holds the four files.
pub fn find(
    data: &Path,
    folders: &[&str],
    hash: &dyn Fn(&Path) -> Result<String>,
) -> Result<[(Stored, Stored); 2]> {
    let below = folders.iter().map(|folder| data.join(folder));
    let itself = folders.iter().filter(|f| data.ends_with(f)).map(|_| data.to_owned());
    let Some(found) = below.chain(itself).find(|folder| folder.is_dir()) else {
        return Err(
            Error::usage(format!("files not found in {}", data.display())).hint(tree(folders))
        );
    };
    let file = |name: &str| {
        // Where both exist the packed one counts, so that the address does not depend on
        // whether someone unpacked the files.
        let packed = found.join(format!("{name}.gz"));
        let plain = found.join(name);
        match [packed, plain].into_iter().find(|path| path.is_file()) {
            Some(path) => Stored::on_disk(path, hash),
            None => Err(Error::usage(format!("{name}[.gz] not found in {}", found.display()))
                .hint(tree(folders))),
        }
    };
    let [[images, labels], [test_images, test_labels]] = NAMES;
    Ok([(file(images)?, file(labels)?), (file(test_images)?, file(test_labels)?)])
}

/// The expected files, for a hint.
pub fn tree(folders: &[&str]) -> String {
    let mut text = format!("expected, in one of the folders {}:", folders.join(", "));
    for name in NAMES.as_flattened() {
        text.push_str(&format!("\n  DIR/{}/{name}[.gz]", folders[0]));
    }
    text
}
