//! Small results: one sealed JSON file per address, written once and never again.

use super::{Manifest, RESULTS, SCHEMA, Store, check_schema, damaged, seal, writer};
use crate::error::{Error, Result};
use crate::lineage::{Address, Lineage, sha256_hex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// A result that was computed before.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// What was measured.
    pub payload: T,
    /// How it came about.
    pub manifest: Manifest,
    /// The whole derivation, as [`Lineage::to_json`] gives it.
    pub lineage: Json,
}

impl Store {
    /// The result at an address, if it was computed.
    ///
    /// # Errors
    ///
    /// `Kind::Data` where the file is damaged, holds another address or another shape of
    /// payload; `Kind::Io` where it cannot be read.
    pub fn result<T: DeserializeOwned>(&self, address: &Address) -> Result<Option<Stored<T>>> {
        let path = self.result_path(address);
        let Some(stored) = load(&path, address)? else { return Ok(None) };
        let payload = T::deserialize(stored.payload).map_err(|error| damaged(&path, error))?;
        Ok(Some(Stored { payload, manifest: stored.manifest, lineage: stored.lineage }))
    }

    /// Keeps a result under the address of its lineage. Where an equal payload is there already
    /// nothing happens: its manifest says how it first came about.
    ///
    /// The payload holds only finite numbers; JSON knows no NaN and would keep it as null.
    ///
    /// # Errors
    ///
    /// `Kind::Internal` where the address holds another payload; `Kind::Io` where the file
    /// cannot be written; `Kind::Data` where the file that is there is damaged.
    pub fn put_result<T: Serialize>(
        &self,
        lineage: &Lineage,
        manifest: &Manifest,
        payload: &T,
    ) -> Result<()> {
        let payload = as_json(payload)?;
        let record = serde_json::json!({
            "schema": SCHEMA, "lineage": lineage.to_json(),
            "manifest": as_json(manifest)?, "payload": payload,
        });
        let address = lineage.address();
        let path = self.result_path(address);
        writer::ensure_folder(&self.spread(RESULTS, address))?;
        if !path.exists() && writer::write_new(&path, &seal::seal(&record))? {
            return Ok(());
        }
        match load(&path, address)? {
            Some(earlier) if earlier.payload == payload => Ok(()),
            Some(earlier) => Err(contradiction(&path, &earlier, manifest, &payload)),
            None => Err(Error::internal(format!("store: {} was removed", path.display()))),
        }
    }

    fn result_path(&self, address: &Address) -> PathBuf {
        self.spread(RESULTS, address).join(format!("{address}.json"))
    }
}

fn as_json<T: Serialize>(value: &T) -> Result<Json> {
    serde_json::to_value(value)
        .map_err(|error| Error::internal(format!("store: cannot express as JSON: {error}")))
}

fn load(path: &Path, address: &Address) -> Result<Option<Stored<Json>>> {
    let Some(bytes) = writer::read(path)? else { return Ok(None) };
    let mut record = seal::unseal(&bytes).map_err(|why| damaged(path, why))?;
    check_schema(path, &record)?;
    let lineage = record["lineage"].take();
    if lineage["address"].as_str() != Some(address.as_str()) {
        return Err(damaged(path, "it holds the result of another address"));
    }
    let manifest = serde_json::from_value(record["manifest"].take())
        .map_err(|error| damaged(path, format!("manifest: {error}")))?;
    Ok(Some(Stored { payload: record["payload"].take(), manifest, lineage }))
}

/// The error of one request with two outcomes.
fn contradiction(path: &Path, earlier: &Stored<Json>, now: &Manifest, payload: &Json) -> Error {
    let hash = |payload: &Json| sha256_hex(payload.to_string().as_bytes())[..12].to_owned();
    let error = Error::internal(format!(
        "store: {} holds another outcome of the same request: expected payload {}, found {}",
        path.display(),
        hash(&earlier.payload),
        hash(payload),
    ));
    match earlier.manifest.inexact(now) {
        Some(difference) => error.hint(format!("other bits may come from this: {difference}")),
        None => error.hint("the outcome depends on something that its address does not cover"),
    }
    .hint("the stored result is kept; delete it to compute it anew")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fresh, lineage, manifest};
    use super::*;
    use crate::error::Kind;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Accuracy {
        accuracy: f64,
        loss: f32,
        correct: Vec<bool>,
        count: u64,
    }

    fn accuracy() -> Accuracy {
        Accuracy { accuracy: 0.1 + 0.2, loss: 0.1, correct: vec![true, false], count: u64::MAX }
    }

    #[test]
    fn a_result_comes_back_to_the_last_bit_with_manifest_and_lineage() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        assert_eq!(store.result::<Accuracy>(asked.address()).unwrap(), None);
        store.put_result(&asked, &manifest(), &accuracy()).unwrap();
        let stored = store.result::<Accuracy>(asked.address()).unwrap().unwrap();
        assert_eq!(stored.payload, accuracy());
        assert_eq!(stored.manifest, manifest());
        assert_eq!(stored.lineage, asked.to_json());
    }

    #[test]
    fn an_equal_payload_changes_no_byte_and_another_is_refused() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        let path = store.result_path(asked.address());
        store.put_result(&asked, &manifest(), &accuracy()).unwrap();
        let before = (std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap());
        let later = Manifest { seconds: 99.0, threads: 8, ..manifest() };
        store.put_result(&asked, &later, &accuracy()).unwrap();
        let other = Accuracy { count: 1, ..accuracy() };
        let error = store.put_result(&asked, &later, &other).unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert!(error.hints()[0].contains("threads was 2, is 8"), "{:?}", error.hints());
        let after = (std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap());
        assert_eq!(before, after);
    }

    #[test]
    fn a_file_under_the_wrong_address_and_another_shape_are_errors() {
        let (_folder, store) = fresh();
        let [asked, other] = [lineage(1), lineage(2)];
        store.put_result(&asked, &manifest(), &accuracy()).unwrap();
        let path = store.result_path(asked.address());
        let copy = store.result_path(other.address());
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(&path, &copy).unwrap();
        let error = store.result::<Accuracy>(other.address()).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        let error = store.result::<Vec<String>>(asked.address()).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
        assert_eq!(error.hints(), ["delete it and run again: it will be recomputed"]);
    }
}
