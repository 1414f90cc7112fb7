//! The store: results by address, large blobs, state of interrupted work, and claims on work.
//!
//! ```text
//! results/ab/<address>.json      what was measured: small, kept, never rewritten
//! blobs/ab/<address>/<name>...   weights, features, packed pictures: large, may be deleted
//! partial/<address>/<n>/         the last two checkpoints of work that is not finished
//! leases/<address>               who does the work now
//! identity                       hashes of data files, so that they are read once
//! ```
//!
//! Everything is written to a temporary name, synced and renamed, and carries a SHA-256 that is
//! checked on reading: after a crash a file is whole or absent, and damage is an error, never a
//! number. The store knows JSON and bytes; it knows no tensors.
#![expect(clippy::disallowed_methods, reason = "leases and caches age by the clock")]

mod blob;
mod identity;
mod lease;
mod manifest;
mod partial;
mod process;
mod result;
mod seal;
mod sweep;
mod unfinished;
mod writer;

pub use lease::{Claim, Holder, Lease};
pub use manifest::Manifest;
pub use partial::Partial;
pub use result::Stored;
pub use unfinished::Unfinished;
pub use writer::{replace, write};

use crate::error::{Error, Result};
use crate::lineage::Address;
use identity::Identities;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The format of sealed records.
const SCHEMA: u64 = 1;
const RESULTS: &str = "results";
const BLOBS: &str = "blobs";
const PARTIAL: &str = "partial";
const LEASES: &str = "leases";
const FOLDERS: [&str; 4] = [RESULTS, BLOBS, PARTIAL, LEASES];

/// A folder that keeps what was computed. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    identities: Identities,
}

impl Store {
    /// Opens the store in the folder `root`, which is made where it is missing, and removes
    /// what killed writers left in it.
    ///
    /// # Errors
    ///
    /// `Kind::Io` where the folder cannot be written, a full disk included.
    pub fn open(root: &Path) -> Result<Self> {
        let unusable =
            |error: Error| error.hint("name a folder that can be written with --store DIR");
        for folder in FOLDERS {
            writer::ensure_folder(&root.join(folder)).map_err(unusable)?;
        }
        writer::probe(root).map_err(unusable)?;
        let store = Self::at(root);
        store.sweep_if_due();
        Ok(store)
    }

    /// The store in the folder `root`, which is left alone: for a session that runs nothing.
    pub fn at(root: &Path) -> Self {
        let identities = Identities::at(root.join("identity"));
        Self { inner: Arc::new(Inner { root: root.to_path_buf(), identities }) }
    }

    /// The folder of the store.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Where something with an address lies below `kind`; the first two digits make a folder,
    /// so that no folder holds more than some thousand names.
    fn spread(&self, kind: &str, address: &Address) -> PathBuf {
        let text = address.as_str();
        self.root().join(kind).join(text.get(..2).unwrap_or(text))
    }
}

/// The error of a file that does not hold what was written to it.
fn damaged(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::data(format!("store: {} is damaged: {why}", path.display()))
        .hint("delete it and run again: it will be recomputed")
}

/// Refuses a record of another version of the format.
fn check_schema(path: &Path, record: &Json) -> Result<()> {
    let found = &record["schema"];
    if found.as_u64() == Some(SCHEMA) {
        return Ok(());
    }
    let path = path.display();
    Err(Error::data(format!("store: {path}: expected format {SCHEMA}, found {found}"))
        .hint("another version of the program wrote it: use that one, or another --store DIR"))
}

/// Refuses names that are no plain file names: they come from the program, not from its user.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.chars().all(plain) {
        return Err(Error::internal(format!(
            "store: expected a plain file name of at most 100 characters, found {name:?}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::lineage::Lineage;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    /// A lineage that differs from others by its number.
    pub(super) fn lineage(number: u64) -> Rc<Lineage> {
        let options = BTreeMap::from([("number".to_owned(), number.into())]);
        Lineage::new("test::work", 1, options, BTreeMap::new())
    }

    pub(super) fn manifest() -> Manifest {
        Manifest {
            threads: 2,
            cpu: "cpu with amx".into(),
            torch: "2.13.0".into(),
            program: "0.1.0".into(),
            seconds: 1.5,
            date: None,
        }
    }

    /// A store in a folder of its own, which lives as long as the first value.
    pub(super) fn fresh() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("runs")).unwrap();
        (folder, store)
    }

    #[test]
    fn an_unusable_place_is_an_io_error_with_path_and_hint() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Store::open(&file.join("runs")).unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().starts_with("store: cannot "), "{error}");
        assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
        assert!(error.hints().iter().any(|hint| hint.contains("--store DIR")));
    }

    #[test]
    fn names_of_files_cannot_leave_their_folder() {
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "\u{e4}", &"x".repeat(101)] {
            assert_eq!(check_name(name).unwrap_err().kind(), Kind::Internal, "{name:?}");
        }
        for name in ["weights.safetensors", "features-l2_0.5", "a"] {
            check_name(name).unwrap();
        }
    }
}
