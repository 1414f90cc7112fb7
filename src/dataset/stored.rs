//! The files of a data set, compiled in or on disk, with their hashes.

use crate::error::{Error, Result};
use crate::lineage::sha256_hex;
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The official names, images and labels of train, then of test; each may end in `.gz`.
pub const NAMES: [[&str; 2]; 2] = [
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
    ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
];

/// One file with the hash of its content.
pub struct Stored {
    name: String,
    size: u64,
    sha256: String,
    place: Place,
}

enum Place {
    Embedded(&'static [u8]),
    Disk(PathBuf),
}

impl Stored {
    /// A file that is part of the program.
    pub fn embedded(name: &str, bytes: &'static [u8]) -> Self {
        Self {
            name: name.to_owned(),
            size: bytes.len() as u64,
            sha256: sha256_hex(bytes),
            place: Place::Embedded(bytes),
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

    /// Its bytes from the start, unchecked.
    ///
    /// # Errors
    /// Io.
    pub fn open(&self) -> Result<Box<dyn BufRead + '_>> {
        match &self.place {
            Place::Embedded(bytes) => Ok(Box::new(*bytes)),
            Place::Disk(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(BufReader::new(file))),
                Err(error) => Err(Error::io(format!("open {}", path.display()), &error)),
            },
        }
    }

    /// All bytes, if they are still those whose hash is in the lineage.
    ///
    /// # Errors
    /// Io; Data: the content changed.
    pub fn content(&self) -> Result<Cow<'static, [u8]>> {
        let path = match &self.place {
            Place::Embedded(bytes) => return Ok(Cow::Borrowed(bytes)),
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
