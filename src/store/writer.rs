//! The atomic writer: a temporary name in the same folder, write, sync, rename, sync the folder.
//!
//! At every moment, a power cut included, a file holds its old bytes or its new ones.

use super::process::Process;
use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// What the names of temporary files start with.
pub(super) const TEMPORARY: &str = ".tmp-";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A temporary file or folder; what is left of it goes with this value.
pub(super) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// A new file beside the one that it will replace.
    fn file(folder: &Path) -> io::Result<(Self, File)> {
        Self::make(folder, |path| File::options().write(true).create_new(true).open(path))
    }

    /// A new folder in `folder`.
    pub fn folder(folder: &Path) -> Result<Self> {
        Ok(Self::make(folder, |path| fs::create_dir(path)).map_err(|e| cannot_write(folder, &e))?.0)
    }

    fn make<T>(folder: &Path, create: impl Fn(&Path) -> io::Result<T>) -> io::Result<(Self, T)> {
        let Process { place, pid, start, .. } = Process::this();
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{TEMPORARY}{place}-{pid}-{start}-{number}"));
            match create(&path) {
                Ok(made) => return Ok((Self { path }, made)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing under this name, and no other process uses it.
        let _ = fs::remove_file(&self.path).or_else(|_| fs::remove_dir_all(&self.path));
    }
}

/// The process that made a temporary name, if the name tells.
pub(super) fn author(name: &str) -> Option<Process> {
    let mut parts = name.strip_prefix(TEMPORARY)?.split('-');
    let place = parts.next()?.to_owned();
    let pid = parts.next()?.parse().ok()?;
    let start = parts.next()?.parse().ok()?;
    Some(Process { host: String::new(), pid, start, place })
}

/// Puts a file in place of the one that may be there. Its folder must exist.
///
/// # Errors
///
/// `Kind::Io`; the old file is then as it was.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    place(path, bytes, |temporary| fs::rename(temporary, path))
        .map_err(|error| cannot_write(path, &error))
}

/// As [`write`], but the file that is replaced stays under the name `previous`, if one is given;
/// equal bytes replace nothing.
///
/// # Errors
///
/// `Kind::Io`; both files are then as they were, or `previous` is the file at `path`.
pub fn replace(path: &Path, previous: Option<&Path>, bytes: &[u8]) -> Result<()> {
    let Some(old) = read(path)? else { return write(path, bytes) };
    if old == bytes {
        return Ok(());
    }
    if let Some(previous) = previous {
        write(previous, &old)?;
    }
    write(path, bytes)
}

/// Writes a file unless there is one: of several writers the first wins. False if one was there.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<bool> {
    let link = |temporary: &Path| match fs::hard_link(temporary, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // A file system without hard links: the loser of a race replaces equal bytes.
        Err(_) if !fs::exists(path)? => fs::rename(temporary, path),
        Err(_) => Err(ErrorKind::AlreadyExists.into()),
        Ok(()) => Ok(()),
    };
    match place(path, bytes, link) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(cannot_write(path, &error)),
    }
}

fn place(path: &Path, bytes: &[u8], publish: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let folder = folder_of(path);
    let (temporary, mut file) = Temporary::file(folder)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    publish(temporary.path())?;
    sync_folder(folder)
}

/// Writes a file of a temporary folder, which is not yet in place.
pub(super) fn write_within(temporary: &Temporary, name: &str, bytes: &[u8]) -> Result<()> {
    let path = temporary.path().join(name);
    let write = || {
        let mut file = File::create_new(&path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| cannot_write(&path, &error))
}

/// Gives a temporary folder its name. False if the name is taken.
pub(super) fn place_folder(temporary: &Temporary, path: &Path) -> Result<bool> {
    let publish = || {
        sync_folder(temporary.path())?;
        fs::rename(temporary.path(), path)?;
        sync_folder(folder_of(path))
    };
    match publish() {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty) => {
            Ok(false)
        }
        Err(error) => Err(cannot_write(path, &error)),
    }
}

