//! The state of work that is not finished: two generations of checkpoints per address.
//!
//! A generation is a folder with a number. It is filled under a temporary name, its manifest
//! last, and then renamed: it is whole or absent. The next one replaces the one before the last.

use super::{Manifest, PARTIAL, SCHEMA, Store, check_name, check_schema, damaged, seal, writer};
use crate::error::{Error, Kind, Result};
use crate::lineage::{Address, sha256_hex};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest.json";
/// What a generation is called that failed its check: it is kept aside for its owner.
const DAMAGED: &str = "damaged-";
const KEPT: usize = 2;

/// A checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Partial {
    /// Updates done.
    pub step: u64,
    /// What the writer needs besides its files.
    pub state: Json,
    /// The files by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The machine and the program that wrote it.
    pub manifest: Manifest,
    /// Says that a newer generation was damaged and this older one is used instead.
    pub warning: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    address: Address,
    manifest: Manifest,
    step: u64,
    state: Json,
    files: BTreeMap<String, String>,
}

impl Store {
    /// The newest checkpoint of an address that is whole. Newer ones that are damaged are set
    /// aside as `damaged-<n>` and named in the warning.
    ///
    /// # Errors
    ///
    /// `Kind::Data` where every checkpoint is damaged; `Kind::Io` where one cannot be read.
    pub fn partial(&self, address: &Address) -> Result<Option<Partial>> {
        let folder = self.partial_folder(address);
        let mut failed: Vec<(PathBuf, Error)> = Vec::new();
        for number in generations(&folder)?.into_iter().rev() {
            let path = folder.join(number.to_string());
            match load(&path, address) {
                Ok(mut partial) => {
                    partial.warning = set_aside(&failed, partial.step);
                    return Ok(Some(partial));
                }
                // Not damaged: its owner replaced it while it was read.
                Err(_) if !path.exists() => {}
                Err(error) if error.kind() == Kind::Data => failed.push((path, error)),
                Err(error) => return Err(error),
            }
        }
        match failed.into_iter().next() {
            None => Ok(None),
            Some((_, error)) => Err(error.hint(format!(
                "no checkpoint is left whole: delete {} and the work starts anew",
                folder.display()
            ))),
        }
    }

    /// Adds a checkpoint of an address, and removes the one before the last.
    ///
    /// # Errors
    ///
    /// `Kind::Io` where it cannot be written: the checkpoints that are there stay.
    /// `Kind::Internal` for a name that is no file name.
    pub fn put_partial(
        &self,
        address: &Address,
        manifest: &Manifest,
        step: u64,
        state: &Json,
        files: &[(&str, &[u8])],
    ) -> Result<()> {
        let folder = self.partial_folder(address);
        writer::ensure_folder(&folder)?;
        let temporary = writer::Temporary::folder(&folder)?;
        let mut hashes = BTreeMap::new();
        for (name, bytes) in files {
            check_name(name)?;
            writer::write_within(&temporary, name, bytes)?;
            hashes.insert(*name, sha256_hex(bytes));
        }
        let record = serde_json::json!({
            "schema": SCHEMA, "address": address, "manifest": manifest,
            "step": step, "state": state, "files": hashes,
        });
        writer::write_within(&temporary, MANIFEST, &seal::seal(&record))?;
        let numbers = generations(&folder)?;
        let mut number = numbers.last().map_or(1, |last| last + 1);
        while !writer::place_folder(&temporary, &folder.join(number.to_string()))? {
            number += 1;
        }
        for old in numbers.iter().rev().skip(KEPT - 1) {
            writer::remove_folder(&folder.join(old.to_string()))?;
        }
        Ok(())
    }

    /// Removes the checkpoints of an address: its work is finished.
    ///
    /// # Errors
    ///
    /// `Kind::Io` where they cannot be removed.
    pub fn drop_partial(&self, address: &Address) -> Result<()> {
        writer::remove_folder(&self.partial_folder(address))
    }

    fn partial_folder(&self, address: &Address) -> PathBuf {
        self.root().join(PARTIAL).join(address.as_str())
    }
}

