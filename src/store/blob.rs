//! Large files by address: weights and features, which may be deleted and computed again.
//!
//! The bytes lie under a name that starts with their hash; `<name>.sha256`, written last, says
//! which file is the blob, in the format of `sha256sum --check`.

use super::{BLOBS, Store, check_name, damaged, writer};
use crate::error::Result;
use crate::lineage::{Address, sha256_hex};
use std::fs;
use std::path::{Path, PathBuf};

const HASH_LENGTH: usize = 64;

impl Store {
    /// The blob `name` of an address, checked; `None` if it was never written or was deleted.
    ///
    /// # Errors
    ///
    /// `Kind::Data` where the bytes are not those that were written; `Kind::Io` where they
    /// cannot be read.
    pub fn blob(&self, address: &Address, name: &str) -> Result<Option<Vec<u8>>> {
        check_name(name)?;
        let folder = self.blob_folder(address);
        let note = note_path(&folder, name);
        let Some((hash, file)) = read_note(&note, name)? else { return Ok(None) };
        let path = folder.join(file);
        let Some(bytes) = writer::read(&path)? else { return Ok(None) };
        let found = sha256_hex(&bytes);
        if found != hash {
            return Err(damaged(&path, format!("expected sha256 {hash}, found {found}")));
        }
        Ok(Some(bytes))
    }

    /// Keeps a blob; one that is there is replaced at the end, and stays if anything fails.
    ///
    /// # Errors
    ///
    /// `Kind::Io` where it cannot be written; `Kind::Internal` for a name that is no file name.
    pub fn put_blob(&self, address: &Address, name: &str, bytes: &[u8]) -> Result<()> {
        check_name(name)?;
        let folder = self.blob_folder(address);
        writer::ensure_folder(&folder)?;
        let note = note_path(&folder, name);
        let hash = sha256_hex(bytes);
        let file = file_name(&hash, name);
        // A damaged note or blob is no reason to refuse a good one.
        let earlier = read_note(&note, name).unwrap_or(None);
        let unchanged = earlier.as_ref().is_some_and(|(earlier, _)| *earlier == hash);
        if unchanged && self.blob(address, name).is_ok_and(|kept| kept.is_some()) {
            return Ok(());
        }
        writer::write(&folder.join(&file), bytes)?;
        writer::write(&note, note_text(&hash, &file).as_bytes())?;
        if let Some((_, replaced)) = earlier.filter(|(_, earlier)| *earlier != file) {
            let _ = fs::remove_file(folder.join(replaced));
        }
        Ok(())
    }

    fn blob_folder(&self, address: &Address) -> PathBuf {
        self.spread(BLOBS, address).join(address.as_str())
    }
}

fn note_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.sha256"))
}

fn note_text(hash: &str, file: &str) -> String {
    format!("{hash}  {file}\n")
}

fn file_name(hash: &str, name: &str) -> String {
    format!("{hash}-{name}")
}

/// The hash and the file name that a note gives.
fn read_note(path: &Path, name: &str) -> Result<Option<(String, String)>> {
    let Some(bytes) = writer::read(path)? else { return Ok(None) };
    let hash = bytes.get(..HASH_LENGTH).and_then(|hash| str::from_utf8(hash).ok());
    let hash = hash.filter(|hash| hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    let hash = hash.ok_or_else(|| damaged(path, "expected a sha256 and a file name"))?;
    let file = file_name(hash, name);
    if bytes != note_text(hash, &file).as_bytes() {
        return Err(damaged(path, "the sha256 and the file name do not agree"));
    }
    Ok(Some((hash.to_owned(), file)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fresh, lineage};
    use super::*;
    use crate::error::Kind;

    #[test]
    fn the_last_bytes_put_come_back_and_replaced_ones_leave_no_file() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        let address = asked.address();
        assert_eq!(store.blob(address, "weights").unwrap(), None);
        for bytes in [&b"first"[..], b"second", b"second", b""] {
            store.put_blob(address, "weights", bytes).unwrap();
            assert_eq!(store.blob(address, "weights").unwrap().unwrap(), bytes);
            assert_eq!(fs::read_dir(store.blob_folder(address)).unwrap().count(), 2);
        }
        store.put_blob(address, "features", b"other").unwrap();
        assert_eq!(store.blob(address, "weights").unwrap().unwrap(), b"");
        fs::remove_dir_all(store.root().join(BLOBS)).unwrap();
        assert_eq!(store.blob(address, "weights").unwrap(), None);
        store.put_blob(address, "weights", b"again").unwrap();
        assert_eq!(store.blob(address, "weights").unwrap().unwrap(), b"again");
    }

    #[test]
    fn every_flipped_bit_of_a_blob_and_of_its_note_is_seen_and_a_new_put_heals() {
        let (_folder, store) = fresh();
        let asked = lineage(1);
        let address = asked.address();
        store.put_blob(address, "w", b"some bytes").unwrap();
        let folder = store.blob_folder(address);
        let note = note_path(&folder, "w");
        let (_, file) = read_note(&note, "w").unwrap().unwrap();
        for path in [note, folder.join(file)] {
            let good = fs::read(&path).unwrap();
            for at in 0..good.len() {
                for bit in 0..8 {
                    let mut bad = good.clone();
                    bad[at] ^= 1 << bit;
                    fs::write(&path, bad).unwrap();
                    let error = store.blob(address, "w").unwrap_err();
                    assert_eq!(error.kind(), Kind::Data, "bit {bit} of byte {at}");
                    assert!(error.to_string().contains(&*path.to_string_lossy()));
                }
                fs::write(&path, &good[..at]).unwrap();
                assert_eq!(store.blob(address, "w").unwrap_err().kind(), Kind::Data);
            }
            store.put_blob(address, "w", b"some bytes").unwrap();
            assert_eq!(store.blob(address, "w").unwrap().unwrap(), b"some bytes");
        }
    }
}