/// Removes a folder at one blow: a crash leaves all of it or none. No error if there is none.
pub(super) fn remove_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    // Renamed to a name that is not made before: a full disk must not keep data from going.
    match Temporary::make(folder, |temporary| fs::rename(path, temporary)) {
        Ok(_) => sync_folder(folder).map_err(|error| cannot_write(path, &error)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(cannot_write(path, &error)),
    }
}

/// Makes a folder and those above it, durably.
pub(super) fn ensure_folder(path: &Path) -> Result<()> {
    if path.is_dir() || path.as_os_str().is_empty() {
        return Ok(());
    }
    let above = folder_of(path);
    ensure_folder(above)?;
    match fs::create_dir(path).and_then(|()| sync_folder(above)) {
        Err(error) if !path.is_dir() => Err(cannot_write(path, &error)),
        _ => Ok(()),
    }
}

/// Fails where `folder` cannot take a small file.
pub(super) fn probe(folder: &Path) -> Result<()> {
    let write = || {
        let (_temporary, mut file) = Temporary::file(folder)?;
        file.write_all(&[0; 4096])?;
        file.sync_all()
    };
    write().map_err(|error| cannot_write(folder, &error))
}

/// What time it is for the file system of `folder`, which may be another machine's.
pub(super) fn time_of(folder: &Path) -> Result<SystemTime> {
    let ask = || Temporary::file(folder)?.1.metadata()?.modified();
    ask().map_err(|error| cannot_write(folder, &error))
}

/// The bytes of a file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(path, &error)),
    }
}

/// The error of a failed read.
pub(super) fn cannot_read(path: &Path, error: &io::Error) -> Error {
    Error::io(format!("store: cannot read {}", path.display()), error)
}

/// The error of a failed write.
pub(super) fn cannot_write(path: &Path, error: &io::Error) -> Error {
    let failed = Error::io(format!("store: cannot write {}", path.display()), error);
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            failed.hint("free space and run again: finished work is kept")
        }
        _ => failed,
    }
}

/// The folder of a path; a path of one part lies in the current folder.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes renames in a folder durable, on file systems that can.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Ok(())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::process::Fate;
    use super::*;

    #[test]
    fn a_refused_write_leaves_the_old_bytes_and_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"old").unwrap();
        fs::create_dir(folder.path().join("taken")).unwrap();
        fs::write(folder.path().join("taken/x"), "").unwrap();
        assert!(write(&folder.path().join("taken"), b"new").is_err());
        assert!(!write_new(&path, b"new").unwrap());
        assert_eq!(read(&path).unwrap().unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn of_many_first_writers_one_wins_and_its_bytes_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let winners: Vec<u8> = std::thread::scope(|scope| {
            let path = &path;
            let writers: Vec<_> = (0..8u8)
                .map(|n| scope.spawn(move || write_new(path, &[n; 1000]).unwrap().then_some(n)))
                .collect();
            writers.into_iter().filter_map(|writer| writer.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1);
        assert_eq!(read(&path).unwrap().unwrap(), [winners[0]; 1000]);
    }

    #[test]
    fn a_temporary_name_tells_its_author() {
        let folder = tempfile::tempdir().unwrap();
        let (temporary, _) = Temporary::file(folder.path()).unwrap();
        let name = temporary.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(author(name).unwrap().fate(), Fate::Alive);
        assert_eq!(author(".tmp-x"), None);
    }

    #[test]
    fn a_folder_is_placed_once_and_removed_whole() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("1");
        for expected in [true, false] {
            let temporary = Temporary::folder(folder.path()).unwrap();
            write_within(&temporary, "a", b"bytes").unwrap();
            assert_eq!(place_folder(&temporary, &place).unwrap(), expected);
        }
        assert_eq!(read(&place.join("a")).unwrap().unwrap(), b"bytes");
        remove_folder(&place).unwrap();
        remove_folder(&place).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