/// The numbers of the generations in a folder, the oldest first.
fn generations(folder: &Path) -> Result<Vec<u64>> {
    let unreadable = |error: std::io::Error| writer::cannot_read(folder, &error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn load(folder: &Path, address: &Address) -> Result<Partial> {
    let path = folder.join(MANIFEST);
    let bytes = writer::read(&path)?.ok_or_else(|| damaged(&path, "it is missing"))?;
    let record = seal::unseal(&bytes).map_err(|why| damaged(&path, why))?;
    check_schema(&path, &record)?;
    let record: Record = serde_json::from_value(record).map_err(|error| damaged(&path, error))?;
    if record.address != *address {
        return Err(damaged(&path, "it is a checkpoint of another address"));
    }
    let mut files = BTreeMap::new();
    for (name, expected) in record.files {
        check_name(&name)?;
        let path = folder.join(&name);
        let bytes = writer::read(&path)?.ok_or_else(|| damaged(&path, "it is missing"))?;
        let found = sha256_hex(&bytes);
        if found != expected {
            return Err(damaged(&path, format!("expected sha256 {expected}, found {found}")));
        }
        files.insert(name, bytes);
    }
    let Record { manifest, step, state, .. } = record;
    Ok(Partial { step, state, files, manifest, warning: None })
}

/// Renames damaged generations, so that the next checkpoint does not count them among the two
/// that it keeps, and says what happened.
fn set_aside(failed: &[(PathBuf, Error)], step: u64) -> Option<String> {
    let mut names = Vec::new();
    for (path, error) in failed {
        let number = path.file_name().unwrap_or_default().to_string_lossy();
        let aside = path.with_file_name(format!("{DAMAGED}{number}"));
        // In a folder that cannot be written the damaged one stays, and is found again.
        let _ = writer::remove_folder(&aside).map(|()| fs::rename(path, aside));
        names.push(error.to_string());
    }
    (!names.is_empty())
        .then(|| format!("{}; going on from the checkpoint at step {step}", names.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fresh, lineage, manifest};
    use super::*;

    fn put(store: &Store, address: &Address, step: u64) {
        let weights = vec![step as u8; 300];
        let state = serde_json::json!({"loss": 0.1, "step": step});
        let files = [("weights", &weights[..]), ("momentum", &[1, 2][..])];
        store.put_partial(address, &manifest(), step, &state, &files).unwrap();
    }

    #[test]
    fn the_newest_checkpoint_comes_back_and_two_are_kept() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        let address = asked.address();
        assert_eq!(store.partial(address).unwrap(), None);
        for step in 1..=12 {
            put(&store, address, step);
            let partial = store.partial(address).unwrap().unwrap();
            assert_eq!((partial.step, partial.warning), (step, None));
            assert_eq!(partial.state["loss"], 0.1);
            assert_eq!(partial.files["weights"], [step as u8; 300]);
            assert_eq!(partial.files["momentum"], [1, 2]);
            let kept = fs::read_dir(store.partial_folder(address)).unwrap().count();
            assert_eq!(kept, KEPT.min(step as usize));
        }
        store.drop_partial(address).unwrap();
        store.drop_partial(address).unwrap();
        assert_eq!(store.partial(address).unwrap(), None);
        assert_eq!(fs::read_dir(store.root().join(PARTIAL)).unwrap().count(), 0);
    }

    #[test]
    fn damage_falls_back_one_generation_and_later_ones_keep_the_whole_one() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        let address = asked.address();
        let folder = store.partial_folder(address);
        (1..=3).for_each(|step| put(&store, address, step));
        fs::write(folder.join("3/weights"), b"short").unwrap();
        let partial = store.partial(address).unwrap().unwrap();
        assert_eq!(partial.step, 2);
        let warning = partial.warning.unwrap();
        assert!(warning.contains("3/weights is damaged"), "{warning}");
        assert!(warning.contains("step 2"), "{warning}");
        assert_eq!(store.partial(address).unwrap().unwrap().warning, None, "said once");
        put(&store, address, 4);
        fs::remove_file(folder.join("3").join(MANIFEST)).unwrap();
        assert_eq!(store.partial(address).unwrap().unwrap().step, 2);
    }

    #[test]
    fn when_every_generation_is_damaged_the_error_names_the_file_and_the_way_out() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        let address = asked.address();
        let folder = store.partial_folder(address);
        (1..=2).for_each(|step| put(&store, address, step));
        for number in ["1", "2"] {
            fs::write(folder.join(number).join("weights"), b"short").unwrap();
        }
        let error = store.partial(address).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("2/weights"), "{error}");
        assert!(error.hints()[1].contains(&*folder.to_string_lossy()), "{:?}", error.hints());
        assert_eq!(store.partial(address).unwrap_err().kind(), Kind::Data, "nothing was touched");
    }
}
