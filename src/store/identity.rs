//! Content identity of files: the SHA-256 of their bytes, computed once per version of a file.
//!
//! The cache is a file of lines that only grows. A line that is torn, damaged or out of date is
//! not used, so losing the cache costs time only.

use super::{Store, writer};
use crate::error::{Error, Result};
use crate::lineage::{hex, sha256_hex};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A file changed so recently may change again without its time changing: clocks of file systems
/// are coarse.
const SETTLED: Duration = Duration::from_secs(2);

/// What is looked at to see whether a file is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    size: u64,
    modified_ns: i128,
    inode: u64,
}

impl Version {
    fn of(file: &fs::Metadata) -> Self {
        let modified_ns = i128::from(file.mtime()) * 1_000_000_000 + i128::from(file.mtime_nsec());
        Self { size: file.size(), modified_ns, inode: file.ino() }
    }
}

/// The hashes that are known, by the hash of the path; read when first asked for.
#[derive(Debug)]
pub(super) struct Identities {
    path: PathBuf,
    known: Mutex<Option<HashMap<String, (Version, String)>>>,
}

impl Store {
    /// The SHA-256 of the bytes of a file, as hexadecimal digits. A file whose size, time and
    /// inode did not change is not read again.
    ///
    /// # Errors
    ///
    /// `Kind::Io` where the file cannot be read; `Kind::Data` where it changes meanwhile.
    pub fn content_hash(&self, path: &Path) -> Result<String> {
        let unreadable = |error: std::io::Error| writer::cannot_read(path, &error);
        let canonical = fs::canonicalize(path).map_err(unreadable)?;
        let key = sha256_hex(canonical.as_os_str().as_encoded_bytes());
        let mut file = File::open(&canonical).map_err(unreadable)?;
        let before = file.metadata().map_err(unreadable)?;
        let version = Version::of(&before);
        let identities = &self.inner.identities;
        if let Some(hash) = identities.get(&key, version) {
            return Ok(hash);
        }
        let hash = hash_of(&mut file).map_err(unreadable)?;
        if Version::of(&file.metadata().map_err(unreadable)?) != version {
            return Err(Error::data(format!("store: {} changes while it is read", path.display()))
                .hint("run again when its writer is done"));
        }
        let age =
            before.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        if age.is_some_and(|age| age > SETTLED) {
            identities.insert(key, version, &hash);
        }
        Ok(hash)
    }
}

impl Store {
    /// The digest of several files that was kept for `version`, a text that names the files with
    /// all that tells whether they changed.
    pub fn known_digest(&self, version: &str) -> Option<String> {
        self.inner.identities.get(&sha256_hex(version.as_bytes()), OF_TEXT)
    }

    /// Keeps the digest of several files for [`Store::known_digest`], unless the newest of them,
    /// changed `newest_ns` nanoseconds after 1970, may still change unnoticed.
    pub fn keep_digest(&self, version: &str, newest_ns: i128, digest: &str) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if now.as_nanos() as i128 - newest_ns > SETTLED.as_nanos() as i128 {
            self.inner.identities.insert(sha256_hex(version.as_bytes()), OF_TEXT, digest);
        }
    }
}

/// The version of what is kept under the hash of a text: the text says it all.
const OF_TEXT: Version = Version { size: 0, modified_ns: 0, inode: 0 };

fn hash_of(file: &mut File) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(count) => hasher.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Identities {
    pub fn at(path: PathBuf) -> Self {
        Self { path, known: Mutex::new(None) }
    }

    fn get(&self, key: &str, version: Version) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(|| read(&self.path));
        known.get(key).filter(|(cached, _)| *cached == version).map(|(_, hash)| hash.clone())
    }

    fn insert(&self, key: String, version: Version, hash: &str) {
        let line = line(&key, version, hash);
        let append = || File::options().append(true).create(true).open(&self.path);
        // A cache that cannot be written costs time only. The line starts with a line break, so
        // that one torn before it is not joined to it.
        let _ = append().and_then(|mut file| file.write_all(format!("\n{line}").as_bytes()));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert_default().insert(key, (version, hash.to_owned()));
    }
}

/// `<check> <key> <size> <time> <inode> <hash>`, where the check covers the rest.
fn line(key: &str, version: Version, hash: &str) -> String {
    let Version { size, modified_ns, inode } = version;
    let rest = format!("{key} {size} {modified_ns} {inode} {hash}");
    format!("{} {rest}", sha256_hex(rest.as_bytes()))
}

fn read(path: &Path) -> HashMap<String, (Version, String)> {
    let bytes = fs::read(path).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok());
    lines.filter_map(parse).collect()
}

fn parse(text: &str) -> Option<(String, (Version, String))> {
    let (check, rest) = text.split_once(' ')?;
    if sha256_hex(rest.as_bytes()) != check {
        return None;
    }
    let mut parts = rest.split(' ');
    let key = parts.next()?.to_owned();
    let size = parts.next()?.parse().ok()?;
    let modified_ns = parts.next()?.parse().ok()?;
    let inode = parts.next()?.parse().ok()?;
    Some((key, (Version { size, modified_ns, inode }, parts.next()?.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::super::tests::fresh;
    use super::*;
    use crate::error::Kind;

    /// A file last changed `seconds` ago.
    fn write(path: &Path, bytes: &[u8], seconds: u64) {
        fs::write(path, bytes).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - seconds);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    fn cached(store: &Store) -> usize {
        read(&store.root().join("identity")).len()
    }

    #[test]
    fn the_hash_is_that_of_the_bytes_and_follows_every_change() {
        let (folder, store) = fresh();
        let path = folder.path().join("data.bin");
        let large = vec![7; 3 << 20];
        for (bytes, seconds) in [(&b"abc"[..], 9), (b"abd", 8), (b"", 7), (&large, 6)] {
            write(&path, bytes, seconds);
            let again = Store::open(store.root()).unwrap();
            for store in [&store, &store, &again] {
                assert_eq!(store.content_hash(&path).unwrap(), sha256_hex(bytes));
            }
        }
        assert_eq!(store.content_hash(&folder.path().join("none")).unwrap_err().kind(), Kind::Io);
    }

    #[test]
    fn an_unchanged_file_is_not_read_again_and_a_fresh_one_is_not_trusted() {
        let (folder, store) = fresh();
        let path = folder.path().join("data.bin");
        fs::write(&path, "just now").unwrap();
        store.content_hash(&path).unwrap();
        assert_eq!(cached(&store), 0);
        write(&path, b"abc", 9);
        store.content_hash(&path).unwrap();
        assert_eq!(cached(&store), 1);
        // The same size, time and inode: only reading the file would show the change.
        write(&path, b"xyz", 9);
        let again = Store::open(store.root()).unwrap();
        assert_eq!(again.content_hash(&path).unwrap(), sha256_hex(b"abc"));
        fs::remove_file(store.root().join("identity")).unwrap();
        let again = Store::open(store.root()).unwrap();
        assert_eq!(again.content_hash(&path).unwrap(), sha256_hex(b"xyz"));
    }

    #[test]
    fn garbage_in_the_cache_is_passed_over() {
        let (folder, store) = fresh();
        let path = folder.path().join("data.bin");
        write(&path, b"abc", 9);
        store.content_hash(&path).unwrap();
        let cache = store.root().join("identity");
        let good = fs::read(&cache).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(&cache, [b"\xff\x00 torn", &*bad].concat()).unwrap();
            let store = Store::open(store.root()).unwrap();
            assert_eq!(store.content_hash(&path).unwrap(), sha256_hex(b"abc"), "byte {at}");
        }
    }
}
